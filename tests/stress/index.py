"""An index of packages that tells of holes, played on this machine: what `make audit` asks where the network is.

It is a proxy that takes every connection for its own and answers as the index does, under a certificate of a
certificate authority that only the asker is told of. So the asker is the real one, and no name of a host stands here.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


@contextmanager
def index(folder: Path, answer: Callable[[str, str], dict | None]) -> Iterator[dict[str, str]]:
    """Play the index; the environment in which one is sent to it, which keeps what it hears in `folder`.

    `answer` is given a package's name and version, and tells what the index knows of it, or None for nothing.
    """
    authority = trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(bundle)

    class Index(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self):
            """Say that the host is reached, and be it from here on."""
            self.send_response(200)
            self.end_headers()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(self.path.rpartition(":")[0]).configure_cert(context)
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            self.close_connection = False  # also where the asker speaks HTTP/1.0 to a proxy

        def do_GET(self):
            """`/pypi/NAME/VERSION/json`"""
            _, _, name, version, _ = self.path.split("/")
            told = answer(name, version)
            body = json.dumps(told).encode()
            self.send_response(404 if told is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asking(folder, server.server_port) | {"REQUESTS_CA_BUNDLE": str(bundle)}
        finally:
            server.shutdown()
            thread.join()


def asking(folder: Path, port: int) -> dict[str, str]:
    """The environment of an asker that is sent to `port` of this machine, and keeps what it hears in `folder`."""
    return {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "NO_PROXY": "", "PIP_CACHE_DIR": str(folder / "cache")}
