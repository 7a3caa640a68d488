"""How the simulator is served on localhost: HTTP/1.1 with connections that stay open, a thread for each.

Werkzeug's development server closes every connection, which costs the SDK a new one for each message and hides the
faults of connections that are kept; hence this small one.
"""

import contextlib
import http.server
import io
import os
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Dropped(ConnectionError):
    """Raised by the application: close the connection without an answer, or reset it."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("the connection was dropped on purpose")
        self.reset = reset


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"

    def answer(self) -> None:
        """Run the application for one request and send its answer in one piece."""
        length = int(self.headers.get("Content-Length") or 0)
        environ = self._environ(self.rfile.read(length))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[..., Any]:
            started.append((status, headers))
            return self.wfile.write

        try:
            answered = self.server.app(environ, start_response)
            body = b"".join(answered)
        except Dropped as dropped:
            self._drop(reset=dropped.reset)
            return
        status, headers = started[-1]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if hasattr(answered, "close"):  # WSGI's word for: the answer has left
            answered.close()

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: request lines hold phone numbers."""

    def _environ(self, body: bytes) -> dict[str, Any]:
        parts = urlsplit(self.path)
        host, port = self.server.server_address[:2]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(parts.path).encode().decode("latin-1"),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        return environ | {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in self.headers.items()}

    def _drop(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:  # lingering for zero seconds makes close() send RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        else:
            self.server.drop(self.connection)


class Server(http.server.ThreadingHTTPServer):
    """A running application; leave the `with` block to stop it."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, app: "WSGIApplication", *, host: str, port: int, on_stop: Callable[[], None]) -> None:
        super().__init__((host, port), _Handler)
        self.app = app
        self._on_stop = on_stop
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://host:port`, where it listens."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def stop(self) -> None:
        """Stop listening and close every connection."""
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.drop(connection)
        self._on_stop()

    def drop(self, connection: socket.socket) -> None:
        """Close a connection under its handler."""
        self._connections.discard(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can close it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that went away is a normal event here."""

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
