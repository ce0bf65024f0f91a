"""`make gpu`, tried on a tiny model: on a processor, and on a card that is pretended."""

import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import weakref
from functools import wraps

import huggingface_hub
import numpy as np
import pytest
import torch
from conftest import COURSE
from transformers import AutoModelForCausalLM, Phi3ForCausalLM

import besci
from benchmarks import gpu, gpu_sections, stand_in
from besci.llm import fitting
from besci.llm.engine import Engine
from besci.models import memory

WEIGHTS = 7.64e9  # bytes that phi-3-mini would take on the card


def start(folder, *arguments):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu", f"--results={folder / 'results'}", *arguments],
        cwd=COURSE,
        env=os.environ | {"PYTHONPATH": str(COURSE), "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result_in(folder):
    return json.loads((folder / "results/gpu.json").read_text("utf-8"))


def outcomes(result):
    return {name: section["outcome"] for name, section in result["sections"].items()}


# ---- the script, on a processor


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tried")
    process = start(folder, "--size=tiny", "--device=cpu")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    return folder


def test_every_section_comes_to_an_end_and_says_what_needs_a_gpu(tried):
    expected = dict.fromkeys(gpu_sections.SECTIONS, "ok")
    expected |= dict.fromkeys(gpu_sections.NEED_A_GPU, "needs a GPU")
    assert outcomes(result_in(tried)) == expected
    assert not list(tried.glob("besci-*"))  # the weights are gone


def test_in_float32_besci_computes_what_plain_passes_do_beyond_window_and_turn_too(tried):
    rows = result_in(tried)["sections"]["exact in float32"]["rows"]
    window, turn = (
        stand_in.TINY[what] for what in ("sliding_window", "original_max_position_embeddings")
    )
    assert f"phi-3-mini, choose, beyond {window} tokens" in rows
    assert f"phi-3-mini-128k, choose, beyond {turn} tokens" in rows
    for row in rows.values():
        assert row["texts"] > 0 and row["largest"] < 1e-3
    in_words = [row["best_by_a_plain_pass"] for row in rows.values() if "tokens" in row]
    assert in_words == [1, 1]


def test_each_workload_stands_beside_the_loop_and_the_least(tried):
    rows = result_in(tried)["sections"]["speed"]["rows"]
    assert len(rows) == 5
    for row in rows.values():
        assert row["one_by_one_to_ours"] == pytest.approx(row["one_by_one_s"] / row["s"], rel=0.01)
        assert row["least_to_ours"] == pytest.approx(row["least_s"] / row["s"], rel=0.01)
        assert row["tokens_read"] > row["texts"]
    chats = [row for name, row in rows.items() if name.endswith("chat")]
    for row in chats:
        written = row["steps"] * row["answers_a_step"]
        assert row["tokens_written"] == pytest.approx(written, rel=0.01)
        assert 1 <= row["answers_a_step"] <= row["texts"]


def test_the_page_is_made_of_the_result(tried):
    text = (tried / "results/gpu.md").read_text("utf-8")
    assert text == gpu.page(result_in(tried))
    for name in gpu_sections.NEED_A_GPU:
        assert f"| {name} | needs a GPU |" in text
    for name, section in result_in(tried)["sections"].items():
        assert all(f"| {row} | " in text for row in section.get("rows", {})), name


def test_what_was_found_before_an_interruption_is_kept(tmp_path):
    process, said = start(tmp_path, "--size=tiny", "--device=cpu"), ""
    for line in process.stdout:
        said += line
        if line.startswith("exact in float32: ok"):
            process.send_signal(signal.SIGINT)
    assert process.wait() == 130, said
    found = outcomes(result_in(tmp_path))
    first = ["card", "model", "exact in float32"]
    assert [found.pop(name) for name in first] == ["ok"] * 3
    assert list(found.values()) == ["not finished", *["not reached"] * (len(found) - 1)]
    assert (tmp_path / "results/gpu.md").read_text("utf-8") == gpu.page(result_in(tmp_path))
    assert not list(tmp_path.glob("besci-*"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--size=tiny", "--device=cpu", "--minutes=0"], "Nothing was begun"),
        pytest.param(
            [],
            "There is no NVIDIA GPU that this PyTorch can use.",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here"),
        ),
    ],
)
def test_a_run_that_cannot_begin_leaves_earlier_findings(tmp_path, arguments, words):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/gpu.json").write_text('{"began": "before"}')
    process = start(tmp_path, *arguments)
    said = process.communicate()[0]
    assert process.returncode == 2 and words in said
    assert result_in(tmp_path) == {"began": "before"}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("has_torch", [True, False])
def test_make_gpu_takes_a_python_that_has_what_it_needs_else_the_environment(tmp_path, has_torch):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "constraints").mkdir()
    shutil.copy(COURSE / "Makefile", tmp_path)
    stack = ["constraints/colab.txt", "constraints/latest.txt"]
    stack += ["pyproject.toml", "setup.py", "requirements.txt", "requirements-dev.txt"]
    for name in [*stack, ".venv/.ready"]:
        (tmp_path / name).touch()
    for place, status in (("own python", 0 if has_torch else 1), (".venv/bin/python", 0)):
        python = tmp_path / place
        python.write_text(
            f'#!/bin/sh\n[ "$1" = -V ] && exec echo Python 3.11\n[ "$1" = -c ] && exit {status}\n'
            f'echo "{place}: $*"; exit 1\n'
        )
        python.chmod(0o755)
    command = ["make", "gpu", f"PYTHON={tmp_path / 'own python'}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    place = "own python" if has_torch else ".venv/bin/python"
    assert done.stdout == f"{place}: -m benchmarks.gpu\n" and done.returncode == 2


# ---- sections that go wrong


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """ended(*ends): the outcomes and exit status of a run whose processes end like this.

    Each end is {section: outcome} of what the process got to, and its exit status.
    """

    def run(*ends):
        ends = iter(ends)

        def apart(command, folder, seconds):
            file, about = tmp_path / "gpu.json", json.loads(command[-1])
            known = json.loads(file.read_text()) if file.is_file() else about
            names = dict.fromkeys(["one", "card", "three"], {"outcome": "not reached"})
            got_to, status = next(ends)
            known["sections"] = names | known.get("sections", {})
            known["sections"] |= {name: {"outcome": outcome} for name, outcome in got_to.items()}
            file.write_text(json.dumps(known))
            return status

        monkeypatch.setattr(gpu, "apart", apart)
        status = gpu.main(["--size=tiny", "--device=cpu", f"--results={tmp_path}"])
        return outcomes(json.loads((tmp_path / "gpu.json").read_text())), status

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own
    return run


def test_a_section_that_takes_its_process_with_it_does_not_stop_the_others(ended):
    found, status = ended(({"one": "running"}, -11), ({"card": "ok", "three": "ok"}, 0))
    assert found == {"one": "failed", "card": "ok", "three": "ok"} and status == 1


def test_processes_that_end_before_they_begin_anything_are_not_started_for_ever(ended):
    found, status = ended(({"one": "ok"}, 1), ({}, 1))
    assert found == {"one": "ok", "card": "not reached", "three": "not reached"}


def test_when_the_time_is_over_the_rest_is_not_reached(ended):
    found, status = ended(({"one": "ok", "card": "running"}, None))
    assert found == {"one": "ok", "card": "not finished", "three": "not reached"} and status == 0


# ---- what the sections find, in this process


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("models") / "hub"
    stand_in.write(home, stand_in.TINY, "cpu")
    return home


@pytest.fixture
def look(home, tmp_path, monkeypatch):
    """look(name): what one section finds, as gpu.json has it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home))
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BESCI_MODEL", raising=False)

    def found(name):
        rows = gpu_sections.Rows({"sections": {}}, tmp_path / "gpu.json", name)
        gpu_sections.look(
            gpu_sections.SECTIONS[name], gpu_sections.Trial(home, "tiny", "cpu"), rows
        )
        section = json.loads((tmp_path / "gpu.json").read_text())["sections"][name]
        section["wrong"] = [n for n, row in section["rows"].items() if not row["as it should be"]]
        return section

    return found


def test_a_token_that_sees_what_it_should_not_is_found(look, monkeypatch):
    mask = Engine.mask
    monkeypatch.setattr(Engine, "mask", lambda self, sees: mask(self, sees | (sees.sum(0) > 0)))
    monkeypatch.setattr(fitting, "difference", lambda reader: 0)
    found = look("exact in float32")
    assert found["outcome"] == "failed" and len(found["wrong"]) == len(found["rows"])


def test_a_slightly_wrong_number_is_found(look, monkeypatch):
    log_probs = Engine.log_probs
    monkeypatch.setattr(Engine, "log_probs", lambda *a, **k: log_probs(*a, **k) - 0.002)
    monkeypatch.setattr(fitting, "difference", lambda reader: 0)
    found = look("exact in float32")
    assert found["wrong"] == [name for name in found["rows"] if "choose" in name]


def test_an_error_belongs_to_its_section(look, monkeypatch, capsys):
    monkeypatch.setitem(gpu_sections.SECTIONS, "speed", lambda trial, rows: 1 / 0)
    found = look("speed")
    assert found["outcome"] == "failed" and found["why"] == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in capsys.readouterr().err


class Card:
    """A T4 in which models of a few megabytes take their real size; it computes on the processor.

    Beside them the bytes of all tensors alive count, and what `fill` takes.
    """

    total, filled, failures = 15.66e9, 0, 0

    def __init__(self):
        self.models = weakref.WeakSet()

    def free(self):
        return self.total - WEIGHTS * len(self.models) - self.filled

    def allocated(self):
        tensors = [x for x in gc.get_objects() if isinstance(x, torch.Tensor)]
        stores = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
        return sum(stores.values()) + self.filled

    def fill(self, left):
        card = self

        class Ballast:
            def __init__(self):
                self.taken = max(0, card.free() - left)
                card.filled += self.taken

            def __del__(self):
                card.filled -= self.taken

        return [Ballast()]

    def require(self, needed):
        if needed > self.free():
            self.failures += 1
            raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture
def card(monkeypatch):
    card = Card()
    read, forward = AutoModelForCausalLM.from_pretrained, Phi3ForCausalLM.forward

    def load(*args, **settings):
        card.require(WEIGHTS)
        model, found = read(*args, **settings)
        card.models.add(model)
        return model, found

    @wraps(forward)
    def compute(model, *args, **settings):
        card.require(2e6 * settings.get("input_ids", *args).numel())
        return forward(model, *args, **settings)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    monkeypatch.setattr(Phi3ForCausalLM, "forward", compute)
    monkeypatch.setattr(gpu_sections, "fill", card.fill)
    for name, value in {
        "is_available": lambda: True,
        "get_device_capability": lambda *_: (7, 5),
        "get_arch_list": lambda: ["sm_75"],
        "mem_get_info": lambda *_: (card.free(), card.total),
        "memory_allocated": card.allocated,
        "max_memory_allocated": card.allocated,
        "reset_peak_memory_stats": lambda: None,
        "memory_stats": lambda: {"num_ooms": card.failures},
        "empty_cache": gc.collect,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    besci.release()
    gc.freeze()  # what was there before is passed over, and not gone through each time
    yield card
    gc.unfreeze()
    besci.release()


def test_memory_is_measured_beside_its_plan(look, card):
    found = look("memory")
    assert found["outcome"] == "ok", found
    assert found["rows"]["a kept token"]["kB"] == pytest.approx(2 * 2 * 32 * 4 / 1e3, rel=0.1)


def test_cells_that_are_run_again_are_tried(look, card):
    found = look("scenarios")
    assert found["outcome"] == "ok", found
    rows = found["rows"]
    assert "phi-3-mini is taken: this GPU has room for it." in rows["a first cell"]["said"]
    for row in ("another format, on a full card", "another model, on a full card"):
        assert rows[row]["taken"] is None
        assert re.search(r"needs about \d.* GB are free", rows[row]["said"])
    assert "phi-3-mini needs 9.3 GB" in rows["LLM(), where something else fills the card"]["said"]


def test_a_second_copy_of_the_same_model_is_found(look, card, monkeypatch):
    card.total *= 4
    monkeypatch.setattr(memory, "last_change", lambda folder: np.random.random())
    found = look("scenarios")
    assert "the same again, while its model is held" in found["wrong"]


def test_recovery_is_tried_with_less_and_less_memory(look, card):
    found = look("recovery")
    rows = found["rows"]
    assert rows["1024 MB are left"]["out_of_memory"] == 0
    assert rows["128 MB are left"]["out_of_memory"] > 0 and not rows["128 MB are left"]["said"]
    assert "too little free memory" in rows["16 MB are left"]["said"]
    assert rows["512 MB are left from the first pass on"]["log_prob_apart"] < 1e-3
    # What comes back by itself on a card stays halved on a processor: that is noticed.
    assert found["wrong"] == ["capacity"]


# ---- what is committed


def test_the_committed_page_is_that_of_the_committed_findings():
    data, text = (gpu.RESULTS / f"gpu.{kind}" for kind in ("json", "md"))
    assert data.exists() == text.exists(), "make gpu writes both"
    if data.exists():
        result = json.loads(data.read_text("utf-8"))
        assert text.read_text("utf-8") == gpu.page(result)
        assert (result["size"], result["device"]) == ("real", "cuda")
