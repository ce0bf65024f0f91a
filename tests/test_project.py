"""What a study of one's own relies on: the look at texts, the split, the costs, the record."""

import hashlib
import json
import os
import time

import numpy as np
import pandas as pd
import pytest

from besci import project
from besci.llm import Answer

SOURCE = {
    "model": "tiny",
    "commit": "0123456789abcdef",
    "template": "abc",
    "dtype": "float32",
    "device": "cpu",
    "versions": {"besci": "2026.11", "torch": "2.13.0"},
    "method": "choose",
    "inputs": 1200,
    "inputs_sha256": "f" * 12,
    "settings": {
        "system": "Be brief.",
        "options": ["yes", "no"],
        "normalize": "mean",
        "calibrate": "N/A",
    },
}


def chosen(**changes):
    table = pd.DataFrame({"yes": [0.25, 1.0], "no": [0.75, 0.0]}, index=["a", "b"])
    table.attrs["provenance"] = SOURCE | changes
    return table


def texts_of(n_groups=30, each=4, unlabelled=23):
    rows = [
        {"text": f"text {g}.{k}", "author": f"p{g:02d}", "label": ["x", "y"][k % 2]}
        for g in range(n_groups)
        for k in range(each)
    ]
    rows += [{"text": f"new {k}", "author": f"q{k}", "label": None} for k in range(unlabelled)]
    return pd.DataFrame(rows)


# ---- look -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, text",
    [
        ("empty", "  \n"),
        ("empty", None),
        ("empty", float("nan")),
        ("fewer than three words", "Two words"),
        (f"more than {project.LONG} words", "word " * (project.LONG + 1)),
        ("markup", "Bread &amp; butter is here"),
        ("markup", "He wrote <br> and left early"),
        ("wrongly decoded letters", "The cafÃ© was closed today"),
        ("wrongly decoded letters", "It wasnâ€™t closed at all"),
        ("half a character", "It was closed, so \ud83d"),
        ("e-mail address, phone number or @name", "Write to someone@example.org if ill"),
        ("e-mail address, phone number or @name", "As @somebody said about it all"),
        ("e-mail address, phone number or @name", "Ring me: 0123 456 78 90, any time"),
    ],
)
def test_what_is_suspicious_is_found_in_the_second_text(kind, text):
    texts = pd.Series(["A sentence like many others.", text], index=["one", "two"], dtype=object)
    found = project.look(texts)
    assert found.loc[kind, ["texts", "first"]].tolist() == [1, "two"]


def test_texts_as_they_should_be_give_an_empty_table():
    fine = [
        "It rose by 1,204.5 points in 2019-2023 & 2024.",
        "x < y, they said.",
        "Café, said naïvely.",
    ]
    fine += ["word " * project.LONG, "(1 2 3 4 5) are numbers too"]
    assert project.look(fine).empty


def test_copies_are_found_whatever_case_and_space_and_the_first_is_no_copy():
    found = project.look(["The  same text.", "Another text here.", "the same\ntext.", "", ""])
    assert found.loc["same as an earlier text", ["texts", "first"]].tolist() == [1, 2]


def test_no_texts_are_refused():
    with pytest.raises(ValueError, match="list of texts is empty"):
        project.look([])


# ---- split ------------------------------------------------------------------------------------


def test_groups_stay_whole_sizes_hold_and_nothing_is_lost():
    table = texts_of()
    parts = project.split(table, "label", "author", 40, 25, seed=3)
    develop, validate, rest = parts
    assert (len(develop), len(validate)) == (40, 24)  # whole groups of four
    assert sorted(index for part in parts for index in part.index) == list(range(len(table)))
    authors = [set(part["author"]) for part in parts]
    assert not (authors[0] & authors[1] or authors[0] & authors[2] or authors[1] & authors[2])
    assert rest["label"].isna().sum() == 23


def test_the_seed_decides_which_groups_are_drawn():
    def drawn(seed):
        return set(project.split(texts_of(), "label", "author", 40, 24, seed)[0]["author"])

    assert drawn(1) == drawn(1) != drawn(2)


def test_unlabelled_texts_of_a_drawn_group_do_not_count_as_the_rest():
    table = texts_of()
    table.loc[table.index[::4], "label"] = None
    develop, validate, rest = project.split(table, "label", "author", 40, 24)
    assert not set(rest["author"]) & (set(develop["author"]) | set(validate["author"]))
    assert develop["label"].notna().all() and validate["label"].notna().all()


def test_too_few_labels_or_a_label_in_one_part_only_are_refused():
    with pytest.raises(ValueError, match="give 40 to develop with and 16 to validate with"):
        project.split(texts_of(), "label", "author", 40, 16)
    with pytest.raises(ValueError, match="Only 3 texts are left for the model"):
        project.split(texts_of(unlabelled=3), "label", "author", 60, 60)
    with pytest.raises(ValueError, match="All 30 texts to develop with are of one group"):
        project.split(texts_of(4, each=30), "label", "author", 30, 30)
    table = texts_of(each=4)
    table.loc[0, "label"] = "rare"
    with pytest.raises(ValueError, match="Only one of the two parts has the label 'rare'"):
        project.split(table, "label", "author", 60, 60)


# ---- estimate ---------------------------------------------------------------------------------


def test_the_projection_separates_what_happens_once_from_what_each_input_takes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    seen = []

    def run(some):
        now[0] += (5.0 if not seen else 0.0) + 0.25 * len(some)
        seen.extend(some)

    inputs = [f"{k:04d}" for k in range(1000)]
    cost = project.estimate(run, inputs)
    assert len(seen) == len(set(seen)) == 12 and set(seen) <= set(inputs)
    assert cost[:4] == pytest.approx((1000, 5.0, 0.25, 255.0))
    assert cost.memory_gb > 0 and cost.free_gb > 0
    assert str(cost).startswith("about 4 min for 1,000 inputs (5.0 s once, 0.25 s each)")


def test_long_inputs_count_by_their_length(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def run(some):
        now[0] += sum(map(len, some))

    inputs = ["x" * (1 + k % 7) for k in range(200)]
    assert project.estimate(run, inputs).seconds == pytest.approx(sum(map(len, inputs)))


def test_a_few_inputs_are_enough_and_none_are_refused():
    calls = []
    assert project.estimate(calls.append, ["a", "b"]).inputs == 2 and calls
    with pytest.raises(ValueError, match="list of inputs is empty"):
        project.estimate(calls.append, [])


# ---- save -------------------------------------------------------------------------------------


def test_saved_tables_come_with_a_record_that_names_them_and_their_sources(tmp_path):
    source = tmp_path / "mine.csv"
    source.write_bytes(b"text\nhello\n")
    table = chosen()
    folder = project.save(tmp_path / "out", {"labels": table}, [source])
    assert sorted(f.name for f in folder.iterdir()) == ["labels.csv", "provenance.json"]
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "labels.csv", index_col=0), table, check_names=False
    )
    about = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert about["sources"] == {"mine.csv": hashlib.sha256(source.read_bytes()).hexdigest()}
    raw = (folder / "labels.csv").read_bytes()
    assert about["labels"]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert about["labels"]["rows"] == 2 and about["labels"]["provenance"]["model"] == "tiny"


def test_what_cannot_be_saved_leaves_the_earlier_results_and_nothing_else(tmp_path, monkeypatch):
    folder = project.save(tmp_path, {"labels": chosen()})
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    class Stubborn:
        def __str__(self):
            raise OSError("disk full")

    other = pd.DataFrame({"a": [1]})
    other.attrs["provenance"] = Stubborn()
    with pytest.raises(OSError, match="disk full"):
        project.save(tmp_path, {"labels": other})
    for tables, error in [({"a/b": other}, ValueError), ({"labels": [1]}, TypeError)]:
        with pytest.raises(error):
            project.save(tmp_path, tables)
    with pytest.raises(FileNotFoundError):
        project.save(tmp_path, {"labels": other}, [tmp_path / "gone.csv"])

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        project.save(tmp_path, {"labels": pd.DataFrame({"a": [1]})})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


# ---- methods ----------------------------------------------------------------------------------


def test_the_paragraph_says_what_the_record_holds():
    text = project.methods(chosen(), "posts", prompt="Is it so?\n\n{text}", seed=7)
    for part in [
        "1,200 posts",
        "language model tiny (commit 0123456789abcdef; float32 on cpu)",
        "the prompt “Is it so? {text}”",
        "system message was “Be brief”. Exact probabilities of the answers yes, no",
        "per token, calibrated",
        "seed 7",
        "besci 2026.11, torch 2.13.0.",
    ]:
        assert part in text


@pytest.mark.parametrize(
    "temperature, words",
    [(0, "greedy, of at most 40 tokens"), (0.7, "temperature 0.7 (top-p 0.9, seed 5)")],
)
def test_answers_are_described_by_how_they_were_drawn(temperature, words):
    answer = Answer("yes")
    settings = {"system": None, "max_new_tokens": 40, "temperature": temperature}
    answer.provenance = SOURCE | {
        "method": "chat",
        "settings": settings | {"top_p": 0.9, "seed": 5},
        "document": "a.pdf",
        "passages": 3,
    }
    text = project.methods([answer])
    assert words in text and "From the document a.pdf the model read the 3 passages" in text
    assert "system message" not in text


def test_a_wheel_is_not_called_a_commit_and_a_bare_table_is_refused():
    assert "(version llm==1.0, sha256 ab;" in project.methods(chosen(commit="llm==1.0, sha256 ab"))
    with pytest.raises(TypeError, match="no provenance"):
        project.methods(pd.DataFrame({"a": [1]}))


def test_names_and_numbers_survive_the_round_trip(tmp_path):
    table = pd.DataFrame(
        {"quote": ["“It’s 3 %”\nnext line", 'with "marks", and comma'], "n": [1, 2]}
    )
    folder = project.save(tmp_path, {"quotes": table})
    back = pd.read_csv(folder / "quotes.csv", index_col=0)
    assert back["quote"].tolist() == table["quote"].tolist() and np.all(back["n"] == table["n"])
