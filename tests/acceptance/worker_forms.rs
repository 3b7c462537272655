//! Uploads whose form is no form, stops, or is refused late: what they cost is bounded, and what they
//! leave behind is nothing.

use crate::common::{buyer, server, worker};
use firsthand_tests::job::photos_with;
use firsthand_tests::shape::text;
use firsthand_tests::wait::eventually;
use firsthand_tests::worker::form;
use firsthand_tests::{Buyer, Media, Options, Server, Worker, media};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MEGABYTE: usize = 1_024 * 1_024;

/// More than any form has around its files, and little for a test.
const TOO_MUCH: usize = 8 * MEGABYTE;

/// What the head announces: whoever waits for all of it waits until this test gives up.
const ANNOUNCED: usize = 1_024 * MEGABYTE;

/// Until then a client that waits has its answer.
const PROMPT: Duration = Duration::from_secs(15);

const OPENING: &str =
    "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n";

/// A connection with the head of an upload sent.
async fn open(server: &Server, worker: &Worker, submission: &str, length: usize) -> TcpStream {
    let address = server.base_url.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /internal/worker/submissions/{submission}/upload HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer {}\r\nContent-Type: multipart/form-data; boundary=edge\r\n\
         Content-Length: {length}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
        worker.token
    );
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    // It says so when it begins to read the body: what is checked before that is passed.
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.expect("an interim answer");
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Reads to the end of the connection and returns the status and the body.
async fn answer(stream: &mut TcpStream, limit: Duration) -> (u16, Value) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(limit, stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes);
    read.unwrap_or_else(|_late| panic!("no end after {limit:?}: {text}")).expect("an answer");
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
    (status.expect("a status"), body.unwrap_or_else(|| panic!("no JSON: {text}")))
}

async fn accepted() -> (Worker, String) {
    let (buyer, worker) = (buyer().await, worker().await);
    let submission = worker.accept(&buyer.photo_job(1, 75).await).await;
    (worker, submission)
}

/// Sends the beginning of a body, says no more, and has its refusal; the slot is as it was.
async fn is_refused_promptly(beginning: &[u8]) {
    let (worker, submission) = accepted().await;
    let mut stream = open(server(), &worker, &submission, ANNOUNCED).await;
    let (mut reading, mut writing) = stream.split();
    let mut first = [0; 12];
    let sent = async {
        // It may hang up before it has read all.
        writing.write_all(beginning).await.ok();
        std::future::pending::<()>().await;
    };
    let begun = tokio::time::timeout(PROMPT, async {
        tokio::select! {
            read = reading.read_exact(&mut first) => read.map(drop),
            () = sent => Ok(()),
        }
    });
    begun.await.expect("an answer before everything is sent").expect("an answer");
    assert_eq!(String::from_utf8_lossy(&first), "HTTP/1.1 400");
    let mut rest = Vec::new();
    reading.read_to_end(&mut rest).await.ok();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("validation_error"), "{rest}");
    worker.upload(&submission, &media::sharp(media::seed())).await.ok(200);
}

#[tokio::test]
async fn a_body_that_never_comes_to_its_first_part_is_refused_at_once() {
    is_refused_promptly(&vec![b'x'; TOO_MUCH]).await;
}

#[tokio::test]
async fn headers_of_a_part_that_do_not_end_are_refused_at_once() {
    let mut beginning = format!("{OPENING}X-Long: ").into_bytes();
    beginning.resize(TOO_MUCH, b'x');
    is_refused_promptly(&beginning).await;
}

#[tokio::test]
async fn headers_of_a_later_part_that_do_not_end_are_refused_at_once() {
    let opening = OPENING.replace("\"file\"; filename=\"a.jpg\"", "\"latitude\"");
    let mut beginning = format!("{opening}\r\n40.7\r\n{OPENING}X-Long: ").into_bytes();
    beginning.resize(TOO_MUCH, b'x');
    is_refused_promptly(&beginning).await;
}

#[tokio::test]
async fn parts_without_number_are_refused_at_once() {
    let part = "--edge\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n";
    is_refused_promptly(part.repeat(10_000).as_bytes()).await;
}

#[tokio::test]
async fn who_sends_it_all_before_he_reads_is_told_as_well() {
    let (worker, submission) = accepted().await;
    let path = format!("/internal/worker/submissions/{submission}/upload");
    let reply = worker
        .api
        .request(reqwest::Method::POST, &path)
        .bytes("multipart/form-data; boundary=edge", vec![b'x'; TOO_MUCH])
        .send()
        .await;
    reply.refused(400, "validation_error");
}

#[tokio::test]
async fn a_form_with_a_long_preamble_and_many_fields_is_taken() {
    let (worker, submission) = accepted().await;
    let media = media::sharp(media::seed());
    let mut body = vec![b'x'; 32 * 1_024];
    for number in 0..20 {
        let field = format!(
            "\r\n--edge\r\nContent-Disposition: form-data; name=\"note_{number}\"\r\n\r\nx"
        );
        body.extend(field.into_bytes());
    }
    body.extend(format!("\r\n{}", file_part(&media)).into_bytes());
    body.extend(&media.bytes);
    body.extend(b"\r\n--edge--\r\n");
    let mut stream = open(server(), &worker, &submission, body.len()).await;
    stream.write_all(&body).await.expect("the body is sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&first), "HTTP/1.1 200");
}

#[tokio::test]
async fn a_body_that_stops_is_given_up_and_its_file_is_removed() {
    let server = Server::start(Options::ephemeral()).await;
    let (worker, submission) = slot_at(&server).await;
    let media = media::sharp(media::seed());
    let mut stream = open(&server, &worker, &submission, ANNOUNCED).await;
    let begun = [file_part(&media).into_bytes(), media.bytes.clone()].concat();
    stream.write_all(&begun).await.expect("a beginning is sent");
    let arriving = server.data_dir.join("uploads");
    eventually("the file arrives", async || match files_below(&arriving).len() {
        1 => Ok(()),
        count => Err(json!(count)),
    })
    .await;
    let (status, body) = answer(&mut stream, Duration::from_secs(60)).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("validation_error")), "{body}");
    assert_eq!(files_below(&arriving), Vec::<PathBuf>::new());
    worker.upload(&submission, &media).await.ok(200);
    server.stop().await;
}

#[tokio::test]
async fn an_upload_of_too_many_files_stores_none() {
    let server = Server::start(Options::ephemeral()).await;
    let (worker, submission) = slot_at(&server).await;
    let path = format!("/internal/worker/submissions/{submission}/upload");
    let two = [media::sharp(media::seed()), media::sharp(media::seed())];
    let refusal = worker.send_form(&path, form(&two)).await.refused(400, "validation_error");
    assert_eq!(refusal["code"], "wrong_file_count", "{refusal}");
    assert_eq!(stored(&server, &two), 0);
    worker.upload(&submission, &two[0]).await.ok(200);
    // One that is counted, so that the count above means something.
    assert!(stored(&server, &two) >= 1);
    server.stop().await;
}

#[tokio::test]
async fn an_upload_that_another_forestalls_leaves_no_object() {
    let server = Server::start(Options::ephemeral()).await;
    let (worker, submission) = slot_at(&server).await;
    let (late, early) = (media::sharp(media::seed()), media::sharp(media::seed()));
    let parts = [file_part(&late).as_bytes(), &late.bytes, b"\r\n--edge--\r\n"].concat();
    let mut stream = open(&server, &worker, &submission, parts.len()).await;
    worker.upload(&submission, &early).await.ok(200);
    stream.write_all(&parts).await.expect("the form is sent");
    let (status, body) = answer(&mut stream, PROMPT).await;
    assert_eq!((status, &body["error"]["type"]), (409, &json!("conflict")), "{body}");
    let late = [late];
    eventually("its object is removed", async || match stored(&server, &late) {
        0 => Ok(()),
        count => Err(json!(count)),
    })
    .await;
    assert!(stored(&server, &[early]) >= 1);
    assert_eq!(worker.scored(&submission).await["status"], "approved");
    server.stop().await;
}

/// A worker of this server with an accepted slot for one JPEG.
async fn slot_at(server: &Server) -> (Worker, String) {
    let (buyer, worker) = (Buyer::new(server).await, Worker::new(server).await);
    let job = buyer.create_job(&photos_with(1, 75, &json!({}))).await;
    let submission = worker.accept(text(&job, "id")).await;
    (worker, submission)
}

/// What stands before a file's content.
fn file_part(media: &Media) -> String {
    format!("{OPENING}Content-Type: {}\r\n\r\n", media.content_type)
}

/// How many objects begin with the content of one of these.
fn stored(server: &Server, media: &[Media]) -> usize {
    let files = files_below(&server.data_dir.join("objects"));
    let contents = files.iter().filter_map(|path| std::fs::read(path).ok());
    contents.filter(|bytes| media.iter().any(|media| bytes.starts_with(&media.bytes))).count()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
