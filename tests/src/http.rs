//! Requests as a caller makes them, and answers that can be asked what they should be.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

/// A caller: where it calls, and with which token.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base_url: String,
    token: Option<String>,
}

impl Api {
    /// A caller without a token. It follows no redirect, uses no proxy and never repeats a request.
    pub fn anonymous(base_url: &str) -> Api {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(Duration::from_secs(90))
            .build()
            .expect("a client");
        Api { client, base_url: base_url.trim_end_matches('/').to_owned(), token: None }
    }

    /// The same caller with this bearer token.
    pub fn with_token(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same caller without a token.
    pub fn without_token(&self) -> Api {
        Api { token: None, ..self.clone() }
    }

    /// The same caller against a server that came back elsewhere.
    pub fn with_base_url(&self, base_url: &str) -> Api {
        Api { base_url: base_url.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// The token it calls with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request to a path of the service, or to an absolute URL (which gets no token).
    pub fn request(&self, method: Method, path: &str) -> Call {
        let what = format!("{method} {path}");
        let absolute = path.starts_with("http://") || path.starts_with("https://");
        let url = if absolute { path.to_owned() } else { format!("{}{path}", self.base_url) };
        let mut request = self.client.request(method, url);
        if let (Some(token), false) = (&self.token, absolute) {
            request = request.bearer_auth(token);
        }
        Call { request, what }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.request(Method::GET, path).send().await
    }

    /// POST with a JSON body and no idempotency key.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.request(Method::POST, path).json(body).send().await
    }

    /// POST with a JSON body and an idempotency key.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        self.request(Method::POST, path).key(key).json(body).send().await
    }

    /// POST with neither a body nor a content type, as the published client sends it.
    pub async fn post_empty(&self, path: &str) -> Reply {
        self.request(Method::POST, path).header("content-length", "0").send().await
    }

    /// POST with a form, as Stripe's libraries send it.
    pub async fn post_form(&self, path: &str, form: &str) -> Reply {
        let kind = "application/x-www-form-urlencoded";
        self.request(Method::POST, path).bytes(kind, form.to_owned()).send().await
    }

    /// POST with a `Stripe-Signature`.
    pub async fn post_signed(&self, path: &str, signature: &str, body: &str) -> Reply {
        let call = self.request(Method::POST, path).header("stripe-signature", signature);
        call.bytes("application/json", body.to_owned()).send().await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.request(Method::PATCH, path).json(body).send().await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.request(Method::DELETE, path).send().await
    }

    /// All rows of a list, newest first, by following its cursors. Checks each page's shape.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit=100");
        let mut rows = Vec::new();
        let mut next = first.clone();
        loop {
            let page = self.get(&next).await.page();
            rows.extend(page.data);
            match page.next_cursor {
                Some(cursor) => next = format!("{first}&cursor={}", escape(&cursor)),
                None => return rows,
            }
        }
    }
}

/// A request that can still be added to.
#[derive(Debug)]
pub struct Call {
    request: RequestBuilder,
    what: String,
}

impl Call {
    /// Adds `Idempotency-Key`.
    pub fn key(self, key: &str) -> Call {
        self.header("Idempotency-Key", key)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Call {
        self.request = self.request.header(name, value);
        self
    }

    /// A JSON body.
    pub fn json(mut self, body: &Value) -> Call {
        self.request = self.request.json(body);
        self
    }

    /// A body of any bytes.
    pub fn bytes(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Call {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }

    /// A multipart form.
    pub fn multipart(mut self, form: reqwest::multipart::Form) -> Call {
        self.request = self.request.multipart(form);
        self
    }

    /// Sends it.
    ///
    /// # Panics
    /// If no answer comes. [`Call::try_send`] is for tests in which that may happen.
    pub async fn send(self) -> Reply {
        let what = self.what.clone();
        match self.try_send().await {
            Ok(reply) => reply,
            Err(error) => panic!("{what}: no answer: {error:?}"),
        }
    }

    /// Sends it and leaves the body unread: for an answer that does not end.
    ///
    /// # Panics
    /// If no head comes.
    pub async fn head(self) -> reqwest::Response {
        match self.request.send().await {
            Ok(response) => response,
            Err(error) => panic!("{}: no answer: {error:?}", self.what),
        }
    }

    /// Sends it to a server that may die meanwhile.
    pub async fn try_send(self) -> Result<Reply, reqwest::Error> {
        let response = self.request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await?.to_vec();
        Ok(Reply { what: self.what, status, headers, body })
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The request's method and path.
    pub what: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its rows.
    pub data: Vec<Value>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

impl Page {
    /// The rows' ids.
    pub fn ids(&self) -> Vec<String> {
        self.data
            .iter()
            .map(|row| row["id"].as_str().expect("a row has an id").to_owned())
            .collect()
    }
}

impl Reply {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, whatever the status.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{self}: not JSON: {error}"),
        }
    }

    /// The JSON body of an answer with this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{self}: its content type is {kind:?}");
        self.json()
    }

    /// Checks the list envelope of a 200: `{object:"list", data, has_more, next_cursor|null}`.
    #[track_caller]
    pub fn page(&self) -> Page {
        let body = self.ok(200);
        assert_eq!(body["object"], "list", "{self}");
        let has_more = body["has_more"]
            .as_bool()
            .unwrap_or_else(|| panic!("{self}: has_more is not a boolean"));
        let next_cursor =
            body.get("next_cursor").unwrap_or_else(|| panic!("{self}: no next_cursor"));
        assert_eq!(has_more, next_cursor.is_string(), "{self}: has_more and next_cursor disagree");
        assert!(next_cursor.is_string() || next_cursor.is_null(), "{self}: next_cursor");
        let data = body["data"].as_array().unwrap_or_else(|| panic!("{self}: data is not a list"));
        Page { data: data.clone(), next_cursor: next_cursor.as_str().map(str::to_owned) }
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.text();
        let shown: String = text.chars().take(2_000).collect();
        write!(f, "{} answered {} {shown}", self.what, self.status)
    }
}

/// Percent-encodes a query value.
pub fn escape(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes everything");
        }
        out
    })
}
