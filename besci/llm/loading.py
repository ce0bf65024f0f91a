"""Finding and loading a language model: from the registry, the hub, or a folder."""

import json
import re
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
)

from besci.models import (
    Loaded,
    ModelUnavailable,
    all_entries,
    carried_by,
    check_weights,
    count_parameters,
    entry,
    free_bytes,
    generators,
    is_hub_id,
    model_folder,
    model_path,
    shared,
)

AGAIN = 600  # seconds after which a default that could not be fetched is tried again
unavailable_since = {}


def locate(model, long=False, revision=None):
    """(name, local folder, commit or where else it is from) of a model as users name it.

    long: whether None means the default for long prompts. revision: of a hub id.

    Raises ValueError for a name that is none, and ModelUnavailable if it cannot be had.
    """
    if model is None:
        model = _default(long)
    if folder := model_folder(model):
        name = folder.resolve().name
        if (config := folder / "config.json").is_file():
            check_config(name, json.loads(config.read_text(encoding="utf-8")))
        return name, str(folder), "local folder"
    model = str(model)
    if is_hub_id(model):
        folder = model_path(model, revision, look=partial(check_config, model))
        return model, folder, carried_by(folder) or Path(folder).name
    if "/" in model or "\\" in model:
        raise ValueError(f"There is no folder {model!r}.")
    registered = entry(model)
    if registered["kind"] != "generator":
        raise ValueError(f"{model} is not a language model; it is for {registered['for']}.")
    folder = model_path(model, revision)
    # A package that carries a GGUF file carries the hub's own.
    carried = "" if "gguf" in registered else carried_by(folder)
    return model, folder, carried or registered["commit"]


def _default(long):
    """The first generator for this computer that can be had; prints which one, and why."""
    *others, last = generators(long)
    for key, why in others:
        # One that could not be fetched a moment ago is not tried again in the next cell.
        if time.monotonic() - unavailable_since.get(key, -AGAIN) < AGAIN:
            continue
        try:
            model_path(key)
        except ModelUnavailable as error:
            unavailable_since[key] = time.monotonic()
            print(error)
        else:
            print(f"{key} is taken: {why}.")
            return key
    print(f"{last[0]} is taken: {last[1]}.")
    return last[0]


def check_config(name, config):
    """Raise ValueError for the config.json (a dict) of what besci cannot use to continue texts."""
    kind, names = config.get("model_type"), config.get("architectures") or []
    quantised = config.get("quantization_config")
    if kind not in CONFIG_MAPPING:
        code = ", or only by code that comes with it, which besci never runs"
        wrong = (
            f"transformers {version('transformers')} does not know its architecture ({kind})"
            f"{code if 'auto_map' in config else ''}"
        )
    elif CONFIG_MAPPING[kind] not in MODEL_FOR_CAUSAL_LM_MAPPING or config.get(
        "is_encoder_decoder"
    ):
        wrong = f"its architecture ({kind}) does not continue texts"
    elif names and not any(re.search(r"ForCausalLM|LMHead|ForConditional", n) for n in names):
        wrong = f"it was made for something else than continuing texts ({names[0]})"
    elif quantised:
        method = quantised.get("quant_method", "with bitsandbytes")
        wrong = f"its weights are quantised ({method}); look for the model it was made from"
    else:
        return
    others = [key for key, model in all_entries().items() if model["kind"] == "generator"]
    raise ValueError(
        f"{name} cannot be loaded as a language model: {wrong}. Models that can: "
        f"{', '.join(others)} (besci.list_models() tells more)."
    )


def load(name, folder, device, dtype):
    """The Loaded of a folder: from safetensors only, without running code that came with them.

    One copy is kept in memory and shared. Raises ValueError if the folder holds no causal language
    model that transformers knows, or not all of its weights, and MemoryError if there is too little
    room for it.
    """
    needed = count_parameters(folder) * dtype.itemsize

    def read():
        if device.type == "cpu" and needed > free_bytes(device):
            raise torch.OutOfMemoryError  # in words, before the system ends the session
        return _read(name, folder, device, dtype)

    try:
        return shared(folder, dtype, device, read)
    except torch.OutOfMemoryError:
        pass  # what the exception refers to is freed only after this block
    memory = "GPU memory" if device.type == "cuda" else "memory"
    raise MemoryError(
        f"{name} needs about {needed / 1e9:.1f} GB of {memory}; {free_bytes(device) / 1e9:.1f} GB "
        "are free. Delete what holds another model (`del llm`), restart the session, or take a "
        "smaller model: besci.list_models()."
    )


def _read(name, folder, device, dtype):
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            device_map=device if device.type == "cuda" else None,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be loaded as a language model: {error}") from error
    check_weights(name, found)
    loaded = Loaded(model.to(device).eval(), tokenizer)
    if dtype == torch.bfloat16:
        model.set_output_embeddings(_Output(model.get_output_embeddings()))
    return loaded


class _Output(torch.nn.Linear):
    """The output layer in float32, of a model in bfloat16.

    bfloat16 has 8 bits: near 20, where logits of probable tokens lie, it knows only every eighth of
    a unit, so that probabilities come in steps of 13 % and many are equal.
    """

    def __init__(self, layer):
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, "meta")
        self.weight = torch.nn.Parameter(layer.weight.detach().float())
        if layer.bias is not None:
            self.bias = torch.nn.Parameter(layer.bias.detach().float())

    def forward(self, hidden):
        return super().forward(hidden.float())
