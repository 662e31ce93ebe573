"""The server of `protonet view`: this machine alone, one page, one file, nothing else."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from protonet.drawing.live import Session
from protonet.drawing.page import page

_LARGEST = 64 * 2**20  # bytes of a request
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

    def __init__(self, session: Session, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self.host = f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self.host}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "protonet"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """The page."""
        if self.refused(f"/{self.server.token}/"):
            return
        text = page(self.server.session.first())
        self.answer(HTTPStatus.OK, text.encode(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """One question of the page's."""
        session, token = self.server.session, self.server.token
        known: dict[str, Callable[[Any], dict[str, Any]]] = {
            "check": lambda q: session.check(str(q["text"]), str(q["view"])),
            "torch": lambda q: session.torch(str(q["text"])),
            "changes": lambda q: session.changes(str(q["version"])),
            "save": lambda q: session.save(str(q["text"]), str(q["version"])),
        }
        name = self.path.rpartition("/")[2]
        if name not in known:
            self.fail(HTTPStatus.NOT_FOUND)
            return
        if self.refused(f"/{token}/{name}"):
            return
        if self.headers.get("X-Protonet") != "1":
            self.fail(HTTPStatus.FORBIDDEN)
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
            asked = json.loads(self.rfile.read(length)) if 0 <= length <= _LARGEST else None
            found = known[name](asked)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.fail(HTTPStatus.BAD_REQUEST)
            return
        self.answer(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

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
