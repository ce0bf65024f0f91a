"""Day 3: what its checks answer to likely mistakes, and its bonus sections where they can run."""

import re
from functools import partial
from string import Formatter

import numpy as np
import pandas as pd
from conftest import COURSE
from notebooks import notebook_tests
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from verdicts import Forms, verdict_tests

from besci import LLM, embed, load_data, path, stats
from besci.checks import day_3

TRAIN, TEST = load_data("media_bias_train"), load_data("media_bias_test")
FEATURES = LogisticRegression(C=0.1, max_iter=500)


def strict_label(text):
    named = set(re.findall(r"\b(neutral|slanted)\b", text.lower()))
    denied = re.search(r"\b(not|neither) (neutral|slanted)\b", text.lower())
    return named.pop() if len(named) == 1 and not denied else None


class WordByWord:
    """A parser by another road: an object that is called, without regular expressions."""

    def __call__(self, text):
        words = [word.strip('.,:;!?"').lower() for word in text.split()]
        places = [k for k, word in enumerate(words) if word in ("neutral", "slanted")]
        if len({words[k] for k in places}) != 1:
            return None
        denied = any(k and words[k - 1] in ("not", "neither") for k in places)
        return None if denied else words[places[0]]


def by_pattern(pattern, text):
    """A parser in one expression: look behind each label for what denies it."""
    labels = {match.lower() for match in re.findall(pattern, text, re.I)}
    both = {match.lower() for match in re.findall(r"\b(?:neutral|slanted)\b", text, re.I)}
    return labels.pop() if labels == both and len(both) == 1 else None


def lax_label(text):
    return (
        "neutral" if "neutral" in text.lower() else "slanted" if "slanted" in text.lower() else None
    )


def never_after_not(text):
    """None at any "not", also where it denies something else."""
    return None if re.search(r"\b(not|neither)\b", text.lower()) else strict_label(text)


def in_lower_case(text):
    named = set(re.findall(r"\b(neutral|slanted)\b", text))
    return named.pop() if len(named) == 1 and "not " not in text else None


def without_denial(text):
    named = set(re.findall(r"\b(neutral|slanted)\b", text.lower()))
    return named.pop() if len(named) == 1 else None


def without_edges(text):
    named = set(re.findall(r"neutral|slanted", text.lower()))
    denied = re.search(r"\b(not|neither) (neutral|slanted)", text.lower())
    return named.pop() if len(named) == 1 and not denied else None


def stopping(text):
    """Stops where no label is named."""
    first = re.findall(r"\b(neutral|slanted)\b", text.lower())[0]
    return first if strict_label(text) else None


def folds():
    x, y = embed(TRAIN["text"], progress=False), (TRAIN["label"] == "slanted").to_numpy()
    shuffled = KFold(5, shuffle=True, random_state=0)
    grouped = cross_val_score(FEATURES, x, y, cv=GroupKFold(5), groups=TRAIN["event_id"]).mean()
    return grouped, cross_val_score(FEATURES, x, y, cv=shuffled).mean()


GROUPED, UNGROUPED = folds()
# Right and wrong of three prompts, ten sentences in each half of the events.
FIRST = np.arange(20) < 10
PROMPTS = {"a": (9, 5), "b": (6, 8), "c": (4, 5)}  # right in the first half, and in the second
HITS = pd.DataFrame(
    {
        name: np.r_[np.arange(10) < first, np.arange(10) < second]
        for name, (first, second) in PROMPTS.items()
    }
)
OPTIMISM = ((0.9 - 0.5) + (0.8 - 0.6)) / 2
# Accuracies at sizes of a learning curve, in events.
CURVE = {
    (method, size): stats.Estimate(value, value - 0.05, value + 0.05)
    for method, values in {
        "features": [0.68, 0.70, 0.74, 0.78, 0.81],
        "word counts": [0.55, 0.59, 0.62, 0.68, 0.73],
    }.items()
    for size, value in zip([15, 30, 60, 120, 240], values, strict=True)
}
QUOTES, NEUTRAL = TRAIN["device"] == "attributed quotation", TRAIN["label"] == "neutral"
CALLED = np.random.default_rng(0).random(len(TRAIN)) < np.where(QUOTES, 0.45, 0.2 + 0.6 * ~NEUTRAL)
QUOTING, PLAIN = CALLED[NEUTRAL & QUOTES].mean(), CALLED[NEUTRAL & ~QUOTES].mean()
MATRIX = pd.DataFrame([[50, 10], [20, 40]], ["neutral", "slanted"], ["neutral", "slanted"])
SIDES = pd.DataFrame({"left": [True, True, True, False], "right": [True, False, False, False]})
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
    "task_1_3": (HITS, FIRST),
    "task_2_1": (FEATURES,),
    "task_2_2": (CURVE,),
    "task_2_3": (CALLED,),
    "task_3_1": (MATRIX,),
    "task_3_2": (SIDES,),
    "task_3_3": (0.12,),
    "task_3_4": (OCCLUDED,),
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


PLAN = """We draw 400 sentences at random from the corpus, and two people code them blind. Their
agreement is the ceiling, and errors are counted for each newspaper."""
RIGHT = {
    "task_1_1": Forms(
        [np.ceil(1.96**2 * 0.21 / 0.05**2), 322.69, 323, [322.7], pd.Series([323.0]), 320]
    ),
    "task_1_2": Forms(
        [
            strict_label,
            WordByWord(),
            lambda text: strict_label(text),
            partial(by_pattern, r"(?<!\bnot )(?<!\bneither )\b(?:neutral|slanted)\b"),
        ]
    ),
    "task_1_3": Forms(
        [
            OPTIMISM,
            round(OPTIMISM, 2),
            stats.Estimate(OPTIMISM, 0.1, 0.5),
            np.array([OPTIMISM], dtype=np.float32),
            pd.Series([OPTIMISM], index=["answer"]),
        ]
    ),
    "task_2_1": forms(GROUPED - UNGROUPED),
    "task_2_2": Forms([*forms(100 * 0.04 / 8), stats.Estimate(0.5, 0, 1)]),
    "task_2_3": forms(QUOTING - PLAIN),
    "task_2_4": Forms(
        [
            PLAN,
            PLAN.upper(),
            "We would ask some colleagues to look at the results and tell us what they think.",
        ]
    ),
    "task_3_1": forms((40 * 50 - 10 * 20) / np.sqrt(50 * 60 * 60 * 70)),
    "task_3_2": forms(0.75 - 0.25),
    "task_3_3": forms(0.3 * 0.12),
    "task_3_4": forms(np.mean([0.1, 0.2, 0.05])),
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
    ("task_1_1", 165, "squared too"),
    ("task_1_1", 100, "n = (1.96"),
    ("task_1_2", lax_label, "'The sentence is not neutral or slanted.'"),
    ("task_1_2", "neutral", "a function is asked for"),
    ("task_1_2", lambda text: None, "'slanted' is expected"),
    ("task_1_2", never_after_not, "'Neutral. It does not take a side.'"),
    ("task_1_2", in_lower_case, "text.lower()"),
    ("task_1_2", without_denial, "'It is not slanted'"),
    ("task_1_2", without_edges, "the edge of a word"),
    ("task_1_2", stopping, "stops with IndexError"),
    ("task_1_2", strict_label("Slanted."), "a function is asked for"),
    ("task_1_3", 100 * OPTIMISM, "in points"),
    ("task_1_3", -OPTIMISM, "sign is turned"),
    ("task_1_3", 0.9 - 0.5, "one direction"),
    ("task_1_3", 0.8 - 0.6, "one direction"),
    ("task_1_3", 2 * OPTIMISM, "sum of both"),
    ("task_1_3", 0.7 - np.mean([0.7, 0.7, 0.45]), "best minus mean"),
    ("task_1_3", 0.85, "Subtract that in the other half"),
    ("task_1_3", 0.85 - np.mean([0.7, 0.7, 0.45]), "mean of all prompts"),
    ("task_1_3", 0.9 - 0.8, "best of each half"),
    ("task_1_3", 0.5, "hits[best]"),
    ("task_2_1", UNGROUPED - GROUPED, "turned round"),
    ("task_2_1", GROUPED, "one of the two accuracies"),
    ("task_2_1", UNGROUPED, "one of the two accuracies"),
    ("task_2_1", 0.3, "5 folds each"),
    ("task_2_2", 0.04 / 8, "percentage points"),
    ("task_2_2", 100 * 0.04, "divide them by its hours"),
    ("task_2_2", 100 * 0.04 / 480, "per minute"),
    ("task_2_2", 100 * 0.04 / 16, "all 120 events"),
    ("task_2_2", 100 * 0.04 / 60, "60 events"),
    ("task_2_2", 100 * 0.04 / 32, "not for each sentence"),
    ("task_2_2", 100 * 0.06 / 8, "word counts"),
    ("task_2_2", -0.5, "turned"),
    ("task_2_2", 7, "does not fit"),
    ("task_2_3", PLAIN - QUOTING, "turned round"),
    ("task_2_3", 100 * (QUOTING - PLAIN), "percentage points"),
    ("task_2_3", QUOTING, "subtract that of the plain"),
    ("task_2_3", PLAIN, "subtract it from"),
    ("task_2_3", CALLED[QUOTES].mean() - CALLED[~QUOTES].mean(), "slanted sentences are in"),
    ("task_2_3", 0.9, "does not fit"),
    ("task_2_4", 400, "a text is asked for"),
    ("task_2_4", "I would test it.", "so few words"),
    ("task_2_4", ["I draw 400 sentences.", "Two people code them."], "a text is asked for"),
    ("task_3_1", (10 * 20 - 40 * 50) / np.sqrt(50 * 60 * 60 * 70), "turned round"),
    ("task_3_1", 90 / 120, "this is the accuracy"),
    ("task_3_1", 80 / 110, "this is F1"),
    ("task_3_1", 1800, "this is the numerator"),
    ("task_3_1", 1800 / (50 * 60 * 60 * 70), "square root"),
    ("task_3_1", 40 / 60, "recall"),
    ("task_3_1", 40 / 50, "precision"),
    ("task_3_1", 0.1, "does not fit"),
    ("task_3_2", -0.5, "turned round"),
    ("task_3_2", 50, "percentage points"),
    ("task_3_2", 0.75, "rate of one side"),
    ("task_3_2", 0.25, "rate of one side"),
    ("task_3_2", 2, "numbers of sentences"),
    ("task_3_2", 0.9, "does not fit"),
    ("task_3_3", -0.036, "turned round"),
    ("task_3_3", 0.12, "weight by how many"),
    ("task_3_3", 0.7 * 0.12, "neutral share"),
    ("task_3_3", 3.6, "percentage points"),
    ("task_3_3", 0.072, "counts once"),
    ("task_3_3", 0, "true difference"),
    ("task_3_3", 0.5, "does not fit"),
    ("task_3_4", 2 / 3, "share of hits of the classifier"),
    ("task_3_4", 7 / 70, "you divided sums"),
    ("task_3_4", np.mean([1 / 10, 1 / 20, 1 / 40]), "one given word"),
    ("task_3_4", 11.67, "per cent"),
    ("task_3_4", 0.9, "does not fit"),
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


def test_what_a_model_sees_of_slant_grows_with_its_size_and_the_default_is_above_chance():
    first = TEST["event_id"].isin(TEST.drop_duplicates("topic")["event_id"])
    gold, event = (TEST[first]["label"] == "slanted").to_numpy(), TEST[first]["event_id"].to_numpy()
    asked = path("media_bias_codebook.txt").read_text("utf-8").strip() + "\n\nSentence: "
    auc = {}
    for key in ("smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"):
        prompts = [asked + text for text in TEST[first]["text"]]
        choice = LLM(f"recorded:{key}").choose(prompts, ["neutral", "slanted"], progress=False)
        auc[key] = stats.bootstrap(roc_auc_score, gold, choice["slanted"].to_numpy(), cluster=event)
    small, medium, large = auc.values()
    assert small.value < large.value and medium.value < large.value and large.low > 0.5
    hits = (choice["slanted"] > 0.5).to_numpy() == gold
    assert stats.accuracy(hits, cluster=event).low > 0.5


# A hub that has the expert labels: other sentences of that name, as many as the notebook expects.
BABE = """
import datasets
import huggingface_hub
from besci import load_data as tables

class Reached(huggingface_hub.HfApi):
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
from datasets import Dataset

assert set(babe) == set(SIZES) and commit == "0123abc" and len(p_news) == 3
few = Dataset.from_dict({{"text": ["abc", "bca", "cab", "acb"], "label": [0, 1, 0, 1]}})
folder = tiny.save(Path("tiny").resolve(), tiny.letter_tokenizer(), tiny.llama())
p_few = tune_adapters(folder, few, few)
assert p_few.shape == (4,) and ((p_few > 0) & (p_few < 1)).all()
"""
# The classifier that the notebook on fine-tuning saves answers as the Trainer's did.
SAVED = """
from transformers import pipeline
again = pipeline("text-classification", model="./my_models/slanted")
labels = [found["label"] for found in again(test["text"].tolist(), batch_size=32)]
assert np.mean([(label == "slanted") == flag for label, flag in zip(labels, called)]) > 0.99
assert {*labels} <= {"neutral", "slanted"}
assert (output.label_ids == gold).all()  # predictions are in the order of the test sentences
"""

# The page that the notebook on labels writes: whole, and of this model and this prompt.
FROZEN = """
page = Path("my_preregistration.md").read_text(encoding="utf-8")
assert "{" not in page.split("## Question and test")[1] and "}" not in page
assert llm.commit in page and prompt_hash in page and codebook in page
assert now == prompt_hash and all(str(value) in page for value in fields.values())
"""

# A hub that has the model for inference: MiniLM in its place, with a head that knows nothing.
NLI = """
import transformers.pipelines
from besci import model_path

def untrained(task, model, plain=transformers.pipeline):
    assert (task, model[:12]) == ("zero-shot-classification", "MoritzLaurer")
    folder, labels = model_path("minilm"), ["entailment", "not_entailment"]
    head = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder,
        id2label=dict(enumerate(labels)),
        label2id={label: k for k, label in enumerate(labels)},
    )
    return plain(task, head, tokenizer=transformers.AutoTokenizer.from_pretrained(folder))

transformers.pipelines.pipeline = transformers.pipeline = untrained
"""
JUDGED = """
assert len(correct["NLI model"]) == len(test) and set(by_nli) <= set(LABELS)
assert {"smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"} <= set(by_model)
"""

test_notebooks_run_in_any_folder = notebook_tests(
    "day_3",
    before={"1_zero_and_few_shot": NLI, "3_fine_tuning": BABE},
    after={
        "1_zero_and_few_shot": JUDGED,
        "3_fine_tuning": SAVED
        + ADAPTERS.format(support=str(COURSE / "tests/support"), course=str(COURSE)),
        "4_using_labels": FROZEN,
    },
)


def test_the_page_to_preregister_asks_for_what_a_reader_needs():
    template = (COURSE / "day_3/preregistration.md").read_text("utf-8")
    fields = {name for _, name, _, _ in Formatter().parse(template) if name}
    assert fields >= {"prompt", "prompt_hash", "model", "commit", "settings", "versions", "date"}
    assert fields >= {"test", "smallest_effect", "gold_sample", "agreement", "tried"}
    assert "{" not in template.format(**dict.fromkeys(fields, "x"))
