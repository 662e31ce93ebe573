"""The server: this machine alone, its page and its file alone, no foreign origin."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from nets import ZOO

from protonet.drawing.compose import Style
from protonet.drawing.live import Session
from protonet.drawing.server import Server
from protonet.selection import DEFAULT

LENET = (ZOO / "lenet" / "deploy.prototxt").read_text()


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(LENET)
    (tmp_path / "secret.txt").write_text("secret")
    with Server(Session(str(path), DEFAULT, Style())) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, path
        server.shutdown()
        thread.join()


def ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    sent = {"X-Protonet": "1", **headers} if method == "POST" else headers
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body)
    connection.request(method, path, raw, sent)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer, content


def test_it_listens_on_this_machine_alone(served):
    server, _ = served
    assert server.server_address[0] == "127.0.0.1"
    other = socket.gethostbyname(socket.gethostname())
    if not other.startswith("127."):
        with pytest.raises((ConnectionRefusedError, TimeoutError)):
            socket.create_connection((other, server.server_port), 2)


def test_the_page_is_there_and_nothing_else(served):
    server, _ = served
    answer, page = ask(server, "GET", f"/{server.token}/")
    assert answer.status == 200
    assert "LeNet" in page
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Access-Control-Allow-Origin"] is None
    for path in (
        "/",
        "/favicon.ico",
        f"/{server.token}",
        f"/{server.token}/secret.txt",
        f"/{server.token}/../secret.txt",
        f"/{server.token}/net.prototxt",
        f"/{'x' * 32}/",
        "/check",
    ):
        answer, content = ask(server, "GET", path)
        assert answer.status == 404, path
        assert "LeNet" not in content
        assert "secret" not in content


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_foreign_origins_and_rebound_names_are_refused(served, headers):
    server, path = served
    own = {"Host": server.host, **headers}
    body = {"text": "broken", "version": "", "view": "full"}
    for method, target in (("GET", ""), ("POST", "check"), ("POST", "save")):
        sent = None if method == "GET" else body
        answer, content = ask(server, method, f"/{server.token}/{target}", sent, **own)
        assert answer.status == 403
        assert "LeNet" not in content
    assert path.read_text() == LENET


def test_a_question_needs_the_token_and_the_header_no_form_can_send(served):
    server, path = served
    body = {"text": "x", "version": server.session.version()}
    answer, _ = ask(server, "POST", "/save", body)
    assert answer.status == 404
    answer, _ = ask(server, "POST", f"/{server.token}/save", body, **{"X-Protonet": ""})
    assert answer.status == 403
    for wrong in (None, [], {"text": 3}, "x", b"{", b"[" * 200_000):
        answer, _ = ask(server, "POST", f"/{server.token}/save", wrong)
        assert answer.status == 400
    assert path.read_text() == LENET


def test_problems_have_their_places(served):
    server, path = served
    text = LENET.replace("kernel_size: 5", "kernel_sizes: 5", 1).replace('"LeNet"', '"🙂"')
    answer = server.session.check(text, "collapsed")
    (error,) = answer["errors"]
    assert answer["net"] is None
    assert "kernel_sizes" in error["message"]
    assert "did you mean 'kernel_size'" in error["hint"]
    units = text.encode("utf-16-le")
    assert units[2 * error["start"] : 2 * error["end"]].decode("utf-16-le").startswith("kernel_s")
    assert text.splitlines()[error["line"] - 1][error["column"] - 1 :].startswith("kernel_sizes")
    assert path.read_text() == LENET


def test_saving_is_whole_and_only_over_what_was_read(served):
    server, path = served
    session = server.session
    version = session.version()
    changed = LENET.replace("LeNet", "Other")
    assert session.save(changed, "another") == {
        "error": "not saved: the file has changed on disk meanwhile"
    }
    assert path.read_text() == LENET
    assert session.save(changed, version) == {"version": session.version()}
    assert path.read_text() == changed
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.prototxt", "secret.txt"]
    path.write_bytes(b"# caf\xe9\r\n" + LENET.encode())
    assert session.save("x", session.version()) == {"error": "not saved: the file is not in UTF-8"}
    path.write_bytes(b"# a\r\n")
    assert "version" in session.save("# a\n# b\n", session.version())
    assert path.read_bytes() == b"# a\r\n# b\r\n"


def test_changes_are_told(served):
    server, path = served
    session = server.session
    version = session.version()
    timer = threading.Timer(0.3, path.write_text, [LENET.replace("LeNet", "Other")])
    timer.start()
    start = time.monotonic()
    answer = session.changes(version)
    assert time.monotonic() - start < 10
    assert "Other" in answer["text"]
    assert answer["version"] != version
    path.unlink()
    assert "can't be read" in session.changes(answer["version"])["error"]


def test_a_port_in_use_is_named(served):
    server, path = served
    port = str(server.server_port)
    command = [sys.executable, "-m", "protonet", "view", str(path), "--no-browser", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"port {port} can't be had" in done.stderr
    assert "leave --port out" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_ends_it_quietly(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(LENET)
    command = [sys.executable, "-m", "protonet", "view", str(path), "--no-browser"]
    # Whoever starts the tests in the background has them ignore Ctrl-C, and so would the command.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **heeding) as started:
        assert started.stderr.readline().startswith("http://127.0.0.1:")
        assert started.stderr.readline() == "Ctrl-C ends it\n"
        started.send_signal(signal.SIGINT)
        assert started.stderr.read().strip() in ("", "protonet: interrupted")
        assert started.wait(30) in (0, 130)


def request_slowly(server, sent):
    """A connection on which a request has begun."""
    made = socket.create_connection(("127.0.0.1", server.server_port), 10)
    made.sendall(sent)
    return made


def test_slow_and_many_clients_keep_nobody_out(served, monkeypatch):
    """What has no whole request is ended in time; one connection too many is closed at once."""
    server, _ = served
    monkeypatch.setattr("protonet.drawing.server._LONGEST", 2.0)
    token = server.token.encode()
    post = b"POST /%s/check HTTP/1.1\r\nHost: %s\r\nX-Protonet: 1\r\nContent-Length: 99\r\n\r\n{"
    begun = [b"", b"GET /", post % (token, server.host.encode())]
    waiting = [request_slowly(server, begun[i % 3]) for i in range(32)]
    time.sleep(0.2)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(server, "GET", f"/{server.token}/")
    for _ in range(30):
        time.sleep(0.1)
        for one in waiting[1::3]:  # a drop now and then does not help
            with contextlib.suppress(OSError):
                one.sendall(b"a")
    assert ask(server, "GET", f"/{server.token}/")[0].status == 200
    for one in waiting:
        one.settimeout(5)
        assert b"200" not in one.recv(100)
        one.close()
    assert not server._arriving


def test_without_descriptors_it_waits_and_goes_on(served, monkeypatch):
    """As under RLIMIT_NOFILE: the connection stays in the queue, and is not asked for in a ring."""
    server, _ = served
    calls, accept = [], server.socket.accept

    class Full:
        def __getattr__(self, name):
            return getattr(whole, name)

        def accept(self):
            calls.append(time.monotonic())
            if len(calls) < 5:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return accept()

    whole = server.socket
    monkeypatch.setattr(server, "socket", Full())
    assert ask(server, "GET", f"/{server.token}/")[0].status == 200
    assert len(calls) == 5
    assert calls[-1] - calls[0] > 0.3
