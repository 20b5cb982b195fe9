"""A hub on this machine: the endpoints that a pull asks, with all that can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# What the hub keeps in LFS.
_LARGE = (".safetensors", ".gguf", ".model", ".bin")


@dataclass(frozen=True)
class Request:
    """One request as it came: method, path, headers, and which of the two hosts was asked."""

    method: str
    path: str
    headers: dict[str, str]
    is_cdn: bool


@dataclass
class Reply:
    """What a fault does to a request instead of the usual.

    `status` answers with it; `drop_after` so many bytes breaks the connection, or with `hang` waits
    for `release`; `body` is another content; `hang_up` gives no answer at all.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    hang: bool = False
    body: bytes | None = None
    hang_up: bool = False


Fault = Callable[[Request], Reply | None]


class HubServer:
    """Repositories over HTTP. Large files are redirected to a second host, as the hub does.

    `fault` sees every request first, and may answer it in its own way. Use it in a `with`
    statement.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.card: dict[str, Any] = {"license": "apache-2.0"}
        self.wrong_size: dict[str, int] = {}
        self.release = threading.Event()
        self.requests: list[Request] = []
        self.fault: Fault = lambda _request: None
        self._servers = [self._server(is_cdn=False), self._server(is_cdn=True)]

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def cdn(self) -> str:
        """The host of the large files."""
        return f"http://localhost:{self._servers[1].server_port}"

    def asked(self, method: str, part: str) -> list[Request]:
        """The requests of a method whose path has `part`."""
        return [one for one in self.requests if one.method == method and part in one.path]

    def __enter__(self) -> HubServer:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _server(self, *, is_cdn: bool) -> ThreadingHTTPServer:
        this = self

        class Handler(_Handler):
            hub = this

            def do_GET(self) -> None:
                request = Request(self.command, self.path, dict(self.headers), is_cdn)
                this.requests.append(request)
                fault = this.fault(request)
                if fault and fault.hang_up:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif fault and fault.status:
                    self.send(fault.status, fault.body or b"", fault.headers)
                elif is_cdn:
                    repo, name = unquote(self.path.split("?")[0]).split("//")
                    self.send_ranged(this.repositories[repo[1:]][name], fault)
                else:
                    self.answer_hub(fault)

            do_HEAD = do_GET

        return _Server(("localhost" if is_cdn else "127.0.0.1", 0), Handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who hung up in the middle is what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def answer_hub(self, fault: Reply | None) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.answer_info("/".join(parts[2:4]), parts[5:])
            return
        if len(parts) < 5:
            self.send(404, b"", {})
            return
        repo, commit, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        files = self.hub.repositories.get(repo)
        if files is None:
            self.send(401, b"", {"X-Error-Code": "RepoNotFound"})
            return
        if commit not in (COMMIT, "main"):
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        if name not in files:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        content = files[name]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(content)}"'}
        if name.endswith(_LARGE):
            headers["X-Linked-ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
            headers["X-Linked-Size"] = str(len(content))
            headers["Location"] = f"{self.hub.cdn}/{repo}//{name}?signature=secret"
            self.send(302, b"", headers)
            return
        self.send_ranged(content, fault, headers)

    def answer_info(self, repo: str, revision: list[str]) -> None:
        files = self.hub.repositories.get(repo)
        if files is None:
            self.send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            return
        if "/".join(revision) not in ("main", COMMIT, ""):
            self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = []
        for name, content in files.items():
            entry: dict[str, Any] = {
                "rfilename": name,
                "size": self.hub.wrong_size.get(name, len(content)),
                "blobId": git_hash(content),
            }
            if name.endswith(_LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": entry["size"], "pointerSize": 130}
            siblings.append(entry)
        body = {
            "id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings,
            "cardData": self.hub.card, "private": False, "gated": False, "tags": [],
        }  # fmt: skip
        self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def send_ranged(
        self, content: bytes, fault: Reply | None, headers: dict[str, str] | None = None
    ) -> None:
        headers = dict(headers or {})
        asked = self.headers.get("Range")
        status, first = 200, 0
        if asked:
            first = int(asked.removeprefix("bytes=").split("-")[0])
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if fault and fault.body is not None:
            content = fault.body
        self.send(status, content[first:], headers, fault)

    def send(
        self, status: int, body: bytes, headers: dict[str, str], fault: Reply | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        drop_after = fault.drop_after if fault else None
        self.wfile.write(body[:drop_after])
        if fault is None or drop_after is None:
            return
        self.wfile.flush()
        if fault.hang:
            self.hub.release.wait(60)
            self.wfile.write(body[drop_after:])
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


def git_hash(content: bytes) -> str:
    """What git calls a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
