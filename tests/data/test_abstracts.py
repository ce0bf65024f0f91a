"""The fictional abstracts are what their data card says, and agree with themselves."""

import csv
import json
import re
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from conftest import COURSE
from scipy import stats

from besci import load_data

CLOSED = ["design", "direction", "preregistered"]
GOLD = ["sample_size", "country", *CLOSED, "outcome"]
ADJECTIVES = {"Australian": "Australia", "Danish": "Denmark", "Dutch": "Netherlands"}
COUNTRIES = """Afghanistan|Albania|Algeria|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|
Bahrain|Bangladesh|Belarus|Belgium|Benin|Bolivia|Bosnia|Botswana|Brazil|Bulgaria|Cambodia|Cameroon|
Canada|Chad|Chile|China|Colombia|Congo|Costa Rica|Croatia|Cuba|Cyprus|Czechia|Denmark|Ecuador|Egypt|
England|Estonia|Ethiopia|Fiji|Finland|France|Georgia|Germany|Ghana|Greece|Guatemala|Haiti|Honduras|
Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Jamaica|Japan|Jordan|Kazakhstan|Kenya|
Kuwait|Laos|Latvia|Lebanon|Libya|Lithuania|Luxembourg|Madagascar|Malawi|Malaysia|Mali|Malta|Mexico|
Moldova|Mongolia|Morocco|Mozambique|Myanmar|Namibia|Nepal|Netherlands|New Zealand|Nicaragua|Niger|
Nigeria|North Korea|Norway|Oman|Pakistan|Panama|Paraguay|Peru|Philippines|Poland|Portugal|Qatar|
Romania|Russia|Rwanda|Saudi Arabia|Scotland|Senegal|Serbia|Singapore|Slovakia|Slovenia|Somalia|
South Africa|South Korea|Spain|Sri Lanka|Sudan|Sweden|Switzerland|Syria|Taiwan|Tanzania|Thailand|
Togo|Tunisia|Türkiye|Turkey|Uganda|Ukraine|United Kingdom|United States|Uruguay|Uzbekistan|
Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe""".replace("\n", "").split("|")
UNITS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""".split()
RATIO = r"\b(?:OR|ratios?)\b"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


@pytest.fixture(scope="module")
def abstracts():
    return load_data("abstracts")


@pytest.fixture(scope="module")
def card():
    cards = (COURSE / "data" / "README.md").read_text("utf-8")
    return cards.split("\n## abstracts.csv\n")[1].split("\n## ")[0]


def spelled(number):
    """A number below 1,000 in British words."""
    if number >= 100:
        rest = f" and {spelled(number % 100)}" if number % 100 else ""
        return f"{UNITS[number // 100 - 1]} hundred{rest}"
    if number < 20:
        return UNITS[number - 1]
    ten = TENS[number // 10 - 2]
    return f"{ten}-{UNITS[number % 10 - 1]}" if number % 10 else ten


def forms(number):
    """The ways in which a text may state a number, as a pattern for lower-case text."""
    ways = [f"{number:,}", *([spelled(number)] if number < 1000 else [])]
    return r"(?<![\w.,-])(" + "|".join(ways) + r")(?![\w-]|[.,]\d|%)"


def in_digits(text):
    """The whole numbers of a text that stand there in digits, without percentages."""
    found = re.findall(r"(?<![\d.,−])(?:\d{1,3}(?:,\d{3})+|\d+)(?!\d|[.,:]\d|%)", text)
    return [int(number.replace(",", "")) for number in found]


def value(text):
    return float(text.replace("−", "-"))


# The texts


def test_there_are_sixty_abstracts_of_120_to_200_words_from_eleven_fields(abstracts):
    assert len(abstracts) == 60
    assert abstracts["field"].value_counts().between(5, 6).all()
    words = abstracts["text"].str.split().str.len()
    assert words.between(120, 200).all() and words.std() > 10


def test_no_eight_words_in_a_row_stand_in_two_abstracts(abstracts):
    where = defaultdict(set)
    for number, text in enumerate(abstracts["text"].str.lower()):
        words = re.findall(r"[\w'’]+", text)
        for k in range(len(words) - 7):
            where[tuple(words[k : k + 8])].add(number)
    assert [run for run, numbers in where.items() if len(numbers) > 1] == []


def test_no_two_abstracts_open_or_close_alike(abstracts):
    words = abstracts["text"].str.lower().str.findall(r"\w+")
    assert words.str[:3].map(tuple).is_unique and words.str[-3:].map(tuple).is_unique
    assert words.str[0].value_counts().max() <= 6


def test_texts_hold_plain_characters_and_single_spaces(abstracts):
    allowed = r"[\w .,;:?!()\[\]%'=<+/²−-]+"
    assert abstracts["text"].str.fullmatch(allowed).all()
    assert not abstracts["text"].str.contains("  ").any()
    assert abstracts["text"].str[-1].isin([".", "?", "'"]).all()


# The gold fields


def test_every_value_occurs_often_enough_to_be_scored(abstracts):
    for column in CLOSED:
        assert abstracts[column].value_counts().min() >= 5, column
    assert abstracts["preregistered"].value_counts().min() >= 10
    assert abstracts["direction"].value_counts(normalize=True).max() < 0.4
    assert abstracts["sample_size"].isna().sum() >= 6
    assert (abstracts["country"] == "not stated").sum() >= 15
    assert (abstracts["country"] == "several countries").sum() >= 3
    assert abstracts["country"].nunique() >= 30


def test_no_value_of_one_field_gives_the_value_of_another_away(abstracts):
    """But for qualitative studies, which by definition have no outcome and no direction."""
    others = abstracts[abstracts["design"] != "qualitative study"]
    for a in CLOSED:
        for b in set(CLOSED) - {a}:
            shares = pd.crosstab(others[a], others[b], normalize="index")
            sizes = others[a].value_counts()
            assert shares[sizes[shares.index] >= 5].max(axis=1).max() < 0.85, (a, b)


def test_the_sample_size_stands_in_the_text_in_digits_or_words(abstracts):
    stated = abstracts.dropna(subset="sample_size")
    in_words = 0
    for row in stated.itertuples():
        found = re.findall(forms(int(row.sample_size)), row.text.lower())
        assert found, row.abstract_id
        in_words += not any(way[0].isdigit() for way in found)
    assert in_words >= 8


def test_neither_the_first_nor_the_largest_number_is_the_sample_size(abstracts, card):
    stated = abstracts.dropna(subset="sample_size")
    numbers = stated["text"].map(in_digits)
    first = (numbers.str[0] == stated["sample_size"]).sum()
    largest = (numbers.map(lambda found: max(found, default=0)) == stated["sample_size"]).sum()
    assert max(first, largest) <= len(stated) / 2
    assert (
        f"finds it in {first} of {len(stated)} abstracts, taking the largest in {largest}" in card
    )


def test_the_country_and_no_other_stands_in_the_text(abstracts):
    named = {name: name for name in COUNTRIES} | ADJECTIVES
    for row in abstracts.itertuples():
        found = {named[name] for name in named if re.search(rf"\b{name}\b", row.text)}
        if row.country == "several countries":
            assert len(found) >= 2, row.abstract_id
        else:
            assert found == {row.country} - {"not stated"}, (row.abstract_id, found)


def test_the_outcome_stands_in_the_text_and_only_qualitative_studies_have_none(abstracts):
    none = abstracts["outcome"] == "not applicable"
    assert (none == (abstracts["design"] == "qualitative study")).all()
    assert (abstracts.loc[none, "direction"] == "not applicable").all()
    for row in abstracts[~none].itertuples():
        assert row.outcome in row.text and len(row.outcome.split()) <= 6, row.abstract_id


def test_a_text_speaks_of_registration_exactly_where_the_field_says_so(abstracts):
    speaks = abstracts["text"].str.contains(
        "registered|registration|registry|register of reviews|Registered Report|time-stamped"
    )
    # This one is about registration, besides being registered itself.
    about = abstracts["text"].str.contains("without preregistration")
    assert about.sum() == 1
    assert (speaks == (abstracts["preregistered"] != "not stated")).all()


# The numbers in the texts


def test_printed_p_values_of_t_tests_follow_from_t_and_its_degrees_of_freedom(abstracts):
    tests = abstracts["text"].str.extractall(r"t\((\d+)\) = (−?[\d.]+), p ([<=]) (\.\d+)")
    assert len(tests) >= 7
    for df, t, sign, p in tests.itertuples(index=False):
        exact = 2 * stats.t.sf(abs(value(t)), int(df))
        if sign == "<":
            assert exact < float(p)
        else:
            assert exact == pytest.approx(float(p), abs=1.1 * 10.0 ** -(len(p) - 1))


def test_degrees_of_freedom_are_those_of_the_sample(abstracts):
    for row in abstracts.itertuples():
        for df in re.findall(r"\bt\((\d+)\)", row.text):
            assert row.sample_size - int(df) in (1, 2), row.abstract_id


def test_every_interval_has_its_estimate_in_the_middle_and_agrees_with_its_p_value(abstracts):
    number = r"−?\d*\.\d+"
    pattern = (
        rf"({number})%?(?:(?!{number}).){{0,80}}?(?:95% CI|95% confidence interval)"
        rf"(?: from)? ?\[?({number})%?(?:, | to )({number})%?\]?(?:\)?[,;]? ?\(?p ([<=]) (\.\d+))?"
    )
    seen = 0
    for row in abstracts.itertuples():
        for estimate, low, high, sign, p in re.findall(pattern, row.text):
            seen += 1
            numbers = np.array([value(x) for x in (estimate, low, high)])
            if numbers[0] > 0 > numbers[2]:  # "lower by 0.11 (−0.15 to −0.07)"
                numbers[0] *= -1
            ratio = re.search(rf"{RATIO}\D*{re.escape(estimate)}", row.text)
            mean, low, high = np.log(numbers) if ratio else numbers
            half = (high - low) / 2
            assert low < mean < high, (row.abstract_id, estimate)
            assert abs(mean - (high + low) / 2) < 0.11 * half, (row.abstract_id, estimate)
            exact = 2 * stats.norm.sf(abs(mean) / (half / 1.96))
            if sign == "<":
                assert exact < float(p), (row.abstract_id, estimate)
            elif sign == "=":
                assert exact == pytest.approx(float(p), abs=0.02), (row.abstract_id, estimate)
    assert seen >= 45


def test_no_effect_means_that_the_first_interval_includes_zero(abstracts):
    """And the other way round, for positive and negative directions."""
    interval = r"95% (?:CI|confidence interval)(?: from)? ?\[?(−?\d*\.\d+)%?(?:, | to )(−?\d*\.\d+)"
    seen = 0
    for row in abstracts[
        abstracts["direction"].isin(["positive", "negative", "no effect"])
    ].itertuples():
        found = re.search(interval, row.text)
        if found:
            seen += 1
            low, high = map(value, found.groups())
            neutral = 1 if re.search(RATIO, row.text) else 0
            assert (low < neutral < high) == (row.direction == "no effect"), row.abstract_id
    assert seen >= 35


# The second pass


def test_the_card_reports_the_second_pass_as_the_files_have_it(abstracts, card):
    with (COURSE / "data/build/abstracts_second.csv").open(encoding="utf-8", newline="") as file:
        second = pd.DataFrame(csv.DictReader(file)).set_index("abstract_id")
    lines = (COURSE / "data/build/abstracts.jsonl").read_text("utf-8").splitlines()
    first = pd.DataFrame(map(json.loads, lines)).set_index("abstract_id")
    first["sample_size"] = first["sample_size"].map(lambda n: "" if pd.isna(n) else f"{n:.0f}")
    assert list(second.index) == list(first.index) == list(abstracts["abstract_id"])
    same = (first[GOLD] == second[GOLD]).sum()
    assert same.drop("outcome").eq(60).all()
    assert "agreed in 60 of 60 abstracts" in card
    assert f"the words of the outcome in {same['outcome']}" in card
    assert f"In the other {60 - same['outcome']} both phrases" in card
