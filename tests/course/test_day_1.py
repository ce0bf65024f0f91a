"""Day 1: what its checks answer to likely mistakes, and its notebooks where the hub is reached."""

import json
import random
from collections import Counter

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import COURSE
from hub import Hub, hub_environment
from notebooks import copied, notebook_tests
from run_notebooks import execute
from sklearn.metrics.pairwise import cosine_similarity
from tiny_models import SIZE, UNPIN, build_tiny_models, word_pieces
from transformers import set_seed
from verdicts import Forms, verdict_tests

from besci import model_path, stats
from besci.checks import day_1
from besci.models import registry

# What the notebooks hand to a check beside the answer.
A, B = np.array([2.0, 1.0, 0.5]), np.array([1.0, 0.0, 3.0])
P = np.array([0.05, 0.1, 0.3, 0.5, 0.6, 0.9, 0.95])
LOGITS = torch.tensor([3.0, 1.0, 0.5, -1.0, -2.0])
NATURAL, SHUFFLED = np.array([3.0, 4.0, 3.5]), np.array([6.1, 7.5, 6.5])


def drawn_text():
    return f"a text with the number {random.random()}"


def drawn(*seeds, once=False):
    """Texts as a learner draws them: seeded before each, or once before all."""
    texts = []
    for k, seed in enumerate(seeds):
        if not once or k == 0:
            set_seed(seed)
        texts.append(drawn_text())
    return texts


MORE = {
    "task_1_1": (A, B),
    "task_1_2": (P,),
    "task_2_1": (LOGITS,),
    "task_2_2": (drawn_text,),
    "task_2_3": (NATURAL, SHUFFLED),
}
PHI3 = registry.entry("phi-3-mini")
FREE = 14.5 * 2**30
PROMPT = 1000 * PHI3["kv_bytes"]
FITS = int((FREE - 2 * PHI3["parameters"]) // PROMPT)
SENTENCES = "It must be allowed, know German, and fit; then two people code some answers by hand."


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


Z = LOGITS.numpy().astype(float)
COSINE = (A @ B) / np.sqrt((A @ A) * (B @ B))
CLEAR = (P < 0.25) | (P > 0.75)
HALF = softmax(Z / 2).max()
FACTOR = np.exp((SHUFFLED - NATURAL).mean())
RIGHT = {
    "task_1_1": Forms([COSINE, round(COSINE, 2), cosine_similarity([A], [B]), [COSINE]]),
    "task_1_2": Forms([CLEAR.mean(), 0.57, stats.accuracy(CLEAR), pd.Series(CLEAR).mean(), 4 / 7]),
    "task_1_3": Forms([FITS, float(FITS), np.int64(FITS), [FITS], pd.Series([FITS])]),
    "task_1_4": Forms([SENTENCES, 2 * SENTENCES, f"{SENTENCES} That is all I would do."]),
    "task_2_1": Forms([(LOGITS / 2).softmax(-1).max(), HALF, round(HALF, 2), [round(HALF, 3)]]),
    "task_2_2": Forms([drawn(*range(5)), tuple(drawn(*range(5))), pd.Series(drawn(*range(5)))]),
    "task_2_3": Forms(
        [FACTOR, round(FACTOR, 1), round(FACTOR), stats.Estimate(FACTOR, 5.0, 40.0), [FACTOR]]
    ),
    "task_2_4": Forms([SENTENCES, 2 * SENTENCES, f"{SENTENCES} That is all I would do."]),
}
WRONG = [
    ("task_1_1", A @ B, "sum of products"),
    ("task_1_1", 1 - COSINE, "cosine distance"),
    ("task_1_1", (A @ B) / (A @ A), "one length twice"),
    ("task_1_1", (A @ B) / np.sqrt(np.sqrt((A @ A) * (B @ B))), "a root too many"),
    ("task_1_1", cosine_similarity([A, B]), "single number"),
    ("task_1_2", 4, "divide by the number of sentences, 7"),
    ("task_1_2", 57, "per cent"),
    ("task_1_2", 3 / 7, "without a clear verdict"),
    ("task_1_2", 2 / 7, "one side only"),
    ("task_1_2", P.mean(), "mean score"),
    ("task_1_2", ((P < 0.25) & (P > 0.75)).mean(), '"or" is |'),
    ("task_1_2", CLEAR, "yours has 7 values"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) / PROMPT, "round down"),
    ("task_1_3", FITS + 1, "does not fit"),
    ("task_1_3", FREE // PROMPT, "weights are missing"),
    ("task_1_3", (FREE - 4 * PHI3["parameters"]) // PROMPT, "4 bytes for each weight"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // (PROMPT / 2), "half of the cache"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // (PROMPT / 32), "one layer"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // PHI3["kv_bytes"], "number of tokens"),
    ("task_1_3", (14.5e9 - 2 * PHI3["parameters"]) // PROMPT, "14.5 * 1024**3"),
    ("task_1_4", "licence language memory confidential people", "so few words (5)"),
    ("task_1_4", [SENTENCES], "yours is of type list"),
    ("task_1_4", 5, "a text is asked for"),
    ("task_2_1", softmax(Z * 2).max(), "multiplied the logits"),
    ("task_2_1", softmax(Z).max() / 2, "halved the probability"),
    ("task_2_1", softmax(Z).max(), "at temperature 1"),
    ("task_2_1", np.sqrt(softmax(Z).max()), "do not add up to 1"),
    ("task_2_1", Z.max() / 2, "this is a logit"),
    ("task_2_1", (LOGITS / 2).softmax(-1), "yours has 5 values"),
    ("task_2_2", 2 * [drawn(*range(5))], "a list of five texts"),
    ("task_2_2", drawn(*range(3)), "makes five; yours are 3"),
    ("task_2_2", drawn(4, 4, 4, 4, 4), "all five texts are the same"),
    ("task_2_2", drawn(*range(5), once=True), "only the text of seed 0 comes back"),
    ("task_2_2", drawn(*range(1, 6)), "range(5) counts 0, 1, 2, 3, 4"),
    ("task_2_2", drawn(0, 1, 2, 8, 9), "3 of 5 texts come back"),
    ("task_2_2", ["written", "by", "hand", "not", "drawn"], "0 of 5 texts come back"),
    ("task_2_3", (SHUFFLED - NATURAL).mean(), "difference of the logarithms"),
    ("task_2_3", np.exp((NATURAL - SHUFFLED).mean()), "turned round"),
    ("task_2_3", np.exp(SHUFFLED).mean() / np.exp(NATURAL).mean(), "ratio of mean perplexities"),
    ("task_2_3", np.exp(SHUFFLED - NATURAL).mean(), "averaged the factors"),
    ("task_2_3", SHUFFLED.mean() / NATURAL.mean(), "divided logarithms"),
    ("task_2_3", 2 ** (SHUFFLED - NATURAL).mean(), "not a power of 2"),
    ("task_2_3", FACTOR + 1, "the value is another"),
    ("task_2_4", "Rare words.", "so few words (2)"),
    ("task_2_4", None, "a text is asked for"),
    ("task_2_4", {"rival": SENTENCES}, "yours is of type dict"),
]


def test_every_task_is_tried_in_three_right_and_three_wrong_forms():
    wrong = Counter(name for name, *_ in WRONG)
    for name, forms in RIGHT.items():
        assert len(forms) >= 3 and wrong[name] >= 3, name


def test_an_open_task_lists_points_and_judges_nothing(capsys):
    day_1.task_1_4(SENTENCES)
    verdict, *points = capsys.readouterr().out.splitlines()
    assert verdict == "● Task 1.4: tick what your text says, then compare with the solution."
    assert len(points) >= 5 and all(point.startswith("  ☐ It ") for point in points)


(
    test_every_task_of_the_day_has_a_right_answer_here,
    test_the_right_answer_is_accepted,
    test_a_likely_mistake_gets_its_own_message,
    test_no_check_passes_or_raises_on_nonsense,
) = verdict_tests(day_1, RIGHT, WRONG, MORE)


def tiny_bert(folder):
    """A random BERT for the gap of notebook 2."""
    from transformers import BertConfig, BertForMaskedLM

    vocabulary = word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    settings = {"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = BertConfig(**SIZE, num_attention_heads=4, vocab_size=len(vocabulary))
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def hub_only(tmp_path, monkeypatch):
    """New processes find a hub with tiny models and the real minilm, and empty caches."""
    cache, bert = tmp_path / "cache", tmp_path / "bert"
    (cache / "models").mkdir(parents=True)
    (cache / "models" / "minilm").symlink_to(model_path("minilm"), target_is_directory=True)
    bert.mkdir()
    own = {"minilm": model_path("minilm"), "bert-base": tiny_bert(bert)}
    own = {registry.entry(key)["hub"]: folder for key, folder in own.items()}
    with Hub(build_tiny_models() | own) as hub:
        monkeypatch.setenv("BESCI_CACHE", str(cache))
        for name, value in hub_environment(hub.url, tmp_path / "huggingface").items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.mark.notebook
@pytest.mark.parametrize(
    "name, models",
    [
        ("1_pipelines", ["smollm2-135m", "distilbert-sst2", "gpt2"]),
        ("2_inside_a_language_model", ["smollm2-135m", "bert-base"]),
    ],
)
def test_where_the_hub_is_reached_its_models_are_used(name, models, hub_only, tmp_path):
    out = tmp_path / "out"
    file = copied(COURSE / "day_1" / f"{name}.ipynb", tmp_path / "a study", before=UNPIN)
    run = execute(file, out, use_quick=True, report=lambda *_, **__: None)
    assert run.error == "" and run.solved == run.tasks
    notebook = nbformat.read(out / "notebooks" / file.name, as_version=4)
    printed = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "cannot be reached" not in printed and "on the hub only" not in printed
    for key in models:
        assert hub_only.asked(f"{registry.entry(key)['hub']}/resolve/.*safetensors"), key


test_notebooks_run_in_any_folder = notebook_tests("day_1")
