"""Day 2: its figures on these data, and what its checks answer to right and to wrong answers."""

import numpy as np
import pandas as pd
import pytest
from notebooks import notebook_tests
from scipy.stats import spearmanr
from verdicts import NONSENSE

from besci import embed, load_data, stats
from besci.checks import day_2

HELD_OUT = np.arange(135) < 35
PROBES = pd.DataFrame(
    {
        "relation": np.repeat(["negation", "antonym", "synonym", "unrelated"], 4),
        "before": [-0.9] * 2 + [0.9] * 14,
        "after": [-0.5, -0.1, -0.2, 0.3, -0.2, 0.6, 0.7, 0.1, 0.2, 0.9, 0.8, 0.7, -0.1, -0.2, 0, 0],
    }
)


@pytest.fixture(scope="module")
def d():
    """What a learner computes on day 2, by other ways than the checks do."""
    items = load_data("personality_items")
    answers = load_data("personality_responses")[items["item_id"]].to_numpy(dtype=float)
    construct, keying = items["construct"].to_numpy(), items["keying"].to_numpy()
    texts = items["text"].tolist()
    a, b = embed(["Worry about things.", "Fear for the worst."])
    a, b = 3 * a, 2 * b
    cosine_ab = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    nearness = embed(texts) @ embed("I never know what to say to new people.")
    table = pd.DataFrame(
        [
            (construct[i] == construct[j], keying[i] == keying[j], i, j)
            for i in range(135)
            for j in range(i + 1, 135)
        ],
        columns=["same", "alike", "i", "j"],
    )
    observed = np.corrcoef(answers.T)
    table["r"] = observed[table["i"], table["j"]]
    for model in ("minilm", "mpnet"):
        points = embed(texts, model)
        table[model] = (points[table["i"]] * points[table["j"]]).sum(axis=1)
    table["keyed"] = np.where(table["alike"], table["r"], -table["r"])
    within = table[table["same"]]
    gap = within.groupby("alike")["minilm"].mean()
    names = sorted(set(construct))
    middle = {name: embed(texts)[construct == name].mean(axis=0) for name in names}
    turned = np.where(keying > 0, answers, 7 - answers)
    scores = pd.DataFrame({name: turned[:, construct == name].mean(axis=1) for name in names})
    raw = pd.DataFrame({name: answers[:, construct == name].mean(axis=1) for name in names})
    pairs = [
        (
            middle[one] @ middle[two] / np.linalg.norm(middle[one]) / np.linalg.norm(middle[two]),
            scores[one].corr(scores[two]),
            [one, two],
        )
        for k, one in enumerate(names)
        for two in names[k + 1 :]
    ]
    near_pairs = sorted(pairs, key=lambda pair: -pair[0])[:35]
    labels = load_data("constructs")["construct"].tolist()
    order = np.argsort(-(embed(texts) @ embed(labels).T), axis=1)
    place = [
        list(row).index(labels.index(name)) for row, name in zip(order, construct, strict=True)
    ]
    top = {k: np.mean([p < k for p in place]) for k in (1, 3)}
    interval = stats.Estimate(0.2, 0.12, 0.27)
    naive = {
        n: np.diff(np.tanh(np.arctanh(0.2) + np.array([-1, 1]) * 1.96 / np.sqrt(n - 3)))[0]
        for n in (135, 8775, 9045)
    }
    kept, left_out = (by_other_items(embed(texts), construct, out) for out in (False, True))
    anxiety, stability = "Anxiety", "Emotional stability"
    return dict(locals())


def by_other_items(vectors, construct, leave_out):
    """Share of items nearest to their construct's mean point, with or without the item itself."""
    names, right = np.array(sorted(set(construct))), []
    for k, vector in enumerate(vectors):
        others = np.arange(len(vectors)) != k if leave_out else np.ones(len(vectors), dtype=bool)
        middle = [vectors[others & (construct == name)].mean(axis=0) for name in names]
        nearest = (middle @ vector / np.linalg.norm(middle, axis=1)).argmax()
        right.append(names[nearest] == construct[k])
    return np.mean(right)


# What the notebook hands to a check beside the learner's answer.
GIVEN = {
    "task_1_1": lambda d: (d["a"], d["b"]),
    "task_2_2": lambda d: (d["interval"],),
    "task_4_1": lambda d: (HELD_OUT,),
    "task_4_2": lambda d: (0.1, 0.4, 0.9),
    "task_4_3": lambda d: (PROBES,),
}
NUMBERS = {
    "task_1_1": lambda d: d["cosine_ab"],
    "task_1_3": lambda d: d["gap"][True] - d["gap"][False],
    "task_2_1": lambda d: d["within"]["minilm"].corr(d["within"]["keyed"]),
    "task_2_2": lambda d: 0.15 / d["naive"][8775],
    "task_3_2": lambda d: d["kept"] - d["left_out"],
    "task_3_3": lambda d: d["scores"]["Anxiety"].corr(d["scores"]["Emotional stability"]),
    "task_4_1": lambda d: 595,
    "task_4_2": lambda d: 0.375,
    "task_4_3": lambda d: 0.75,
}
FORMS = {
    "as computed": float,
    "rounded": lambda value: round(float(value), 2),
    "an Estimate": lambda value: stats.Estimate(value, value - 0.1, value + 0.1),
    "a list": lambda value: [value],
    "an array": lambda value: np.array([value], dtype=np.float32),
    "a Series": lambda value: pd.Series([value], index=["answer"]),
}
PROBE = ["I feel calm before an exam.", "I feel relaxed before an exam."]
NERVOUS = "I feel nervous before an exam."
OTHERS = {  # right answers that are no single number
    "task_1_2": [
        lambda d: d["texts"][d["nearness"].argmax()],
        lambda d: d["items"]["text"].iloc[[d["nearness"].argmax()]],
        lambda d: np.array(d["texts"])[d["nearness"].argmax()],
    ],
    "task_1_4": [
        lambda d: [*PROBE, NERVOUS],
        lambda d: (*PROBE, NERVOUS),
        lambda d: pd.Series([*PROBE, NERVOUS]),
    ],
    "task_2_3": [
        lambda d: min(d["near_pairs"], key=lambda pair: pair[1])[2],
        lambda d: tuple(min(d["near_pairs"], key=lambda pair: pair[1])[2][::-1]),
        lambda d: pd.Series(min(d["near_pairs"], key=lambda pair: pair[1])[2], index=["a", "b"]),
    ],
    "task_3_1": [
        lambda d: [d["top"][3], 3 / 27],
        lambda d: (round(d["top"][3], 2), 0.11),
        lambda d: [stats.Estimate(d["top"][3], 0.5, 0.9), 0.111],
        lambda d: np.array([d["top"][3], 3 / 27]),
        lambda d: pd.Series([d["top"][3], 3 / 27], index=["accuracy", "chance"]),
    ],
    "task_3_4": [lambda d: "These items were looked at, so they are training data; take new ones."],
}
WRONG = [
    ("task_1_1", lambda d: d["a"] @ d["b"], "sum of products alone"),
    ("task_1_1", lambda d: d["a"] @ d["b"] / np.linalg.norm(d["a"]), "one length only"),
    ("task_1_1", lambda d: d["a"] @ d["b"] / np.linalg.norm(d["b"]), "one length only"),
    ("task_1_1", lambda d: d["a"] @ d["b"] / (d["a"] @ d["a"]) / (d["b"] @ d["b"]), "squared"),
    ("task_1_1", lambda d: 1 - d["cosine_ab"], "cosine distance"),
    ("task_1_1", lambda d: np.arccos(d["cosine_ab"]), "this is the angle"),
    ("task_1_2", lambda d: d["nearness"].argmax(), "right position"),
    ("task_1_2", lambda d: d["texts"][d["nearness"].argmin()], "farthest"),
    ("task_1_2", lambda d: d["texts"][d["nearness"].argsort()[-2]], "1 items are nearer"),
    ("task_1_2", lambda d: "I am shy", "no item has this text"),
    ("task_1_3", lambda d: d["gap"][False] - d["gap"][True], "sign is turned"),
    (
        "task_1_3",
        lambda d: d["table"].groupby("alike")["minilm"].mean().diff().iloc[-1],
        "compared all pairs",
    ),
    ("task_1_3", lambda d: d["gap"][True], "one of the two means"),
    (
        "task_1_3",
        lambda d: d["table"].groupby("same")["minilm"].mean().diff().iloc[-1],
        "compares pairs of one construct with pairs of two",
    ),
    ("task_1_4", lambda d: PROBE, "three sentences in a list"),
    ("task_1_4", lambda d: [*PROBE, "I am nervous."], "has 3 words, the base 6"),
    ("task_1_4", lambda d: [*PROBE, "I feel calm after an exam."], "Replace the same word"),
    ("task_1_4", lambda d: [*PROBE, PROBE[0]], "changes 0 words"),
    ("task_2_1", lambda d: d["table"]["minilm"].corr(d["table"]["keyed"]), "over all pairs"),
    ("task_2_1", lambda d: d["within"]["minilm"].corr(d["within"]["r"]), "not keyed"),
    (
        "task_2_1",
        lambda d: spearmanr(d["within"]["minilm"], d["within"]["keyed"]).statistic,
        "correlation of ranks",
    ),
    (
        "task_2_1",
        lambda d: d["table"][~d["table"]["same"]][["minilm", "keyed"]].corr().iloc[0, 1],
        "pairs between constructs",
    ),
    (
        "task_2_1",
        lambda d: np.corrcoef(
            np.where(d["within"]["alike"], 1, -1) * d["within"]["minilm"], d["within"]["r"]
        )[0, 1],
        "turned the cosines",
    ),
    ("task_2_2", lambda d: d["naive"][8775] / 0.15, "turned round"),
    ("task_2_2", lambda d: 0.15, "this is a width"),
    ("task_2_2", lambda d: 0.075 / d["naive"][8775], "a half"),
    ("task_2_2", lambda d: 0.15 / d["naive"][135], "number of items"),
    ("task_2_3", lambda d: d["near_pairs"][0][2], "nearest pair"),
    ("task_2_3", lambda d: min(d["pairs"], key=lambda pair: pair[1])[2], "not among the 35"),
    ("task_2_3", lambda d: ["Luck", "Order"], "Luck: no construct is so named"),
    ("task_2_3", lambda d: "Anxiety", "names of two constructs"),
    ("task_3_1", lambda d: [d["top"][1], 3 / 27], "top-1 accuracy"),
    ("task_3_1", lambda d: [d["top"][3], 1 / 27], "three of 27"),
    ("task_3_1", lambda d: [d["top"][3], 300 / 27], "chance is given in per cent"),
    ("task_3_1", lambda d: d["top"][3], "two numbers"),
    ("task_3_1", lambda d: stats.Estimate(d["top"][3], 0.5, 0.9), "two numbers"),
    ("task_3_2", lambda d: d["left_out"] - d["kept"], "sign is turned"),
    ("task_3_2", lambda d: d["left_out"], "one of the two accuracies"),
    ("task_3_2", lambda d: 100 * (d["kept"] - d["left_out"]), "per cent"),
    ("task_3_3", lambda d: -d["scores"][d["anxiety"]].corr(d["scores"][d["stability"]]), "sign is"),
    ("task_3_3", lambda d: d["raw"][d["anxiety"]].corr(d["raw"][d["stability"]]), "raw answers"),
    (
        "task_3_3",
        lambda d: d["scores"][d["anxiety"]].corr(d["scores"][d["stability"]]) ** 2,
        "shared variance",
    ),
    ("task_3_4", lambda d: 0.7, "a text is asked for"),
    ("task_3_4", lambda d: "It is wrong.", "Some sentences say more"),
    ("task_3_4", lambda d: ["It is wrong, because I have looked at the items."], "a text is asked"),
    ("task_4_1", lambda d: 35 * 34, "counted twice"),
    ("task_4_1", lambda d: 35 * 35, "items with themselves"),
    ("task_4_1", lambda d: 35 * 100, "one item was seen"),
    ("task_4_1", lambda d: 100 * 99 / 2, "used for training"),
    ("task_4_1", lambda d: 35, "number of held-out items"),
    ("task_4_2", lambda d: 0.3, "this is the gain"),
    ("task_4_2", lambda d: 37.5, "per cent"),
    ("task_4_2", lambda d: 0.4 / 0.9, "not what it gained"),
    ("task_4_2", lambda d: 0.625, "still remains"),
    ("task_4_3", lambda d: 0.25, "among the antonyms"),
    ("task_4_3", lambda d: 0.5, "before training"),
    ("task_4_3", lambda d: 0.375, "among all probes"),
    ("task_4_3", lambda d: 3, "number of sentences"),
]
TASKS = [name for name in vars(day_2) if name.startswith("task_")]


def verdict(name, answer, d, capsys):
    """What the check says, as a learner would call it."""
    getattr(day_2, name)(answer, *GIVEN.get(name, lambda d: ())(d))
    return capsys.readouterr().out


def test_each_task_is_tried_with_three_right_and_three_wrong_forms():
    assert sorted([*NUMBERS, *OTHERS]) == sorted(TASKS)
    for name in TASKS:
        # An open task leaves the verdict to the learner.
        assert name in NUMBERS or name == "task_3_4" or len(OTHERS[name]) >= 3, name
        assert sum(task == name for task, _, _ in WRONG) >= 3, name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_right_number_passes_in_every_form(name, form, d, capsys):
    assert verdict(name, FORMS[form](NUMBERS[name](d)), d, capsys).startswith("✓")


@pytest.mark.parametrize(
    "name, k", [(name, k) for name in OTHERS for k in range(len(OTHERS[name]))]
)
def test_another_right_answer_passes_in_every_form(name, k, d, capsys):
    assert verdict(name, OTHERS[name][k](d), d, capsys)[0] == ("●" if name == "task_3_4" else "✓")


@pytest.mark.parametrize("name, wrong, message", WRONG, ids=[f"{n}-{m}" for n, _, m in WRONG])
def test_a_likely_mistake_gets_its_own_message(name, wrong, message, d, capsys):
    said = verdict(name, wrong(d), d, capsys)
    assert said.startswith("✗") and message in said


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_no_check_of_the_day_passes_or_raises_on_nonsense(name, answer, d, capsys):
    assert verdict(name, answer, d, capsys)[0] == ("○" if answer is ... else "✗")


def test_a_text_copied_with_what_cannot_be_seen_is_read(d, capsys):
    nearest = d["texts"][d["nearness"].argmax()].replace(" ", "\u00a0") + "\u200b"
    assert verdict("task_1_2", nearest, d, capsys).startswith("✓")
    names = [f"{name}\u00a0" for name in d["near_pairs"][0][2]]
    assert "nearest pair" in verdict("task_2_3", names, d, capsys)


# ---- the figures of the day, by the course's own code, on every stack


def test_at_equal_words_the_larger_model_sees_meaning_and_the_smaller_one_hardly():
    probes = load_data("probes")
    first = {}
    for model, antonym, negation in (("minilm", 0.04, -0.02), ("mpnet", 0.24, 0.21)):
        pair = embed(probes["base"], model), embed(probes["sentence"], model)
        table = probes.assign(cosine=(pair[0] * pair[1]).sum(axis=1))
        cosine = table.pivot(index="base", columns="relation", values="cosine")
        difference = cosine["synonym"].to_numpy()[:, None] - cosine[["antonym", "negation"]]
        assert difference.mean().tolist() == pytest.approx([antonym, negation], abs=0.01)
        assert (cosine["synonym"] - cosine["paraphrase"]).mean() > 0.25
        first[model] = (difference > 0).all(axis=1).sum()
    assert first == {"minilm": 11, "mpnet": 21}


def test_the_keyed_correlation_over_all_pairs_depends_on_names_and_within_scales_does_not(d):
    table, within = d["table"], d["within"]
    names = np.array(d["names"])
    rng = np.random.default_rng(0)
    found = {"all": [], "within": []}
    for _ in range(200):
        turn = dict(zip(names, rng.choice([1, -1], len(names)), strict=True))
        key = d["keying"] * np.array([turn[name] for name in d["construct"]])
        keyed = table["r"] * key[table["i"]] * key[table["j"]]
        found["all"].append(table["minilm"].corr(keyed))
        found["within"].append(within["minilm"].corr(keyed[within.index]))
    assert np.ptp(found["all"]) > 0.08 and np.ptp(found["within"]) < 1e-9
    assert found["within"][0] == pytest.approx(0.60, abs=0.005)


def test_strength_and_direction_within_scales_are_two_things(d):
    within = d["within"]
    assert within["minilm"].corr(within["r"]) == pytest.approx(0.03, abs=0.01)
    assert within["mpnet"].corr(within["r"]) == pytest.approx(0.20, abs=0.01)
    assert within["mpnet"].corr(within["keyed"]) == pytest.approx(0.51, abs=0.01)


def test_an_english_model_finds_few_german_items():
    english, german = load_data("personality_items"), load_data("personality_items_german")
    for model in ("minilm", "mpnet"):
        nearest = (embed(german["text"], model) @ embed(english["text"], model).T).argmax(axis=1)
        assert 0.08 < (nearest == np.arange(135)).mean() < 0.2


def test_one_half_of_the_people_predicts_the_other(d):
    full = stats.split_half(d["answers"]).value
    assert full / (2 - full) == pytest.approx(0.98, abs=0.005)  # one half against the other
    assert full == pytest.approx(0.99, abs=0.005)  # stepped up by Spearman-Brown


def test_share_of_items_assigned_to_their_construct_by_its_label(d):
    assert d["top"][1] == pytest.approx(0.48, abs=0.01)


# Models that are on the hub alone, with others in their place. Without the hub these notebooks run
# in test_pretended_card.py.
OF_THE_HUB = """
from functools import partial
import besci


def in_place(embed, texts, model="minilm", **how):
    known = {"mpnet-personality": "mpnet", "multilingual-minilm": "minilm"}
    return embed(texts, known.get(model, model), **how)


besci.embed = partial(in_place, besci.embed)
"""
COMPARED = """
assert list(tuned) == list(tuned_gains) == list(questions)
assert all(gain == (0, 0, 0) for gain in tuned_gains.values()), "a model beside itself"
"""

test_notebooks_run_in_any_folder = notebook_tests(
    "day_2",
    before=dict.fromkeys(["1_embeddings", "2_personality_items", "3_constructs"], OF_THE_HUB),
    after={
        "1_embeddings": 'assert (finds_it["multilingual"] == finds_it["minilm"]).all()',
        "2_personality_items": COMPARED,
        "3_constructs": 'assert (by["other items, German", "multilingual"] == '
        'by["other items, German", "minilm"]).all()',
    },
)
