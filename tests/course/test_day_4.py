"""Day 4: what its checks answer to likely mistakes."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import NOTEBOOKS
from notebooks import copied, notebook_tests
from run_notebooks import execute
from transformers import GenerationConfig
from verdicts import Forms, verdict_tests

from besci import load_data, stats
from besci.checks import day_4

# Three replies of five tokens: 2 and 9 stop, 0 fills up. The first and the third were cut off.
NEW = torch.tensor([[5, 6, 7, 8, 5], [4, 2, 0, 0, 0], [3, 4, 3, 4, 5]])
STOP = [2, 9]
DRAWN = {
    "do_sample": True,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
}
MAKERS = GenerationConfig(top_p=0.8, repetition_penalty=1.1).to_dict()
DIARY = pd.DataFrame(
    {
        "hours": [7, 4, 5, np.nan, np.nan, np.nan, np.nan, np.nan],
        "read": [7, 3, np.nan, 8, np.nan, 10, 2, np.nan],
    }
)


def without(settings, *names):
    return {name: value for name, value in settings.items() if name not in names}


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


def by_pandas(answers):
    modes = pd.Series(answers, dtype=float).mode()
    return modes[:1] if len(modes) else float("nan")


def by_sorting(answers):
    values, counts = np.unique([a for a in answers if a == a], return_counts=True)
    return values[counts.argmax()] if len(values) else None


def forms(value):
    """A number as learners give it."""
    return Forms(
        [
            value,
            round(value, 2),
            stats.Estimate(value, value - 0.1, value + 0.1),
            np.array([value], dtype=np.float32),
            pd.Series([value], index=["answer"]),
        ]
    )


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
    "task_1_1": (NEW, STOP),
    "task_1_2": (MAKERS, 1000),
    "task_1_3": (7.0, False),
    "task_1_4": (DIARY,),
    "task_2_1": (READ,),
    "task_2_3": (ONE, TWO),
    "task_2_4": (ITEMS,),
    "task_3_1": (SIMULATED,),
    "task_3_3": (GIVEN, TURNED),
    "task_3_4": (HALVES,),
    "task_3_5": (SHOWN, FLOORS, STEERED, MOVED, SLOPES),
}
RIGHT = {
    "task_1_1": Forms(
        [
            [True, False, True],
            torch.tensor([True, False, True]),
            np.array([1, 0, 1]),
            pd.Series([True, False, True], index=["a", "b", "c"]),
        ]
    ),
    "task_1_2": Forms(
        [
            DRAWN,
            DRAWN | {"top_k": None},
            DRAWN | {"top_k": 1000, "temperature": 1, "top_p": 1},
            DRAWN | {"max_new_tokens": 20, "min_p": None, "num_return_sequences": 3},
        ]
    ),
    "task_1_3": Forms(
        [
            '{"hours": 3, "coffee": false}',
            '{"coffee": true, "hours": 7}',
            'Sure! Here it is:\n```json\n{"hours": null, "coffee": false}\n```',
            '\ufeff{"hours":\u00a06.5, "coffee": true} Good night!',
        ]
    ),
    "task_1_4": Forms(
        [0.6, np.float32(0.6), stats.Estimate(0.6, 0.2, 0.9), pd.Series([0.6]), [3 / 5]]
    ),
    "task_2_1": forms(0.4),
    "task_2_2": Forms([counted, by_pandas, by_sorting]),
    "task_2_3": forms(2 / 5),
    "task_2_4": forms((2 / 3 + 1 / 4) / 4),
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
    ("task_1_1", [False, True, False], "the sign is turned"),
    ("task_1_1", [True, True, True], "you looked at the last token only"),
    ("task_1_1", [False, False, True], "look at reply 0 again: there is no stop token"),
    ("task_1_1", [True, False], "3 values are asked for"),
    ("task_1_1", 2, "True or False is asked for"),
    ("task_1_1", ["cut off", "ended", "cut off"], "True or False is asked for"),
    ("task_1_2", without(DRAWN, "do_sample"), "nothing is drawn"),
    ("task_1_2", without(DRAWN, "top_k"), "top_k is 50 (that is the library's default)"),
    ("task_1_2", DRAWN | {"top_k": 20}, "top_k is 20 (your dict says so)"),
    ("task_1_2", without(DRAWN, "top_p"), "top_p is 0.8, for the model's own settings say so"),
    ("task_1_2", without(DRAWN, "repetition_penalty"), "repetition_penalty is 1.1"),
    ("task_1_2", DRAWN | {"temperature": 0.7}, "temperature is 0.7, for your dict says so"),
    ("task_1_2", without(DRAWN, "temperature"), "temperature would be taken from the settings"),
    ("task_1_2", DRAWN | {"topk": 0}, "has no setting of this name: topk"),
    ("task_1_2", DRAWN | {"min_p": 0.1}, "min_p is 0.1"),
    ("task_1_2", [True, 1.0, 0], "settings in a dict"),
    ("task_1_3", '{"hours": 7, "coffee": false}', "valid *and* true"),
    ("task_1_3", {"hours": 3, "coffee": False}, "this is a dict of Python"),
    ("task_1_3", "{'hours': 3, 'coffee': false}", "double quotation marks"),
    ("task_1_3", '{"hours": 3, "coffee": False}', "JSON writes true, false and null"),
    ("task_1_3", '{"hours": "three", "coffee": false}', "hours is a number or null"),
    ("task_1_3", '{"hours": true, "coffee": false}', "hours is a number or null"),
    ("task_1_3", '{"hours": 3, "coffee": "no"}', "coffee is true or false"),
    ("task_1_3", '{"hours": 31, "coffee": false}', "a day has 24 hours"),
    ("task_1_3", '{"hours": NaN, "coffee": false}', "a day has 24 hours"),
    ("task_1_3", '{"hours": 3}', "the record needs the two fields"),
    ("task_1_3", '{"hours": 3, "coffee": false', "json cannot read it"),
    ("task_1_3", "three hours, no coffee", "begins with {"),
    ("task_1_4", 3 / 8, "the share among all entries"),
    ("task_1_4", 2 / 5, "this is the share without a number"),
    ("task_1_4", 2 / 3, "keep only the entries that state no hours"),
    ("task_1_4", 5 / 8, "keep only the entries that state no hours"),
    ("task_1_4", 3, "a number of entries"),
    ("task_1_4", 60, "per cent"),
    ("task_1_4", 0.9, "does not fit"),
    ("task_2_1", -0.4, "turned round"),
    ("task_2_1", 0.6 - 0.7, "prompt and budget at once"),
    ("task_2_1", 0.5, "for one prompt"),
    ("task_2_1", 0.1, "for one prompt"),
    ("task_2_1", 0.3, "the budget's mean effect"),
    ("task_2_1", 40, "percentage points"),
    ("task_2_1", 0.77, "does not fit"),
    ("task_2_2", 3, "a function is asked for"),
    ("task_2_2", lambda answers: answers[0], "for [nan, 4, nan, nan] your function gives nan"),
    ("task_2_2", lambda answers: 3, "gives 3, not 4"),
    ("task_2_2", lambda answers: np.nanmax(answers), "gives 8, not 3"),
    ("task_2_2", lambda answers: counted([*answers, 0, np.nan]), "gives 0, not NaN"),
    ("task_2_2", lambda answers: answers, "gives 4 numbers"),
    ("task_2_2", lambda answers: "three", "for [3, 8, 3, 5] your function stops, or gives no"),
    ("task_2_2", lambda: 3, "your function stops, or gives no number (TypeError"),
    ("task_2_2", lambda answers: max(answers, key=answers.count), "gives nan, not 4"),
    ("task_2_3", 40, "per cent"),
    ("task_2_3", 2, "the number of pairs"),
    ("task_2_3", 2 / 3, "in which both were read"),
    ("task_2_3", 3 / 5, "the two numbers differ"),
    ("task_2_3", 0.9, "does not fit"),
    ("task_2_4", 2 / 4, "that state their lure"),
    ("task_2_4", 3 / 11, "you pooled all numbers"),
    ("task_2_4", 100 * (2 / 3 + 1 / 4) / 4, "per cent"),
    ("task_2_4", 0.9, "does not fit"),
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


def test_each_task_on_generation_is_tried_with_three_right_and_three_wrong_forms():
    for name in ("task_1_1", "task_1_2", "task_1_3", "task_1_4"):
        assert len(RIGHT[name]) >= 3 and sum(task == name for task, _, _ in WRONG) >= 3


def test_a_reply_that_reached_its_end_at_the_last_token_was_not_cut_off(capsys):
    new = torch.tensor([[5, 6, 9], [4, 2, 0], [3, 4, 3]])
    day_4.task_1_1([False, False, True], new, STOP)
    assert capsys.readouterr().out.startswith("✓")
    day_4.task_1_1([False, True, True], new, STOP)
    assert "you looked at the last token only" in capsys.readouterr().out


@pytest.mark.parametrize("top_k", [20, None])
def test_what_the_makers_recommend_is_named_as_theirs(top_k, capsys):
    makers = GenerationConfig(top_k=top_k).to_dict()
    day_4.task_1_2(without(DRAWN, "top_k"), makers, 1000)
    where = "the library's default" if top_k is None else "the model says so"
    assert where in capsys.readouterr().out


def test_where_nothing_was_read_nothing_was_invented(capsys):
    """As with a small model, whose replies are no JSON at all."""
    day_4.task_1_4(0, DIARY.assign(read=np.nan))
    said = capsys.readouterr().out
    assert said.startswith("✓") and "no number could be read" in said
    day_4.task_1_4(0, DIARY.assign(read=DIARY["hours"]))
    said = capsys.readouterr().out
    assert said.startswith("✓") and "invented nothing here" in said


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

        day_4.task_2_2(mode)
        assert capsys.readouterr().out.startswith("✓")


def test_one_end_alone_is_not_enough(capsys):
    turned = TURNED.copy()
    turned[7] = 0.3
    day_4.task_3_3(GIVEN[1] - turned[1], GIVEN, turned)
    assert "one end only" in capsys.readouterr().out


test_notebooks_run_in_any_folder = notebook_tests("day_4")

# ---- the notebook on numeracy scores by its own code what a model of a known kind replies

(NUMERACY,) = [file for file in NOTEBOOKS if file.stem.endswith("_numeracy")]
STAND_IN = """
import besci
from besci.llm import Answer

class StandIn:
    name = "stand-in"
    items = besci.load_data("numeracy").set_index("question")

    def __init__(self, model=None):
        if model:
            raise LookupError("nothing was recorded")

    def chat(self, asked, max_new_tokens, **how):
        questions = [text.split("\\n\\n")[0] for text in asked]
        replies = [Answer(self.reply(question)) for question in questions]
        for reply in replies:
            reply.truncated = False
        return replies

    def reply(self, question):
        item = self.items.loc[question] if question in self.items.index else None
        return "Answer: 25" if item is None else REPLY

besci.LLM = StandIn
"""
KINDS = {  # what it replies: what the notebook has to count
    'f"Answer: {item.answer}"': {
        "right.all()": True,
        "by_vote.all()": True,
        "(one == two).any()": False,
        'kinds["lure"].any()': False,
        "lucky": [],
        'table["at most"].eq(1).all()': True,
    },
    'f"The answer is {item.lure} {item.unit}."': {
        "right.any()": False,
        'kinds["lure"].all()': True,
        "round(excess.value, 2) > 0.8 and swapped.value == 0": True,
    },
    '"I think it is 777."': {
        "(one == two).all() and (one == stranger).all()": True,
        'kinds["lure"].any() or kinds["copied"].any()': False,
        "agreement.eq(1).all()": True,
    },
    'f"First 12, then 99, and so {item.answer}"': {
        "np.isnan(numbers).all() and not right.any()": True,
        "len(lucky)": "4 * len(crossed)",
        'table["lax"].eq(1).all()': True,
    },
}


@pytest.mark.notebook
@pytest.mark.parametrize("reply", KINDS)
def test_the_notebook_on_numeracy_tells_what_kind_of_model_replied(reply, tmp_path):
    after = "\n".join(
        f"assert ({claim}) == ({value}), {claim!r}" for claim, value in KINDS[reply].items()
    )
    before = STAND_IN.replace("REPLY", reply)
    copy = copied(NUMERACY, tmp_path / "a study", before, after)
    run = execute(copy, tmp_path / "out", report=lambda *_, **__: None)
    assert run.error == "" and run.solved == run.tasks
