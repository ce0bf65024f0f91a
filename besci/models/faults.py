"""Why a model could not be had, in words for somebody who did not write this code."""

import errno
import re


class Failed(Exception):
    """Why a source could not give a model."""


class Unfinished(Failed):
    """The source broke off; the files it has finished are worth keeping for the next attempt."""


class DiskFull(Exception):
    """No space left where the model is written."""


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
            return DiskFull(first_line(link))
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
    return Failed(f"{type(chain[-1]).__name__}: {first_line(chain[-1])}")


def first_line(error):
    return without_credentials((str(error) or type(error).__name__).splitlines()[0])


def without_credentials(text):
    """The text without the user names and passwords that its addresses hold."""
    return re.sub(r"(?<=://)[^/\s@]+@", "", text)
