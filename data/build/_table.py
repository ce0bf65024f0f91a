"""Write a table the same way on every machine and every pandas."""

import os


def write_table(frame, path):
    """Write `frame` as CSV (UTF-8, LF, cells as they are); `path` is replaced only when whole."""
    part = path.with_name(path.name + ".part")
    try:
        frame.to_csv(part, index=False, encoding="utf-8", lineterminator="\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
