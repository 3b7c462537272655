//! The client against the embedded store, over TCP.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use firsthand_adapters::storage::embedded::serve;
use firsthand_adapters::storage::{ObjectStore, StorageError, StoreConfig};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const KEY: &str = "AKIAEXAMPLE";
const SECRET: &str = "not-so-secret-but-long-enough";
const BUCKET: &str = "media";

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let dir = dir.to_path_buf();
        let task = tokio::spawn(async move {
            serve(&dir, listener, KEY, SECRET, async {
                let _ = stopped.await;
            })
            .await
        });
        Self { address, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn store(&self) -> ObjectStore {
        let store = ObjectStore::new(StoreConfig {
            endpoint_url: Some(self.url()),
            region: "eu-central-1".to_owned(),
            access_key: KEY.to_owned(),
            secret_key: SECRET.to_owned(),
            bucket: BUCKET.to_owned(),
        });
        store.ensure_bucket().await.unwrap();
        store.ensure_bucket().await.unwrap();
        store
    }

    /// The SDK without our wrapper: default checksums, all operations.
    fn sdk(&self) -> aws_sdk_s3::Client {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new(KEY, SECRET, None, None, "test"))
            .endpoint_url(self.url())
            .force_path_style(true)
            .http_client(http)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// A plain HTTP client. `url` may be a whole one or start at the path.
async fn http(server: &Server, method: &str, url: &str, extra: &str, body: &[u8]) -> Answer {
    let target = url.strip_prefix(&server.url()).unwrap_or(url);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{extra}\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: answer[end + 4..].to_vec() }
}

async fn get(server: &Server, url: &str) -> Answer {
    http(server, "GET", url, "", b"").await
}

fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

fn sha(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

async fn put(store: &ObjectStore, key: &str, content: &[u8]) -> Result<(), StorageError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    store.put_file(key, file.path(), "image/jpeg", &sha(content)).await
}

async fn fetch(store: &ObjectStore, key: &str) -> Result<Vec<u8>, StorageError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("got");
    let info = store.get_to_file(key, &path).await?;
    let content = std::fs::read(&path).unwrap();
    assert_eq!(info.size, content.len() as u64);
    assert_eq!(info.sha256, Some(hex::encode(sha(&content))));
    Ok(content)
}

/// Every file below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn a_file_goes_round() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    for (key, length) in [("empty", 0), ("one", 1), ("photos/Ü ß+%~.jpg", 3_000_001)] {
        let content = noise(length, 7);
        put(&store, key, &content).await.unwrap();
        put(&store, key, &content).await.unwrap();
        assert_eq!(fetch(&store, key).await.unwrap(), content, "{key}");
        let info = store.head(key).await.unwrap().unwrap();
        assert_eq!(info.size, length as u64);
        assert_eq!(info.content_type.as_deref(), Some("image/jpeg"));
        assert_eq!(info.sha256, Some(hex::encode(sha(&content))));
        assert!(info.modified.unwrap().elapsed().unwrap() < Duration::from_mins(1));

        let copy = format!("copies of/{key}");
        store.copy(key, &copy).await.unwrap();
        store.copy(key, key).await.unwrap();
        assert_eq!(fetch(&store, &copy).await.unwrap(), content);
        store.delete(key).await.unwrap();
        store.delete(key).await.unwrap();
        assert_eq!(store.head(key).await.unwrap(), None);
        assert!(matches!(fetch(&store, key).await, Err(StorageError::NotFound(_))));
        assert_eq!(fetch(&store, &copy).await.unwrap(), content);
    }
    assert!(files(&dir.path().join("tmp")).is_empty());
    server.stop().await;
}

#[tokio::test]
async fn wrong_content_is_refused_and_rot_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"other content").unwrap();
    let refused = store.put_file("a", file.path(), "text/plain", &sha(b"content")).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, StorageError::Damaged(_)) && error.retryable(), "{error}");
    assert_eq!(store.head("a").await.unwrap(), None);

    put(&store, "a", &noise(1_000_000, 1)).await.unwrap();
    let path = files(&dir.path().join("buckets")).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[500_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(fetch(&store, "a").await, Err(StorageError::Damaged(_))));
    let spread = store.copy("a", "b").await.unwrap_err();
    assert!(matches!(spread, StorageError::Unavailable(_)), "{spread}");
    assert_eq!(store.head("b").await.unwrap(), None);
    server.stop().await;
}

/// A directory stands for a file that the disk can't read.
#[tokio::test]
async fn a_local_fault_may_pass() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    let unread = store.put_file("a", dir.path(), "text/plain", &sha(b"")).await.unwrap_err();
    assert!(matches!(unread, StorageError::Io(..)) && unread.retryable(), "{unread}");
    put(&store, "a", b"content").await.unwrap();
    let unwritten = store.get_to_file("a", &dir.path().join("none/a")).await.unwrap_err();
    assert!(matches!(unwritten, StorageError::Io(..)) && unwritten.retryable(), "{unwritten}");
    let absent = fetch(&store, "absent").await.unwrap_err();
    assert!(matches!(absent, StorageError::NotFound(_)) && !absent.retryable(), "{absent}");
    server.stop().await;
}

#[tokio::test]
async fn ranges_and_conditions() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    server.store().await;
    let sdk = server.sdk();
    let content = noise(1_000_000, 3);
    let object = || sdk.get_object().bucket(BUCKET).key("r");
    let write = || sdk.put_object().bucket(BUCKET).key("r");
    // Default checksum of bytes in memory: CRC32 in a header.
    write().body(content.clone().into()).send().await.unwrap();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=300000-799999", 300_000, 800_000),
        ("bytes=999990-", 999_990, 1_000_000),
        ("bytes=-10", 999_990, 1_000_000),
        ("bytes=5-99999999", 5, 1_000_000),
    ] {
        let part = object().range(range).send().await.unwrap();
        let expected = format!("bytes {from}-{}/1000000", to - 1);
        assert_eq!(part.content_range.as_deref(), Some(&*expected));
        assert_eq!(part.content_length, i64::try_from(to - from).ok());
        assert_eq!(part.body.collect().await.unwrap().into_bytes(), content[from..to]);
    }
    let beyond = object().range("bytes=1000000-").send().await.unwrap_err();
    assert_eq!(beyond.code(), Some("InvalidRange"));

    let exists = write().if_none_match("*").body(vec![1].into()).send().await.unwrap_err();
    assert_eq!(exists.code(), Some("PreconditionFailed"));
    let ignored = write().if_match("\"x\"").body(vec![1].into()).send().await.unwrap_err();
    assert_eq!(ignored.code(), Some("NotImplemented"));
    let etag = object().send().await.unwrap().e_tag.unwrap();
    let same = object().if_none_match(etag).send().await.unwrap_err();
    assert_eq!(same.raw_response().unwrap().status().as_u16(), 304);
    let long = sdk.put_object().bucket(BUCKET).key("k".repeat(1025)).body(vec![1].into());
    assert_eq!(long.send().await.unwrap_err().code(), Some("KeyTooLongError"));
    let most = sdk.put_object().bucket(BUCKET).key("k".repeat(1024)).body(vec![1].into());
    most.send().await.unwrap();
    let nowhere = sdk.put_object().bucket("no-such-bucket").key("k").body(vec![1].into());
    assert_eq!(nowhere.send().await.unwrap_err().code(), Some("NoSuchBucket"));

    // Default checksum of a file: aws-chunked with a CRC32 trailer.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    sdk.put_object().bucket(BUCKET).key("trailer").body(body).send().await.unwrap();
    let got = sdk.get_object().bucket(BUCKET).key("trailer").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), content);
    server.stop().await;
}

#[tokio::test]
async fn presigned_links() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    let content = noise(100_000, 4);
    put(&store, "p/ä.jpg", &content).await.unwrap();
    put(&store, "p/other.jpg", b"private").await.unwrap();
    let week = Duration::from_hours(168);
    let url = store.presign_get("p/ä.jpg", week, "Foto \"ä\".jpg").await.unwrap();
    let answer = get(&server, &url).await;
    assert_eq!((answer.status, &answer.body), (200, &content), "{url}");
    assert!(answer.head.contains("\r\ncontent-type: image/jpeg"), "{}", answer.head);
    let disposition = "content-disposition: attachment; filename=\"foto __.jpg\"";
    let disposition = disposition.replace("__", "___");
    assert!(answer.head.contains(&disposition), "{}", answer.head);
    assert!(answer.head.contains("\r\ncontent-length: 100000"), "{}", answer.head);
    let part = http(&server, "GET", &url, "Range: bytes=10-19\r\n", b"").await;
    assert_eq!((part.status, &part.body[..]), (206, &content[10..20]));
    assert!(part.head.contains("\r\ncontent-range: bytes 10-19/100000"), "{}", part.head);

    let (rest, signature) = url.rsplit_once("X-Amz-Signature=").unwrap();
    let flipped = if signature.starts_with('0') { '1' } else { '0' };
    let tampered = format!("{rest}X-Amz-Signature={flipped}{}", &signature[1..]);
    assert_eq!(get(&server, &tampered).await.status, 403);
    assert_eq!(get(&server, &url.replace("%C3%A4.jpg?", "other.jpg?")).await.status, 403);
    assert_eq!(get(&server, &url.replace("Foto", "Evil")).await.status, 403);
    assert_eq!(http(&server, "PUT", &url, "Content-Length: 0\r\n", b"").await.status, 403);
    assert_eq!(get(&server, "/media/p/other.jpg").await.status, 403);

    let soon = store.presign_get("p/ä.jpg", Duration::from_secs(1), "a").await.unwrap();
    assert!(soon.contains("X-Amz-Expires=1&"), "{soon}");
    // A link of one second that was made a minute ago.
    let minute_ago = std::time::SystemTime::now() - Duration::from_mins(1);
    let second =
        PresigningConfig::builder().start_time(minute_ago).expires_in(Duration::from_secs(1));
    let old = server.sdk().get_object().bucket(BUCKET).key("p/ä.jpg");
    let old = old.presigned(second.build().unwrap()).await.unwrap();
    let expired = get(&server, old.uri()).await;
    assert_eq!(expired.status, 403);
    assert!(String::from_utf8_lossy(&expired.body).contains("expired"));
    for expires in [week + Duration::from_secs(1), Duration::ZERO] {
        let refused = store.presign_get("p/ä.jpg", expires, "a").await;
        let error = refused.unwrap_err();
        assert!(matches!(error, StorageError::Invalid(_)) && !error.retryable(), "{error}");
    }

    let sdk = server.sdk();
    let typed = sdk.get_object().bucket(BUCKET).key("p/other.jpg").response_content_type("x/y");
    let typed = typed.presigned(PresigningConfig::expires_in(week).unwrap()).await.unwrap();
    let answer = get(&server, typed.uri()).await;
    assert!(answer.status == 200 && answer.head.contains("\r\ncontent-type: x/y"));
    server.stop().await;
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new_with_prefix(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha256::new_with_prefix(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

/// A pre-signed URL as nobody's library makes it; `date` is that of a link made just now.
fn sign_by_hand(server: &Server, date: &str, expires: &str) -> String {
    let day = &date[..8];
    let scope = format!("{day}/eu-central-1/s3/aws4_request");
    let credential = format!("{KEY}/{scope}").replace('/', "%2F");
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={date}&\
         {expires}&X-Amz-SignedHeaders=host"
    );
    let canonical = query.replace("%2DExpires", "-Expires");
    let host = server.address;
    let request = format!("GET\n/media/x\n{canonical}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let text =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(sha(request.as_bytes())));
    let mut key = hmac(format!("AWS4{SECRET}").as_bytes(), day.as_bytes());
    for part in ["eu-central-1", "s3", "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    format!("/media/x?{query}&X-Amz-Signature={}", hex::encode(hmac(&key, text.as_bytes())))
}

#[tokio::test]
async fn links_over_seven_days_are_refused_by_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    put(&store, "x", b"content").await.unwrap();
    let url = store.presign_get("x", Duration::from_mins(1), "x").await.unwrap();
    let date = url.split("X-Amz-Date=").nth(1).unwrap().split('&').next().unwrap();
    for (expires, status) in [
        ("X-Amz-Expires=604800", 200),
        ("X-Amz-Expires=604801", 400),
        ("X-Amz-Expires=4294967295", 400),
        ("X-Amz%2DExpires=4294967295", 403),
    ] {
        let answer = get(&server, &sign_by_hand(&server, date, expires)).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{expires}: {body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_stay_inside_and_are_listed() {
    let outside = tempfile::tempdir().unwrap();
    let dir = outside.path().join("store");
    let server = Server::start(&dir).await;
    let store = server.store().await;
    let mut keys =
        ["../../../escape.txt", "..", "a/../../b", "./c", "/etc/passwd", "a//b", "a/", "é\u{1}"]
            .map(str::to_owned)
            .to_vec();
    for key in &keys {
        put(&store, key, key.as_bytes()).await.unwrap();
    }
    for key in &keys {
        assert_eq!(fetch(&store, key).await.unwrap(), key.as_bytes(), "{key}");
    }
    let top: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(top.len(), 1);
    for path in files(outside.path()) {
        let place = path.strip_prefix(dir.join("buckets")).unwrap();
        assert!(
            place.iter().all(|name| name.to_str().unwrap().bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }

    // XML 1.0 cannot carry control characters.
    keys.pop();
    store.delete("é\u{1}").await.unwrap();
    keys.sort();
    let mut listed = Vec::new();
    let sdk = server.sdk();
    let mut pages = sdk.list_objects_v2().bucket(BUCKET).max_keys(3).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.contents().len() <= 3);
        listed.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    assert_eq!(listed, keys);
    let some = sdk.list_objects_v2().bucket(BUCKET).prefix("a/").send().await.unwrap();
    assert_eq!((some.key_count(), some.is_truncated()), (Some(3), Some(false)));
    server.stop().await;
}

async fn upload(sdk: &aws_sdk_s3::Client, id: &str, number: i32, content: &[u8]) -> CompletedPart {
    let part = sdk.upload_part().bucket(BUCKET).key("big").upload_id(id).part_number(number);
    let sent = part.body(content.to_vec().into()).send().await.unwrap();
    CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build()
}

async fn complete(
    sdk: &aws_sdk_s3::Client,
    id: &str,
    parts: &[CompletedPart],
) -> Result<String, String> {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
    let call = sdk.complete_multipart_upload().bucket(BUCKET).key("big").upload_id(id);
    match call.multipart_upload(parts).send().await {
        Ok(done) => Ok(done.e_tag.unwrap()),
        Err(error) => Err(error.code().unwrap_or("?").to_owned()),
    }
}

#[tokio::test]
async fn multipart_uploads() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path()).await;
    server.store().await;
    let mut sdk = server.sdk();
    let start = sdk.create_multipart_upload().bucket(BUCKET).key("big").content_type("video/mp4");
    let id = start.send().await.unwrap().upload_id.unwrap();
    let (first, last) = (noise(6 << 20, 1), noise(1000, 2));
    let small = upload(&sdk, &id, 1, &last).await;
    let second = upload(&sdk, &id, 2, &last).await;
    assert_eq!(complete(&sdk, &id, &[small, second.clone()]).await.unwrap_err(), "EntityTooSmall");
    let one = upload(&sdk, &id, 1, &first).await;
    // Parts survive a restart.
    server.stop().await;
    server = Server::start(dir.path()).await;
    sdk = server.sdk();
    let parts = [one, second];
    let swapped = [parts[1].clone(), parts[0].clone()];
    assert_eq!(complete(&sdk, &id, &swapped).await.unwrap_err(), "InvalidPartOrder");
    assert_eq!(complete(&sdk, &id, &[]).await.unwrap_err(), "InvalidPart");
    let etag = complete(&sdk, &id, &parts).await.unwrap();
    assert!(etag.ends_with("-2\""), "{etag}");
    assert_eq!(complete(&sdk, &id, &parts).await.unwrap(), etag);
    let got = sdk.get_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!(got.content_type.as_deref(), Some("video/mp4"));
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), [first, last].concat());

    let start = sdk.create_multipart_upload().bucket(BUCKET).key("big").send().await.unwrap();
    let id = start.upload_id.unwrap();
    let part = upload(&sdk, &id, 1, b"x").await;
    let abort = || sdk.abort_multipart_upload().bucket(BUCKET).key("big").upload_id(&id).send();
    abort().await.unwrap();
    assert_eq!(abort().await.unwrap_err().code(), Some("NoSuchUpload"));
    assert_eq!(complete(&sdk, &id, std::slice::from_ref(&part)).await.unwrap_err(), "NoSuchUpload");
    let escape = complete(&sdk, "../../../../../etc", &[part]).await.unwrap_err();
    assert_eq!(escape, "NoSuchUpload");
    assert_eq!(files(dir.path()).len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_objects_and_drops_debris() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    for i in 0..50 {
        put(&store, &format!("k{i}"), &noise(i * 100, 5)).await.unwrap();
    }
    server.stop().await;
    std::fs::write(dir.path().join("tmp/half"), b"half an object").unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    for i in 0..50 {
        assert_eq!(fetch(&store, &format!("k{i}")).await.unwrap(), noise(i * 100, 5));
    }
    assert_eq!(files(dir.path()).len(), 50);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_and_readers_of_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    let store = server.store().await;
    let versions: Vec<_> = (0..8).map(|seed| noise(700_000 + usize::from(seed), seed)).collect();
    put(&store, "k", &versions[0]).await.unwrap();
    let known: HashSet<_> = versions.iter().map(|it| sha(it)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for version in versions {
        let (store, known) = (store.clone(), known.clone());
        tasks.spawn(async move {
            for _ in 0..5 {
                put(&store, "k", &version).await.unwrap();
                assert!(known.contains(&sha(&fetch(&store, "k").await.unwrap())));
            }
        });
    }
    tasks.join_all().await;
    assert!(files(&dir.path().join("tmp")).is_empty());
    assert_eq!(files(dir.path()).len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_cut_upload_leaves_nothing() {
    let dir: TempDir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    server.store().await;
    let put = server.sdk().put_object().bucket(BUCKET).key("cut");
    let hour = PresigningConfig::expires_in(Duration::from_hours(1)).unwrap();
    let url = put.presigned(hour).await.unwrap().uri().to_owned();
    let ok = http(&server, "PUT", &url, "Content-Length: 3\r\n", b"abc").await;
    assert_eq!(ok.status, 200, "{}", String::from_utf8_lossy(&ok.body));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let target = url.strip_prefix(&server.url()).unwrap();
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 900000\r\n\
         Expect: 100-continue\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once it has opened a file for it.
    let asked = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; asked.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, asked);
    assert_eq!(files(&dir.path().join("tmp")).len(), 1);
    stream.write_all(&noise(200_000, 6)).await.unwrap();
    drop(stream);
    // It ends when the cut request has ended; what lies in `tmp/` is removed at the next start only.
    server.stop().await;
    assert!(files(&dir.path().join("tmp")).is_empty());
    let server = Server::start(dir.path()).await;
    let got = server.sdk().get_object().bucket(BUCKET).key("cut").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), &b"abc"[..]);
    server.stop().await;
}

#[tokio::test]
async fn strangers_and_an_absent_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path()).await;
    server.store().await;
    let config = |access: &str, secret: &str| StoreConfig {
        endpoint_url: Some(server.url()),
        region: "us-east-1".to_owned(),
        access_key: access.to_owned(),
        secret_key: secret.to_owned(),
        bucket: BUCKET.to_owned(),
    };
    for (access, secret) in [(KEY, "wrong"), ("wrong", SECRET)] {
        let error = put(&ObjectStore::new(config(access, secret)), "k", b"x").await.unwrap_err();
        assert!(matches!(error, StorageError::Denied(_)) && error.retryable(), "{error}");
    }
    assert_eq!(get(&server, "/").await.status, 403);
    let form = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 200000\r\n";
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec();
    body.resize(200_000, b'x');
    assert!((400..500).contains(&http(&server, "POST", "/media", form, &body).await.status));
    let orphan = ObjectStore::new(config(KEY, SECRET));
    server.stop().await;
    let error = put(&orphan, "k", b"x").await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)) && error.retryable(), "{error}");
}
