"""The interviews are what their data card says: transcripts, a codebook, two codings."""

import re
from collections import Counter
from itertools import chain

import pytest
from conftest import COURSE
from sklearn.metrics import cohen_kappa_score

from besci import load_data

CARDS = (COURSE / "data/README.md").read_text("utf-8")
CARD = CARDS.split("\n## interviews.csv\n")[-1].split("\n## ")[0]
CODEBOOK = load_data("interview_codes")
CODES = CODEBOOK["code"].to_list()


@pytest.fixture(scope="module")
def turns():
    return load_data("interviews").fillna({"codes": "", "codes_2": ""})


@pytest.fixture(scope="module")
def answers(turns):
    return turns[turns["speaker"] == "participant"]


def given(column, code):
    """Whether each turn has the code."""
    return column.str.split("; ").map(lambda codes: code in codes)


def words(text):
    return re.findall(r"[\w']+", text.lower())


def test_twelve_interviews_of_at_least_22_turns_in_which_two_people_alternate(turns):
    assert turns["interview"].nunique() == turns["occupation"].nunique() == 12
    for _, one in turns.groupby("interview"):
        assert len(one) >= 22 and one["occupation"].nunique() == 1
        assert list(one["turn"]) == list(range(1, len(one) + 1))
        assert list(one["speaker"]) == ["interviewer", "participant"] * (len(one) // 2)


def test_participants_speak_8_to_130_words_and_the_interviewer_fewer(turns, answers):
    assert answers["text"].str.split().str.len().between(8, 130).all()
    assert turns.loc[turns["speaker"] == "interviewer", "text"].str.split().str.len().max() <= 25


def test_no_two_turns_share_eight_words_in_a_row(turns):
    home = {}
    for row in turns.itertuples():
        said = words(row.text)
        for k in range(len(said) - 7):
            run = " ".join(said[k : k + 8])
            assert home.setdefault(run, row.Index) == row.Index, (row.interview, row.turn, run)


def test_the_card_prints_the_codebook_word_for_word_with_what_each_code_includes_and_excludes():
    card = CARDS.split("\n## interview_codes.csv\n")[-1].split("\n## ")[0]
    printed = [
        line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| `")
    ]
    assert [[row[0].strip("`"), *row[1:]] for row in printed] == CODEBOOK.to_numpy().tolist()
    assert list(CODEBOOK) == ["code", "name", "definition", "include", "exclude", "example"]


def test_no_borderline_case_of_the_codebook_stands_in_a_transcript(turns):
    spoken = " ".join(words(" ".join(turns["text"])))
    for example in CODEBOOK["example"]:
        said = " ".join(words(example.split('"')[1]))
        assert said and said not in spoken


@pytest.mark.parametrize("coding", ["codes", "codes_2"])
def test_codes_stand_in_the_codebook_in_its_order_and_only_at_participant_turns(coding, turns):
    assert len(CODES) == 9
    for row in turns.itertuples():
        codes = [code for code in getattr(row, coding).split("; ") if code]
        assert codes == [code for code in CODES if code in codes], (row.interview, row.turn)
        assert len(codes) <= (3 if row.speaker == "participant" else 0)


def test_codes_occur_unevenly_each_often_enough_and_not_everywhere(answers):
    counts = [given(answers["codes"], code).sum() for code in CODES]
    assert min(counts) >= 20 and max(counts) >= 1.5 * min(counts)
    per_turn = answers["codes"].str.split("; ").map(lambda codes: len(list(filter(None, codes))))
    assert (per_turn == 0).sum() >= 20 and {2, 3} <= set(per_turn)
    for code in CODES:
        assert answers.loc[given(answers["codes"], code), "interview"].nunique() >= 8


@pytest.mark.parametrize("code", CODES)
def test_no_single_word_gives_a_code_away(code, answers):
    coded, said = given(answers["codes"], code), answers["text"].map(lambda text: set(words(text)))
    everywhere, inside = (Counter(chain.from_iterable(part)) for part in (said, said[coded]))
    f1 = {word: 2 * n / (everywhere[word] + coded.sum()) for word, n in inside.items()}
    assert max(f1.values()) < 0.45, max(f1, key=f1.get)


def test_the_card_prints_the_agreement_of_the_two_codings_on_each_code(answers):
    for code in CODES:
        one, two = given(answers["codes"], code), given(answers["codes_2"], code)
        kappa = cohen_kappa_score(one, two)
        row = f"| `{code}` | {one.sum()} | {two.sum()} | {(one & two).sum()} | {kappa:.2f} |"
        assert row in CARD, row


def test_the_card_prints_the_sizes(turns, answers):
    uncoded = (answers["codes"] == "").sum()
    assert f"{len(turns)} turns, {len(answers)} of them by participants" in CARD
    assert f"{uncoded} turns have no code in the first coding" in CARD
    differ = (answers["codes"] != answers["codes_2"]).sum()
    assert f"{differ} of {len(answers)} turns were coded differently" in CARD
