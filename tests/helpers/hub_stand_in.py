"""The few endpoints of the Hugging Face hub that an upload and a download use, on 127.0.0.1.

Repositories lie in memory: branches, commits, and files by their content. It speaks as
huggingface_hub 1 and 2 expect of a server without Xet: docs of the hub's API and of Git LFS.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_stand_in"
READ_ONLY = "hf_that_may_read_alone"


@dataclass
class Repository:
    """A model's repository: commits, each with all of its files, and the names of some."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Adds files to a branch; returns the commit."""
        whole = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        said = repr(sorted((n, hashlib.sha256(c).hexdigest()) for n, c in whole.items()))
        oid = hashlib.sha1(f"{len(self.commits)} {said}".encode()).hexdigest()
        self.commits[oid], self.branches[branch] = whole, oid
        return oid

    def find(self, revision: str) -> str:
        return self.branches.get(revision, revision)


@dataclass
class Hub:
    """The server, what it holds, and what was asked of it, as in "GET /api/models/a/b"."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by SHA-256
    asked: list[str] = field(default_factory=list)

    def fetched(self) -> set[str]:
        """The names of the files that were downloaded."""
        pattern = re.compile(r"GET /[^/]+/[^/]+/resolve/[^/]+/(.+)")
        return {found[1] for line in self.asked if (found := pattern.fullmatch(line))}


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A stand-in that listens as long as the context lasts."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing: tests look at `asked`."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                return answer(self, body, *found.groups())
        return self._fail(404, "no such page")

    def _who(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _send(self, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: Any) -> None:
        self._send(json.dumps(value).encode())

    def _fail(self, code: int, said: str, kind: str = "", **more: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Message", said)
        if kind:
            self.send_header("X-Error-Code", kind)
        body = json.dumps({"error": said, **more}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _may_write(self) -> bool:
        if self._who() == TOKEN:
            return True
        self._fail(403 if self._who() == READ_ONLY else 401, "this token may not write")
        return False

    def _repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and self._who() not in (TOKEN, READ_ONLY)):
            self._fail(401, "no such repository", "RepoNotFound")
            return None
        return found

    def _create(self, body: bytes) -> None:
        said = json.loads(body)
        name = f"{said['organization']}/{said['name']}"
        if not self._may_write():
            return
        if name in self.hub.repositories:
            self._fail(409, "it is there already", url=f"{self.hub.url}/{name}")
            return
        private = said.get("visibility") == "private" or bool(said.get("private"))
        self.hub.repositories[name] = Repository(private)
        self.hub.repositories[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        self._json({"url": f"{self.hub.url}/{name}", "id": name})

    def _yaml(self, body: bytes) -> None:
        good = json.loads(body)["content"].startswith("---\n")
        self._json({"errors": [] if good else [{"message": "no metadata"}], "warnings": []})

    def _preupload(self, body: bytes, name: str, revision: str) -> None:
        if not self._may_write():
            return
        held = self.hub.repositories[name].commits[self.hub.repositories[name].find(revision)]
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if _is_large(file["path"]) else "regular",
                "shouldIgnore": False,
                "oid": _etag(file["path"], held[file["path"]]) if file["path"] in held else None,
            }
            for file in json.loads(body)["files"]
        ]
        self._json({"files": files})

    def _batch(self, body: bytes, _: str) -> None:
        objects = [
            one
            if one["oid"] in self.hub.large
            else {**one, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}}}
            for one in json.loads(body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _put(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.large[oid] = body
        self._send(b"")

    def _commit(self, body: bytes, name: str, revision: str) -> None:
        if not self._may_write():
            return
        files = {}
        for line in body.splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
            elif item["key"] == "lfsFile":
                files[item["value"]["path"]] = self.hub.large[item["value"]["oid"]]
        oid = self.hub.repositories[name].commit(files, revision)
        self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{oid}", "commitOid": oid})

    def _info(self, _: bytes, name: str, revision: str | None) -> None:
        if not (repository := self._repository(name)):
            return
        oid = repository.find(revision or "main")
        if oid not in repository.commits:
            self._fail(404, "no such revision", "RevisionNotFound")
            return
        siblings = [{"rfilename": path} for path in repository.commits[oid]]
        about = {"id": name, "sha": oid, "private": repository.private}
        self._json({**about, "tags": [], "siblings": siblings})

    def _tree(self, _: bytes, name: str, revision: str) -> None:
        if not (repository := self._repository(name)):
            return
        self._json(
            [
                {
                    "type": "file",
                    "path": path,
                    "size": len(content),
                    "oid": _oid(path, content),
                    **({"lfs": _pointer(content)} if _is_large(path) else {}),
                }
                for path, content in repository.commits[repository.find(revision)].items()
            ]
        )

    def _resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        if not (repository := self._repository(name)):
            return
        oid = repository.find(revision)
        content = repository.commits.get(oid, {}).get(path)
        if content is None:
            self._fail(404, "no such file", "EntryNotFound")
            return
        tag = f'"{_etag(path, content)}"'
        self._send(content, "application/octet-stream", ETag=tag, X_Repo_Commit=oid)


def _is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".stablehlo", ".bin"))


def _etag(path: str, content: bytes) -> str:
    """What tells a file's content: of a large one SHA-256."""
    return hashlib.sha256(content).hexdigest() if _is_large(path) else _oid(path, content)


def _oid(path: str, content: bytes) -> str:
    """What Git calls the content; of a large file its pointer's."""
    if _is_large(path):
        sha = hashlib.sha256(content).hexdigest()
        content = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(content)}\n"
        ).encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _pointer(content: bytes) -> dict[str, Any]:
    sha = hashlib.sha256(content).hexdigest()
    return {"oid": sha, "size": len(content), "pointerSize": 134}


_NAME = "([^/]+/[^/]+)"
ROUTES = (
    ("POST", "/api/repos/create", _Handler._create),
    ("POST", "/api/validate-yaml", _Handler._yaml),
    ("POST", f"/api/models/{_NAME}/preupload/(.+)", _Handler._preupload),
    ("POST", f"/{_NAME}\\.git/info/lfs/objects/batch", _Handler._batch),
    ("PUT", "/lfs/([0-9a-f]+)", _Handler._put),
    ("POST", f"/api/models/{_NAME}/commit/(.+)", _Handler._commit),
    ("GET", f"/api/models/{_NAME}(?:/revision/(.+))?", _Handler._info),
    ("GET", f"/api/models/{_NAME}/tree/([^/]+)", _Handler._tree),
    ("HEAD", f"/{_NAME}/resolve/([^/]+)/(.+)", _Handler._resolve),
    ("GET", f"/{_NAME}/resolve/([^/]+)/(.+)", _Handler._resolve),
)
