"""A graphics card that is pretended: a T4 to whoever asks, while the processor computes.

Python runs this file by its name in a kernel whose PYTHONPATH begins with this folder. Whatever
goes to "cuda" stays where it is, so a notebook takes the branches of a GPU; what only a real card
does (16 bits, memory, two places for numbers) is not tried.
"""

import gc
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from types import SimpleNamespace

TOTAL = 15_660_000_000  # bytes of a T4


def pretend(torch):
    from torch.overrides import TorchFunctionMode

    def moved(value):
        """The value with the processor in place of the card."""
        if isinstance(value, torch.device):
            return torch.device("cpu") if value.type == "cuda" else value
        if isinstance(value, str) and value.split(":")[0] == "cuda":
            return "cpu"
        return value

    class OnTheProcessor(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = {name: moved(value) for name, value in (kwargs or {}).items()}
            return function(*map(moved, args), **kwargs)

    card = SimpleNamespace(
        name="Tesla T4", total_memory=TOTAL, major=7, minor=5, multi_processor_count=40
    )
    for name, value in {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "_lazy_init": lambda: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "get_device_name": lambda *_: card.name,
        "get_device_properties": lambda *_: card,
        "get_device_capability": lambda *_: (card.major, card.minor),
        "get_arch_list": lambda: ["sm_75"],
        "is_bf16_supported": lambda *_, **__: False,
        "mem_get_info": lambda *_: (TOTAL, TOTAL),
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "reset_peak_memory_stats": lambda *_: None,
        "empty_cache": gc.collect,
        "synchronize": lambda *_: None,
        "manual_seed": lambda seed: None,
        "manual_seed_all": lambda seed: None,
    }.items():
        setattr(torch.cuda, name, value)
    OnTheProcessor().__enter__()


class Finder(MetaPathFinder):
    """Lets torch be imported as ever, and pretends right afterwards."""

    def find_spec(self, name, path=None, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            pretend(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
