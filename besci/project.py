"""Around the models in a study of your own: a look at the texts, what a run will take, results that
say where they are from, and the words for the methods section.

The template is day_5/3_project.ipynb.
"""

import hashlib
import json
import os
import random
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from besci.device import gpu
from besci.inputs import missing, several
from besci.llm import provenance_of

LONG = 180  # words; the embedding model reads about 250 tokens
SUSPICIOUS = {
    kind: (re.compile(pattern, re.DOTALL), todo)
    for kind, pattern, todo in [
        ("empty", r"\A\s*\Z", "Leave these rows out."),
        (
            "fewer than three words",
            r"\A\s*\S+(\s+\S+)?\s*\Z",
            "Is a label possible? Read some.",
        ),
        (
            f"more than {LONG} words",
            rf"\A\s*(\S+\s+){{{LONG}}}\S",
            "The embedding model does not read all of it: split into passages.",
        ),
        ("markup", r"&(amp|lt|gt|quot|nbsp|#\d+);|</?[a-z]+[ />]", "Turn into plain text."),
        ("wrongly decoded letters", r"Ã[\x80-\xbf]|â€|\ufffd", "Read the file again as UTF-8."),
        (
            "half a character",
            r"[\ud800-\udfff]",
            'No model reads it: text.encode("utf-8", "replace").decode().',
        ),
        (
            "e-mail address, phone number or @name",
            r"[\w.+-]+@[\w-]+\.\w+|(?<!\w)@\w{2,}|(?<![\d.])\+?\d[\d ()/-]{8,}\d(?![\d.])",
            "Pseudonymise before anything leaves this computer.",
        ),
    ]
}


def look(texts):
    """What is suspicious about texts before a model reads them: DataFrame, a row per kind.

    texts: list or Series of n texts; None and NaN count as empty. Columns: texts, how many; first,
    the index of the first one; what to do. Kinds that do not occur are left out, and so is what
    cannot be seen from outside, such as names. Raises ValueError where there are no texts, and
    TypeError for what is no list.
    """
    items, index = several(texts, "text")
    items = ["" if missing(item) else str(item) for item in items]
    texts = pd.Series(items, index, dtype=object)  # pandas' own type for texts takes no half ones
    kinds = {
        kind: (texts.map(lambda text, p=p: bool(p.search(text))), todo)
        for kind, (p, todo) in SUSPICIOUS.items()
    }
    alike = [" ".join(item.split()).lower() for item in items]
    twice = pd.Series(alike, index, dtype=object).duplicated() & ~kinds["empty"][0]
    kinds["same as an earlier text"] = twice, "Keep one, or keep copies together when you split."
    rows = {
        kind: {"texts": int(found.sum()), "first": found.idxmax(), "what to do": todo}
        for kind, (found, todo) in kinds.items()
        if found.any()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["texts", "first", "what to do"])


def split(table, label, group, develop, validate, seed=0):
    """Three parts of a table: to develop with, to validate with, and the rest; groups stay whole.

    table: DataFrame. label: column, missing where nobody labelled. group: column with what makes
    texts alike (author, source, event). develop, validate: the most labelled texts in these parts;
    their groups are drawn at random. The rest is everything else, labelled or not, but for texts
    of those groups. Raises ValueError where there are too few labelled texts or groups, fewer than
    20 to validate with, fewer than 20 in the rest, fewer than 2 groups to develop with, or a label
    that only one of the first two parts has.
    """
    labelled = table.dropna(subset=[label])
    groups = np.random.default_rng(seed).permutation(labelled[group].unique())
    sizes = labelled[group].value_counts().reindex(groups).cumsum().to_numpy()
    parts = sizes <= develop, (sizes > develop) & (sizes <= develop + validate)
    one, two = (labelled[labelled[group].isin(groups[part])] for part in parts)
    if len(two) < 20 or not len(one):
        raise ValueError(
            f"{len(labelled)} labelled texts in {len(groups)} groups give {len(one)} to develop "
            f"with and {len(two)} to validate with; 20 are the least. Label more, ask for fewer "
            "to develop with, or name a column with smaller groups."
        )
    if one[group].nunique() < 2:
        raise ValueError(
            f"All {len(one)} texts to develop with are of one group, and two are the least. Name a "
            "column with smaller groups, or develop with more texts."
        )
    rest = table[~table[group].isin(groups[parts[0] | parts[1]])]
    if len(rest) < 20:
        raise ValueError(
            f"Only {len(rest)} texts are left for the model to label, and 20 are the least. Add "
            "unlabelled texts, or ask for fewer to develop and to validate with."
        )
    lacking = set(one[label]) ^ set(two[label])
    if lacking:
        raise ValueError(
            f"Only one of the two parts has the label {', '.join(map(repr, sorted(lacking)))}. "
            "Label more texts that have it, or draw with another seed."
        )
    return one, two, rest


class Cost(NamedTuple):
    """What a run over all inputs will take, projected from a few of them.

    fixed: seconds once, for what the inputs share; each: seconds for an input of mean length;
    seconds: for all. memory_gb: what this process holds now; more inputs need more time, not more
    memory. free_gb: what is still free, of the GPU's memory if there is one.
    """

    inputs: int
    fixed: float
    each: float
    seconds: float
    memory_gb: float
    free_gb: float

    def __str__(self):
        minutes = self.seconds / 60
        time_ = f"{self.seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
        time_ = time_ if minutes < 120 else f"{minutes / 60:.1f} hours"
        return (
            f"about {time_} for {self.inputs:,} inputs ({self.fixed:.1f} s once, {self.each:.2f} s "
            f"each); {self.memory_gb:.1f} GB of memory in use, {self.free_gb:.1f} GB free"
        )


def estimate(run, inputs, tries=(3, 9), seed=0):
    """Time `run` on a few inputs and project to all of them: a Cost.

    run: function of a list of inputs, e.g. `lambda some: llm.choose(some, options)`. inputs: n
    texts. tries: how many are run in a first call, which also reads what all share, and in a
    second one; they are drawn at random and differ. Time is taken to grow with the length of the
    inputs, so the projection is rough where answers differ much in length, and too low for results
    that are remembered (`besci.embed`). Fewer inputs than tries are run at once.
    Raises ValueError where there are no inputs.
    """
    inputs, _ = several(inputs, "input")
    drawn = random.Random(seed).sample(inputs, min(sum(tries), len(inputs)))
    first, second = drawn[: tries[0]], drawn[tries[0] :] or drawn
    start = time.perf_counter()
    run(first)
    middle = time.perf_counter()
    run(second)
    end = time.perf_counter()

    def length(some):
        return max(sum(len(str(one)) for one in some), 1)

    rate = (end - middle) / length(second)  # seconds a character
    fixed = max(middle - start - rate * length(first), 0.0)
    total = rate * length(inputs)
    return Cost(len(inputs), fixed, total / len(inputs), fixed + total, *_memory())


def _memory():
    """(GB that this process holds, GB that are free): of the GPU if there is one."""
    import psutil
    import torch

    if gpu():
        return torch.cuda.max_memory_allocated() / 1e9, torch.cuda.mem_get_info()[0] / 1e9
    return psutil.Process().memory_info().rss / 1e9, psutil.virtual_memory().available / 1e9


def save(folder, tables, sources=()):
    """Write tables as CSV (UTF-8) with provenance.json beside them; returns the folder as a Path.

    tables: {name: DataFrame}; a provenance in `.attrs` is kept. sources: files that were read;
    their names and SHA-256 are noted. All files are written aside first and put in place by
    renaming, provenance.json last, so an interruption leaves the earlier results or none of a
    name, never a half-written file. Raises FileNotFoundError for a source that is not there, and
    TypeError or ValueError for a table or a name that cannot be written.
    """
    for name, table in tables.items():
        if not re.fullmatch(r"[\w-]+", str(name)):
            raise ValueError(f"{name!r} cannot name a file: use letters, digits, - and _.")
        if not isinstance(table, pd.DataFrame):
            raise TypeError(f"{name} is of type {type(table).__name__}; a DataFrame is needed.")
    about = {"sources": {Path(s).name: _sha256(Path(s).read_bytes()) for s in sources}}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
    try:
        for name, table in tables.items():
            raw = table.to_csv(lineterminator="\n").encode("utf-8", "replace")
            (draft / f"{name}.csv").write_bytes(raw)
            about[name] = {"rows": len(table), "sha256": _sha256(raw)}
            about[name]["provenance"] = table.attrs.get("provenance")
        text = json.dumps(about, indent=1, ensure_ascii=False, default=str)
        (draft / "provenance.json").write_text(text + "\n", encoding="utf-8")
        for file in [*(f"{name}.csv" for name in tables), "provenance.json"]:
            os.replace(draft / file, folder / file)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _sha256(raw):
    return hashlib.sha256(raw).hexdigest()


def methods(result, what="texts", prompt=None, seed=None):
    """The sentences on the model for a methods section, from a result's own provenance.

    result: an Answer, a list of them, or a DataFrame of `LLM.choose`, `LLM.chat`, `documents.ask`.
    what: what the inputs were. prompt: the prompt as it was written, with its placeholder. seed:
    of what else was drawn at random, such as samples. Raises TypeError for a result without
    provenance.
    """
    source = provenance_of(result)
    settings = source["settings"]
    kind = "commit" if re.fullmatch("[0-9a-f]{7,40}", str(source["commit"])) else "version"
    parts = [
        f"{source['inputs']:,} {what} were put to the open language model {source['model']} "
        f"({kind} {source['commit']}; {source['dtype']} on {source['device']})"
    ]
    if prompt:
        shown = " ".join(prompt.split())
        parts[0] += f" with the prompt “{shown}”"
    if settings.get("system"):
        parts.append(f"The system message was “{settings['system'].rstrip('.')}”")
    if source["method"] == "choose":
        options = ", ".join(map(str, settings["options"]))
        how = {"sum": "", "mean": ", per token", "pmi": ", relative to an empty input"}
        words = f"Exact probabilities of the answers {options} were computed from the model's "
        words += f"log-probabilities{how[settings['normalize']]}"
        if settings["calibrate"] is not None:
            words += ", calibrated with an input without content (Zhao et al., 2021)"
        parts.append(words)
    elif settings.get("temperature") == 0:
        parts.append(f"Answers were greedy, of at most {settings['max_new_tokens']} tokens")
    elif "temperature" in settings:
        parts.append(
            f"Answers were drawn at temperature {settings['temperature']} (top-p "
            f"{settings['top_p']}, seed {settings['seed']}), of at most "
            f"{settings['max_new_tokens']} tokens"
        )
    if source.get("document"):
        k = source["passages"]
        given = f"the {k} passages nearest to the question" if k else "the whole text"
        parts.append(f"From the document {source['document']} the model read {given}")
    if source.get("recorded"):
        parts.append(f"The model's answers were recorded on {source['recorded']} and read again")
    if seed is not None:
        parts.append(f"Samples were drawn with seed {seed}")
    versions = ", ".join(f"{name} {version}" for name, version in source["versions"].items())
    return ". ".join([*parts, f"Software: {versions}."])
