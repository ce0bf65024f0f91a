"""The recorded answers that the course ships: notebooks run on them, models still give them."""

import numpy as np
import pytest
from conftest import NOTEBOOKS, notebook_id
from notebooks import copied
from run_notebooks import execute

import besci
from besci.device import native_bfloat16
from besci.llm import NotRecorded
from besci.llm.recorded import folder
from besci.models import entry

DEFAULT = "qwen2.5-coder-1.5b"  # the one that README names
KEYS = sorted(file.name.removesuffix(".json.gz") for file in folder().iterdir())
ASKING = [
    file
    for file in NOTEBOOKS
    if file.parent.name >= "day_3" and "besci.LLM(" in file.read_text(encoding="utf-8")
]


def test_recordings_are_small_and_of_models_of_the_registry():
    assert DEFAULT in KEYS
    assert all(entry(key)["kind"] == "generator" for key in KEYS)
    assert all(file.stat().st_size < 6_000_000 for file in folder().iterdir())


@pytest.mark.parametrize("file", ASKING, ids=notebook_id)
def test_a_notebook_runs_on_recorded_answers(file, tmp_path, monkeypatch):
    """With its parameters as they stand, where it is the language model that takes long."""
    monkeypatch.setenv("BESCI_MODEL", f"recorded:{DEFAULT}")
    copy = copied(file, tmp_path / "a study")
    training = "TrainingArguments(" in file.read_text(encoding="utf-8")
    run = execute(copy, tmp_path / "out", use_quick=training, report=lambda *_, **__: None)
    assert run.error == "", f"If a prompt has changed: make record MODEL={DEFAULT}. {run.error}"
    assert run.solved == run.tasks


def asked():
    """The first prompts of notebook 1 of day 3, with full parameters."""
    test = besci.load_data("media_bias_test")
    events = test.groupby("topic")["event_id"].unique().str[:1]
    texts = test.loc[test["event_id"].isin(events.explode()), "text"].head(8)
    codebook, question = besci.path("media_bias_codebook.txt").read_text().splitlines()
    return [f"{codebook}\n{question}\n\nSentence: {text}" for text in texts]


@pytest.mark.parametrize("key", KEYS)
def test_a_model_gives_the_answers_that_were_recorded(key):
    recorded, live = besci.LLM(f"recorded:{key}"), besci.LLM(key, device="cpu")
    found, again = (
        llm.choose(asked(), ["neutral", "slanted"], progress=False) for llm in (recorded, live)
    )
    exact = recorded.dtype == "float32"
    assert exact or (recorded.dtype == "bfloat16" and key != "smollm2-135m")
    # 16 bits round in another way on another processor, and beside other prompts.
    near = 1e-3 if exact else 0.3
    log_probs = np.array([found.attrs["log_prob"], again.attrs["log_prob"]])
    np.testing.assert_allclose(log_probs[0], log_probs[1], atol=near)
    assert found.attrs["provenance"]["commit"] == live.commit
    if exact or native_bfloat16():
        texts = [llm.chat(asked(), max_new_tokens=10, progress=False) for llm in (recorded, live)]
        same = np.mean([one == other for one, other in zip(*texts, strict=True)])
        assert same == 1 if exact else same >= 0.75


def test_what_was_not_recorded_is_refused_with_what_to_do():
    llm = besci.LLM(f"recorded:{DEFAULT}")
    with pytest.raises(NotRecorded, match=f"make record MODEL={DEFAULT}"):
        llm.choose("Is the sky blue?", ["Yes", "No"])
    with pytest.raises(NotRecorded, match="options=.'neutral', 'slanted'.*not .*'biased'"):
        llm.choose(asked()[:1], ["neutral", "biased"])
