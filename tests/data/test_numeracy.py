"""The numeracy problems: answers found a second way from the text alone, and one way to read it."""

import re
import string
import subprocess
import sys
import tomllib
from decimal import Decimal
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pytest
from conftest import DATA

from besci import load_data
from besci.numbers import numbers_in

ITEMS = load_data("numeracy")
WORDINGS = tomllib.loads((DATA / "build" / "numeracy.toml").read_text(encoding="utf-8"))
TWINS = (
    ["bayes_percentages", "bayes_frequencies"],
    [
        "absolute_risk_reduction",
        "relative_risk_reduction",
    ],
)


def stated(question):
    """The numbers of a question as exact fractions, in their order."""
    return [Fraction(str(number)) for number in numbers_in(question)]


def percent_of(cases, which):
    """Percentage of `cases` that `which` holds for, by counting them."""
    cases = list(cases)
    return Fraction(100 * sum(map(which, cases)), len(cases))


def cells(*percentages):
    """Equally likely cells of a grid of independent chances, in steps of 5 percent."""
    grid = product(range(20), repeat=len(percentages))
    return [[5 * k < p for k, p in zip(cell, percentages, strict=True)] for cell in grid]


def risk_difference(treated, control, treated_cases, control_cases):
    people = [(True, k < treated_cases) for k in range(int(treated))]
    people += [(False, k < control_cases) for k in range(int(control))]
    first, second = (
        percent_of([case for group, case in people if group is own], bool) for own in (True, False)
    )
    return second - first, second


def absolute_risk_reduction(*numbers):
    difference, second = risk_difference(*numbers)
    return difference, 100 * difference / second


def relative_risk_reduction(*numbers):
    difference, second = risk_difference(*numbers)
    return 100 * difference / second, difference


def at_least_once(*chances):
    return percent_of(cells(*chances), any), sum(chances)


def bayes_frequencies(n, with_it, without, right, _with, wrong, _without):
    assert with_it + without == n and (with_it, without) == (_with, _without)
    flagged = [True] * int(right) + [False] * int(wrong)
    return percent_of(flagged, bool), 100 * right / with_it


def bayes_percentages(base, hits, alarms):
    """10,000 cases, of which those that the test marks are kept."""
    cases = [
        (i < base, j < (hits if i < base else alarms)) for i, j in product(range(100), repeat=2)
    ]
    return percent_of([true for true, marked in cases if marked], bool), hits


def complement(p):
    return percent_of(range(100), lambda k: k >= p), p


def compound_probability(first, second):
    return percent_of(cells(first, second), all), first / 2 + second / 2


def conditional_probability(n, both, group, n_again, inside, group_again):
    assert (n, group) == (n_again, group_again)
    things = [(k < group, k < inside or group <= k < group + both - inside) for k in range(int(n))]
    assert sum(has for _, has in things) == both
    return percent_of([has for own, has in things if not own], bool), percent_of(
        [has for _, has in things], bool
    )


def denominator_neglect(n_1, k_1, n_2, k_2):
    chance = [percent_of(range(int(n)), lambda i, k=k: i < k) for n, k in ((n_1, k_1), (n_2, k_2))]
    return max(chance), chance[k_1 < k_2]


def either_or(first, second):
    share = ["first"] * int(first) + ["second"] * int(second) + [""] * int(100 - first - second)
    both = percent_of(product(range(100), repeat=2), lambda k: k[0] < first and k[1] < second)
    return percent_of(share, bool), both


def expected_frequency(colours, times, others, n):
    bag = ["green"] * int(times) + list(range(int(others)))
    assert len(set(bag)) == colours
    return n * percent_of(bag, lambda colour: colour == "green") / 100, n / colours


def expected_value(high, p, low, q):
    wheel = [high] * int(p) + [low] * int(q) + [0] * int(100 - p - q)
    return Fraction(sum(wheel), len(wheel)), (high + low) / 2


def number_needed_to_treat(without, n, with_it, n_again):
    assert n == n_again
    fewer = [people * without / n - people * with_it / n for people in range(1001)]
    return fewer.index(1), without - with_it


def one_in_x(x, n):
    return len(range(0, int(n), int(x))), n * percent_of(range(100), lambda k: k < x) / 100


def percentage_of_number(n, p):
    return sum(100 * k < p * n for k in range(int(n))), n / p


def percentage_of_percentage(share, part):
    members = product(range(100), repeat=2)
    return percent_of(members, lambda m: m[0] < share and m[1] < part), part


def percentage_points(low, high):
    return len(range(int(low), int(high))), 100 * high / low - 100


def percentage_to_frequency(p, n):
    answer = n * Fraction(Decimal(str(float(p))) / 100)
    return answer, 10 * answer


def regression_to_the_mean(mean, r, score):
    """The line fitted to four people whose scores correlate exactly r."""
    first = np.array([1, 1, -1, -1])
    second = float(r) * first + np.sqrt(1 - float(r) ** 2) * np.array([1, -1, 1, -1])
    slope, start = np.polyfit(first + float(mean), second + float(mean), 1)
    return round(start + slope * float(score), 6), score


def share_in_percent(n, k):
    things = [i < k for i in range(int(n))]
    rest = len(things) - sum(things)
    return percent_of(things, bool), 100 * k / rest


def successive_changes(price, up, down):
    once = price + price * up / 100
    return once - once * down / 100, price + price * up / 100 - price * down / 100


def without_replacement(n, k):
    draws = permutations(range(int(n)), 2)
    answer = percent_of(draws, lambda draw: max(draw) < k)
    return answer, percent_of(product(range(int(n)), repeat=2), lambda draw: max(draw) < k)


@pytest.mark.parametrize("family", ITEMS["family"].unique())
def test_a_second_way_from_the_text_alone_gives_the_same_answers(family):
    for item in ITEMS[ITEMS["family"] == family].itertuples():
        answer, lure = globals()[family](*stated(item.question))
        assert item.answer == float(answer), item
        assert item.lure == pytest.approx(float(lure), abs=0.00501), item


def test_rebuilding_gives_the_same_bytes(tmp_path):
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); \
import numeracy; numeracy.build(pathlib.Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-B", "-c", code, DATA / "build", tmp_path], check=True)
    assert (tmp_path / "numeracy.csv").read_bytes() == (DATA / "numeracy.csv").read_bytes()


def test_each_family_has_twenty_variants_with_different_answers():
    assert ITEMS["family"].nunique() == 22
    for family, items in ITEMS.groupby("family"):
        assert items["variant"].tolist() == list(range(1, 21))
        assert items["item_id"].tolist() == [f"{family}_{k:02d}" for k in range(1, 21)]
        assert items["answer"].is_unique
        assert items["cover"].value_counts().tolist() == [6, 6, 4, 4]


def test_six_families_are_basic_and_one_operation_on_what_they_state_solves_them():
    """Some advanced ones take no more: what makes these hard is to know which operation."""
    assert ITEMS.groupby("family")["level"].nunique().eq(1).all()
    basic = ITEMS[ITEMS["level"] == "basic"]
    assert basic["family"].nunique() == 6 and set(ITEMS["level"]) == {"basic", "advanced"}
    for item in basic.itertuples():
        pairs = permutations([*stated(item.question), Fraction(100)], 2)
        results = {r for a, b in pairs for r in (a + b, a - b, a * b / 100, a / b, 100 * a / b)}
        assert Fraction(str(item.answer)) in results, item
        assert re.search(r"\d", item.question) and len(item.question.split()) < 40


def test_answers_have_at_most_one_decimal_and_percentages_lie_between_0_and_100():
    assert (ITEMS["answer"] == ITEMS["answer"].round(1)).all()
    percent = ITEMS["unit"].str.startswith("percent")
    assert percent.sum() >= 200 and (ITEMS.loc[percent, ["answer", "lure"]] < 100).all(axis=None)
    counts = ITEMS[~ITEMS["unit"].isin(["percent", "percentage points", "euros", "points"])]
    assert len(counts) == 100 and (counts["answer"] % 1 == 0).all()


def test_neither_copying_a_number_nor_the_shortcut_is_ever_right():
    for item in ITEMS.itertuples():
        assert item.answer not in numbers_in(item.question), item
        assert abs(item.answer - item.lure) >= 0.1 - 1e-9, item


def test_pairs_of_variants_differ_in_numbers_alone_and_covers_in_words():
    ITEMS["words"] = ITEMS["question"].str.replace(r"\d[\d.,]*\d|\d", "#", regex=True)
    for _, items in ITEMS.groupby("family"):
        words = items["words"].tolist()
        assert words[::2] == words[1::2]
        assert items.groupby("cover")["words"].nunique().eq(1).all()
        assert items["words"].nunique() == 4


@pytest.mark.parametrize("twins", TWINS, ids=str)
def test_twins_share_stories_and_numbers_but_not_the_question(twins):
    one, two = (ITEMS[ITEMS["family"] == family] for family in twins)
    assert one["cover"].tolist() == two["cover"].tolist()
    if "bayes_percentages" in twins:
        assert one["answer"].tolist() == two["answer"].tolist()
    else:
        assert list(map(stated, one["question"])) == list(map(stated, two["question"]))
        assert one["answer"].tolist() == two["lure"].tolist()


def test_the_last_sentence_alone_asks_and_names_the_unit():
    for item in ITEMS.itertuples():
        *before, last = re.split(r"(?<=[.?]) (?=[A-Z])", item.question)
        assert last.endswith("?") and "?" not in "".join(before) + last[:-1]
        unit = {"percent": "percent(age)?"}.get(item.unit, item.unit)
        assert re.search(rf"\b{unit}\b", last), item


def test_every_question_is_written_correctly():
    for question in ITEMS["question"]:
        assert not re.search(r"[{}]|  |\s[,.;?]|\n", question), question
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou\s]|\b(\w+) \1\b", question), question
        assert not re.search(r"\b1 (?!out)[a-z]", question), question  # no "1 trees"
        assert not re.search(r"\d{4}|\d\.0\b", question), question
        for sentence in re.split(r"(?<=[.?]) (?=[A-Z0-9])", question):
            assert re.match(r"[A-Z0-9].+[.?]$", sentence), question


def third_person(verb):
    return {"have": "has", "are": "is", "do": "does"}.get(verb, f"{verb}s")


@pytest.mark.parametrize("name", WORDINGS)
def test_covers_have_the_words_their_questions_need_and_their_verbs_agree(name):
    covers = WORDINGS[name]["covers"]
    texts = [
        part for key, one in WORDINGS[name].items() if key != "covers" for part in one.values()
    ]
    slots = {field for text in texts for _, field, *_ in string.Formatter().parse(text) if field}
    assert len(covers) == 4
    for cover in covers:
        assert cover.keys() <= slots and cover.keys() == covers[0].keys()
        assert len(set(cover.values())) > len(cover) - 2
        for plural, singular in (("have", "has"), ("do", "does"), ("win", "wins"), ("are", "be")):
            if {plural, singular} <= cover.keys():
                verb, *rest = cover[plural].split()
                forms = cover[singular].split()
                assert forms[1:] == rest or singular == "has" and cover["have"] == "are copies"
                expected = {"are": "be"}.get(verb, verb) if singular == "be" else third_person(verb)
                assert forms[0] == expected
        if {"thing", "things"} <= cover.keys():
            assert cover["things"] in (cover["thing"] + "s", cover["thing"] + "es")


def test_no_story_of_a_published_test_is_told():
    told = re.compile(
        r"\b(choir|mushroom|dice?|coin toss|bat and|ball|widget|lil(y|ies)|mammogra|cancer|cab|"
        r"taxi|lottery|sweepstake|engineer|lawyer|bookbag|Linda|bank)\b",
        re.IGNORECASE,
    )
    assert not [question for question in ITEMS["question"] if told.search(question)]


def test_the_data_card_names_the_lure_of_every_family():
    card = (DATA / "README.md").read_text(encoding="utf-8").split("\n## numeracy.csv\n")[1]
    rows = re.findall(r"^\| ([a-z_, ]+) \| [a-z]", card.split("\n## ")[0], re.MULTILINE)
    named = [family for row in rows for family in row.split(", ") if family in set(ITEMS["family"])]
    assert sorted(named) == sorted(ITEMS["family"].unique())
