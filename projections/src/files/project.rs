//! How the events of submissions change the rows of files.

use firsthand_domain::Event;
use firsthand_domain::submissions::{
    FileMeasurement, SubmissionEvent, SubmissionUploaded, UploadedFile,
};
use firsthand_eventstore::StoreError;
use firsthand_eventstore::codec::Recorded;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

// The updates probe row by row inside a lateral subquery that `offset 0` keeps in its place: a join is
// planned as a scan of the whole part as soon as a batch is not tiny beside the table.

/// A file that a batch brings.
struct Inserted<'a> {
    recorded: &'a Recorded,
    uploaded: &'a SubmissionUploaded,
    file: &'a UploadedFile,
}

/// A file whose submission was scored.
struct Measured<'a> {
    submission: String,
    file: &'a FileMeasurement,
    stars: u8,
}

/// What a batch changes. The parts are written in this order, whatever the order of the events: a file is
/// measured, approved and moved after the upload that brings it, and none comes after the approval.
#[derive(Default)]
struct Changes<'a> {
    /// Submissions whose files, if they have any, a retry replaces.
    replaced: BTreeSet<String>,
    inserted: Vec<Inserted<'a>>,
    measured: Vec<Measured<'a>>,
    approved: BTreeMap<String, i64>,
    moved: Vec<(String, &'a str)>,
}

/// Writes what a batch changes.
pub(crate) async fn project(
    connection: &mut PgConnection,
    part: i16,
    events: &[Arc<Recorded>],
) -> Result<(), StoreError> {
    let changes = Changes::of(events);
    changes.remove(connection, part).await?;
    changes.insert(connection, part).await?;
    changes.measure(connection, part).await?;
    changes.approve(connection, part).await?;
    changes.r#move(connection, part).await
}

impl<'a> Changes<'a> {
    fn of(events: &'a [Arc<Recorded>]) -> Self {
        let mut changes = Self::default();
        for recorded in events {
            let Event::Submission(event) = &recorded.event else { continue };
            match event {
                SubmissionEvent::Uploaded(uploaded) => changes.upload(recorded, uploaded),
                SubmissionEvent::Scored(scored) => {
                    let stars = scored.score.stars;
                    let files = scored.measurements.iter();
                    changes.measured.extend(files.map(|file| Measured {
                        submission: recorded.stream.to_string(),
                        file,
                        stars,
                    }));
                }
                SubmissionEvent::Approved(approved) => {
                    changes.approved.insert(recorded.stream.to_string(), approved.at.micros());
                }
                SubmissionEvent::Delivered(delivered) => {
                    let files = delivered.files.iter();
                    changes.moved.extend(
                        files.map(|file| (file.file_id.to_string(), file.storage_key.as_str())),
                    );
                }
                SubmissionEvent::Accepted(_)
                | SubmissionEvent::RetryRequested(_)
                | SubmissionEvent::Rejected(_)
                | SubmissionEvent::Withdrawn(_)
                | SubmissionEvent::TimedOut(_)
                | SubmissionEvent::LinkRefreshed(_) => (),
            }
        }
        changes
    }

    fn upload(&mut self, recorded: &'a Recorded, uploaded: &'a SubmissionUploaded) {
        self.inserted.retain(|inserted| inserted.recorded.stream != recorded.stream);
        if uploaded.attempt > 1 {
            self.replaced.insert(recorded.stream.to_string());
        }
        let files = uploaded.files.iter();
        self.inserted.extend(files.map(|file| Inserted { recorded, uploaded, file }));
    }

    async fn remove(&self, connection: &mut PgConnection, part: i16) -> Result<(), StoreError> {
        if self.replaced.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "delete from files where part = $1 and submission_id = any($2) and approved_at is null",
            part,
            &self.replaced.iter().cloned().collect::<Vec<_>>()
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, part: i16) -> Result<(), StoreError> {
        if self.inserted.is_empty() {
            return Ok(());
        }
        macro_rules! column {
            (|$row:ident| $value:expr) => {
                self.inserted.iter().map(|$row| $value).collect::<Vec<_>>()
            };
        }
        let sizes: Result<Vec<_>, _> =
            self.inserted.iter().map(|row| i64::try_from(row.file.size_bytes)).collect();
        sqlx::query!(
            "insert into files (part, file_id, book, job_id, submission_id, worker_id,
                                worker_region, content_type, size_bytes, content_hash,
                                original_filename, storage_key, captured_at, submitted_at)
             select $1, f.file_id, f.book, s.parent, f.submission_id, s.state ->> 'worker_id',
                    s.state ->> 'worker_region', f.content_type, f.size_bytes, f.content_hash,
                    f.original_filename, f.storage_key, f.captured_at, f.submitted_at
             from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                         $8::text[], $9::text[], $10::bigint[], $11::bigint[])
               as f(file_id, book, submission_id, content_type, size_bytes, content_hash,
                    original_filename, storage_key, captured_at, submitted_at)
             cross join lateral (
               select parent, convert_from(state, 'UTF8')::jsonb as state
               from streams
               where part = $1 and stream = f.submission_id
               limit 1) as s",
            part,
            &column!(|row| row.file.file_id.to_string()),
            &column!(|row| row.recorded.book.to_string()),
            &column!(|row| row.recorded.stream.to_string()),
            &column!(|row| row.file.content_type.as_str().to_owned()),
            &sizes.map_err(StoreError::corrupt)?,
            &column!(|row| row.file.content_hash.clone()),
            &column!(|row| row.file.original_filename.clone()) as &[Option<String>],
            &column!(|row| row.file.storage_key.clone()),
            &column!(|row| row.uploaded.captured_at.map(firsthand_domain::Timestamp::micros))
                as &[Option<i64>],
            &column!(|row| row.uploaded.at.micros())
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn measure(&self, connection: &mut PgConnection, part: i16) -> Result<(), StoreError> {
        if self.measured.is_empty() {
            return Ok(());
        }
        macro_rules! column {
            (|$of:ident| $value:expr) => {
                self.measured.iter().map(|$of| $value).collect::<Vec<_>>()
            };
        }
        sqlx::query!(
            "update files as f
             set width = m.width, height = m.height, duration_ms = m.duration_ms,
                 perceptual_hash = m.perceptual_hash, ai_star_rating = m.stars,
                 approved_at = m.approved_at
             from unnest($2::text[], $3::int[], $4::int[], $5::bigint[], $6::text[], $7::smallint[],
                         $8::bigint[])
               as m(file_id, width, height, duration_ms, perceptual_hash, stars, approved_at)
             cross join lateral (
               select ctid from files where part = $1 and file_id = m.file_id offset 0) as at
             where f.ctid = at.ctid",
            part,
            &column!(|of| of.file.file_id.to_string()),
            &column!(|of| of.file.width.and_then(|width| i32::try_from(width).ok()))
                as &[Option<i32>],
            &column!(|of| of.file.height.and_then(|height| i32::try_from(height).ok()))
                as &[Option<i32>],
            &column!(|of| of.file.duration_ms.and_then(|duration| i64::try_from(duration).ok()))
                as &[Option<i64>],
            &column!(|of| of.file.perceptual_hash.clone()) as &[Option<String>],
            &column!(|of| i16::from(of.stars)),
            &column!(|of| self.approved.get(&of.submission).copied()) as &[Option<i64>]
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Approves what an earlier batch measured: the end of one can part score and approval.
    async fn approve(&self, connection: &mut PgConnection, part: i16) -> Result<(), StoreError> {
        let mut approved = self.approved.clone();
        for measured in &self.measured {
            approved.remove(&measured.submission);
        }
        if approved.is_empty() {
            return Ok(());
        }
        let (submissions, times): (Vec<_>, Vec<_>) = approved.into_iter().unzip();
        sqlx::query!(
            "update files as f set approved_at = a.at
             from unnest($2::text[], $3::bigint[]) as a(submission_id, at)
             cross join lateral (
               select ctid from files where part = $1 and submission_id = a.submission_id
               offset 0) as at
             where f.ctid = at.ctid",
            part,
            &submissions,
            &times
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn r#move(&self, connection: &mut PgConnection, part: i16) -> Result<(), StoreError> {
        if self.moved.is_empty() {
            return Ok(());
        }
        let (files, keys): (Vec<_>, Vec<_>) =
            self.moved.iter().map(|(file, key)| (file.clone(), (*key).to_owned())).unzip();
        sqlx::query!(
            "update files as f set storage_key = m.storage_key
             from unnest($2::text[], $3::text[]) as m(file_id, storage_key)
             cross join lateral (
               select ctid from files where part = $1 and file_id = m.file_id offset 0) as at
             where f.ctid = at.ctid",
            part,
            &files,
            &keys
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
