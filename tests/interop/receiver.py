"""A receiver of webhooks on this machine that keeps every request and answers as it is told."""

from __future__ import annotations

import queue
import time
from collections import defaultdict
from concurrent.futures import Future, TimeoutError as Late
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from delivered import Request

# The service waits 10 s for an answer; a test that forgets one must not look like a slow receiver.
ANSWER_WITHIN_SECONDS = 8
ARRIVES_WITHIN_SECONDS = 30


@dataclass
class Delivery:
    """One attempt; the sender waits until it is answered."""

    request: Request
    arrived: float
    status: Future[int] = field(default_factory=Future)

    @property
    def attempt(self) -> int:
        return int(self.request.headers["x-firsthandapi-delivery-attempt"])

    def answer(self, status: int) -> None:
        self.status.set_result(status)


class Receiver:
    """Listens on a free port of the loopback interface; each path is an inbox of its own."""

    def __init__(self) -> None:
        self._inboxes: defaultdict[str, queue.Queue[Delivery]] = defaultdict(queue.Queue)
        self._lock = Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = Delivery(Request(headers, body), time.time())
                receiver._inbox(self.path).put(delivery)
                try:
                    status = delivery.status.result(ANSWER_WITHIN_SECONDS)
                except Late:
                    status = 500
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _inbox(self, path: str) -> queue.Queue[Delivery]:
        with self._lock:
            return self._inboxes[path]

    def url(self, path: str) -> str:
        """Where to send what is to lie in this inbox."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def next(self, path: str) -> Delivery:
        """The next attempt at this path, which must come soon."""
        try:
            return self._inbox(path).get(timeout=ARRIVES_WITHIN_SECONDS)
        except queue.Empty:
            raise RuntimeError(f"nothing came to {path} in {ARRIVES_WITHIN_SECONDS} s") from None

    def rest(self, path: str) -> int:
        """How many attempts lie unread."""
        return self._inbox(path).qsize()
