"""One copy of a model in memory, on a pretended T4: a cell that is run again changes nothing."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import tiny
import torch
import transformers
from hub import hub_fixture  # noqa: F401

import besci
from besci import device
from besci.models import Loaded, free_bytes, generators, list_models, memory, registry

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
    said = capsys.readouterr().out
    assert said.count("phi-3-mini is taken: this GPU has room for it.") == 5


def test_a_cell_that_keeps_nothing_takes_no_load_time_either(card, monkeypatch):
    besci.LLM("phi-3-mini", device="cpu").chat("a", max_new_tokens=1, progress=False)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", None)
    besci.LLM("phi-3-mini", device="cpu").chat("a", max_new_tokens=1, progress=False)


def test_what_nothing_refers_to_makes_room_for_the_next_model(card):
    besci.LLM("phi-3-mini", device="cpu")
    llm = besci.LLM("qwen3-4b", device="cpu")
    assert in_use() == WEIGHTS["qwen3"]
    del llm
    assert generators()[0][0] == "phi-3-mini" and in_use() == 0


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
    assert (llm.name, small.name) == ("qwen3-4b", "qwen2.5-coder-1.5b")
    said = "qwen2.5-coder-1.5b is taken: phi-3-mini needs 9.3 GB of GPU memory, 7.6 GB are free."
    assert said in capsys.readouterr().out


def test_models_that_two_threads_load_at_the_same_time_are_whole(tmp_path):
    folders = [tmp_path / f"m{seed}" for seed in range(4)]
    for seed, folder in enumerate(folders):
        tiny.save(folder, tiny.letter_tokenizer(), tiny.llama(), seed=seed)
    with ThreadPoolExecutor(4) as threads:
        models = list(threads.map(lambda folder: besci.LLM(folder, device="cpu"), folders))
    assert len({id(llm.model) for llm in models}) == 4
    weights = [weight for llm in models for weight in llm.model.parameters()]
    assert not any(weight.is_meta for weight in weights)


def test_another_precision_is_another_copy(card):
    one, two = (besci.LLM("phi-3-mini", "cpu", dtype) for dtype in ("float32", "float16"))
    assert one.model is not two.model and two.model.dtype == torch.float16


def test_out_of_memory_while_loading_is_one_message_with_sizes(card, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 48.00 MiB.")

    llm = besci.LLM("qwen3-4b", device="cpu")
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(MemoryError, match=r"phi-3-mini needs about \d.* GB are free") as raised:
        besci.LLM("phi-3-mini", device="cpu")
    assert "Tried to allocate" not in str(raised.value) and llm.name == "qwen3-4b"


def test_a_model_for_which_memory_is_too_small_is_refused_before_it_is_loaded(
    card, computer, monkeypatch
):
    besci.LLM("qwen3-0.6b", device="cpu")
    computer(0.00001, False)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", None)
    besci.LLM("qwen3-0.6b", device="cpu")  # which is in memory already
    with pytest.raises(MemoryError, match=r"qwen3-4b needs about .* GB of memory; 0\.0 GB are"):
        besci.LLM("qwen3-4b", device="cpu")


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
    key, why = generators()[0]
    if fits:
        assert (key, why) == ("phi-3-mini", "this GPU has room for it")
    else:
        assert key.startswith("qwen2.5-coder") and "PyTorch has no code for the GPU Tesla" in why
    assert len(list_models()) > 5


# Computers without a GPU, pretended


@pytest.fixture
def computer(monkeypatch):
    """A function that pretends a computer: how much memory is free, and whether it has bfloat16."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def pretend(gigabytes, native):
        available = type("Memory", (), {"available": gigabytes * 1e9})
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: available)
        for module in (device, registry):
            monkeypatch.setattr(module, "native_bfloat16", lambda: native)

    return pretend


@pytest.mark.parametrize(
    "gigabytes, native, key, why",
    [
        (16, True, "qwen2.5-coder-1.5b", "this processor multiplies bfloat16 numbers itself"),
        (4, True, "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b needs 5.3 GB of memory, 4.0 GB are"),
        # Colab without a GPU.
        (11.5, False, "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b is slow on a processor that does"),
        (3, False, "smollm2-135m", "qwen2.5-coder-0.5b needs 4.0 GB of memory, 3.0 GB are free"),
        (0.5, True, "smollm2-135m", "qwen2.5-coder-1.5b needs 5.3 GB of memory, 0.5 GB are free"),
    ],
)
def test_the_default_follows_what_the_computer_has(computer, gigabytes, native, key, why):
    computer(gigabytes, native)
    chosen = generators()
    assert chosen[0][0] == key and chosen[0][1].startswith(why)
    assert chosen[-1][0] == "smollm2-135m"
    assert generators(long=True)[0][0] == key


def test_a_model_that_has_filled_the_memory_is_taken_again(computer, hub, tmp_path, monkeypatch):
    """Not the one below it, because less is free now: on a computer too small for the best."""
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "cache"))
    computer(4, True)
    first = besci.LLM(device="cpu")
    computer(1.5, True)
    again = besci.LLM(device="cpu")
    assert first.name == again.name == "qwen2.5-coder-0.5b" and first.model is again.model


def test_what_cannot_be_had_gives_way_to_the_next_and_is_not_tried_in_every_cell(
    computer, hub, tmp_path, monkeypatch, capsys
):
    computer(16, True)
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("besci.llm.loading.unavailable_since", {})
    hub.fail("error", "1.5B")
    first, second = besci.LLM(), besci.LLM()
    assert first.name == second.name == "qwen2.5-coder-0.5b"
    said = capsys.readouterr().out
    assert said.count("The model qwen2.5-coder-1.5b") == 1
    assert said.count("qwen2.5-coder-0.5b is taken: qwen2.5-coder-1.5b cannot be had.") == 2


def test_a_model_named_by_the_environment_is_taken(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BESCI_MODEL", "qwen3-0.6b")
    assert besci.LLM(device="cpu").name == "qwen3-0.6b"
    assert "qwen3-0.6b is taken: BESCI_MODEL names it." in capsys.readouterr().out


@pytest.mark.parametrize(
    "limit, gigabytes",
    [("max", 16), ("6000000000", 3), ("90000000000", 16)],
    ids=["no limit", "a container with 6 GB", "a limit above what the computer has"],
)
def test_in_a_container_only_what_it_may_take_is_free(computer, tmp_path, limit, gigabytes):
    computer(16, True)
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("4000000000\n")
    (tmp_path / "memory.stat").write_text("anon 3000000000\ninactive_file 1000000000\n")
    assert free_bytes("cpu", cgroup=tmp_path) == gigabytes * 10**9
