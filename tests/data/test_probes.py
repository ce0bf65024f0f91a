"""The probes hold words constant where meaning changes, and the German items are all there."""

import sys
import tomllib

import pandas as pd
import pytest
from conftest import DATA

from besci import load_data


@pytest.fixture(scope="module")
def probes():
    return load_data("probes")


@pytest.fixture(scope="module")
def overlap(probes):
    """A row for each base sentence, a column for each relation."""
    return probes.pivot(index="base", columns="relation", values="overlap")


def test_the_table_is_made_from_the_sentences():
    sys.path.insert(0, str(DATA / "build"))
    try:
        import probes as build
    finally:
        sys.path.remove(str(DATA / "build"))
    source = (DATA / "build/probes.toml").read_text("utf-8")
    made = build.table(tomllib.loads(source)["probe"])
    table = pd.read_csv(DATA / "probes.csv", dtype=str)
    assert table.equals(made.astype(str)), "probes.csv is not up to date: make data DATA=probes"
    assert build.overlap("I am sad.", "I am not SAD!") == 0.75


def test_each_base_sentence_has_one_sentence_of_each_relation(probes, overlap):
    assert len(overlap) >= 20 and overlap.notna().all(axis=None)
    assert len(probes) == overlap.size


def test_synonym_and_antonym_change_one_and_the_same_word(probes):
    sentences = probes.pivot(index="base", columns="relation", values="sentence")
    for base, row in sentences.iterrows():
        words = base.split()
        changed = [
            [k for k, (one, two) in enumerate(zip(words, other, strict=True)) if one != two]
            for other in (row["synonym"].split(), row["antonym"].split())
        ]
        assert changed[0] == changed[1] and len(changed[0]) == 1, base


def test_overlap_is_matched_where_meaning_differs_and_low_where_words_do(overlap):
    assert (overlap["synonym"] == overlap["antonym"]).all()
    assert 0 <= (overlap["negation"] - overlap["synonym"]).mean() < 0.05
    assert overlap["negation"].min() >= 0.5
    assert overlap[["paraphrase", "unrelated"]].max(axis=None) <= 0.2


def test_each_item_has_a_german_wording_in_the_form_of_the_english_one():
    items, german = load_data("personality_items"), load_data("personality_items_german")
    assert german["item_id"].tolist() == items["item_id"].tolist()
    assert german["text"].str.endswith(".").all()
    assert not german["text"].str.match(r"Ich\b").any()
