"""One copy of a model in memory, on a pretended T4: a cell that is run again changes nothing."""

import gc

import pytest
import tiny
import torch
import transformers
from hub import hub_fixture  # noqa: F401

import besci
from besci.models import Loaded, choose_generator, list_models

FREE, WEIGHTS = 15.66e9, {"phi3": 7.64e9, "qwen3": 8.04e9}  # bytes on a T4, and of two models on it


def in_use():
    """Bytes that the models alive would take on the card, found as Python finds them."""
    alive = [one for one in gc.get_objects() if isinstance(one, Loaded)]
    return sum(WEIGHTS.get(one.model.config.model_type, 0.3e9) for one in alive)


@pytest.fixture
def card(hub, tmp_path, monkeypatch):
    """A T4 whose memory holds what is alive; tiny models stand in for the real ones, on the CPU."""
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "compute_90"])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (FREE - in_use(), 15.8e9))


def test_the_same_cell_run_five_times_holds_one_copy_and_never_another_model(card, capsys):
    models = set()
    for _ in range(5):
        llm = besci.LLM(device="cpu")
        assert llm.name == "phi-3-mini"
        models.add(id(llm.model))
    assert len(models) == 1 and in_use() == WEIGHTS["phi3"]
    assert "is taken" not in capsys.readouterr().out


def test_a_cell_that_keeps_nothing_takes_no_load_time_either(card, monkeypatch):
    besci.LLM("phi-3-mini", device="cpu").chat("a", max_new_tokens=1, progress=False)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", None)
    besci.LLM("phi-3-mini", device="cpu").chat("a", max_new_tokens=1, progress=False)


def test_what_nothing_refers_to_makes_room_for_the_next_model(card):
    besci.LLM("phi-3-mini", device="cpu")
    llm = besci.LLM("qwen3-4b", device="cpu")
    assert in_use() == WEIGHTS["qwen3"]
    del llm
    assert choose_generator() == ("phi-3-mini", "") and in_use() == 0


def test_a_model_that_was_let_go_gives_back_its_memory_when_asked_to(card):
    llm = besci.LLM("phi-3-mini", device="cpu")
    besci.release()
    assert in_use() == WEIGHTS["phi3"]  # a variable still holds it
    del llm
    besci.release()
    assert in_use() == 0


def test_a_model_that_is_still_used_leaves_too_little_and_the_numbers_are_said(card, capsys):
    llm = besci.LLM("qwen3-4b", device="cpu")
    small = besci.LLM(device="cpu")
    assert (llm.name, small.name) == ("qwen3-4b", "smollm2-135m")
    said = "smollm2-135m is taken: phi-3-mini needs 9.3 GB of GPU memory, 7.6 GB are free."
    assert said in capsys.readouterr().out


def test_another_precision_is_another_copy(card):
    one, two = (besci.LLM("phi-3-mini", "cpu", dtype) for dtype in ("float32", "float16"))
    assert one.model is not two.model and two.model.dtype == torch.float16


def test_out_of_memory_while_loading_is_one_message_with_sizes(card, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 48.00 MiB.")

    llm = besci.LLM("qwen3-4b", device="cpu")
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(
        MemoryError, match=r"phi-3-mini needs about \d.* 7\.6 GB are free"
    ) as raised:
        besci.LLM("phi-3-mini", device="cpu")
    assert "Tried to allocate" not in str(raised.value) and llm.name == "qwen3-4b"


def test_a_folder_that_was_written_anew_is_loaded_anew(tmp_path):
    before = torch.zeros(0)
    for seed in (1, 2):
        tiny.save(tmp_path / "mine", tiny.letter_tokenizer(), tiny.llama(), seed=seed)
        llm = besci.LLM(tmp_path / "mine")
        weights = next(llm.model.parameters()).detach().clone()
        assert not torch.equal(weights, before)
        before = weights


@pytest.mark.parametrize(
    "capability, made_for, fits",
    [
        ((7, 5), ["sm_75", "sm_80"], True),
        ((8, 6), ["sm_80", "sm_90"], True),  # a later step of the same generation
        ((12, 0), ["sm_90", "compute_90"], True),  # later, but translated
        ((6, 0), ["sm_75", "sm_80", "compute_90"], False),  # a P100 under today's PyTorch
        ((7, 0), ["sm_75", "sm_80", "compute_90"], False),  # a V100
    ],
)
def test_a_gpu_that_torch_has_no_code_for_counts_as_none(
    card, monkeypatch, capability, made_for, fits
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: made_for)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Tesla")
    assert besci.gpu() is fits
    key, why = choose_generator()
    assert (key, why) == (
        ("phi-3-mini", "")
        if fits
        else ("smollm2-135m", "this PyTorch has no code for the GPU Tesla")
    )
    assert len(list_models()) > 5
