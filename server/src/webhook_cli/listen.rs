//! `firsthand listen`: streams events and posts each, signed, to a local program. Nothing stands
//! between: the stream comes straight from the service and resumes where it broke off.

use super::Service;
use crate::client::Client;
use crate::config::Config;
use crate::dev::asked_to_stop;
use crate::output;
use crate::values::http_url;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use firsthand_adapters::signature::{self, Scheme};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// How long to wait before a broken stream is taken up again.
const PAUSE: Duration = Duration::from_secs(1);

/// What to listen to.
#[derive(Debug, clap::Args)]
pub(crate) struct Listen {
    #[command(flatten)]
    service: Service,
    /// Where each event is posted.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    forward_to: String,
    /// Only these types, with commas between them.
    #[arg(long)]
    types: Option<String>,
    /// The signing secret [default: a new one, which is printed].
    #[arg(long, env = "FIRSTHAND_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

/// Reads server-sent events out of the bytes of a stream.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    id: String,
    data: String,
}

/// One event of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Received {
    id: String,
    data: String,
}

impl Lines {
    /// Takes what has arrived and returns the events that are complete.
    fn take(&mut self, bytes: &[u8]) -> Vec<Received> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if let Some(value) = line.strip_prefix("data:") {
                self.data.push_str(value.trim_start());
            } else if let Some(value) = line.strip_prefix("id:") {
                value.trim().clone_into(&mut self.id);
            } else if line.is_empty() && !self.data.is_empty() {
                let data = std::mem::take(&mut self.data);
                events.push(Received { id: self.id.clone(), data });
            }
        }
        events
    }
}

struct Forwarder<'a> {
    local: Client,
    forward_to: &'a str,
    secret: String,
}

impl Forwarder<'_> {
    /// Posts an event and prints how it went.
    async fn forward(&self, event: &Received) -> Result<()> {
        let value: Value = serde_json::from_str(&event.data).context("no JSON in the stream")?;
        let now = firsthand_adapters::clock::system().unix_seconds();
        let body = Bytes::from(event.data.clone());
        let signed = signature::sign(&event.id, &body, &[&self.secret], 1, now);
        let signed = signed.headers(Scheme::TV1, &event.id, 1);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
        let kind = value["type"].as_str().unwrap_or_default();
        match self.local.post_raw(self.forward_to, &headers, body).await {
            Ok(reply) => output::line(format_args!("{} {kind} -> {}", event.id, reply.status)),
            Err(error) => output::line(format_args!("{} {kind} -> {error:#}", event.id)),
        }
    }

    /// Follows a stream until it breaks off. Returns the last event that was posted.
    async fn follow(&self, mut stream: Incoming, mut last: Option<String>) -> Option<String> {
        let mut lines = Lines::default();
        while let Some(Ok(frame)) = stream.frame().await {
            let Some(bytes) = frame.data_ref() else { continue };
            for event in lines.take(bytes) {
                if let Err(error) = self.forward(&event).await {
                    tracing::warn!(event.id, error = %error, "an event was not posted");
                }
                last = Some(event.id);
            }
        }
        last
    }
}

/// Listens until stopped.
pub(crate) async fn run(config: &Config, listen: &Listen) -> Result<ExitCode> {
    let client = listen.service.client(config)?;
    let secret = listen.secret.clone().unwrap_or_else(signature::mint_secret);
    let path = match &listen.types {
        Some(types) => format!("/v1/events/stream?types={types}"),
        None => "/v1/events/stream".to_owned(),
    };
    output::line(format_args!("signing secret: {secret}"))?;
    output::line(format_args!("forwarding to {}; Ctrl-C stops", listen.forward_to))?;
    let local = Client::new("", None)?;
    let forwarder = Forwarder { local, forward_to: &listen.forward_to, secret };
    let stop = asked_to_stop();
    tokio::pin!(stop);
    let mut last = None;
    loop {
        let streaming = async {
            match client.stream(&path, last.as_deref()).await {
                Ok((200, stream)) => Ok(forwarder.follow(stream, last.clone()).await),
                Ok((status, _)) if status < 500 => bail!("the service answered {status}"),
                Ok(_) | Err(_) => Ok(last.clone()),
            }
        };
        tokio::select! {
            stopped = &mut stop => return stopped.map(|()| ExitCode::SUCCESS),
            ended = streaming => last = ended?,
        }
        output::line("the stream broke off; resuming")?;
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let text = b": hello\n\nid: evt_1\nevent: job.completed\ndata: {\"a\":1}\n\n:\n\nid: evt_2\r\ndata: {\"b\":2}\r\n\r\n";
        let whole = Lines::default().take(text);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[1], Received { id: "evt_2".to_owned(), data: "{\"b\":2}".to_owned() });
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let (first, second) = text.split_at(cut);
            let mut events = lines.take(first);
            events.extend(lines.take(second));
            assert_eq!(events, whole, "cut at {cut}");
        }
    }
}
