"""The answers of a language model, written down and given again without the model.

A recording is one file for each model, `data/recorded/KEY.json.gz`. Prompts are in it by their
hashes only, each below the request it was part of: method, system message, settings, options.
"""

import gzip
import hashlib
import json
import os
import secrets
import threading
import zlib
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from besci.files import course_folder, write_whole

FORMAT = 1
PREFIX = "recorded:"
# What a file says of the model; the rest of a result's provenance is that of today's request.
_ABOUT = ("model", "commit", "template", "dtype", "device", "recorded", "versions", "context")


class NotRecorded(LookupError):
    """The model was not asked this when it was recorded; the message says what differs."""


class Recording:
    """The recorded answers of a model, in place of the model.

    key: which of the files in data/recorded. Raises ValueError, naming those there are, if there is
    none of this name, and if the file is damaged.
    """

    def __init__(self, key):
        file = folder() / f"{key}.json.gz"
        if not file.is_file():
            names = sorted(f.name.removesuffix(".json.gz") for f in folder().glob("*.json.gz"))
            there = f"There are those of {', '.join(names)}" if names else "There are none yet"
            raise ValueError(
                f"There are no recorded answers of {key!r}. {there}; `make record MODEL=KEY` in "
                "the course's folder records those of another model."
            )
        self.source, self._answers = _read(file)
        self.name, self.commit = self.source["model"], self.source["commit"]
        self.dtype, self.device = self.source["dtype"], self.source["device"]
        self.context = self.source.pop("context")

    def __repr__(self):
        answers = sum(len(given) for known in self._answers.values() for given in known.values())
        return (
            f"recorded answers of {self.name} ({self.commit}) · {self.dtype} · recorded "
            f"{self.source['recorded']} · {answers:,} answers"
        )

    def answer(self, method, inputs, settings, **how):
        """What `Live.answer` gave for these inputs. Raises NotRecorded for one that is unknown."""
        values = []
        for i, (request, key, copy) in enumerate(_addresses(method, inputs, settings)):
            given = self._answers.get(request, {}).get(key, ())
            if copy >= len(given):
                raise NotRecorded(self._missing(i, inputs[i], request, key, len(given)))
            values.append(given[copy])
        return values

    def __getattr__(self, name):
        raise AttributeError(
            f"Recorded answers have no {name}. besci.LLM({self.source['model']!r}) loads the model."
            if name in ("model", "tokenizer", "prompts", "engine", "stop", "store")
            else name
        )

    def _missing(self, i, one, request, key, copies):
        """Why a request has no answer, and what to do."""
        asked = json.loads(request)
        same = [json.loads(r) for r, known in self._answers.items() if key in known]
        others = [other for other in same if other["method"] == asked["method"]]
        if copies:
            why = f"it was asked {copies} times with these settings, and is now once more."
        elif others:
            nearest = sorted((_differences(other, asked) for other in others), key=len)
            why = "\n- ".join(["it was asked with", *map("; ".join, nearest[:4])])
        elif same:
            methods = ", ".join(sorted({other["method"] for other in same}))
            why = f"it was recorded for {methods}, not for {asked['method']}."
        else:
            why = (
                "it is not among the prompts of the course's notebooks, which were recorded word "
                "for word."
            )
        kind, text = ("Text", one) if isinstance(one, str) else ("Prompt", one[-1][1])
        return (
            f"{kind} {i} ({text[:60]!r}) has no recorded answer of {self.name}: {why}\n"
            f"What to do: besci.LLM({self.name!r}) loads the model itself, which answers anything. "
            "Whoever has changed a notebook of the course records it anew with "
            f"`make record MODEL={self.name}`."
        )


class Notes:
    """Writes down what a model answers, in a file of its own below a folder.

    Each call adds a line, so what was answered before a process is killed is kept. source: of the
    results' provenance. Raises ValueError for a folder that is not a whole path.
    """

    def __init__(self, source, context, folder):
        if not os.path.isabs(folder):
            raise ValueError(
                f"BESCI_RECORD must be the whole path of a folder, not {str(folder)!r}: notebooks "
                "run in folders of their own."
            )
        now = datetime.now(UTC).isoformat()
        self._about = source | {"context": context, "recorded": now, "format": FORMAT}
        name = source["model"].replace("/", "--")
        self._file = Path(folder) / f"{name}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        self._lock = threading.Lock()

    def add(self, method, inputs, settings, values):
        """Write down the values that `Live.answer` gave for these inputs."""
        answers = {}
        addresses = _addresses(method, inputs, settings)
        for (request, key, copy), value in zip(addresses, values, strict=True):
            given = answers.setdefault(request, {}).setdefault(key, [])
            if copy == len(given):
                given.append(_rounded(value))
        with self._lock:
            new = not self._file.exists()
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                for line in [self._about, answers] if new else [answers]:
                    file.write(json.dumps(line) + "\n")


def folder():
    """Where the course's recordings are (Path)."""
    return course_folder() / "data" / "recorded"


def merge(notes, key, file, largest):
    """Write the answers of a model that were noted in a folder as one recording.

    notes: folder. key: the model. file: the recording, which is written whole or not at all; the
    same notes give the same bytes, `largest` of them at most. Of a prompt asked twice the first
    answer counts, or, where copies of it were asked, those of the call with most. Raises ValueError
    if there are no notes of the model, if they are damaged or too many, or not all made by the same
    version of it on the same software.
    """
    read = sorted(filter(None, map(_noted, sorted(Path(notes).glob("*.jsonl")))), key=_when)
    ours = [(about, lines) for about, lines in read if about["model"] == key]
    if not ours:
        others = ", ".join(sorted({about["model"] for about, _ in read})) or "no model"
        raise ValueError(f"{notes} holds no answers of {key}; it holds those of {others}.")
    about = ours[-1][0]
    for other, _ in ours:
        if differ := [n for n in about if n != "recorded" and other.get(n) != about[n]]:
            told = ", ".join(f"{n} {other.get(n)} and {about[n]}" for n in differ)
            raise ValueError(f"{notes} holds answers of more than one {key}: {told}. Begin anew.")
    answers = {}
    for _, lines in ours:
        for line in lines:
            for request, known in line.items():
                kept = answers.setdefault(request, {})
                for prompt, given in known.items():
                    if len(given) > len(kept.get(prompt, ())):
                        kept[prompt] = given
    whole = {"about": about | {"recorded": about["recorded"][:10]}, "answers": answers}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    content = gzip.compress(text.encode(), 9, mtime=0)
    if len(content) > largest:
        raise ValueError(f"The answers of {key} take {len(content):,} bytes, above {largest:,}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content)


def _when(note):
    return note[0]["recorded"]


def _noted(file):
    """(what is said of the model, its answers call by call) in a file of notes, or None."""
    # Of a process that was killed the last line may be half a line.
    *whole, _ = file.read_text(encoding="utf-8").split("\n")
    try:
        lines = list(map(json.loads, whole))
        if lines and lines[0]["format"] != FORMAT:
            raise ValueError("it was written by another version of the course")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged: {error}. Delete it, or record anew.") from error
    return (lines[0], lines[1:]) if lines else None


def _read(file):
    """(what is said of the model, {request: {hash of a prompt: its answers}}) of a recording."""
    try:
        content = json.loads(gzip.decompress(file.read_bytes()))
        about, answers = content["about"], content["answers"]
        if about["format"] != FORMAT:
            raise ValueError("it was written by another version of the course")
        about = {name: about[name] for name in _ABOUT}
        if not all(isinstance(known, dict) for known in answers.values()):
            raise ValueError("it holds no answers")
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as why:
        raise ValueError(
            f"The recorded answers in {file} are damaged ({type(why).__name__}: {why}). Get the "
            "file again with the course, or record it anew: make record MODEL=KEY."
        ) from why
    return about, answers


def _addresses(method, inputs, settings):
    """(request as a text, hash of the prompt, its number among equal ones) of each input."""
    seen = Counter()
    for one in inputs:
        system = None
        if not isinstance(one, str) and one[0][0] == "system":
            (_, system), *one = one
        request = _dumps({"method": method, "system": system, **settings})
        key = hashlib.sha256(_dumps(one).encode()).hexdigest()[:16]
        copy = seen[request, key]
        if "seed" in settings:  # else copies of a prompt have the same answer
            seen[request, key] += 1
        yield request, key, copy


# The same text for the same request, on any computer.
_dumps = partial(
    json.dumps,
    sort_keys=True,
    default=lambda value: value.item() if isinstance(value, np.generic) else str(value),
)


def _rounded(value):
    """Six digits and at most five decimals are kept: differences below are those of computers."""
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 5) if abs(value) >= 1 else float(f"{value:.6g}")
    return value


def _differences(known, asked):
    """How a request that was recorded differs from the one that was made: a list of texts."""

    def shown(name, value):
        if name != "system":
            return f"{name}={value!r:.80}"
        return f"the system message {value!r:.80}" if value else "no system message"

    names = [name for name in sorted(known | asked) if known.get(name) != asked.get(name)]
    return [f"{shown(n, known.get(n))}, not {shown(n, asked.get(n))}" for n in names]
