"""Finding and loading a language model: from the registry, the hub, or a folder."""

import json
import re
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

from besci.models import (
    MANIFEST,
    ModelUnavailable,
    default_generator,
    entry,
    model_folder,
    model_path,
    without_credentials,
)

FALLBACK = "smollm2-135m"


def locate(model, long=False):
    """(name, local folder, commit or where else it is from) of a model as users name it.

    long: whether None means the default for long prompts.

    Raises ValueError for a name that is none, and ModelUnavailable if it cannot be had.
    """
    if model is None:
        model = default_generator(long)
        if model != FALLBACK:
            try:
                model_path(model)
            except ModelUnavailable:
                print(f"{model} cannot be fetched; taking {FALLBACK} instead.")
                model = FALLBACK
    if folder := model_folder(model):
        return folder.resolve().name, str(folder), "local folder"
    model = str(model)
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", model):
        return _from_hub(model)
    if "/" in model or "\\" in model:
        raise ValueError(f"There is no folder {model!r}.")
    registered = entry(model)
    if registered["kind"] != "generator":
        raise ValueError(f"{model} is not a language model; it is for {registered['for']}.")
    return model, model_path(model), _origin(model, registered["commit"])


def load(name, folder, device, dtype):
    """(model, tokenizer), from safetensors only and without running code that came with them.

    Raises ValueError if the folder holds no causal language model that transformers knows.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            device_map=device if device.type == "cuda" else None,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise ValueError(f"{name} cannot be loaded as a language model: {error}") from error
    return model.to(device).eval(), tokenizer


def _from_hub(model):
    from huggingface_hub import snapshot_download

    patterns = entry(FALLBACK)["files"]
    try:
        folder = Path(snapshot_download(model, allow_patterns=patterns))
    except Exception as error:  # the hub's errors, the network's, the disk's
        raise ModelUnavailable(
            f"{model} could not be fetched from the Hugging Face hub: "
            f"{without_credentials(str(error))}\n"
            "Check its name and the connection, or take a model of besci.list_models()."
        ) from error
    return model, str(folder), folder.name


def _origin(key, commit):
    """Where the copy of a registered model is from: the hub's commit, or a package."""
    manifest = Path(model_path(key)) / MANIFEST
    if manifest.exists():
        wheel = json.loads(manifest.read_text(encoding="utf-8"))["origin"].get("wheel")
        if wheel:
            return f"{wheel['name']}=={wheel['version']}, sha256 {wheel['sha256'][:12]}"
    return commit
