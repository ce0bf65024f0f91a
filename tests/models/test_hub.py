"""Fetching from the hub always ends, says what it does, and believes only what is pinned."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
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
from tiny_models import build_tiny_models

import besci
from besci import ModelUnavailable, model_path
from besci.models import download, registry
from besci.models import hub as hub_source
from besci.models.faults import DiskFull, Failed, Unfinished, Unreachable
from besci.models.hashes import sha256

GPT2 = "openai-community/gpt2"

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def phi3(tmp_path):
    """fetch(): phi-3-mini from the hub into a folder, the same each time."""

    def fetch():
        return hub_source.from_hub(registry.entry("phi-3-mini"), fetch.folder)

    fetch.folder = tmp_path / "fetched"
    fetch.folder.mkdir()
    return fetch


@pytest.fixture
def patience_ends(monkeypatch):
    """patience_ends(condition): a minute becomes a moment once the condition holds."""
    monkeypatch.setattr(download, "STALL", 60)
    waiting, over = [], threading.Event()

    def use(condition):
        def watch():
            wait_for(lambda: over.is_set() or condition())
            download.STALL = 0.5

        waiting.append(threading.Thread(target=watch))
        waiting[-1].start()

    yield use
    over.set()
    for thread in waiting:
        thread.join()


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def downloads(process):
    """The download processes that a process has started."""
    return [
        child
        for child in psutil.Process(process).children(recursive=True)
        if "besci.models.download" in " ".join(child.cmdline())
    ]


def all_but_the_second_shard(folder):
    """Whether all that is fetched of phi-3-mini but its second shard is there."""
    never = {"modeling_phi3.py", "pytorch_model.bin", "model-00002-of-00002.safetensors"}
    there = {file.name.removesuffix(".metadata") for file in folder.rglob("*.metadata")}
    return {file.name for file in build_tiny_models()[PHI3].glob("*.*")} - there <= never


def gone(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def start(code, hub, tmp_path):
    """Another Python process that runs `code` with the hub."""
    environment = hub_environment(hub.url, tmp_path / "other")
    environment |= {"PYTHONPATH": str(Path(besci.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", f"import besci\n{code}"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# Every fetch ends


@pytest.mark.parametrize(
    "fault, method, reason",
    [
        ("deaf", "GET", "less than 50 KB arrived in 0.5 s"),
        ("drip", "GET", "less than 50 KB arrived in 0.5 s"),
        ("redirect", "HEAD", "HTTP 302|redirects"),
        ("redirect", None, "HTTP 302|redirects"),
    ],
)
def test_a_hub_that_keeps_one_waiting_is_given_up_and_what_has_arrived_is_kept(
    hub, phi3, fault, method, reason, patience_ends
):
    hub.fail(fault, SECOND_SHARD, method=method, seconds=0.01)
    patience_ends(
        lambda: all_but_the_second_shard(phi3.folder) and hub.asked(SECOND_SHARD, method or "HEAD")
    )
    with pytest.raises(Unfinished, match=rf"({reason}).*complete are kept for the next attempt"):
        phi3()
    assert not downloads(os.getpid())
    assert not list(phi3.folder.rglob("*.incomplete"))


def test_after_a_hub_that_kept_one_waiting_only_the_rest_is_fetched(hub, phi3, patience_ends):
    hub.fail("deaf", SECOND_SHARD)
    patience_ends(lambda: all_but_the_second_shard(phi3.folder) and hub.asked(SECOND_SHARD))
    with pytest.raises(Unfinished):
        phi3()
    hub.heal()
    hub.requests.clear()
    download.STALL = 60
    assert set(phi3()) == {f"model-0000{i}-of-00002.safetensors" for i in (1, 2)}
    assert not hub.asked("model-00001") and len(hub.asked(SECOND_SHARD)) == 1


def test_an_hour_is_not_waited(hub, phi3):
    hub.fail("limit", SECOND_SHARD, wait=3600)
    with pytest.raises(Unfinished, match="HTTP 429.; it can be asked again in 3600 s"):
        phi3()
    assert len(hub.asked(SECOND_SHARD)) == 1


def test_many_short_waits_are_not_added_up(hub, phi3, patience_ends):
    hub.fail("limit", SECOND_SHARD, wait=2)
    patience_ends(lambda: len(hub.asked(SECOND_SHARD)) > 1)
    with pytest.raises(Unfinished, match="HTTP 429.; it can be asked again in 2 s"):
        phi3()
    assert len(hub.asked(SECOND_SHARD)) < 4


def test_a_listing_that_a_busy_hub_keeps_back_is_not_waited_for_longer(hub, phi3, monkeypatch):
    monkeypatch.setattr(download, "STALL", 10)
    hub.fail("limit", "/api/models", wait=20)
    with pytest.raises(Unreachable, match="HTTP 429"):
        phi3()
    assert len(hub.asked("/api/models")) == 2  # without the token and with it


def test_a_listing_that_redirects_for_ever_is_given_up(hub, phi3):
    hub.fail("redirect", "/api/models")
    with pytest.raises(Unreachable, match="redirects"):
        phi3()


@pytest.fixture
def slow(hub, tmp_path):
    """fetch(): six megabytes from a hub that gives them slowly and steadily."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(os.urandom(6_000_000))
    hub.serve("somebody/slow", folder)
    hub.fail("slow", WEIGHTS, seconds=0.02)
    target = tmp_path / "target"

    def fetch():
        return download.download(
            target, 6_000_000, 60, repo_id="somebody/slow", local_dir=str(target)
        )

    fetch.arrived = lambda: sum(f.stat().st_size for f in target.rglob("*.incomplete"))
    return fetch


def test_what_arrives_steadily_is_waited_for(slow, monkeypatch):
    monkeypatch.setattr(download, "STALL", 5)
    monkeypatch.setattr(download, "SLOWEST", 50_000)
    assert Path(slow(), "model.safetensors").stat().st_size == 6_000_000


def test_what_arrives_too_slowly_to_be_of_use_is_given_up(slow, monkeypatch, patience_ends):
    monkeypatch.setattr(download, "SLOWEST", 10_000_000)
    patience_ends(lambda: slow.arrived() > 1_000_000)
    with pytest.raises(Unreachable, match="less than 5 MB arrived in 0.5 s"):
        slow()
    assert not slow.arrived()


@pytest.mark.parametrize("ending", ["interrupted", "killed"])
def test_a_download_ends_with_the_process_that_wanted_it(hub, cache, tmp_path, ending):
    hub.fail("deaf", WEIGHTS)
    process = start("besci.model_path('gpt2')", hub, tmp_path)
    wait_for(lambda: hub.asked(WEIGHTS) and list(cache.rglob("*.incomplete")))
    (child,) = downloads(process.pid)
    process.send_signal(signal.SIGINT if ending == "interrupted" else signal.SIGKILL)
    said = process.communicate()[0]
    wait_for(lambda: gone(child))
    assert not list(cache.rglob("*.incomplete"))
    if ending == "interrupted":
        assert said.splitlines()[-1] == "KeyboardInterrupt"


def test_a_download_process_that_dies_is_explained(hub, phi3):
    hub.fail("deaf", SECOND_SHARD)

    def kill():
        wait_for(lambda: all_but_the_second_shard(phi3.folder) and hub.asked(SECOND_SHARD))
        downloads(os.getpid())[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(Unfinished, match="the download broke off .exit code -9"):
        phi3()
    killer.join()


def test_the_token_goes_to_the_hub_and_nowhere_else(hub, tmp_path, phi3, monkeypatch):
    """From a file that only this process knows of, so that it is truly handed over."""
    from huggingface_hub import constants

    (tmp_path / "token").write_text("hf_secret")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub.fail("limit", SECOND_SHARD, wait=3600)
    commands = []
    popen = subprocess.Popen

    def spy(command, **rest):
        commands.append(command)
        return popen(command, **rest)

    monkeypatch.setattr(subprocess, "Popen", spy)
    with pytest.raises(Failed) as raised:
        phi3()
    assert "Bearer hf_secret" in hub.tokens
    assert "hf_secret" not in f"{commands}{raised.value}" and commands


# What is said


def test_one_line_and_nothing_of_the_libraries(hub, tmp_path):
    process = start("besci.model_path('phi-3-mini')", hub, tmp_path)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    size = r"Fetching phi-3-mini from the Hugging Face hub: \d+ KB, a minute or less at 50 MB/s"
    assert len(re.findall(size, said)) == 1
    assert "unauthenticated" not in said and "huggingface_hub" not in said


def test_only_what_is_still_to_come_is_announced(hub, phi3, capsys):
    phi3()
    first = capsys.readouterr().out
    (phi3.folder / "model-00002-of-00002.safetensors").unlink()
    phi3()
    size = (build_tiny_models()[PHI3] / "model-00002-of-00002.safetensors").stat().st_size
    assert f": {size / 1e3:.0f} KB," in capsys.readouterr().out
    assert f": {size / 1e3:.0f} KB," not in first
    phi3()
    assert not capsys.readouterr().out


# Room on the disk


def test_a_disk_that_is_too_small_is_noticed_before(hub, cache, phi3, monkeypatch):
    disk = type("Usage", (), {"total": 10**12, "free": 99_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    with pytest.raises(DiskFull, match=r"^\d{3} KB are needed, 99 KB are free$"):
        phi3()
    with pytest.raises(ModelUnavailable, match="are needed, 99 KB are free(.|\n)*The disk is full"):
        model_path("gpt2")
    assert not hub.asked("/resolve/")
    monkeypatch.setattr(disk, "total", 0)  # a network drive that knows nothing of itself
    monkeypatch.setattr(disk, "free", 0)
    assert phi3()


# Any model of the hub


FILES = registry.entry("gpt2")["files"]


def test_any_model_comes_into_the_hugging_face_cache_and_stays(hub, tmp_path, monkeypatch):
    hub.serve("somebody/llm", build_tiny_models()[GPT2])
    folder = hub_source.snapshot("somebody/llm", None, FILES)
    assert folder.name == commit_of("somebody/llm") and (folder / "model.safetensors").exists()
    assert folder.is_relative_to(tmp_path / "huggingface")
    hub.requests.clear()
    assert hub_source.snapshot("somebody/llm", commit_of("somebody/llm"), FILES) == folder
    assert not hub.asked("/resolve/") and not hub.asked("/resolve/", "HEAD")
    point_at(NOWHERE, tmp_path / "huggingface", monkeypatch)
    assert hub_source.snapshot("somebody/llm", None, FILES) == folder
    with pytest.raises(Unreachable, match="cannot be reached|did not answer"):
        hub_source.snapshot("somebody/other", None, FILES)


@pytest.mark.parametrize(
    "repo, revision, reason",
    [
        ("somebody/nothing", None, "no public model of this name"),
        (GPT2, "nowhere", "does not have this version of the model"),
        ("somebody/pickle", None, "no safetensors weights"),
    ],
)
def test_what_the_hub_does_not_have_is_explained(hub, tmp_path, repo, revision, reason):
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle/pytorch_model.bin").write_bytes(b"pickle")
    hub.serve("somebody/pickle", tmp_path / "pickle")
    with pytest.raises(Failed, match=reason):
        hub_source.snapshot(repo, revision, FILES)
    assert not hub.asked("/resolve/")


def test_any_model_that_keeps_one_waiting_is_given_up_too(hub, tmp_path, patience_ends):
    hub.serve("somebody/llm", build_tiny_models()[GPT2])
    hub.fail("deaf", WEIGHTS)
    patience_ends(lambda: hub.asked(WEIGHTS))
    with pytest.raises(Unreachable, match="less than 50 KB arrived"):
        hub_source.snapshot("somebody/llm", None, FILES)
    assert not downloads(os.getpid()) and not list(tmp_path.rglob("*.incomplete"))


# What is pinned


@pytest.fixture
def pinned(hub):
    """An entry with the hashes of its files, and the folder of its copy in the HF cache."""
    from huggingface_hub import snapshot_download

    model = registry.entry("gpt2")
    folder = Path(snapshot_download(GPT2, revision=model["commit"], allow_patterns=FILES))
    names = ("model.safetensors", "tokenizer.json")
    return model | {"sha256": {name: sha256(folder / name) for name in names}}, folder


def test_a_copy_in_the_hugging_face_cache_with_the_pinned_hashes_is_used(pinned, tmp_path):
    model, folder = pinned
    assert hub_source.from_hub_cache(model) == folder
    assert hub_source.from_hub_cache(model, tmp_path / "hashes.json") == folder


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_copy_of_the_same_length_with_other_content_is_not_used(pinned, tmp_path, name):
    model, folder = pinned
    hub_source.from_hub_cache(model, tmp_path / "hashes.json")
    content = (folder / name).read_bytes()
    (folder / name).resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Failed, match=f"the SHA-256 of {name} is not the published one"):
        hub_source.from_hub_cache(model, tmp_path / "hashes.json")


def test_a_copy_without_a_pinned_file_is_not_used(pinned):
    model, folder = pinned
    (folder / "tokenizer.json").unlink()
    shutil.copy(build_tiny_models()[GPT2] / "tokenizer.json", folder / "vocab.json")
    with pytest.raises(Failed, match="only in part|tokenizer.json cannot be read"):
        hub_source.from_hub_cache(model)
