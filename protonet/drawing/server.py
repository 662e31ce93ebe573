"""The server of `protonet view`: this machine alone, one page, one file, nothing else."""

from __future__ import annotations

import hmac
import json
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import BoundedSemaphore
from typing import Any

from protonet.drawing.live import Session
from protonet.drawing.page import page
from protonet.reading import taking

_LARGEST = 64 * 2**20  # bytes of a request
_MOST_CONNECTIONS = 32
_PAUSE = 0.1
_LONGEST = 30.0  # seconds that a request may take to arrive, and an answer to leave
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Server(ThreadingHTTPServer):
    """Answers on 127.0.0.1 under a path that cannot be guessed.

    A request must name this address as its host, which a rebound name of a foreign page does not,
    and must come from this page or from none.
    """

    daemon_threads = True
    request_queue_size = _MOST_CONNECTIONS

    def __init__(self, session: Session, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.session = session
        self._free = BoundedSemaphore(_MOST_CONNECTIONS)
        self._arriving: dict[socket, float] = {}
        self.token = secrets.token_urlsafe(24)
        self.host = f"127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[Any, Any]:
        """The next connection; where the system has no descriptor for it, that is waited for."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_PAUSE)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread, while there are any; one too many is closed at once."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._arriving[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.arrived(request)
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.arrived(request)
            self._free.release()

    def arrived(self, request: Any) -> None:
        """Wait no longer for what a connection asks: it is there."""
        self._arriving.pop(request, None)

    def service_actions(self) -> None:
        """End the connections whose request takes too long to arrive, twice a second."""
        begun = time.monotonic() - _LONGEST
        for request, since in list(self._arriving.items()):
            if since < begun:
                self.arrived(request)
                with suppress(OSError):
                    request.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that has gone, nor of a connection that was ended."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self.host}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "protonet"
    sys_version = ""
    timeout = _LONGEST

    def do_GET(self) -> None:
        """The page."""
        if self.refused(f"/{self.server.token}/"):
            return
        self.server.arrived(self.connection)
        text = page(self.server.session.first())
        self.answer(HTTPStatus.OK, text.encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """One question of the page's."""
        session = self.server.session
        known: dict[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...]]] = {
            "check": (session.check, ("text", "view")),
            "torch": (session.torch, ("text",)),
            "changes": (session.changes, ("version",)),
            "save": (session.save, ("text", "version")),
        }
        name = self.path.rpartition("/")[2]
        if name not in known:
            self.fail(HTTPStatus.NOT_FOUND)
            return
        if self.refused(f"/{self.server.token}/{name}"):
            return
        if self.headers.get("X-Protonet") != "1":
            self.fail(HTTPStatus.FORBIDDEN)
            return
        ask, fields = known[name]
        try:
            with taking("it is no question of the page's"):
                asked = json.loads(self.body())
                given = [str(asked[field]) for field in fields]
        except ValueError:
            self.fail(HTTPStatus.BAD_REQUEST)
            return
        found = ask(*given)
        self.answer(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def body(self) -> bytes:
        """What the request brings. ValueError where it does not say how much, or too much."""
        length = int(self.headers.get("Content-Length", ""))
        if not 0 <= length <= _LARGEST:
            raise ValueError(length)
        data = self.rfile.read(length)
        self.server.arrived(self.connection)
        return data

    def refused(self, path: str) -> bool:
        """Whether a request is not the page's own; it then has its answer."""
        own = f"http://{self.server.host}"
        foreign = (
            self.headers.get_all("Host") != [self.server.host]
            or self.headers.get("Origin", own) != own
            or self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        )
        if foreign:
            self.fail(HTTPStatus.FORBIDDEN)
            return True
        if not hmac.compare_digest(self.path.encode(), path.encode()):
            self.fail(HTTPStatus.NOT_FOUND)
            return True
        return False

    def fail(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.answer(status, f"{status.value} {status.phrase}\n".encode(), "text/plain")

    def answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        """Send an answer; a page that has gone is no error."""
        try:
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: the terminal is the user's."""
