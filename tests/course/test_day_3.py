"""Day 3: what its checks answer to likely mistakes, and its bonus sections where they can run."""

import re
from string import Formatter

import numpy as np
import pandas as pd
from conftest import COURSE
from notebooks import notebook_tests
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from verdicts import Forms, verdict_tests

from besci import embed, load_data, stats
from besci.checks import day_3

TRAIN, TEST = load_data("media_bias_train"), load_data("media_bias_test")
FEATURES = LogisticRegression(C=0.1, max_iter=500)


def strict_label(text):
    named = set(re.findall(r"\b(neutral|slanted)\b", text.lower()))
    denied = re.search(r"\b(not|neither) (neutral|slanted)\b", text.lower())
    return named.pop() if len(named) == 1 and not denied else None


def lax_label(text):
    return (
        "neutral" if "neutral" in text.lower() else "slanted" if "slanted" in text.lower() else None
    )


def folds():
    x, y = embed(TRAIN["text"], progress=False), (TRAIN["label"] == "slanted").to_numpy()
    shuffled = KFold(5, shuffle=True, random_state=0)
    grouped = cross_val_score(FEATURES, x, y, cv=GroupKFold(5), groups=TRAIN["event_id"]).mean()
    return grouped, cross_val_score(FEATURES, x, y, cv=shuffled).mean()


GROUPED, UNGROUPED = folds()
GRID = {k: (stats.accuracy(np.arange(10) < k), 0.5) for k in (4, 5, 8)}
CALLED = np.random.default_rng(0).random(len(TEST)) < 0.6
RATE = {side: CALLED[TEST["direction"] == side].mean() for side in ("for", "against")}
RATES = (0.1, 0.8, 0.85)  # base rate (or flagged share), sensitivity, specificity
LABELLED = pd.DataFrame({"slanted": [1, 1, 0, 0], "flagged": [1, 0, 0, 0]})
REST = pd.DataFrame({"flagged": [1, 0, 0, 0, 0]})
# Of five sentences: what the student gives, its teacher, and people.
STUDENT, TEACHER, PEOPLE = [1, 1, 0, 0, 0], [1, 1, 0, 0, 1], [1, 0, 1, 0, 1]
# Six predictions and labels; the third and the last but one were labelled, with these weights.
PREDICTION, LABEL = [0.9, 0.1, 0.3, 0.2, 0.6, 0.0], [1, 0, 1, 1, 0, 0]
WEIGHT = [0, 0, 4, 0, 2, 0]
OCCLUDED = pd.DataFrame({"loaded": [1, 4, 2], "words": [10, 20, 40], "hit": [True, False, True]})
MORE = {
    "task_1_3": (GRID,),
    "task_2_1": (FEATURES,),
    "task_2_2": (CALLED,),
    "task_2_3": (OCCLUDED,),
    "task_4_1": (STUDENT, TEACHER, PEOPLE),
    "task_4_2": RATES,
    "task_4_3": (0.3, 0.8, 0.85),
    "task_4_4": (LABELLED, REST),
    "task_4_5": (0.1, 0.95, [0.99, 0.89]),
    "task_4_6": (PREDICTION, LABEL, WEIGHT),
    "task_4_7": (100, 0.12, 0.05),
}


def forms(value):
    """A right number as computed, rounded as people round, and in whatever it may be wrapped."""
    wrapped = stats.Estimate(value, value - 0.1, value + 0.1), [value], pd.Series([value])
    return Forms([value, round(value, 3), np.float32(value), *wrapped])


RIGHT = {
    "task_1_1": np.ceil(1.96**2 * 0.21 / 0.05**2),
    "task_1_2": strict_label,
    "task_1_3": 0.8 - np.mean([0.4, 0.5, 0.8]),
    "task_2_1": GROUPED - UNGROUPED,
    "task_2_2": RATE["for"] - RATE["against"],
    "task_2_3": np.mean([0.1, 0.2, 0.05]),
    "task_4_1": forms(0.8 - 0.4),
    "task_4_2": forms(0.08 / (0.08 + 0.9 * 0.15)),
    "task_4_3": forms(0.15 / 0.65),
    "task_4_4": forms(0.2 + 0.25),
    "task_4_5": forms(0.9 * 0.1),
    "task_4_6": forms((0.9 + 0.1 + (0.3 + 4 * 0.7) + 0.2 + (0.6 - 2 * 0.6)) / 6),
    "task_4_7": Forms([*forms(576.0), 575.9, 577]),
}
WRONG = [
    ("task_1_1", 385, "accuracy of .50"),
    ("task_1_1", 1291, "either side"),
    ("task_1_1", 84, "one standard error"),
    ("task_1_1", 100, "n = (1.96"),
    ("task_1_2", lax_label, "'The sentence is not neutral or slanted.'"),
    ("task_1_2", "neutral", "a function is asked for"),
    ("task_1_2", lambda text: None, "'slanted' was expected"),
    ("task_1_3", 100 * (0.8 - np.mean([0.4, 0.5, 0.8])), "in points"),
    ("task_1_3", 0.4, "best minus worst"),
    ("task_1_3", 0.8, "Subtract the mean"),
    ("task_1_3", 0.33, "does not fit"),
    ("task_2_1", UNGROUPED - GROUPED, "turned round"),
    ("task_2_1", GROUPED, "one of the two accuracies"),
    ("task_2_1", 0.3, "5 folds each"),
    ("task_2_2", RATE["against"] - RATE["for"], "turned round"),
    ("task_2_2", 100 * (RATE["for"] - RATE["against"]), "percentage points"),
    ("task_2_2", RATE["for"], "rate of one side"),
    ("task_2_2", 0.9, "does not fit"),
    ("task_2_3", 2 / 3, "share of hits of the classifier"),
    ("task_2_3", 7 / 70, "you divided sums"),
    ("task_2_3", 0.9, "does not fit"),
    ("task_4_1", 0.4 - 0.8, "turned round"),
    ("task_4_1", 40, "in points"),
    ("task_4_1", 0.8, "agreement with the teacher"),
    ("task_4_1", 0.2, "accuracy of the *teacher*"),
    ("task_4_1", 0.7, "does not fit"),
    ("task_4_2", 0.8 / (0.8 + 0.15), "where half are slanted"),
    ("task_4_2", 0.8, "turn the question round"),
    ("task_4_2", 0.135 / 0.215, "false alarms among the flagged"),
    ("task_4_2", 0.08, "a share of *all* sentences"),
    ("task_4_2", 0.215, "Which part of it"),
    ("task_4_2", 37.2, "per cent"),
    ("task_4_2", 0.5, "does not fit"),
    ("task_4_3", 0.3, "where we start from"),
    ("task_4_3", 0.15, "misses are not"),
    ("task_4_3", 0.15 / 0.8, "look at the divisor"),
    ("task_4_3", 0.3 / 0.8, "false alarms are not"),
    ("task_4_3", 23.1, "per cent"),
    ("task_4_3", 0.9, "does not fit"),
    ("task_4_4", 0.2 - 0.25, "turned round"),
    ("task_4_4", 0.2, "uncorrected share"),
    ("task_4_4", 0.5, "gold labels only"),
    ("task_4_4", 0.25, "correction alone"),
    ("task_4_4", 45, "per cent"),
    ("task_4_4", 0.3, "does not fit"),
    ("task_4_5", -0.09, "turned round"),
    ("task_4_5", 0.1, "only neutral sentences"),
    ("task_4_5", 0.01, "weighted by the slanted share"),
    ("task_4_5", 0, "true difference"),
    ("task_4_5", 9, "per cent"),
    ("task_4_5", 0.5, "does not fit"),
    ("task_4_6", (2.1 - 1.6) / 6, "turned round"),
    ("task_4_6", 2.1 / 6, "predictions alone"),
    ("task_4_6", 1.6 / 6, "correction alone"),
    ("task_4_6", 0.5, "plain mean of the labels"),
    ("task_4_6", 2.1 / 6 + 0.05, "without weights"),
    ("task_4_6", 2.1 / 6 + 0.8, "over *all* sentences"),
    ("task_4_6", 370 / 6, "per cent"),
    ("task_4_6", 0.9, "does not fit"),
    ("task_4_7", 240, "square root"),
    ("task_4_7", 100 / 2.4**2, "turned round"),
    ("task_4_7", 100 / 2.4, "turned round"),
    ("task_4_7", 4 * 576, "whole width"),
    ("task_4_7", 144, "halved the half"),
    ("task_4_7", 5.76, "how many times"),
    ("task_4_7", 476, "how many *more*"),
    ("task_4_7", 300, "does not fit"),
]


(
    test_every_task_of_the_day_has_a_right_answer_here,
    test_the_right_answer_is_accepted,
    test_a_likely_mistake_gets_its_own_message,
    test_no_check_passes_or_raises_on_nonsense,
) = verdict_tests(day_3, RIGHT, WRONG, MORE)


# A hub that has the expert labels: other sentences of that name, as many as the notebook expects.
BABE = """
import datasets
import huggingface_hub
from besci import load_data as tables

class Reached:
    def dataset_info(self, name, timeout):
        return type("Info", (), {"sha": "0123abc"})

def babe(name, revision):
    texts = [tables(f"media_bias_{part}")["text"].tolist() for part in ("train", "test")]
    rows = {"train": (texts[0] * 3)[:3121], "test": (texts[1] * 4)[:1000]}
    return datasets.DatasetDict({
        part: datasets.Dataset.from_dict({"text": t, "label": [k % 2 for k in range(len(t))]})
        for part, t in rows.items()
    })

def load_dataset(name, plain=datasets.load_dataset, **settings):
    return (babe if name.startswith("mediabias") else plain)(name, **settings)

huggingface_hub.HfApi, datasets.load_dataset = Reached, load_dataset
"""
# What the bonus needs a GPU for, on a model small enough to do without; and other data as BABE.
ADAPTERS = """
import re, sys
sys.path[:0] = [{support!r}, {course!r}]
import tiny
from pathlib import Path
from datasets import Dataset, DatasetDict

assert set(babe) == set(SIZES) and commit == "0123abc" and len(x["test"]) == 1000
few = Dataset.from_dict({{"text": ["abc", "bca", "cab", "acb"], "labels": [0, 1, 0, 1]}})
data, OUTPUT = DatasetDict(train=few, test=few), Path("adapters")
p = tune_adapters(tiny.save(Path("tiny").resolve(), tiny.letter_tokenizer(), tiny.llama()))
assert p.shape == (4,) and ((p > 0) & (p < 1)).all()
"""

# The page that the notebook on labels writes: whole, and of this model and this prompt.
FROZEN = """
page = Path("my_preregistration.md").read_text(encoding="utf-8")
assert "{" not in page.split("## Question and test")[1] and "}" not in page
assert llm.commit in page and prompt_hash in page and codebook in page
assert now == prompt_hash and all(str(value) in page for value in fields.values())
"""

test_notebooks_run_in_any_folder = notebook_tests(
    "day_3",
    before={"2_features_and_fine_tuning": BABE},
    after={
        "2_features_and_fine_tuning": ADAPTERS.format(
            support=str(COURSE / "tests/support"), course=str(COURSE)
        ),
        "3_using_labels": FROZEN,
    },
)


def test_the_page_to_preregister_asks_for_what_a_reader_needs():
    template = (COURSE / "day_3/preregistration.md").read_text("utf-8")
    fields = {name for _, name, _, _ in Formatter().parse(template) if name}
    assert fields >= {"prompt", "prompt_hash", "model", "commit", "settings", "versions", "date"}
    assert fields >= {"test", "smallest_effect", "gold_sample", "agreement", "tried"}
    assert "{" not in template.format(**dict.fromkeys(fields, "x"))
