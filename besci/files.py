"""Where the course's own files are: beside the package in a checkout, inside it once installed."""

import os
import tempfile
from difflib import get_close_matches
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def course_folder():
    """The folder (Path) that holds the course's `data` and `day_N`."""
    installed = _PACKAGE / "course"
    return installed if installed.is_dir() else _PACKAGE.parent


def own_folder():
    """Folder (Path) for what belongs to one person: BESCI_HOME, else the user's data folder.

    The model cache (BESCI_CACHE) may be one for all, and read-only.
    """
    if chosen := os.environ.get("BESCI_HOME"):
        return Path(chosen).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("besci")


def path(name):
    """Where a file of the course's data is, as a Path: `besci.path("article.pdf")`.

    With a folder in its name, of the course itself: `besci.path("day_3/preregistration.md")`.
    Raises FileNotFoundError for a name that is not there, saying which are.
    """
    folder = course_folder() / "data"
    file = (folder.parent if "/" in str(name) else folder) / name
    if not file.is_file():
        known = sorted(f.name for f in folder.glob("*.*"))
        near = get_close_matches(str(name), known, n=1)
        meant = f' Did you mean "{near[0]}"?' if near else ""
        raise FileNotFoundError(
            f'The course has no data file "{name}".{meant} It has: {", ".join(known)}.'
        )
    return file


def write_whole(file, content):
    """Write bytes to a file (Path), whole or not at all, whatever happens meanwhile.

    Raises OSError where that is not possible.
    """
    with tempfile.TemporaryDirectory(
        prefix=".writing-", dir=file.parent, ignore_cleanup_errors=True
    ) as aside:
        draft = Path(aside, file.name)
        draft.write_bytes(content)
        os.replace(draft, file)
