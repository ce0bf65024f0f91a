"""Day 1: what its checks answer to likely mistakes, and its notebooks where the hub is reached."""

import json

import nbformat
import numpy as np
import pytest
from conftest import COURSE
from hub import Hub, hub_environment
from notebooks import copied, notebook_tests
from run_notebooks import execute
from tiny_models import SIZE, UNPIN, build_tiny_models, word_pieces
from verdicts import verdict_tests

from besci import model_path
from besci.checks import day_1
from besci.models import registry

# What the notebooks hand to a check beside the answer.
A, B = np.array([2.0, 1.0, 0.5]), np.array([1.0, 0.0, 3.0])
P = np.array([0.05, 0.1, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99])
LOGITS = np.array([3.0, 1.0, 0.5, -1.0, -2.0])
NATURAL, SHUFFLED = np.array([3.0, 4.0, 3.5]), np.array([5.0, 4.5, 6.5])
MORE = {
    "task_1_1": (A, B),
    "task_1_2": (P,),
    "task_2_1": (LOGITS,),
    "task_2_3": (NATURAL, SHUFFLED),
}
TEXTS = ["a", "b", "c", "d", "e"]
PHI3 = registry.entry("phi-3-mini")
FREE = 14.5 * 2**30
PROMPT = 1000 * PHI3["kv_bytes"]
FITS = int((FREE - 2 * PHI3["parameters"]) // PROMPT)
CHOICE = "Its licence must allow it, it must know German, fit into memory and run on the laptop."
TEST = " Two people code some answers by hand, and the model is compared with them."
RIVALS = (
    "Rare words, short answers and a dialect raise it as well, and so does what it was trained on."
)
DESIGN = " Everybody should describe the same picture, so that topics cannot differ between groups."


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


RIGHT = {
    "task_1_1": (A @ B) / np.sqrt((A @ A) * (B @ B)),
    "task_1_2": 6 / 8,
    "task_1_3": FITS,
    "task_1_4": CHOICE + TEST,
    "task_2_1": softmax(LOGITS / 2).max(),
    "task_2_2": [TEXTS, TEXTS],
    "task_2_3": np.exp((SHUFFLED - NATURAL).mean()),
    "task_2_4": RIVALS + DESIGN,
}
WRONG = [
    ("task_1_1", A @ B, "sum of products"),
    ("task_1_1", 1 - RIGHT["task_1_1"], "cosine distance"),
    ("task_1_1", (A @ B) / (A @ A), "one length twice"),
    ("task_1_1", (A @ B) / np.sqrt(np.sqrt((A @ A) * (B @ B))), "a root too many"),
    ("task_1_1", [0.1, 0.2], "single number"),
    ("task_1_2", 6, "divide by the number of sentences, 8"),
    ("task_1_2", 75, "per cent"),
    ("task_1_2", 2 / 8, "without a clear verdict"),
    ("task_1_2", 4 / 8, "one side only"),
    ("task_1_2", P.mean(), "mean score"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) / PROMPT, "round down"),
    ("task_1_3", FITS + 1, "does not fit"),
    ("task_1_3", FREE // PROMPT, "weights are missing"),
    ("task_1_3", (FREE - 4 * PHI3["parameters"]) // PROMPT, "4 bytes for each weight"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // (PROMPT / 2), "half of the cache"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // (PROMPT / 32), "one layer"),
    ("task_1_3", (FREE - 2 * PHI3["parameters"]) // PHI3["kv_bytes"], "number of tokens"),
    ("task_1_3", (14.5e9 - 2 * PHI3["parameters"]) // PROMPT, "14.5 * 1024**3"),
    ("task_1_4", "Take a small one.", "4 words"),
    ("task_1_4", CHOICE + " Then use it at once, as it is.", "does not mention yet: a test"),
    ("task_1_4", 5, "a text is asked for"),
    ("task_2_1", softmax(LOGITS * 2).max(), "multiplied the logits"),
    ("task_2_1", softmax(LOGITS).max() / 2, "halved the probability"),
    ("task_2_1", softmax(LOGITS).max(), "at temperature 1"),
    ("task_2_1", np.sqrt(softmax(LOGITS).max()), "do not add up to 1"),
    ("task_2_1", LOGITS.max() / 2, "this is a logit"),
    ("task_2_2", TEXTS, "two runs"),
    ("task_2_2", [TEXTS[:3], TEXTS[:3]], "list of five texts"),
    ("task_2_2", [["a"] * 5, ["a"] * 5], "same seed five times"),
    ("task_2_2", [TEXTS, ["a", *"vwxy"]], "1 of 5 texts come out the same"),
    ("task_2_3", (SHUFFLED - NATURAL).mean(), "difference of the logarithms"),
    ("task_2_3", np.exp((NATURAL - SHUFFLED).mean()), "turned round"),
    ("task_2_3", np.exp(SHUFFLED).mean() / np.exp(NATURAL).mean(), "ratio of mean perplexities"),
    ("task_2_3", np.exp(SHUFFLED - NATURAL).mean(), "averaged the factors"),
    ("task_2_3", SHUFFLED.mean() / NATURAL.mean(), "divided logarithms"),
    ("task_2_3", 2 ** (SHUFFLED - NATURAL).mean(), "not a power of 2"),
    ("task_2_4", "Rare words.", "2 words"),
    ("task_2_4", RIVALS + " All of this is known from other work.", "a comparison that rules one"),
]


(
    test_every_task_of_the_day_has_a_right_answer_here,
    test_the_right_answer_is_accepted,
    test_a_likely_mistake_gets_its_own_message,
    test_no_check_passes_or_raises_on_nonsense,
) = verdict_tests(day_1, RIGHT, WRONG, MORE)


def tiny_bert(folder):
    """A random BERT whose vocabulary has the words that notebook 2 puts into the gap."""
    from transformers import BertConfig, BertForMaskedLM

    words = ["teacher", "clown", "dentist", "nurse", "carpenter"]
    vocabulary = word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]) + words
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    settings = {"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = BertConfig(**SIZE, num_attention_heads=4, vocab_size=len(vocabulary))
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def hub_only(tmp_path, monkeypatch):
    """New processes find a hub of tiny models and empty caches, but for minilm."""
    cache, bert = tmp_path / "cache", tmp_path / "bert"
    (cache / "models").mkdir(parents=True)
    (cache / "models" / "minilm").symlink_to(model_path("minilm"), target_is_directory=True)
    bert.mkdir()
    with Hub({**build_tiny_models(), registry.entry("bert-base")["hub"]: tiny_bert(bert)}) as hub:
        monkeypatch.setenv("BESCI_CACHE", str(cache))
        for name, value in hub_environment(hub.url, tmp_path / "huggingface").items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.mark.notebook
@pytest.mark.parametrize(
    "name, printed, models",
    [
        (
            "1_pipelines",
            ["Base model: gpt2. Chat model: smollm2-135m.", "Scores by distilbert-sst2"],
            ["smollm2-135m", "gpt2", "distilbert-sst2"],
        ),
        (
            "2_inside_a_language_model",
            ["The last column is from bert-base, a masked model."],
            ["smollm2-135m", "bert-base"],
        ),
    ],
)
def test_where_the_hub_is_reached_its_models_are_used(name, printed, models, hub_only, tmp_path):
    out = tmp_path / "out"
    file = copied(COURSE / "day_1" / f"{name}.ipynb", tmp_path / "a study", before=UNPIN)
    run = execute(file, out, use_quick=True, report=lambda *_, **__: None)
    assert run.error == "" and run.solved == run.tasks
    notebook = nbformat.read(out / "notebooks" / file.name, as_version=4)
    streams = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    ]
    text = "".join(output.text for output in streams)
    assert all(sentence in text for sentence in printed)
    assert "cannot be fetched here" not in text
    assert not [output.text for output in streams if output.name == "stderr"]
    for key in models:
        assert hub_only.asked(f"{registry.entry(key)['hub']}/resolve/.*safetensors"), key


test_notebooks_run_in_any_folder = notebook_tests("day_1")
