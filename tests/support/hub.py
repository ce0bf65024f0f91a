"""A stand-in for the Hugging Face hub on loopback, serving tiny random models under real ids.

`with hub_server() as url:` serves tiny models for the registry's entries; set HF_ENDPOINT to the
url in a new process. The fixture `hub` (import `hub_fixture`) gives the running `Hub` and points
huggingface_hub in this process at it, with an empty cache: `hub.requests` lists what was asked,
`hub.fail(...)` switches faults on.
"""

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tiny_models import build_tiny_models, unpinned

from besci.models import hub as hub_source
from besci.models import registry

PHI3 = "microsoft/Phi-3-mini-4k-instruct"
SECOND_SHARD = r"model-00002-of-00002\.safetensors$"
WEIGHTS = r"\.safetensors$"
NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
LARGE = (".safetensors", ".bin", ".h5", ".model")  # kept in large file storage, named by SHA-256
BLOCK = 16_384


def commit_of(repo):
    """The commit a repository is served at: the registry's, else one made from the id."""
    for model in registry.all_entries().values():
        if model["hub"] == repo:
            return model["commit"]
    return hashlib.sha1(repo.encode()).hexdigest()


class Hub:
    """A running server: a context manager; `serve` adds a folder, `fail` and `heal` switch faults.

    folders: {hub id: folder}, by default tiny models for the registry's entries.
    """

    def __init__(self, folders=None):
        folders = build_tiny_models() if folders is None else folders
        self.folders = {repo: Path(folder) for repo, folder in folders.items()}
        self.requests = []  # (method, path without query)
        self.tokens = set()  # the Authorization headers that came
        self.faults = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, repo, folder):
        self.folders[repo] = Path(folder)

    def fail(self, kind, path="", times=None, method="GET", after=0, seconds=0.0, wait=1):
        """Answer requests whose path matches the pattern `path` with a fault.

        kind: "refuse" (close without an answer), "limit" (429 with RateLimit and Retry-After of
        `wait` seconds), "error" (500), "redirect" (to the same address), "deaf" (no answer, ever),
        "cut" (close after `after` bytes of the file), "wrong" (one byte changed), "slow" (`seconds`
        before each block of 16 KiB) or "drip" (`seconds` before each byte).
        times: None means always. method: a method, or None for any.
        """
        self.faults.append(
            {
                "kind": kind,
                "path": path,
                "times": times,
                "method": method,
                "after": after,
                "seconds": seconds,
                "wait": wait,
            }
        )

    def heal(self):
        self.faults.clear()

    def asked(self, pattern, method="GET"):
        """Paths of the requests that match."""
        return [path for m, path in self.requests if m == method and re.search(pattern, path)]

    def fault(self, method, path):
        """The fault this request shall meet, or None; counts it."""
        for fault in self.faults:
            wanted = fault["method"] in (None, method) and re.search(fault["path"], path)
            if wanted and fault["times"] != 0:
                fault["times"] = fault["times"] and fault["times"] - 1
                return fault
        return None


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def end_headers(self):
            # As the hub greets everybody without a token.
            notice = "unauthenticated; You are sending unauthenticated requests to the HF Hub."
            self.send_header("X-HF-Warning", notice)
            super().end_headers()

        def do_GET(self):
            self.answer()

        def do_HEAD(self):
            self.answer()

        def answer(self):
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            hub.tokens.add(self.headers.get("Authorization"))
            fault = hub.fault(self.command, path) or {"kind": None}
            if fault["kind"] == "refuse":
                self.close_connection = True
            elif fault["kind"] == "limit":
                wait = str(fault["wait"])
                self.reply(
                    429,
                    b"We had to rate limit your IP.",
                    {"RateLimit": f'"api";r=0;t={wait}', "Retry-After": wait},
                )
            elif fault["kind"] == "error":
                self.reply(500, b"Internal Error")
            elif fault["kind"] == "redirect":
                self.reply(302, b"", {"Location": self.path})
            elif fault["kind"] == "deaf":
                hub.closing.wait()
                self.close_connection = True
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?", path):
                self.api(match[1], match[2] or "/revision/main")
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self.file(*match.groups(), fault)
            else:
                self.missing("EntryNotFound")

        def reply(self, status, body, headers=()):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def missing(self, code):
            self.reply(404, b"{}", {"X-Error-Code": code})

        def found(self, repo, revision):
            """Folder of the repository at the revision, or None after answering 404."""
            if repo not in hub.folders:
                self.missing("RepoNotFound")
            elif revision not in ("main", commit_of(repo)):
                self.missing("RevisionNotFound")
            else:
                return hub.folders[repo]
            return None

        def api(self, repo, rest):
            match = re.fullmatch(r"/(revision|tree)/([^/]+)(?:/(.+))?", rest)
            if not match or match[3]:
                return self.missing("EntryNotFound")
            folder = self.found(repo, match[2])
            if folder is None:
                return None
            listing = [_described(folder, file) for file in _files(folder)]
            if match[1] == "tree":
                content = [
                    {"type": "file", "path": f["rfilename"], "size": f["size"], "oid": f["blobId"]}
                    | ({"lfs": f["lfs"] | {"oid": f["lfs"]["sha256"]}} if f["lfs"] else {})
                    for f in listing
                ]
            else:
                content = {
                    "id": repo,
                    "modelId": repo,
                    "sha": commit_of(repo),
                    "private": False,
                    "tags": [],
                    "siblings": listing,
                }
            return self.reply(
                200, json.dumps(content).encode(), {"Content-Type": "application/json"}
            )

        def file(self, repo, revision, name, fault):
            folder = self.found(repo, revision)
            if folder is None:
                return None
            if name not in [file.relative_to(folder).as_posix() for file in _files(folder)]:
                return self.missing("EntryNotFound")
            content = (folder / name).read_bytes()
            described = _described(folder, folder / name)
            etag = described["lfs"]["sha256"] if described["lfs"] else described["blobId"]
            first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))
            start = int(first[1]) if first else 0
            if fault["kind"] == "wrong":
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("X-Repo-Commit", commit_of(repo))
            self.send_header("ETag", f'"{etag}"')
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - start))
            if "Range" in self.headers:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            self.end_headers()
            if self.command == "HEAD":
                return None
            if fault["kind"] == "cut":
                self.wfile.write(content[start : start + fault["after"]])
                self.close_connection = True
                return None
            block = 1 if fault["kind"] == "drip" else BLOCK
            for at in range(start, len(content), block):
                if fault["kind"] in ("slow", "drip") and hub.closing.wait(fault["seconds"]):
                    self.close_connection = True
                    return None
                try:
                    self.wfile.write(content[at : at + block])
                except OSError:  # the client was killed
                    self.close_connection = True
                    return None
            return None

    return Handler


def _files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _described(folder, file):
    """One file as the hub's model information lists it."""
    return _hashed(folder, file, file.stat().st_mtime_ns)


@cache
def _hashed(folder, file, _changed):
    content = file.read_bytes()
    large = file.suffix in LARGE
    pointer = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return {
        "rfilename": file.relative_to(folder).as_posix(),
        "size": len(content),
        "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
        "lfs": pointer | {"pointerSize": 134} if large else None,
    }


@contextmanager
def hub_server(folders=None):
    """The url of a running Hub; see there."""
    with Hub(folders) as hub:
        yield hub.url


def hub_environment(url, cache):
    """Environment variables that make a new process use the hub at `url` and an empty cache."""
    return {
        "HF_ENDPOINT": url,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
        "TRANSFORMERS_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(name="cache")
def cache_fixture(tmp_path, monkeypatch):
    """The place of the models in an empty course cache; the hub has not been silent yet."""
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "course cache"))
    monkeypatch.setattr(hub_source, "silent_since", {})
    return tmp_path / "course cache" / "models"


@pytest.fixture(name="hub")
def hub_fixture(tmp_path, monkeypatch):
    """A running Hub that huggingface_hub in this process talks to; no hash of it is pinned."""
    table = unpinned()
    monkeypatch.setattr(registry, "all_entries", lambda: table)
    with Hub() as running:
        point_at(running.url, tmp_path / "huggingface", monkeypatch)
        yield running


def point_at(url, cache, monkeypatch):
    """Make huggingface_hub in this process use another endpoint and cache, and go online."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
