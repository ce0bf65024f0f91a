"""Language models in memory: one copy of each, kept as long as it is used, and room for another."""

import gc
import re
import threading
import weakref
from pathlib import Path

import psutil

_alive = weakref.WeakValueDictionary()  # {(folder, dtype, device, last change): Loaded}
_loading = threading.Lock()  # transformers cannot load two models at the same time
_last = []  # the model used last stays, even where a cell has kept nothing that refers to it


class Loaded:
    """A model and its tokenizer; whoever uses them holds on to this and computes under its lock."""

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer, self.lock = model, tokenizer, threading.RLock()
        self.parameters = sum(weight.numel() for weight in model.parameters())


def shared(folder, dtype, device, load):
    """The Loaded of this folder, dtype and device: the one in memory, else what load() returns.

    So a cell that is run again takes no time, and no second copy of the weights. A folder whose
    files have changed since is loaded anew.
    """
    key = str(folder), str(dtype), str(device), last_change(folder)
    with _loading:
        loaded = _alive.get(key)
        if loaded is None:
            release()
            loaded = _alive[key] = load()
        _last[:] = [loaded]
    return loaded


def last_change(folder):
    """When a file of the folder was last written, in nanoseconds."""
    return max((file.stat().st_mtime_ns for file in Path(folder).rglob("*")), default=0)


def in_memory(folder):
    """Whether a model of this folder is in memory, on whatever device."""
    return any(key[0] == str(folder) for key in _alive.keys())


def release():
    """Give back the memory of models that no variable holds any more.

    The model used last is kept even then, for the next cell; after `del llm` this lets it go too.
    """
    import torch

    _last.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free_bytes(device="cuda", cgroup=Path("/sys/fs/cgroup")):
    """Bytes of memory that are free on a device once all that is not used has been let go.

    device: "cuda" (the current GPU), another torch.device of this kind, or "cpu". In a container,
    such as those of Binder or JupyterHub, what it may still take counts, not what the computer has.
    """
    import torch

    gc.collect()
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    try:
        most, used = (int((cgroup / f"memory.{what}").read_text()) for what in ("max", "current"))
        # Files kept in memory in case they are read again give way.
        kept = re.search(r"^inactive_file (\d+)$", (cgroup / "memory.stat").read_text(), re.M)
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return min(free, most - used + int(kept[1] if kept else 0))
