"""Day 4: what its checks answer to likely mistakes."""

import numpy as np
import pandas as pd
from notebooks import notebook_tests
from verdicts import Forms, verdict_tests

from besci import load_data, stats
from besci.checks import day_4

READ = pd.Series(
    [0.7, 0.8, 0.1, 0.6],
    index=pd.MultiIndex.from_product([["direct", "step by step"], ["short", "long"]]),
)
ONE, TWO = np.array([3, 5, np.nan, 8, 2]), np.array([3, 6, np.nan, 8, np.nan])
ITEMS = pd.DataFrame(
    {
        "question": ["20 of 40 and 20", "5 or 8", "1, 2, 3 and 4", "3 of 9"],
        "lure": [20, 7, 4, 6],
    }
)


def counted(answers):
    read = [answer for answer in answers if not np.isnan(answer)]
    return max(read, key=read.count) if read else np.nan


SIMULATED = pd.DataFrame([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], columns=[1, 2, 3])
SQUARED = SIMULATED**2
SHARPENED = SQUARED.div(SQUARED.sum(axis=1), axis=0).mean()
GIVEN = pd.Series([0.5, 0.2, 0.05, 0.05, 0.05, 0.05, 0.1], index=range(1, 8))
TURNED = pd.Series([0.2, 0.05, 0.05, 0.05, 0.05, 0.2, 0.4], index=range(1, 8))
FLOOR = stats.sampling_floor(
    load_data("survey")["self_placement"].value_counts(normalize=True).sort_index(), 100
)
N_FLOOR = 100 * (FLOOR / 0.02) ** 2
SHOWN = {
    "model, exact": stats.Estimate(0.2, 0.1, 0.3),
    "all options alike": stats.Estimate(0.25, 0.2, 0.3),
}
STEERED = {
    f"{who}: age, education{more}": stats.Estimate(r, r - 0.1, r + 0.1)
    for more, rs in {"": (0.1, 0.3), ", party": (0.6, 0.2)}.items()
    for who, r in zip(("regression", "model"), rs, strict=True)
}
FLOORS = {"model, exact": 0.04, "all options alike": 0.04}
MOVED = pd.Series({"numbers, given": 0.0, "numbers, reversed": 0.03, "letters, given": 0.2})
SLOPES = pd.Series([0.1, -0.05, 0.2])
HALVES = pd.DataFrame({"first": [0.30, 0.20, 0.40], "second": [0.10, 0.26, 0.50]})
THIRD_NOTEBOOK = [f"task_3_{k}" for k in range(1, 7)]
MORE = {
    "task_1_1": (READ,),
    "task_1_3": (ONE, TWO),
    "task_1_4": (ITEMS,),
    "task_3_1": (SIMULATED,),
    "task_3_3": (GIVEN, TURNED),
    "task_3_4": (HALVES,),
    "task_3_5": (SHOWN, FLOORS, STEERED, MOVED, SLOPES),
}
RIGHT = {
    "task_1_1": 0.4,
    "task_1_2": counted,
    "task_1_3": 2 / 5,
    "task_1_4": (2 / 3 + 1 / 4) / 4,
    "task_3_1": Forms((SHARPENED, SHARPENED.tolist(), SHARPENED.to_numpy(), SHARPENED.round(2))),
    "task_3_2": Forms((N_FLOOR, round(N_FLOOR), round(N_FLOOR, -2), [N_FLOOR])),
    "task_3_3": Forms((0.3, np.float32(0.3), [0.3], stats.Estimate(0.3, 0.1, 0.5))),
    "task_3_4": Forms((0.13, np.array([0.13]), pd.Series([0.13]), stats.Estimate(0.13, 0.0, 0.2))),
    "task_3_5": Forms(("b, d", "DB", "d;b.", "b,\u00a0d\u200b")),
    "task_3_6": Forms(
        ("We fix the wording. " * 5, "One criterion, both orders,\n" * 4, "Plan: " * 12)
    ),
}
FIRST_MEAN = SIMULATED.mean() ** 2
ROOTS = SIMULATED**0.5
WRONG = [
    ("task_1_1", -0.4, "turned round"),
    ("task_1_1", 0.6 - 0.7, "prompt and budget at once"),
    ("task_1_1", 0.5, "for one prompt"),
    ("task_1_1", 0.1, "for one prompt"),
    ("task_1_1", 0.3, "the budget's mean effect"),
    ("task_1_1", 40, "percentage points"),
    ("task_1_1", 0.77, "does not fit"),
    ("task_1_2", 3, "a function is asked for"),
    ("task_1_2", lambda answers: answers[0], "for [nan, 4, nan, nan] your function gives nan"),
    ("task_1_2", lambda answers: 3, "gives 3, not 4"),
    ("task_1_2", lambda answers: np.nanmax(answers), "gives 8, not 3"),
    ("task_1_2", lambda answers: counted([*answers, 0, np.nan]), "gives 0, not NaN"),
    ("task_1_2", lambda answers: answers, "gives 4 numbers"),
    ("task_1_2", lambda answers: max(answers, key=answers.count), "gives nan, not 4"),
    ("task_1_3", 40, "per cent"),
    ("task_1_3", 2, "the number of pairs"),
    ("task_1_3", 2 / 3, "in which both were read"),
    ("task_1_3", 3 / 5, "the two numbers differ"),
    ("task_1_3", 0.9, "does not fit"),
    ("task_1_4", 2 / 4, "that state their lure"),
    ("task_1_4", 3 / 11, "you pooled all numbers"),
    ("task_1_4", 100 * (2 / 3 + 1 / 4) / 4, "per cent"),
    ("task_1_4", 0.9, "does not fit"),
    ("task_3_1", FIRST_MEAN / FIRST_MEAN.sum(), "you took the mean first"),
    ("task_3_1", ROOTS.div(ROOTS.sum(axis=1), axis=0).mean(), "this is temperature 2"),
    ("task_3_1", SQUARED.mean(), "do not sum to 1"),
    ("task_3_1", SIMULATED.mean(), "this is temperature 1"),
    ("task_3_1", [0.5, 0.5], "3 shares are asked for"),
    ("task_3_1", [0.2, 0.2, 0.2], "yours sum to 0.60"),
    ("task_3_1", [0.2, 0.2, 0.6], "the shares are others"),
    ("task_3_2", 100 * FLOOR / 0.02, "square the ratio"),
    ("task_3_2", 0.02, "not the floor itself"),
    ("task_3_2", 944, "with 944 people the floor is 0.0"),
    ("task_3_3", -0.3, "the sign is turned"),
    ("task_3_3", 0.6, "the sum over both ends"),
    ("task_3_3", 0.4, "two different options in one order"),
    ("task_3_3", 0.0, "shown first in the *reversed* order"),
    ("task_3_4", -0.13, "the sign is turned"),
    ("task_3_4", 0.06, "one way only"),
    ("task_3_4", 0.2, "one way only"),
    ("task_3_4", 0.26, "the sum of both ways"),
    ("task_3_4", 0.28, "this is a distance"),
    ("task_3_4", 0.15, "this is a distance"),
    ("task_3_4", 0.1, "Follow one specification from half to half"),
    ("task_3_4", 13, "percentage points"),
    ("task_3_4", 0.9, "the value is another"),
    ("task_3_5", ["b", "d"], "letters are asked for"),
    ("task_3_5", "bg", "the letters are a, b, c, d, e and f"),
    ("task_3_5", "abd", "look at a again: the distance is 0.20, the floor 0.04"),
    ("task_3_5", "d", "look at b again: the distance is 0.20, that of equal shares 0.25"),
    ("task_3_5", "bcd", "look at c again: r is 0.20 and 0.60 for the regression"),
    ("task_3_5", "b", "look at d again: 0.03 of the answers move"),
    ("task_3_5", "BDE", "more simulated people narrow the interval"),
    ("task_3_5", "bdf", "look at f again: the lowest slope is -0.05"),
    ("task_3_6", "Fix all.", "so few words"),
    ("task_3_6", 0.3, "a text is asked for"),
    ("task_3_6", ["We fix the wording, the order and the criterion before we look."], "a text"),
    ("task_3_1", 100 * SHARPENED, "these are percentages"),
    ("task_3_1", SHARPENED.to_numpy()[::-1], "from the last option to the first"),
    ("task_3_2", 1e12, "more than there are"),
    ("task_3_3", 30, "percentage points"),
    ("task_3_3", 0.9, "the value is another"),
]

(
    test_every_task_of_the_day_has_a_right_answer_here,
    test_the_right_answer_is_accepted,
    test_a_likely_mistake_gets_its_own_message,
    test_no_check_passes_or_raises_on_nonsense,
) = verdict_tests(day_4, RIGHT, WRONG, MORE)


def test_each_task_of_notebook_3_is_tried_with_three_right_and_three_wrong_forms():
    for name in THIRD_NOTEBOOK:
        assert len(RIGHT[name]) >= 3 and sum(task == name for task, *_ in WRONG) >= 3, name


def test_one_specification_that_is_best_in_both_halves_has_no_optimism_on_average(capsys):
    halves = HALVES.assign(second=[0.5, 0.26, 0.6])
    day_4.task_3_4(0.0, halves)
    assert capsys.readouterr().out.startswith("✓")
    day_4.task_3_4(0.06, halves)
    assert "one way only" in capsys.readouterr().out


def test_any_vote_may_win_a_tie(capsys):
    for pick in (min, max):

        def mode(answers, pick=pick):
            read = [answer for answer in answers if not np.isnan(answer)]
            most = max(map(read.count, read), default=0)
            return pick((a for a in read if read.count(a) == most), default=np.nan)

        day_4.task_1_2(mode)
        assert capsys.readouterr().out.startswith("✓")


def test_one_end_alone_is_not_enough(capsys):
    turned = TURNED.copy()
    turned[7] = 0.3
    day_4.task_3_3(GIVEN[1] - turned[1], GIVEN, turned)
    assert "one end only" in capsys.readouterr().out


test_notebooks_run_in_any_folder = notebook_tests("day_4")
