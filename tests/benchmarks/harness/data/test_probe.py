import http.server
import socket
import threading
import time

import pytest

from benchmarks.harness.data.probe import why_unreachable


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def silent():
    """The port of a local socket that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def website():
    """The port of a local server that has one file, `/there`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path == "/there" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_host_that_answers_is_reachable(website):
    assert why_unreachable(f"http://127.0.0.1:{website}/there") is None


def test_a_missing_file_is_reported_as_unreachable(website):
    fault = why_unreachable(f"http://127.0.0.1:{website}/gone")

    assert fault == "127.0.0.1 cannot be reached (HTTP status 404)"


def test_a_closed_port_is_reported_at_once():
    start = time.monotonic()

    assert "refused" in why_unreachable("http://127.0.0.1:9/file")
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_does_not_answer_is_given_up(silent, scheme):
    start = time.monotonic()

    fault = why_unreachable(f"{scheme}://127.0.0.1:{silent}/file", seconds=0.3)

    assert fault.startswith("127.0.0.1 cannot be reached (")
    assert time.monotonic() - start < 1


def test_a_host_that_does_not_answer_is_given_up_within_five_seconds_by_default(silent):
    start = time.monotonic()

    assert why_unreachable(f"http://127.0.0.1:{silent}/file")
    assert time.monotonic() - start < 5


def test_a_look_up_that_hangs_is_given_up(monkeypatch):
    end = threading.Event()

    def hang(*_, **__):
        end.wait(20)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.monotonic()

    fault = why_unreachable("http://host.invalid/file", seconds=0.2)

    end.set()
    assert fault == "host.invalid cannot be reached (no answer within 0.2 s)"
    assert time.monotonic() - start < 1


def test_a_proxy_is_asked_instead_of_the_host(monkeypatch, website):
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{website}")

    assert "HTTP status 404" in why_unreachable("http://host.invalid/file")
