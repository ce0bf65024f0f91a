"""SHA-256 of files, of large ones only once while they stay as they are."""

import hashlib
import json
import os
from pathlib import Path

from besci.files import write_whole

SMALL = 20_000_000  # bytes; files below are hashed whenever they are asked for


def sha256(file):
    """The SHA-256 of a file's content, as hexadecimal digits."""
    with Path(file).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sha256_remembered(file, memory_file):
    """The SHA-256 of a file; that of a large one is kept in `memory_file` for the next time.

    It is known again by the file's place, size, time of change and inode. A memory that cannot be
    read or written costs nothing but time; None keeps nothing.
    """
    file = Path(file).resolve()  # the Hugging Face cache keeps links to its files
    known_by = _state(file)
    if known_by[0] < SMALL or memory_file is None:
        return sha256(file)
    remembered = _read(memory_file).get(str(file))
    if isinstance(remembered, list) and remembered[:-1] == known_by:
        return remembered[-1]
    digest = sha256(file)
    if _state(file) == known_by:
        _remember(memory_file, str(file), [*known_by, digest])
    return digest


def _state(file):
    about = file.stat()
    return [about.st_size, about.st_mtime_ns, about.st_ino]


def _read(memory_file):
    try:
        content = json.loads(Path(memory_file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remember(memory_file, name, entry):
    memory_file = Path(memory_file)
    kept = {place: known for place, known in _read(memory_file).items() if os.path.exists(place)}
    try:
        memory_file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(memory_file, json.dumps(kept | {name: entry}, indent=1).encode())
    except OSError:
        pass
