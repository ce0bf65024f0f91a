"""Hub ids that lead to the course's own copies: for plain Hugging Face code where there is no hub.

While a session is without the hub, huggingface_hub is in offline mode in this process, and reads a
cache made of links: to all that the user's cache holds, and to the copies of the course. Nothing is
written to the user's cache, so no copy is taken for the original later, once the hub is back or by
another program. The links lie in a temporary folder that goes with the process.
"""

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

_links = None  # the temporary folder, once there is one: paths into it stay right
_own = None  # the user's settings, (cache, offline mode), while ours are in their place
_placed = {}


def begin():
    """Take huggingface_hub in this process off the hub, with the user's cache linked."""
    global _links
    from huggingface_hub import constants

    end()
    _links = _links or tempfile.TemporaryDirectory(prefix="besci-hub-", ignore_cleanup_errors=True)
    for place in Path(_links.name).iterdir():
        _remove(place)
    _placed.clear()
    for found in Path(constants.HF_HUB_CACHE).glob("*--*"):
        with suppress(OSError):
            _link(found.absolute(), Path(_links.name, found.name))
    _take_over()


def put(repo, commit, folder):
    """Let the hub id `repo` lead to a model's folder (Path), in a session without the hub only.

    commit: 40 hexadecimal digits, the revision under which it is known. Raises OSError where no
    link can be made.
    """
    if not active():
        return
    folder = folder.resolve()  # which may be known by a link that goes now
    place = Path(_links.name, f"models--{repo.replace('/', '--')}")
    _remove(place)
    for part in ("refs", "snapshots"):
        (place / part).mkdir(parents=True)
    _link(folder, place / "snapshots" / commit)
    (place / "refs" / "main").write_text(commit, encoding="utf-8")
    _placed[repo] = folder


def active():
    """Whether this session is without the hub."""
    return _own is not None


def placed():
    """{hub id: folder (Path)} of what `put` has placed in this session."""
    return dict(_placed)


def end():
    """Give huggingface_hub the settings of the user back; whether ours were in their place."""
    global _own
    from huggingface_hub import constants

    if _own is None:
        return False
    constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = _own
    _own = None
    return True


@contextmanager
def asking_the_hub():
    """huggingface_hub as the user has set it up; it stays so where the hub gives what is asked."""
    taken_back = end()
    try:
        yield
    except BaseException:
        if taken_back:
            _take_over()
        raise


def _take_over():
    global _own
    from huggingface_hub import constants

    _own = constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE
    constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = _links.name, True


def _link(folder, place):
    try:
        place.symlink_to(folder, target_is_directory=True)
    except OSError:  # Windows lets few users make links to folders, and all to files
        shutil.copytree(folder, place, copy_function=os.link)


def _remove(place):
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)
