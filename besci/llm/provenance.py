"""What a language model returns, and where each result is from."""

import hashlib
import json
import platform
from importlib.metadata import version

import besci


class Answer(str):
    """An answer: a text like any other, that also knows how it came about.

    truncated: whether it was cut off, by max_new_tokens or by the model's context. tokens: how
    many tokens it has. prompt_tokens: how many the model read. provenance: dict.
    """

    truncated: bool
    tokens: int
    prompt_tokens: int
    provenance: dict


class PerRow(tuple):
    """A value for each row of a result, in its `.attrs`.

    pandas copies attrs at every step (head, filter, idxmax, ...), value by value. What cannot be
    changed need not be copied.
    """

    def __deepcopy__(self, memo):
        return self


def source(model, commit, template, dtype, device):
    """What computes here, in plain values: model, precision, device and the software's versions."""
    return {
        "model": model,
        "commit": commit,
        "template": template,
        "dtype": str(dtype).removeprefix("torch."),
        "device": str(device),
        "versions": {
            "besci": besci.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "tokenizers")},
        },
    }


def record(source, method, inputs, settings):
    """Provenance of a result, in plain values that survive copying, comparing and JSON.

    source: as `source` returns it; that of recorded answers also says when they were recorded.
    """
    text = json.dumps(inputs, ensure_ascii=False, default=str)
    return {
        **source,
        "method": method,
        "inputs": len(inputs),
        "inputs_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12],
        "settings": settings,
    }


def provenance_of(result):
    """Where a result is from, as a dict (see `record`).

    result: an Answer, a list of them, or a DataFrame from one of LLM's methods. Raises TypeError
    for anything else.
    """
    first = result[0] if isinstance(result, list) and result else result
    source = getattr(first, "provenance", None) or getattr(first, "attrs", {}).get("provenance")
    if source is None:
        raise TypeError("This carries no provenance; give a result as an LLM returned it.")
    return source


def provenance(result):
    """Print where a result is from: model, commit, versions, seed, template and settings.

    result and errors: as for `provenance_of`.
    """
    for name, value in provenance_of(result).items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {inner}" for key, inner in value.items())
        print(f"{name:14} {value}")
