"""The product under test: `firsthand dev`, started, used over HTTP and ended."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

STARTS_WITHIN_SECONDS = 120
STOPS_WITHIN_SECONDS = 30
# Six attempts, close together: what is checked is their signatures, not their distance.
RETRY_MS = "0,400,400,400,400,400"


class Product:
    """A running service with a data directory of its own, and with these environment variables."""

    def __init__(self, binary: Path, **settings: str) -> None:
        self._log = tempfile.TemporaryFile(mode="w+")
        self._process = subprocess.Popen(
            [binary, "dev", "--json", "--ephemeral", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ
            | {"FIRSTHAND_WEBHOOK_RETRY_MS": RETRY_MS, "FIRSTHAND_RATE_LIMITS": "off"}
            | settings,
        )
        lines: Queue[str] = Queue()

        def read() -> None:
            # To the end, so that the service never waits for a reader.
            assert self._process.stdout
            for line in self._process.stdout:
                lines.put(line)
            lines.put("")

        self._reader = Thread(target=read, daemon=True)
        self._reader.start()
        try:
            self.ready: dict[str, Any] = json.loads(lines.get(timeout=STARTS_WITHIN_SECONDS))
            self.base_url: str = self.ready["base_url"]
        except (Empty, ValueError, KeyError) as error:
            self.stop()
            raise RuntimeError(f"firsthand dev did not say where it is: {self.log()}") from error

    def __enter__(self) -> Product:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()

    def stop(self) -> None:
        """Ends it as an operator would, and by force if that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # What it started may hold the pipe for a moment longer.
        self._reader.join(STOPS_WITHIN_SECONDS)
        if self._process.stdout and not self._reader.is_alive():
            self._process.stdout.close()

    def log(self) -> str:
        """The last lines of its log."""
        self._log.seek(0)
        return "".join(self._log.readlines()[-30:])

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Makes one call that must succeed and returns the answer."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.base_url + path, data=data, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise RuntimeError(f"{method} {path}: {error.code} {said}") from None
        return json.loads(text) if text else None

    def buyer(self) -> str:
        """Signs an organization up, verifies its phone and returns its key."""
        number = random.randrange(10**8)
        signup = {"name": "Interop Ltd", "email": f"interop-{number}@example.test"}
        key: str = self.call("POST", "/v1/auth/signup", signup)["api_key"]
        phone = {"phone_number": f"+4477{number:08}"}
        self.call("POST", "/v1/auth/phone", phone, key)
        self.call("POST", "/v1/auth/phone/verify", phone | {"code": "000000"}, key)
        return key
