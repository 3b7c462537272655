//! A small HTTP client: what a buyer, a worker and an operator would send.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use serde_json::Value;

/// A caller with its token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    token: Option<String>,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Reads the body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }

    /// Reads the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Fails unless the status is the expected one; returns the body.
    pub(crate) fn expect(self, status: u16) -> Result<Value> {
        if self.status != status {
            bail!("status {} instead of {status}: {}", self.status, self.text());
        }
        self.json()
    }
}

/// A file to upload.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    /// Its name.
    pub name: String,
    /// Its declared MIME type.
    pub mime: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Client {
    /// Makes a caller.
    pub(crate) fn new(base: &str, token: Option<&str>) -> Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token: token.map(ToOwned::to_owned),
            pool: Pool::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// The same service, called with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.pool.request(request.body(Full::new(body))?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// `POST` bytes to a whole URL without a token.
    pub(crate) async fn post_raw(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply> {
        self.send(Method::POST, url, headers, body).await
    }

    /// `GET` a path whose answer does not end by itself: its status and its body as it comes.
    pub(crate) async fn stream(&self, path: &str, last: Option<&str>) -> Result<(u16, Incoming)> {
        let uri: Uri = format!("{}{path}", self.base).parse()?;
        let mut request = Request::builder().uri(uri).header(AUTHORIZATION, self.bearer());
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.pool.request(request.body(Full::default())?).await?;
        Ok((response.status().as_u16(), response.into_body()))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.as_deref().unwrap_or_default())
    }

    /// `GET` a path.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        let bearer = self.bearer();
        let headers = [(AUTHORIZATION.as_str(), bearer.as_str())];
        self.send(Method::GET, &format!("{}{path}", self.base), &headers, Bytes::new()).await
    }

    /// `GET` a whole URL without a token, as a signed link is used.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Reply> {
        self.send(Method::GET, url, &[], Bytes::new()).await
    }

    /// `POST` JSON to a path, with an idempotency key if there is one.
    pub(crate) async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Reply> {
        let bearer = self.bearer();
        let mut headers = vec![
            (AUTHORIZATION.as_str(), bearer.as_str()),
            (CONTENT_TYPE.as_str(), "application/json"),
        ];
        if let Some(key) = key {
            headers.push(("idempotency-key", key));
        }
        let body = Bytes::from(body.to_string());
        self.send(Method::POST, &format!("{}{path}", self.base), &headers, body).await
    }

    /// `POST` a file as a multipart form.
    pub(crate) async fn upload(&self, path: &str, file: &Upload) -> Result<Reply> {
        const BOUNDARY: &str = "firsthand-demo-b2f1c7e09d4a4c0f";
        let bearer = self.bearer();
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [
            (AUTHORIZATION.as_str(), bearer.as_str()),
            (CONTENT_TYPE.as_str(), content_type.as_str()),
        ];
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             content-type: {}\r\n\r\n",
            file.name, file.mime
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let body = [head.as_bytes(), &file.bytes, tail.as_bytes()].concat();
        self.send(Method::POST, &format!("{}{path}", self.base), &headers, Bytes::from(body)).await
    }
}
