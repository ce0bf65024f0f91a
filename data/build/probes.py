"""Sentences that probe what an embedding sees, with the words that each shares with its base.

Writes probes.csv from probes.toml.
"""

import re
import tomllib
from pathlib import Path

import pandas as pd
from _table import write_table

RELATIONS = ["synonym", "antonym", "negation", "paraphrase", "unrelated"]


def words(text):
    """The distinct words of a text, in lower case."""
    return set(re.findall(r"[\w']+", text.lower()))


def overlap(one, two):
    """The share of words that two texts have in common, among all words that either has."""
    return len(words(one) & words(two)) / len(words(one) | words(two))


def table(probes):
    """One row for each base sentence and relation."""
    rows = [
        {
            "probe_id": f"p{number:02}_{relation}",
            "base": probe["base"],
            "relation": relation,
            "sentence": probe[relation],
            "overlap": f"{overlap(probe['base'], probe[relation]):.3f}",
        }
        for number, probe in enumerate(probes, start=1)
        for relation in RELATIONS
    ]
    return pd.DataFrame(rows)


def build(folder):
    """Write the file into `folder`."""
    source = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    write_table(table(tomllib.loads(source)["probe"]), folder / "probes.csv")


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[1])
