"""What a notebook's setup cell calls: a quiet, seeded session and two lines that describe it."""

import os
import platform
import random
import warnings
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from besci.device import gpu, gpu_too_old
from besci.models import default_generator, without_hub
from besci.plots import set_style


@dataclass(frozen=True)
class Session:
    """What this session runs on; `print(session)` shows what `start` printed."""

    python: str
    torch: str
    transformers: str
    device: str
    memory_gb: float
    embedder: str
    generator: str
    seed: int
    without_hub: dict | None  # what hub ids lead to; None where the hub can be reached

    def __str__(self):
        lines = (
            f"{self.device}, {self.memory_gb:.0f} GB of memory\n"
            f"Python {self.python} · torch {self.torch} · transformers {self.transformers} · "
            f"models: {self.embedder}, {self.generator} · seed {self.seed}"
        )
        if self.without_hub is None:
            return lines
        copies = [f"{repo} ({what})" for repo, what in self.without_hub.items() if what]
        known = f"; in its place: {', '.join(copies)}" if copies else ""
        return f"{lines}\nThe Hugging Face hub cannot be reached{known}"


def start(seed=42):
    """Prepare a session and print what it runs on, and below it versions, models and seed.

    Where the Hugging Face hub cannot be reached, a third line says what hub ids lead to instead
    (see `besci.models.without_hub`), so that plain Hugging Face code runs all the same; once the
    hub is back, a new start leads to it again.

    Seeds Python, numpy and torch, switches off the libraries' chatter and sets the plot style.
    Functions that draw at random take a seed of their own, so re-running one cell gives the same
    result whatever ran before. Returns a Session. Raises TypeError for a seed that is no integer.
    """
    if not isinstance(seed, int):
        raise TypeError(f"seed must be a whole number, not {seed!r}")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

    import huggingface_hub
    import pandas as pd
    import torch
    import transformers

    huggingface_hub.utils.logging.set_verbosity_error()  # "unauthenticated requests"
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.formatwarning = _note
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    set_style()
    pd.set_option("display.max_colwidth", 120)  # whole questionnaire items
    device, memory = _device()
    session = Session(
        python=platform.python_version(),
        torch=version("torch").split("+")[0],
        transformers=version("transformers"),
        device=device,
        memory_gb=memory,
        embedder="minilm",
        generator=default_generator(),
        seed=seed,
        without_hub=without_hub(),
    )
    print(session)
    return session


def _note(message, category, filename, lineno, line=None):
    """A warning as a notebook shows it: the course's own without the place in its code."""
    if category is UserWarning:
        return f"Note: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"


def _device():
    """Name and memory (GB) of what computes: the GPU if there is one, else the processor."""
    if gpu():
        import torch

        properties = torch.cuda.get_device_properties(0)
        return f"GPU {properties.name}", properties.total_memory / 1e9
    import psutil

    beside = f" (no use can be made of the GPU {name})" if (name := gpu_too_old()) else ""
    return f"CPU with {os.cpu_count()} cores{beside}", psutil.virtual_memory().total / 1e9
