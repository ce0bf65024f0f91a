"""The progress bar of whatever takes long."""

import os
import sys
import threading
import warnings
from contextlib import contextmanager

# Bytes a second of a good connection, such as Colab's or a university's; for the estimate alone.
GOOD_SPEED = 50_000_000


def progress_bar(total, label, progress, **settings):
    """A progress bar that shows itself only after a second. settings: more of tqdm's own."""
    with warnings.catch_warnings():  # tqdm complains where notebook widgets are missing
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        settings = {"disable": not progress, "delay": 1, "leave": False} | settings
        return tqdm(total=total, desc=label, **settings)


@contextmanager
def fetching(name, source, total, folder):
    """Say what comes from where and how long it takes, then show how much has arrived.

    total: bytes that are still to come; nothing is said where there are none. folder: what is
    written anywhere below it, by whichever process, counts as arrived.
    """
    if not total:
        yield
        return
    minutes = max(1, round(total / GOOD_SPEED / 60))
    takes = f"about {minutes} minutes" if minutes > 1 else "a minute or less"
    kept = "again in each new session" if "google.colab" in sys.modules else "kept for next time"
    print(
        f"Fetching {name} from {source}: {in_bytes(total)}, {takes} at "
        f"{GOOD_SPEED / 1e6:.0f} MB/s ({kept}).",
        flush=True,
    )
    before, done = bytes_below(folder), threading.Event()

    def watch(bar):
        while not done.wait(0.2):
            arrived = min(bytes_below(folder) - before, total)
            bar.update(max(arrived - bar.n, 0))

    with progress_bar(total, name, True, unit="B", unit_scale=True) as bar:
        watcher = threading.Thread(target=watch, args=(bar,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def bytes_below(folder):
    """Bytes of all files below a folder, while others may be writing there."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # gone since
                pass
    return total


def in_bytes(count):
    """A number of bytes as people read it: "7.6 GB", "91 MB", "12 KB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if unit == "GB" else f"{count / size:.0f} {unit}"
    return f"{count / 1e3:.0f} KB"
