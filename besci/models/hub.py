"""A model from the Hugging Face hub, or from its cache on this computer.

Each function either delivers the model or raises `Failed` with the reason in words; a full disk is
raised as `DiskFull`, since no other source could help then.
"""

import glob
import hashlib
import queue
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from besci.models.faults import Failed, Unfinished, explained, first_line
from besci.models.weights import allowed, check_whole

# Seconds for the hub's first answer, all in all: looking up its name and trying each of its
# addresses behind a firewall that drops packets would take minutes otherwise.
FIRST_ANSWER = 8
# After no answer, other models do not ask again for this long (seconds).
SILENCE = 60
silent_since = {}


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
        raise Failed(f"{host} cannot be reached ({first_line(answer)})") from answer
    return answer


def _git_hash(file):
    """The name git gives this content."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
