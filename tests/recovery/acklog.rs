//! The driver's own memory: what it has asked for, and what the service has acknowledged.
//!
//! Also an append-only file beside the data directory, one `write` a line, for whoever looks into a finding.

use crate::books::Book;
use crate::support::{Ask, Final};
use firsthand_tests::Media;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a keyed request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// A job was created; its id.
    Created(String),
    /// A job was refused for want of credits.
    Refused,
    /// This job was cancelled.
    Cancelled(String),
}

/// An acknowledged request that carried an idempotency key.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) book: Arc<Book>,
    pub(crate) ask: Ask,
    pub(crate) act: Act,
    pub(crate) status: u16,
    body: [u8; 32],
}

impl Ack {
    /// Says whether these are the acknowledged body's bytes.
    pub(crate) fn same_body(&self, body: &[u8]) -> bool {
        self.body == digest(body)
    }

    /// The request's idempotency key.
    pub(crate) fn key(&self) -> &str {
        self.ask.key.as_deref().unwrap_or_default()
    }
}

/// A slot that a worker holds, and the file that goes into it.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) book: Arc<Book>,
    pub(crate) job: String,
    pub(crate) submission: String,
    pub(crate) worker: Arc<str>,
    pub(crate) price: i64,
    pub(crate) media: UploadedMedia,
    /// The upload was acknowledged, or the submission was seen beyond it.
    pub(crate) sent: AtomicBool,
    /// The worker was told that the file is approved.
    pub(crate) approved: AtomicBool,
}

/// What is remembered of a file.
#[derive(Debug)]
pub(crate) struct UploadedMedia {
    pub(crate) sha256: String,
    pub(crate) size: usize,
}

impl UploadedMedia {
    pub(crate) fn of(media: &Media) -> UploadedMedia {
        UploadedMedia { sha256: media.sha256(), size: media.bytes.len() }
    }
}

/// The log.
#[derive(Debug)]
pub(crate) struct AckLog {
    file: Mutex<File>,
    open: Mutex<BTreeMap<String, usize>>,
    acks: Mutex<Vec<Arc<Ack>>>,
    uploads: Mutex<Vec<Arc<Upload>>>,
    acked: AtomicU64,
    in_doubt: AtomicU64,
}

impl AckLog {
    pub(crate) fn create(path: &Path) -> anyhow::Result<AckLog> {
        Ok(AckLog {
            file: Mutex::new(File::options().create_new(true).append(true).open(path)?),
            open: Mutex::default(),
            acks: Mutex::default(),
            uploads: Mutex::default(),
            acked: AtomicU64::new(0),
            in_doubt: AtomicU64::new(0),
        })
    }

    /// Notes that a keyed request is about to be sent.
    pub(crate) fn asked(&self, book: &Book, ask: &Ask) {
        let key = ask.key.clone().unwrap_or_default();
        self.line(&json!({"asked": key, "book": book.index, "path": ask.path}));
        locked(&self.open).insert(key, book.index);
    }

    /// Notes the final answer to a keyed request.
    pub(crate) fn acknowledged(&self, book: &Arc<Book>, ask: Ask, act: Act, answer: &Final) {
        let key = ask.key.clone().unwrap_or_default();
        let body = String::from_utf8_lossy(&answer.reply.body);
        let status = answer.reply.status;
        self.line(&json!({"acked": key, "status": status, "doubts": answer.doubts, "body": body}));
        locked(&self.open).remove(&key);
        let body = digest(&answer.reply.body);
        locked(&self.acks).push(Arc::new(Ack { book: Arc::clone(book), ask, act, status, body }));
        self.count(answer.doubts > 0);
    }

    /// Notes that a worker holds a slot.
    pub(crate) fn accepted(&self, upload: Upload) -> Arc<Upload> {
        let upload = Arc::new(upload);
        let sha256 = &upload.media.sha256;
        self.line(&json!({"accepted": upload.submission, "job": upload.job, "sha256": sha256}));
        locked(&self.uploads).push(Arc::clone(&upload));
        upload
    }

    /// Notes that a file has arrived.
    pub(crate) fn sent(&self, upload: &Upload) {
        self.line(&json!({"uploaded": upload.submission}));
        upload.sent.store(true, Ordering::Relaxed);
    }

    /// Notes that the worker was told of the approval.
    pub(crate) fn approved(&self, upload: &Upload) {
        self.line(&json!({"approved": upload.submission}));
        upload.approved.store(true, Ordering::Relaxed);
    }

    /// Counts an acknowledged request, and whether it went through doubt.
    pub(crate) fn count(&self, in_doubt: bool) {
        self.acked.fetch_add(1, Ordering::Relaxed);
        self.in_doubt.fetch_add(u64::from(in_doubt), Ordering::Relaxed);
    }

    /// How many requests were acknowledged, and how many of them were in doubt before.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.acked.load(Ordering::Relaxed), self.in_doubt.load(Ordering::Relaxed))
    }

    /// What a book has acknowledged.
    pub(crate) fn acks_of(&self, book: &Book) -> Vec<Arc<Ack>> {
        locked(&self.acks).iter().filter(|ack| ack.book.index == book.index).cloned().collect()
    }

    /// The slots that workers hold or held in a book's jobs.
    pub(crate) fn uploads_of(&self, book: &Book) -> Vec<Arc<Upload>> {
        locked(&self.uploads)
            .iter()
            .filter(|upload| upload.book.index == book.index)
            .cloned()
            .collect()
    }

    /// The keys of a book that were sent and never answered.
    pub(crate) fn open_in(&self, book: &Book) -> Vec<String> {
        locked(&self.open)
            .iter()
            .filter(|(_, index)| **index == book.index)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// How many files have arrived.
    pub(crate) fn files_sent(&self) -> usize {
        locked(&self.uploads).iter().filter(|upload| upload.sent.load(Ordering::Relaxed)).count()
    }

    /// One `write` a line. A driver that cannot write its log must not go on.
    fn line(&self, line: &serde_json::Value) {
        let bytes = format!("{line}\n").into_bytes();
        locked(&self.file).write_all(&bytes).expect("the driver's log can be written");
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while held")
}
