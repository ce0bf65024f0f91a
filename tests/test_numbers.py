"""Reading the number of an answer: what is clear is read, all else is left unread."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from besci.numbers import numbers_in, read_number

VALUES = st.integers(0, 10**7).map(lambda tenths: tenths / 10)
UNITS = st.sampled_from(["", "%", " %", " percent", " beads", " euros.", ".", "\\%", "**", " kg"])
LEADS = st.sampled_from(
    ["", "Answer: ", "**Answer:** ", "The answer is ", "Answer:\n\n", "First 3, then 4.\nanswer = "]
)
WRITTEN = {
    "plain": lambda x: f"{x:g}" if x < 1e5 else f"{x:.1f}",
    "thousands": lambda x: f"{x:,.1f}",
    "comma": lambda x: f"{x:.1f}".replace(".", ","),
    "continental": lambda x: f"{x:,.1f}".translate(str.maketrans(".,", ",.")),
    "thin space": lambda x: f"{x:,.1f}".replace(",", "\u202f"),
    "TeX": lambda x: f"{x:,.1f}".replace(",", "{,}"),
}


@given(VALUES, st.sampled_from(list(WRITTEN)), LEADS, UNITS, st.booleans())
def test_a_number_is_read_however_it_is_written(value, style, lead, unit, negative):
    sign = "-" * negative
    text = f"{lead}{sign}{WRITTEN[style](value)}{unit}"
    assert read_number(text) == (-value if negative else value), text


@given(VALUES, VALUES, LEADS, st.sampled_from([" to ", "-", "–", " or ", " out of ", " ± ", ", "]))
def test_two_numbers_are_never_read_as_one(one, two, lead, between):
    assert math.isnan(read_number(f"{lead}{one:,.1f}{between}{two:,.1f}"))


@given(st.integers(0, 999), st.integers(1, 999), LEADS)
def test_a_fraction_is_its_quotient(top, bottom, lead):
    assert read_number(f"{lead}{top}/{bottom}") == top / bottom
    assert read_number(f"{lead}$\\frac{{{top}}}{{{bottom}}}$") == top / bottom


@given(st.text())
def test_any_text_gives_a_float_and_a_text_without_digits_none(text):
    assert isinstance(read_number(text), float)
    if not any(sign in "0123456789" for sign in text):
        assert math.isnan(read_number(text)) and numbers_in(text) == []


@given(st.lists(VALUES, max_size=6), st.sampled_from([" and ", "; ", "\n", ", "]))
def test_all_numbers_are_found_in_their_order(values, between):
    assert numbers_in(between.join(map(str, values))) == values


@given(VALUES, st.text(alphabet="abcdefghij ,.-?!\n"))
def test_what_comes_before_the_last_marker_does_not_count(value, before):
    assert read_number(f"{before} 12 of 30. Answer: 7\nAnswer: {value}") == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("1,234", 1234),
        ("1.234", 1.234),
        ("1.234.567", 1234567),
        ("0,125", 0.125),
        (".5", 0.5),
        ("−5", -5),
        ("Answer: - 5", 5),
        ("Answer: 35. This is because 3 of 4 are red.", 35),
        ("Answer: 10 * 3.5 = 35 beads", 35),
        ("Answer: 1/3 ≈ 33.3", 33.3),
        ("So the answer is \\boxed{41.6}.", 41.6),
        ("In 2 steps:\n$$\\boxed{\\frac{3}{4}}$$", 0.75),
        ("**Answer: 35**", 35),
        ("Answer: $1,500", 1500),
        ("The vitamin B12 costs 5 euros", 5),
        ("COVID-19 in 35 people", 35),
        ("The 3rd box, 20 percent", 20),
    ],
)
def test_what_is_clear_is_read(text, value):
    assert read_number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "twenty", "Answer:", "Answer: twenty", "Answer: none\n35 people were asked", "5 to 10",
        "between 5 and 10", "5–10", "12 or 15", "1 234", "3 million", "5k", "10^3", "10²", "1e3",
        "5!", "< 5", "more than 5", "at least 5", "3/0", "1/2/3", "1.2.3", "1,23,456", "2024-05-01",
        "Answer: A = 12, B = 14", "Answer: x = 12 or y = 14", "Answer: 12 out of 100", "3 1/2",
        "First 60, then 21", "B12", "the 3rd", "1. Find the share of beads.", "Step 1: count them",
        "Steps:\n1) The beads are drawn", "35. This many are green.", "**1.** Count the beads",
    ],
)  # fmt: skip
def test_what_is_not_clear_is_left_unread(text):
    assert math.isnan(read_number(text))


@pytest.mark.parametrize(
    "text, whole, cut_off",
    [
        ("Answer: 12", 12, math.nan),  # perhaps the beginning of 125
        ("Answer: 12.", 12, math.nan),  # or of 12.5
        ("Answer: 12 beads", 12, math.nan),  # or of "12 beads in 3 boxes"
        ("Answer: 12.\nThis is", 12, 12),
        ("The answer is 12.5. Each", 12.5, 12.5),
        ("Answer: 7\nNo. Answer: 1", 1, 7),
        ("30 of them are green.\nThus", 30, math.nan),  # not marked as the answer
        ("Answer: 10 * 3 = 30.\nAnswer: 10 *", 10, 30),
        ("", math.nan, math.nan),
    ],
)
def test_of_a_text_that_was_cut_off_only_finished_answers_count(text, whole, cut_off):
    assert read_number(text) == pytest.approx(whole, nan_ok=True)
    assert read_number(text, cut_off=True) == pytest.approx(cut_off, nan_ok=True)


@given(VALUES, LEADS, st.text(alphabet="abc ", max_size=5), st.data())
def test_cutting_a_text_anywhere_never_gives_another_number(value, lead, more, data):
    text = f"{lead}{value:.1f}. {more}"
    end = data.draw(st.integers(0, len(text)))
    found = read_number(text[:end], cut_off=True)
    assert math.isnan(found) or found == value


def test_a_number_that_cannot_be_read_is_found_as_missing():
    three_million, five = numbers_in("3 million people in 5 towns")
    assert math.isnan(three_million) and five == 5
