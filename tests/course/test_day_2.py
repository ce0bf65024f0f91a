"""Day 2: its figures on these data, and what its checks answer to likely mistakes."""

import numpy as np
import pandas as pd
import pytest
from notebooks import notebook_tests

from besci import embed, load_data, stats
from besci.checks import day_2

HELD_OUT = np.arange(135) < 35
PROBES = pd.DataFrame(
    {
        "relation": ["negation"] * 4 + ["antonym"] * 4 + ["unrelated"] * 4,
        "before": [0.9] * 12,
        "after": [-0.5, -0.1, -0.2, 0.3, -0.2, 0.6, 0.7, 0.1, -0.1, -0.2, 0.1, 0.3],
    }
)
# What the notebook hands to a check beside the learner's answer.
GIVEN = {
    "task_2_2": (stats.Estimate(0.2, 0.14, 0.27),),
    "task_4_1": (HELD_OUT,),
    "task_4_2": (0.1, 0.4, 0.9),
    "task_4_3": (PROBES,),
}


def all_tasks():
    return [f for name, f in vars(day_2).items() if name.startswith("task_")]


@pytest.mark.parametrize("check", all_tasks(), ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "answer", [..., None, "nonsense", -99.0, [], [1, 2, 3], np.nan, {"a": 1}, object()], ids=repr
)
def test_no_check_of_the_course_passes_or_raises_on_nonsense(check, answer, capsys):
    check(answer, *GIVEN.get(check.__name__, ()))
    assert capsys.readouterr().out[0] == ("○" if answer is ... else "✗")


@pytest.fixture(scope="module")
def day2():
    """What a learner computes on day 2, right and wrong."""
    items, people = load_data("personality_items"), load_data("personality_responses")
    vectors, keying = embed(items["text"]), items["keying"].to_numpy()
    cosine, construct = stats.pairs(vectors @ vectors.T), items["construct"].to_numpy()
    answers = people[items["item_id"]].to_numpy(dtype=float)
    r, signs = stats.pairs(np.corrcoef(answers.T)), stats.pairs(np.outer(keying, keying))
    i, j = np.triu_indices(len(items), k=1)
    same, equal = construct[i] == construct[j], keying[i] == keying[j]
    return dict(locals())


WRONG = {
    "1.1 forgot to divide": ("task_1_1", lambda d: 3 * d["a"] @ d["b"], "sum of products alone"),
    "1.1 squared length": ("task_1_1", lambda d: d["a"] @ d["b"] / 3, "squared length"),
    "1.1 distance": ("task_1_1", lambda d: 1 - d["a"] @ d["b"], "cosine distance"),
    "1.2 position": ("task_1_2", lambda d: d["near"].argmax(), "right position"),
    "1.2 farthest": ("task_1_2", lambda d: d["texts"][d["near"].argmin()], "farthest"),
    "1.2 second": ("task_1_2", lambda d: d["texts"][d["near"].argsort()[-2]], "1 items are nearer"),
    "1.2 not an item": ("task_1_2", lambda d: "I am shy", "no item has this text"),
    "1.3 sign": ("task_1_3", lambda d: d["low"] - d["high"], "sign is turned"),
    "1.3 all pairs": (
        "task_1_3",
        lambda d: d["cosine"][d["equal"]].mean() - d["cosine"][~d["equal"]].mean(),
        "compared all pairs",
    ),
    "1.3 one mean": ("task_1_3", lambda d: d["high"], "one of the two means"),
    "1.4 too near": (
        "task_1_4",
        lambda d: ["I am happy.", "I am not happy."],
        "Both contain: am, happy, i",
    ),
    "1.4 one sentence": ("task_1_4", lambda d: "I am happy.", "two sentences in a list"),
    "2.1 unkeyed": (
        "task_2_1",
        lambda d: stats.correlation(d["cosine"], d["r"]),
        "unkeyed correlation",
    ),
    "2.1 absolute": (
        "task_2_1",
        lambda d: stats.correlation(abs(d["cosine"]), abs(d["r"])),
        "absolute values",
    ),
    "2.1 keyed cosine": (
        "task_2_1",
        lambda d: stats.correlation(d["cosine"] * d["signs"], d["r"]),
        "turned the cosines",
    ),
    "2.2 turned round": ("task_2_2", lambda d: 1 / d["ratio"], "turned round"),
    "2.2 a width": ("task_2_2", lambda d: 0.13, "this is a width"),
    "2.3 nearest pair": ("task_2_3", lambda d: d["nearest"], "nearest pair"),
    "2.3 no construct": ("task_2_3", lambda d: ["Luck", "Order"], "names of two constructs"),
    "3.1 top 1": ("task_3_1", lambda d: [d["top"][0], 3 / 27], "top-1 accuracy"),
    "3.1 chance of one": ("task_3_1", lambda d: [d["top"][1], 1 / 27], "three of 27"),
    "3.1 per cent": ("task_3_1", lambda d: [d["top"][1], 300 / 27], "per cent"),
    "3.1 one number": ("task_3_1", lambda d: d["top"][1], "two numbers"),
    "3.2 sign": ("task_3_2", lambda d: d["loo"][1] - d["loo"][0], "sign is turned"),
    "3.2 one accuracy": ("task_3_2", lambda d: d["loo"][1], "one of the two accuracies"),
    "3.3 sign": ("task_3_3", lambda d: -d["turned_r"], "the sign is not"),
    "3.3 raw": ("task_3_3", lambda d: d["raw_r"], "raw answers"),
    "4.1 twice": ("task_4_1", lambda d: 35 * 34, "counted twice"),
    "4.1 themselves": ("task_4_1", lambda d: 35 * 35, "items with themselves"),
    "4.1 crossed": ("task_4_1", lambda d: 35 * 100, "one item was seen"),
    "4.1 training": ("task_4_1", lambda d: 100 * 99 / 2, "used for training"),
    "4.1 items": ("task_4_1", lambda d: 35, "number of held-out items"),
    "4.2 gain": ("task_4_2", lambda d: 0.3, "this is the gain"),
    "4.2 per cent": ("task_4_2", lambda d: 37.5, "per cent"),
    "4.2 nearness": ("task_4_2", lambda d: 0.4 / 0.9, "not what it gained"),
    "4.2 remains": ("task_4_2", lambda d: 0.625, "still remains"),
    "4.3 antonyms": ("task_4_3", lambda d: 0.25, "among the antonyms"),
    "4.3 all": ("task_4_3", lambda d: 0.5, "among all probes"),
    "4.3 before": ("task_4_3", lambda d: 0.0, "before training"),
    "4.3 count": ("task_4_3", lambda d: 3, "number of sentences"),
}


def centroid_accuracy(d, leave_out):
    """Share of items nearest to their construct's mean point, with or without the item itself."""
    names, right = np.array(sorted(set(d["construct"]))), []
    for k, vector in enumerate(d["vectors"]):
        others = np.arange(len(d["vectors"])) != k if leave_out else np.ones(135, dtype=bool)
        middle = [d["vectors"][others & (d["construct"] == name)].sum(axis=0) for name in names]
        nearest = (middle @ vector / np.linalg.norm(middle, axis=1)).argmax()
        right.append(names[nearest] == d["construct"][k])
    return np.mean(right)


@pytest.fixture(scope="module")
def more(day2):
    d = dict(day2)
    d["a"], d["b"] = embed(["Worry about things.", "Fear for the worst."])
    d["texts"] = d["items"]["text"].tolist()
    d["near"] = d["vectors"] @ embed("I never know what to say to new people.")
    d["high"] = d["cosine"][d["same"] & d["equal"]].mean()
    d["low"] = d["cosine"][d["same"] & ~d["equal"]].mean()
    names = np.array(sorted(set(d["construct"])))
    middle = np.stack([d["vectors"][d["construct"] == n].mean(axis=0) for n in names])
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    k = stats.pairs(middle @ middle.T).argmax()
    d["nearest"] = [names[index[k]] for index in np.triu_indices(len(names), k=1)]
    step = 1.96 / np.sqrt(9045 - 3)
    naive = np.tanh(np.arctanh(0.2) + step) - np.tanh(np.arctanh(0.2) - step)
    d["ratio"] = 0.13 / naive
    labels = load_data("constructs")["construct"].to_numpy()
    cosines = d["vectors"] @ embed(labels).T
    rank = np.argsort(np.argsort(-cosines, axis=1), axis=1)
    own = rank[np.arange(135), [labels.tolist().index(c) for c in d["construct"]]]
    d["top"] = [(own < 1).mean(), (own < 3).mean()]
    d["loo"] = [centroid_accuracy(d, False), centroid_accuracy(d, True)]

    def scales(data):
        pair = (
            data[:, d["construct"] == n].mean(axis=1) for n in ("Anxiety", "Emotional stability")
        )
        return stats.correlation(*pair)

    d["raw_r"] = scales(d["answers"])
    d["turned_r"] = scales(np.where(d["keying"] > 0, d["answers"], 7 - d["answers"]))
    return d


@pytest.mark.parametrize("name", WRONG)
def test_a_likely_mistake_gets_its_own_message(name, more, capsys):
    check, wrong, message = WRONG[name]
    getattr(day_2, check)(wrong(more), *GIVEN.get(check, ()))
    shown = capsys.readouterr().out
    assert shown.startswith("✗") and message in shown


def test_right_answers_to_the_tasks_on_fine_tuning_pass(capsys):
    for name, answer in {"task_4_1": 595, "task_4_2": 0.375, "task_4_3": 0.75}.items():
        getattr(day_2, name)(answer, *GIVEN[name])
        assert capsys.readouterr().out.startswith("✓")


def test_a_text_copied_with_what_cannot_be_seen_is_read(more, capsys):
    nearest = more["texts"][more["near"].argmax()]
    day_2.task_1_2(nearest.replace(" ", "\u00a0") + "\u200b")
    assert capsys.readouterr().out.startswith("✓")
    day_2.task_2_3([f"{name}\u00a0" for name in more["nearest"]])
    assert "nearest pair" in capsys.readouterr().out


# ---- the figures of the day, by the course's own code, on every stack


@pytest.fixture(scope="module")
def figures():
    items = load_data("personality_items")
    responses = load_data("personality_responses")[items["item_id"]]
    vectors = embed(items["text"])
    return items, responses, stats.pairs(vectors @ vectors.T), stats.pairs(responses.corr())


def test_raw_absolute_and_keyed_agreement_of_wording_and_answers(figures):
    items, _, cosine, r = figures
    signs = stats.pairs(np.outer(items["keying"], items["keying"]))
    assert stats.correlation(cosine, r) == pytest.approx(0.11, abs=0.005)
    assert stats.correlation(np.abs(cosine), np.abs(r)) == pytest.approx(0.34, abs=0.005)
    assert stats.correlation(cosine, r * signs) == pytest.approx(0.19, abs=0.005)


def test_one_half_of_the_people_predicts_the_other(figures):
    _, responses, _, _ = figures
    full = stats.split_half(responses).value
    assert full / (2 - full) == pytest.approx(0.98, abs=0.005)  # one half against the other
    assert full == pytest.approx(0.99, abs=0.005)  # stepped up by Spearman-Brown


def test_share_of_items_assigned_to_their_construct_by_its_label(figures):
    items, _, _, _ = figures
    names = load_data("constructs")["construct"].to_numpy()
    nearest = names[(embed(items["text"]) @ embed(names).T).argmax(axis=1)]
    assert (nearest == items["construct"]).mean() == pytest.approx(0.48, abs=0.01)


test_notebooks_run_in_any_folder = notebook_tests("day_2")
