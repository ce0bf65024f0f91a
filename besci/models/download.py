"""A download by huggingface_hub that is bound to end: in a process of its own, which is watched.

huggingface_hub waits for as long as a server tells it to and follows wherever it is sent, in
threads that nobody can stop. A process can be ended at any time.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from besci.models.faults import DiskFull, Failed, Unreachable, busy_for, explained, refusal
from besci.progress import bytes_below, in_bytes

# Within this many seconds something must arrive, and no less than at the slowest speed that is of
# use (bytes a second). So a minute without progress ends a download, and the size limits its time.
STALL = 60
SLOWEST = 100_000
# Seconds that the process has for tidying up when it is told to end.
TIDY = 5

_CHILD = "from besci.models.download import main; main()"


def download(watched, total, patience, **wanted):
    """Path (str) of what `huggingface_hub.snapshot_download(**wanted)` brings.

    watched: the folder below which it arrives. total: bytes to come. patience: seconds that a
    rate-limited hub may ask to wait. Raises DiskFull, or Failed with the reason in words.
    """
    command = [sys.executable, "-P", "-c", _CHILD]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        # A session of its own: Ctrl-C in a terminal and a notebook's interrupt reach us alone.
        child = subprocess.Popen(
            command, **pipes, env=_environment(), text=True, start_new_session=True
        )
    except OSError as error:
        raise Failed(f"Python cannot be started ({error})") from error
    told = {}  # the newest of each kind of report
    listener = threading.Thread(target=_listen, args=(child.stdout, told), daemon=True)
    listener.start()
    try:
        child.stdin.write(json.dumps({"patience": patience, "wanted": wanted}) + "\n")
        child.stdin.flush()
        in_time = ends_in_time(child, watched, total, told)
    except OSError:  # it ended before it was asked
        in_time = True
    finally:
        _end(child)
        listener.join()
        child.stdout.close()
    if "folder" in told:
        return told["folder"]
    if "reason" in told:
        raise {kind.__name__: kind for kind in (DiskFull, Failed, Unreachable)}[told["reason"]](
            told["words"]
        )
    if in_time:
        raise Failed(f"the download broke off (exit code {child.returncode})")
    status, headers = told.get("answer", (0, {}))
    if status >= 400:
        raise refusal(status, headers)
    last = f"; the last answer was HTTP {status}" if status >= 300 else ""
    raise Unreachable(too_little() + last)


def too_little():
    """Why a download was ended that did not end of itself."""
    return f"less than {in_bytes(STALL * SLOWEST)} arrived in {STALL} s"


def _environment():
    """The environment of the child: huggingface_hub is there set up as it is here."""
    from huggingface_hub import constants, get_token

    package = Path(__file__).resolve().parents[2]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(package)]),
        "HF_ENDPOINT": constants.ENDPOINT,
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": get_token() or "",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def _listen(pipe, told):
    for line in pipe:
        told.update(json.loads(line))


def ends_in_time(child, watched, total, told=None):
    """Whether a child process ends of itself, as long as enough arrives.

    watched: the folder below which it writes. total: bytes to come. told: a dict in which it
    reports "bytes" that are on their way.
    """
    told = told or {}
    start = now = since = time.monotonic()
    before, mark = bytes_below(watched), 0
    while now < since + STALL and now < start + STALL + total / SLOWEST:
        try:
            child.wait(timeout=0.2)
            return True
        except subprocess.TimeoutExpired:
            pass
        # What is in the child's memory, on its way to the disk, has arrived too.
        now, arrived = time.monotonic(), max(bytes_below(watched) - before, told.get("bytes", 0))
        if arrived >= mark + STALL * SLOWEST:
            mark, since = arrived, now
        mark = min(mark, arrived)  # a file was begun anew
    return False


def _end(child):
    """End the child: it tidies up once its input ends, and is killed if it does not."""
    try:
        child.stdin.close()
    except OSError:  # it is gone
        pass
    try:
        child.wait(TIDY)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main():
    """What the child runs: reads what is wanted from its input, reports lines of JSON."""
    import huggingface_hub

    job = json.loads(sys.stdin.readline())
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no report
    turn = threading.Lock()

    def report(**what):
        with turn:
            print(json.dumps(what), file=pipe, flush=True)

    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A client that the library makes anew after a lost connection goes without; then the parent
    # ends too long a wait.
    client = huggingface_hub.get_session()
    client.event_hooks["response"].append(_answers(report, job["patience"]))
    # It would keep ten megabytes of each file to itself: a slow connection looked like none.
    huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = 1 << 20
    try:
        folder = huggingface_hub.snapshot_download(**job["wanted"], tqdm_class=_counter(report))
        report(folder=str(folder))
    except Exception as error:
        reason = explained(error)
        report(reason=type(reason).__name__, words=str(reason))
    os._exit(0)  # the thread that waits for the parent holds on to the input


def _answers(report, patience):
    """A hook that reports how the server answers, and waits for nobody beyond one's patience."""
    last = None

    def hook(response):
        nonlocal last
        status = response.status_code
        if status != last:
            last = status
            telling = ("ratelimit", "retry-after", "x-error-code")
            headers = {name: response.headers[name] for name in telling if name in response.headers}
            report(answer=(status, headers))
        if status == 429 and (busy_for(response.headers) or 1) > patience:
            raise refusal(status, response.headers)

    return hook


def _counter(report):
    """A progress bar that nobody sees: it reports the bytes that have come from the network."""
    from tqdm import tqdm

    class Counter(tqdm):
        reported = 0.0

        def update(self, n=1):
            super().update(n)
            if self.unit == "B" and time.monotonic() > Counter.reported + 0.2:
                Counter.reported = time.monotonic()
                report(bytes=self.n)

    return Counter


def _end_with_parent():
    """Wait until the parent closes the pipe, or is no more; remove half-written files and end."""
    import psutil

    sys.stdin.read()
    for file in psutil.Process().open_files():
        if file.path.endswith(".incomplete"):  # the library takes none of them up again
            try:
                os.unlink(file.path)
            except OSError:
                pass
    os._exit(1)
