//! Hostile receivers, one a test, each with the answer or failure that it must come to.

use std::fmt::Write as _;
use std::pin::Pin;
use std::time::Duration;

use firsthand_adapters::outbound::{Connector, Failure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::receiver::{Receiver, closed, request, say};
use crate::{PATIENT, SHORT, development, post};

/// What a receiver does with a connection.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Reads the request, says this, keeps the connection open.
    Say(&'static [u8]),
    /// Reads the request, says this, closes.
    Close(&'static [u8]),
    /// Reads the request, says this, resets.
    Reset(&'static [u8]),
    /// Reads the request, says the first, and the second for ever.
    Forever(&'static [u8], &'static [u8]),
    /// Reads the request, says the first, and the second for ever, slowly.
    Drip(&'static [u8], &'static [u8]),
    /// Something else.
    Do(fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// A receiver and what must come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    script: Script,
    status: Option<u16>,
    error: Option<Failure>,
}

macro_rules! receivers {
    ($($name:ident: $script:expr => $status:expr, $error:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let case = Case {
                name: stringify!($name), script: $script, status: $status, error: $error,
            };
            case.check().await;
        })*

        pub(crate) const ALL: &[Case] = &[$(Case {
            name: stringify!($name), script: $script, status: $status, error: $error,
        }),*];
    };
}

use Failure::{ConnectionClosed, HeadersTooLarge, ProtocolError, Timeout};
use Script::{Close, Do, Drip, Forever, Reset, Say};

receivers! {
    a_plain_answer_is_complete:
        Say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        => Some(200), None;
    an_answer_without_a_body_is_complete:
        Say(b"HTTP/1.1 204 No Content\r\n\r\n")
        => Some(204), None;
    an_answer_that_ends_with_the_connection_is_complete:
        Close(b"HTTP/1.1 200 OK\r\n\r\nok")
        => Some(200), None;
    an_answer_of_http_1_0_is_complete: Close(b"HTTP/1.0 200 OK\r\n\r\nok") => Some(200), None;
    a_close_after_the_head_is_an_empty_body:
        Close(b"HTTP/1.1 500 No\r\nconnection: close\r\n\r\n")
        => Some(500), None;
    gone_is_an_answer: Say(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n") => Some(410), None;
    a_lying_retry_after_is_told_as_it_is:
        Say(b"HTTP/1.1 429 No\r\nretry-after: 99999999999999999999\r\ncontent-length: 0\r\n\r\n")
        => Some(429), None;
    an_endless_chunked_body_is_cut:
        Forever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"10\r\n0123456789abcdef\r\n")
        => Some(200), None;
    an_endless_body_is_cut: Forever(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 8192]) => Some(200), None;
    a_body_of_a_terabyte_is_cut:
        Forever(b"HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n", &[0; 8192])
        => Some(200), None;
    a_body_of_one_byte_chunks_is_cut:
        Forever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n")
        => Some(200), None;
    a_dripping_body_runs_into_the_deadline:
        Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"x")
        => Some(200), Some(Timeout);
    a_dripping_head_runs_into_the_deadline:
        Drip(b"HTTP/1.1 200 OK\r\na: ", b"x")
        => None, Some(Timeout);
    dripping_interim_answers_run_into_the_deadline:
        Drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n")
        => None, Some(Timeout);
    dripping_empty_headers_run_into_the_deadline:
        Drip(b"HTTP/1.1 200 OK\r\n", b"a:b\r\n")
        => None, Some(Timeout);
    silence_runs_into_the_deadline: Say(b"") => None, Some(Timeout);
    half_a_head_runs_into_the_deadline: Say(b"HTTP/1.1 200 OK\r\n") => None, Some(Timeout);
    a_body_that_stops_runs_into_the_deadline:
        Say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        => Some(200), Some(Timeout);
    an_answer_without_a_length_that_stays_open_runs_into_the_deadline:
        Say(b"HTTP/1.1 200 OK\r\n\r\nok")
        => Some(200), Some(Timeout);
    endless_headers_are_too_large:
        Forever(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n")
        => None, Some(HeadersTooLarge);
    one_endless_header_is_too_large:
        Forever(b"HTTP/1.1 200 OK\r\na: ", b"xxxxxxxxxxxxxxxx")
        => None, Some(HeadersTooLarge);
    an_endless_name_of_a_header_is_too_large:
        Forever(b"HTTP/1.1 200 OK\r\n", b"xxxxxxxxxxxxxxxx")
        => None, Some(HeadersTooLarge);
    an_endless_reason_is_too_large:
        Forever(b"HTTP/1.1 200 ", b"OK OK OK ")
        => None, Some(HeadersTooLarge);
    a_thousand_headers_are_too_large:
        Do(|stream| Box::pin(many_headers(stream, 1000)))
        => None, Some(HeadersTooLarge);
    one_header_too_many_is_too_large:
        Do(|stream| Box::pin(many_headers(stream, 64)))
        => None, Some(HeadersTooLarge);
    as_many_headers_as_allowed_are_read:
        Do(|stream| Box::pin(many_headers(stream, 63)))
        => Some(200), None;
    a_flood_of_interim_answers_is_too_large:
        Forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
        => None, Some(HeadersTooLarge);
    endless_empty_lines_are_no_answer:
        Forever(b"", b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")
        => None, Some(HeadersTooLarge);
    an_early_hint_is_skipped:
        Say(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\
            content-length: 0\r\n\r\n")
        => Some(200), None;
    another_protocol_is_no_answer:
        Say(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        => Some(101), Some(ProtocolError);
    http_0_9_is_no_answer: Close(b"<html>hello</html>") => None, Some(ProtocolError);
    garbage_is_no_answer:
        Close(&[0xff, 0x00, 0x80, 0x0d, 0x0a, 0x1b, 0x5b, 0x00, 0x0d, 0x0a, 0x0d, 0x0a])
        => None, Some(ProtocolError);
    frames_of_http_2_are_no_answer:
        Close(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
        => None, Some(ProtocolError);
    a_banner_of_ssh_is_no_answer: Close(b"SSH-2.0-OpenSSH_9.2\r\n") => None, Some(ProtocolError);
    a_greeting_of_mail_is_no_answer:
        Close(b"220 mail.example.com ESMTP\r\n")
        => None, Some(ProtocolError);
    an_error_of_redis_is_no_answer:
        Close(b"-ERR wrong number of arguments\r\n")
        => None, Some(ProtocolError);
    http_9_9_is_no_answer: Close(b"HTTP/9.9 200 OK\r\n\r\n") => None, Some(ProtocolError);
    a_status_of_letters_is_no_answer:
        Close(b"HTTP/1.1 20O OK\r\n\r\n")
        => None, Some(ProtocolError);
    a_status_of_four_digits_is_no_answer:
        Close(b"HTTP/1.1 2000 OK\r\n\r\n")
        => None, Some(ProtocolError);
    an_unknown_status_is_an_answer:
        Say(b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n")
        => Some(999), None;
    a_zero_byte_in_a_header_is_no_answer:
        Close(b"HTTP/1.1 200 OK\r\na: b\x00c\r\n\r\n")
        => None, Some(ProtocolError);
    a_folded_header_is_no_answer:
        Close(b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n")
        => None, Some(ProtocolError);
    a_space_before_the_colon_is_no_answer:
        Close(b"HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n")
        => None, Some(ProtocolError);
    two_lengths_are_no_answer:
        Close(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc")
        => None, Some(ProtocolError);
    a_negative_length_is_no_answer:
        Close(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")
        => None, Some(ProtocolError);
    a_length_beyond_all_numbers_is_no_answer:
        Close(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n")
        => None, Some(ProtocolError);
    a_length_too_short_ends_the_body:
        Say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n")
        => Some(200), None;
    a_length_too_long_is_a_closed_connection:
        Close(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        => Some(200), Some(ConnectionClosed);
    a_chunked_body_cut_off_is_a_closed_connection:
        Close(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf")
        => Some(200), Some(ConnectionClosed);
    a_chunked_body_without_its_end_is_a_closed_connection:
        Close(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        => Some(200), Some(ConnectionClosed);
    a_chunk_of_no_number_is_no_body:
        Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nabc\r\n")
        => Some(200), Some(ProtocolError);
    a_chunk_beyond_all_numbers_is_no_body:
        Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n")
        => Some(200), Some(ProtocolError);
    a_chunk_without_its_line_end_is_no_body:
        Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n")
        => Some(200), Some(ProtocolError);
    an_endless_extension_of_a_chunk_is_no_body:
        Forever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;", b"abcdefgh")
        => Some(200), Some(ProtocolError);
    endless_trailers_are_no_body:
        Forever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
            b"a: b\r\n")
        => Some(200), Some(ProtocolError);
    trailers_are_read_and_dropped:
        Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n\r\n")
        => Some(200), None;
    a_length_and_chunks_are_read_as_chunks:
        Say(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\
            ok\r\n0\r\n\r\n")
        => Some(200), None;
    a_redirect_301_is_not_followed:
        Say(b"HTTP/1.1 301 Moved\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
        => Some(301), None;
    a_redirect_302_is_not_followed:
        Say(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")
        => Some(302), None;
    a_redirect_303_is_not_followed:
        Say(b"HTTP/1.1 303 See Other\r\nlocation: http://[::1]/\r\ncontent-length: 0\r\n\r\n")
        => Some(303), None;
    a_redirect_307_is_not_followed:
        Say(b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n")
        => Some(307), None;
    a_redirect_308_is_not_followed:
        Say(b"HTTP/1.1 308 Moved\r\nlocation: /hook\r\ncontent-length: 0\r\n\r\n")
        => Some(308), None;
    a_refresh_and_another_service_are_not_followed:
        Say(b"HTTP/1.1 200 OK\r\nrefresh: 0;url=http://127.0.0.1/\r\n\
            alt-svc: h2=\"127.0.0.1:80\"\r\ncontent-length: 0\r\n\r\n")
        => Some(200), None;
    a_close_before_the_answer_is_a_closed_connection: Close(b"") => None, Some(ConnectionClosed);
    a_close_in_the_head_is_a_closed_connection:
        Close(b"HTTP/1.1 200 OK\r\na: ")
        => None, Some(ConnectionClosed);
    a_reset_before_the_answer_is_a_closed_connection: Reset(b"") => None, Some(ConnectionClosed);
    a_reset_in_the_body_is_a_closed_connection:
        Do(|stream| Box::pin(reset_in_body(stream)))
        => Some(200), Some(ConnectionClosed);
    a_close_before_the_request_is_a_closed_connection:
        Do(|stream| Box::pin(async move { drop(stream) }))
        => None, Some(ConnectionClosed);
    a_greeting_before_the_request_is_no_answer:
        Do(|stream| Box::pin(greeting(stream)))
        => None, Some(ProtocolError);
    an_answer_before_the_request_is_read_is_an_answer:
        Do(|stream| Box::pin(hasty(stream)))
        => Some(413), None;
}

async fn many_headers(stream: TcpStream, count: usize) {
    let mut head = String::from("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n");
    for number in 0..count {
        write!(head, "a{number}: b\r\n").unwrap();
    }
    head.push_str("\r\n");
    say(stream, head.as_bytes()).await;
}

/// Says the head and half a body, and resets when the sender has read them: the test can't see
/// that, so the receiver waits until its kernel has nothing left to send.
async fn reset_in_body(mut stream: TcpStream) {
    request(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stream.set_zero_linger().unwrap();
}

/// Talks first, as other protocols do.
async fn greeting(mut stream: TcpStream) {
    stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    closed(&mut stream).await;
}

/// Answers when it has seen no more than the beginning of the request.
async fn hasty(mut stream: TcpStream) {
    stream.read_exact(&mut [0]).await.unwrap();
    stream.write_all(b"HTTP/1.1 413 No\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    closed(&mut stream).await;
}

impl Script {
    pub(crate) async fn play(self, mut stream: TcpStream) {
        match self {
            Say(bytes) => say(stream, bytes).await,
            Close(bytes) => {
                request(&mut stream).await;
                stream.write_all(bytes).await.unwrap();
            }
            Reset(bytes) => {
                request(&mut stream).await;
                stream.write_all(bytes).await.unwrap();
                stream.set_zero_linger().unwrap();
            }
            Forever(first, again) => {
                request(&mut stream).await;
                let block = again.repeat(16 * 1024 / again.len() + 1);
                let mut open = stream.write_all(first).await.is_ok();
                while open {
                    open = stream.write_all(&block).await.is_ok();
                }
            }
            Drip(first, again) => {
                request(&mut stream).await;
                let mut open = stream.write_all(first).await.is_ok();
                while open {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    open = stream.write_all(again).await.is_ok();
                }
            }
            Do(what) => what(stream).await,
        }
    }
}

impl Case {
    /// Asks the receiver once, and checks what comes of it.
    pub(crate) async fn check(&self) {
        let script = self.script;
        let receiver = Receiver::start(move |stream, _| script.play(stream)).await;
        let patience = if self.error == Some(Timeout) { SHORT } else { PATIENT };
        let connector = Connector::new(development(patience)).unwrap();
        let exchange = post(&connector, &receiver.url()).await;
        assert_eq!(
            (exchange.status, exchange.error),
            (self.status, self.error),
            "{}: {exchange:?}",
            self.name
        );
        assert_eq!(exchange.address, Some(receiver.ip()), "{}", self.name);
        assert_eq!(receiver.connections(), 1, "{}", self.name);
        assert!(exchange.body.len() <= 8192, "{}", self.name);
        assert!(exchange.headers.len() <= 64, "{}", self.name);
        assert!(
            exchange.timings.total.unwrap() < patience + Duration::from_secs(2),
            "{}",
            self.name
        );
    }
}
