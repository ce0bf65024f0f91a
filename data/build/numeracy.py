"""Numeracy problems: 22 families, each with twenty sets of numbers and exact answers.

Reads the wordings from numeracy.toml and writes numeracy.csv. A scenario is a function of numbers.
Where they are plausible it returns, for each family of problems about them, the right answer and
the answer of a tempting shortcut (the lure), and what further numbers the texts state.
"""

import hashlib
import tomllib
from fractions import Fraction
from itertools import product
from pathlib import Path

import pandas as pd
from _table import write_table

WORDINGS = Path(__file__).with_suffix(".toml")
VARIANTS = 20
SERIES = 1  # another number here draws other sets of numbers, which no model has seen
SCENARIOS = {}
# Families of one step, for whoever knows what a percentage is; the others are "advanced".
BASIC = {
    "complement",
    "either_or",
    "one_in_x",
    "percentage_of_number",
    "percentage_points",
    "share_in_percent",
}
TENTHS = [Fraction(k, 10) for k in range(1, 10)]


def scenario(**ranges):
    """Register a function of numbers, with the values that each of them may take."""

    def register(solve):
        SCENARIOS[solve.__name__] = ranges, solve
        return solve

    return register


@scenario(colours=range(3, 9), times=range(3, 7), n=range(60, 601, 20))
def machine(colours, times, n):
    answer = n * Fraction(times, times + colours - 1)
    lure = Fraction(n, colours)  # as if all colours were equally likely
    if answer.denominator == 1:
        return {"expected_frequency": (answer, lure)}, {"others": colours - 1}


@scenario(
    n=range(100, 401, 20), both=range(24, 200, 4), group=range(20, 200, 10), inside=range(6, 100, 6)
)
def orchard(n, both, group, inside):
    if inside < group < n / 2 and inside < both < n / 2:
        answer = Fraction(both - inside, n - group)
        lure = Fraction(both, n)  # the condition is passed over
        return {"conditional_probability": (100 * answer, 100 * lure)}, {}


@scenario(
    base=[2, 4, 5, 8, 10, 12, 15, 20, 25, 30],
    hits=range(50, 100, 2),
    alarms=[*range(2, 10), *range(10, 42, 2), 15, 25, 35],
)
def detector(base, hits, alarms):
    right, wrong = Fraction(base * hits, 100**2), Fraction((100 - base) * alarms, 100**2)
    n = next(n for n in (500, 1000, 2500, 5000, 10000) if n * right % 1 == n * wrong % 1 == 0)
    ill = n * base // 100
    problem = 100 * right / (right + wrong), Fraction(hits)  # the base rate is neglected
    return {"bayes_percentages": problem, "bayes_frequencies": problem}, {
        "n": n,
        "with_it": ill,
        "without": n - ill,
        "right": int(n * right),
        "wrong": int(n * wrong),
    }


@scenario(first=range(10, 96, 5), second=range(10, 96, 5))
def bulbs(first, second):
    lure = Fraction(first + second, 2)  # averaged
    return {"compound_probability": (Fraction(first * second, 100), lure)}, {}


@scenario(first=range(5, 91, 5), second=range(5, 91, 5), third=range(5, 91, 5))
def attempts(first, second, third):
    never = Fraction((100 - first) * (100 - second) * (100 - third), 100**2)
    lure = Fraction(first + second + third)  # added up
    if lure < 100 and len({first, second, third}) == 3:
        return {"at_least_once": (100 - never, lure)}, {}


@scenario(n=[5, 6, 9, 10, 11, 15, 16, 20, 21, 25, 26], k=range(2, 25))
def drawer(n, k):
    lure = Fraction(k, n) ** 2  # as if the first were put back
    if k < n - 1:
        return {"without_replacement": (100 * Fraction(k * (k - 1), n * (n - 1)), 100 * lure)}, {}


@scenario(share=range(10, 96, 5), part=range(4, 97, 2))
def club(share, part):
    lure = Fraction(part)  # the percentage of a part is taken for one of all
    return {"percentage_of_percentage": (Fraction(share * part, 100), lure)}, {}


@scenario(price=range(80, 601, 20), up=range(5, 55, 5), down=range(5, 55, 5))
def price(price, up, down):
    answer = price * Fraction(100 + up, 100) * Fraction(100 - down, 100)
    lure = price * Fraction(100 + up - down, 100)  # percentages of different wholes are added
    return {"successive_changes": (answer, lure)}, {}


@scenario(
    treated=[120, 150, 200, 240, 250, 300, 400],
    control=[120, 150, 200, 240, 250, 300, 400],
    treated_cases=range(6, 100, 3),
    control_cases=range(12, 150, 6),
)
def trial(treated, control, treated_cases, control_cases):
    first, second = Fraction(treated_cases, treated), Fraction(control_cases, control)
    absolute, relative = 100 * (second - first), 100 * (1 - first / second)
    if treated != control and first < second < 0.5:
        return {  # one kind of reduction is taken for the other
            "absolute_risk_reduction": (absolute, relative),
            "relative_risk_reduction": (relative, absolute),
        }, {}


@scenario(n=[200, 300, 400, 500, 600, 800, 900, 1000], without=range(10, 100), with_it=range(4, 95))
def treatment(n, without, with_it):
    fewer = without - with_it  # the lure: cases prevented, not people treated
    if fewer > 1 and without <= n / 5 and n % fewer == 0:
        return {"number_needed_to_treat": (Fraction(n, fewer), Fraction(fewer))}, {}


@scenario(
    high=[*range(12, 31, 2), 40, 50, 60],
    low=range(2, 11),
    p=[2, 4, 5, 10, 15, 20],
    q=[15, 20, 25, 30, 35, 40, 45, 50, 60],
)
def wheel(high, low, p, q):
    lure = Fraction(high + low, 2)  # the probabilities are passed over
    return {"expected_value": (Fraction(high * p + low * q, 100), lure)}, {}


@scenario(
    p=[Fraction(k, 10) for k in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 24, 25)],
    n=[500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 7500, 8000],
)
def suitcases(p, n):
    answer = n * p / 100
    lure = 10 * answer  # the decimal point slips
    if answer.denominator == 1:
        return {"percentage_to_frequency": (answer, lure)}, {}


@scenario(
    n_1=[10, 20, 25, 40, 50, 80, 100, 125, 200],
    k_1=range(2, 40),
    n_2=[10, 20, 25, 40, 50, 80, 100, 125, 200],
    k_2=range(2, 40),
)
def boxes(n_1, k_1, n_2, k_2):
    worse, better = sorted([(Fraction(k_1, n_1), k_1, n_1), (Fraction(k_2, n_2), k_2, n_2)])
    lure = worse[0]  # that place holds more winners
    if 2 * better[2] <= worse[2] and better[1] < worse[1] and lure < better[0] <= 0.5:
        return {"denominator_neglect": (100 * better[0], 100 * lure)}, {}


@scenario(mean=range(40, 121, 5), r=TENTHS[1:], score=range(20, 161))
def retest(mean, r, score):
    lure = Fraction(score)  # the same score again
    if 8 <= abs(score - mean) <= 0.4 * mean:
        return {"regression_to_the_mean": (mean + r * (score - mean), lure)}, {}


# ---- one step


@scenario(p=range(3, 98))
def chance(p):
    return {"complement": (Fraction(100 - p), Fraction(p))}, {}  # what was told is given back


@scenario(first=range(4, 91, 2), second=range(4, 91, 2))
def colour(first, second):
    lure = Fraction(first * second, 100)  # multiplied, as if both had to happen
    if first + second < 100 and first != second:
        return {"either_or": (Fraction(first + second), lure)}, {}


@scenario(low=range(5, 61), high=range(8, 80))
def rise(low, high):
    lure = Fraction(100 * (high - low), low)  # relative to the first share
    if low + 2 < high < 2 * low:
        return {"percentage_points": (Fraction(high - low), lure)}, {}


@scenario(n=range(40, 401, 20), p=range(5, 96, 5))
def stock(n, p):
    answer = Fraction(n * p, 100)
    lure = Fraction(n, p)  # divided by the percentage, as is right for 10 alone
    if answer.denominator == 1:
        return {"percentage_of_number": (answer, lure)}, {}


@scenario(x=[4, 5, 6, 8, 12, 15, 16, 20, 25, 30, 40], n=range(60, 601, 20))
def frequency(x, n):
    answer = Fraction(n, x)
    lure = Fraction(n * x, 100)  # "one in x" is taken for x percent
    if answer.denominator == 1:
        return {"one_in_x": (answer, lure)}, {}


@scenario(n=[20, 25, 40, 50, 60, 75, 80, 120, 125, 150, 200, 250, 300, 400], k=range(3, 190))
def part(n, k):
    if k < n / 2:
        lure = Fraction(100 * k, n - k)  # the part is compared with the rest, not with all
        return {"share_in_percent": (Fraction(100 * k, n), lure)}, {}


def order(values):
    """A position that is the same on every machine and has nothing to do with the numbers."""
    return hashlib.sha256(" ".join(map(str, (SERIES, *values))).encode()).hexdigest()


def number_sets(ranges, solve):
    """VARIANTS sets of numbers with their solutions, as (numbers, {family: (answer, lure)}).

    Answers have at most one decimal and differ within a family. No answer is the lure or a number
    that the question states: neither copying nor the shortcut is ever right.
    """
    chosen, used = [], set()
    for values in sorted(product(*ranges.values()), key=order):
        found = solve(*values)
        if found is None:
            continue
        solutions, more = found
        numbers = dict(zip(ranges, values, strict=True)) | more
        answers = {(family, answer) for family, (answer, _) in solutions.items()}
        if not answers & used and all(
            10 % answer.denominator == 0
            and answer not in numbers.values()
            and abs(answer - lure) >= TENTHS[0]
            for answer, lure in solutions.values()
        ):
            used |= answers
            chosen.append((numbers, solutions))
        if len(chosen) == VARIANTS:
            return chosen
    raise ValueError(f"only {len(chosen)} of {VARIANTS} sets of numbers fit: widen {ranges}")


def written(number):
    """12, 12.5 or, for lures only, 6.25 and the rounded 33.33."""
    return f"{float(round(number, 2)):g}"


def problems(name):
    """The rows of a scenario's families; variants 1 and 2, 3 and 4, ... differ in numbers alone."""
    wording = tomllib.loads(WORDINGS.read_text(encoding="utf-8"))[name]
    covers = wording.pop("covers")
    for k, (numbers, solutions) in enumerate(number_sets(*SCENARIOS[name])):
        cover = k // 2 % len(covers)
        stated = {n: float(x) if isinstance(x, Fraction) else x for n, x in numbers.items()}
        for family, (answer, lure) in solutions.items():
            yield {
                "item_id": f"{family}_{k + 1:02d}",
                "family": family,
                "level": "basic" if family in BASIC else "advanced",
                "variant": k + 1,
                "cover": cover + 1,
                "question": wording[family]["question"].format(**covers[cover], **stated),
                "answer": written(answer),
                "unit": wording[family]["unit"].format(**covers[cover]),
                "lure": written(lure),
            }


def build(folder):
    """Write numeracy.csv into `folder`."""
    rows = [row for name in SCENARIOS for row in problems(name)]
    table = pd.DataFrame(rows).sort_values("family", kind="stable")
    write_table(table, folder / "numeracy.csv")


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[1])
