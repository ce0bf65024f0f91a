"""SHA-256 of files."""

import hashlib


def sha256(file):
    """The SHA-256 of a file (Path), as 64 hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
