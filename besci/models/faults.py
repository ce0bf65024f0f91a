"""Why a model could not be had, in words for somebody who did not write this code."""

import errno
import re
import shutil

from besci.progress import in_bytes


class Failed(Exception):
    """Why a source could not give a model."""


class Unreachable(Failed):
    """The source gave no answer, or none for now; a copy on this computer is as good as any."""


class Unfinished(Failed):
    """The source broke off; the files it has finished are worth keeping for the next attempt."""


class DiskFull(Exception):
    """No space left where the model is written."""


def require_room(folder, needed):
    """Raise DiskFull where the disk of `folder`, there or yet to be made, lacks `needed` bytes."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    disk = shutil.disk_usage(place)
    if disk.total and disk.free < needed:  # some network drives state no sizes at all
        raise DiskFull(f"{in_bytes(needed)} are needed, {in_bytes(disk.free)} are free")


def explained(error):
    """`error` as Failed or DiskFull, in words for somebody who did not write this code."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    for link in chain:
        # Errors from compiled libraries carry the errno in their text only.
        if getattr(link, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or re.search(
            r"No space left|os error 28\b|disk quota", str(link), re.IGNORECASE
        ):
            return DiskFull(first_line(link))
    for link in chain:
        if isinstance(link, (Failed, DiskFull)):
            return link
        response = getattr(link, "response", None)
        if status := getattr(response, "status_code", None):
            return refusal(status, response.headers)
    return Failed(f"{type(chain[-1]).__name__}: {first_line(chain[-1])}")


def refusal(status, headers):
    """What the hub means by an HTTP status of 400 or more, as Failed."""
    code = headers.get("x-error-code")
    if status == 429:
        wait = busy_for(headers)
        when = f"in {wait} s" if wait else "in five minutes"
        return Unreachable(
            "the hub limits requests from this network, which many people may share "
            f"(HTTP 429); it can be asked again {when}, or at once with an HF_TOKEN"
        )
    if code == "RepoNotFound":
        return Failed(f"the hub has no public model of this name (HTTP {status})")
    if code == "GatedRepo":
        return Failed(
            "its licence must be accepted first, on its page on the hub, and then an HF_TOKEN "
            f"shows who you are (HTTP {status})"
        )
    if status in (401, 403):
        return Failed(f"the hub refuses access (HTTP {status}); remove or renew your HF_TOKEN")
    if status == 404:
        return Failed("the hub does not have this version of the model (HTTP 404)")
    return Unreachable(f"the hub has a problem (HTTP {status})")


def busy_for(headers):
    """Seconds after which a rate-limited hub says it can be asked again; None if it does not."""
    from huggingface_hub.utils import parse_ratelimit_headers

    if limit := parse_ratelimit_headers(headers):
        return limit.reset_in_seconds
    after = headers.get("retry-after", "")
    return int(after) if after.isdecimal() else None


def first_line(error):
    return without_credentials((str(error) or type(error).__name__).splitlines()[0])


def without_credentials(text):
    """The text without the user names and passwords that its addresses hold."""
    return re.sub(r"(?<=://)[^/\s@]+@", "", text)
