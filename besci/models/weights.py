"""Whether a model is whole: its files, and in them all of its weights."""

import json
from fnmatch import fnmatch
from math import prod
from pathlib import Path

from besci.models.faults import Failed

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json")


def allowed(name, model):
    """Whether the registry allows this file. The `*` of a pattern stands for no folder."""
    return any(
        fnmatch(name, pattern) and name.count("/") == pattern.count("/")
        for pattern in model["files"]
    )


def count_parameters(folder):
    """How many numbers the safetensors files of a folder hold; 0 where there are none.

    Raises ValueError for a file whose header cannot be read.
    """
    return sum(
        prod(weight["shape"])
        for file in Path(folder).glob("*.safetensors")
        for name, weight in _header(file)[1].items()
        if name != "__metadata__"
    )


def check_whole(model, folder):
    """Raise Failed unless the folder holds configuration, tokenizer and weights of full length."""
    needed = ["config.json"]
    if model["kind"] == "embedder":
        needed += ["modules.json", "1_Pooling/config.json"]
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        weights = sorted(set(index["weight_map"].values()))
    except FileNotFoundError:
        weights = ["model.safetensors"]
    except (ValueError, KeyError, AttributeError):
        raise Failed("model.safetensors.index.json cannot be read") from None
    for name in needed + weights:
        if not (folder / name).is_file():
            raise Failed(f"{name} is missing")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise Failed("the tokenizer is missing")
    for name in weights:
        if not _is_whole(folder / name):
            raise Failed(f"{name} is damaged: it is not as long as its header says")


def _is_whole(weights):
    """Whether a safetensors file is as long as its own header says."""
    try:
        length, header = _header(weights)
        end = max(t["data_offsets"][1] for name, t in header.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return weights.stat().st_size == 8 + length + end


def _header(weights):
    """(length, content) of the header of a safetensors file."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length >= weights.stat().st_size:
            raise ValueError(f"{weights.name} is damaged: it is shorter than its header")
        return length, json.loads(file.read(length))


def check_weights(name, found, unused=()):
    """Raise ValueError where a folder lacked weights of its model, or had them in another shape.

    They would be random, without a word.

    found: what `from_pretrained(..., output_loading_info=True)` returns beside the model. unused:
    parts of names of weights that nothing is computed from.
    """
    missing = [key for key in found["missing_keys"] if not any(part in key for part in unused)]
    reshaped = [key for key, *_ in found["mismatched_keys"]]
    if not missing and not reshaped:
        return
    wrong = "lack" if missing else "have in another shape"
    listed, more = sorted(missing or reshaped), sorted(found["unexpected_keys"])
    extra = f" There are others instead, such as {more[0]}." if more else ""
    raise ValueError(
        f"{name} cannot be used: its files {wrong} {len(listed)} of the model's weights, such as "
        f"{listed[0]}.{extra} Save the whole model with save_pretrained; of an adapter (PEFT), "
        "merge it first (merge_and_unload)."
    )
