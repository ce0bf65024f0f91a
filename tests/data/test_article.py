"""The article is set from numbers that the data give, and its questions can be answered from it."""

import json
import re
import sys

import numpy as np
import pytest
from conftest import COURSE, DATA

from besci import documents, load_data

BUILD = DATA / "build"
NUMBERS = json.loads((BUILD / "article_numbers.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(BUILD))
    try:
        import article

        yield article
    finally:
        sys.path.remove(str(BUILD))


@pytest.fixture(scope="module")
def note():
    return documents.read_pdf(DATA / "article.pdf")


@pytest.fixture(scope="module")
def questions():
    return load_data("article_questions")


def test_rebuilding_gives_the_same_bytes(build, tmp_path):
    build.build(tmp_path)
    for name in ("article.pdf", "article_questions.csv"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def parts(value):
    """A printed value as its words and its numbers, each number with its last digit's worth."""
    text = json.dumps(value, ensure_ascii=False).replace("−", "-").replace(",", "")
    found = re.findall(r"-?\d+(?:\.\d+)?", text)
    worth = [10.0 ** -len(number.partition(".")[2]) for number in found]
    return re.sub(r"-?\d+(?:\.\d+)?", "#", text), np.array(found, dtype=float), np.array(worth)


def test_the_numbers_of_the_article_are_those_of_the_data(build):
    computed = build.numbers()
    assert computed.keys() == NUMBERS.keys()
    for name, stored in NUMBERS.items():
        words, values, worth = parts(stored)
        words_now, values_now, _ = parts(computed[name])
        assert words == words_now, name
        assert (np.abs(values - values_now) <= 1.01 * worth).all(), (name, stored, computed[name])


def test_every_number_of_the_article_is_printed_in_it(note):
    shown = {name: text for name, text in NUMBERS.items() if isinstance(text, str)}
    source = (BUILD / "article.typ").read_text("utf-8")
    for name, text in shown.items():
        if re.search(rf"\bn\.{name}\b|\(\"{name.removesuffix('_ci')}\"\)", source):
            assert text in note.text, name
    for row in NUMBERS["appendix"]:
        assert "\t".join(row) in note.text
    # And no number stands in its text that was typed: digits are years, DOIs, scales and names.
    text = source.split("#place(top + center", 1)[1].split("= References")[0]
    text = re.sub(r"#n\.\w+|#ci\(.*?\)|cell\(.*?\)|\(\w[^()]*(?:19|20)\d\d\)", "", text)
    text = re.sub(r"#figure\(.*?\n\) <\w+>", "", text, flags=re.S)
    text = re.sub(r"[\d.]+(?:em|pt|mm|%)|all-MiniLM-L6-v2", "", text)
    assert set(re.findall(r"\d+", text)) <= {"0", "1", "6", "18", "95"}


def test_the_article_has_five_to_seven_pages_two_columns_tables_and_a_figure(note):
    assert 5 <= max(note.pages) <= 7
    assert "columns: 2" in (BUILD / "article.typ").read_text("utf-8")
    assert len(set(re.findall(r"Table \d: ", note.text))) >= 2 and "Figure 1: " in note.text
    assert any("Embeddings and personality items" in head for head in note.removed)


def test_questions_are_of_all_types_and_a_third_cannot_be_answered(questions):
    assert len(questions) >= 36 and questions["question"].is_unique
    no = questions["answerable"] == "no"
    assert 0.3 <= no.mean() <= 0.4
    for _, own in questions[~no].groupby("type"):
        assert len(own) >= 4
    assert set(questions.loc[no, "type"]) == set(questions["type"])
    given = questions[["answer", "page", "evidence"]].notna()
    assert given[~no].all(axis=None) and not given[no].any(axis=None)


def test_evidence_stands_in_the_article_word_for_word_on_the_page_named(questions, note):
    for row in questions[questions["answerable"] == "yes"].itertuples():
        found = documents.verify_quotes(f"“{row.evidence}”", note)
        assert found["verdict"].tolist() == ["exact"] and found["page"][0] == row.page
        if row.type in ("number", "table"):
            assert row.answer.removesuffix(" %") in row.evidence
    pages = questions["page"].dropna()
    assert pages.nunique() == max(note.pages)  # every page is asked about


def test_retrieval_finds_the_evidence_among_three_passages(questions, note):
    passages, hits = note.passages(), []
    for row in questions[questions["answerable"] == "yes"].itertuples():
        (place,) = documents.verify_quotes(f"“{row.evidence}”", note).itertuples()
        start, end = place.offset, place.offset + len(place.found)
        found = documents.retrieve(row.question, passages, k=3)
        spans = zip(found["offset"], found["offset"] + found["text"].str.len(), strict=True)
        hits.append(any(a < end and start < b for a, b in spans))
    assert np.mean(hits) >= 0.85


def test_the_card_prints_the_sizes(questions):
    card = (COURSE / "data/README.md").read_text("utf-8").split("\n## article_questions.csv\n")[1]
    yes = (questions["answerable"] == "yes").sum()
    assert f"{len(questions)} questions" in card and f"{yes} that it answers" in card
    assert f"and {len(questions) - yes} that it does not" in card
