"""What `make record` writes: the answers to the notebooks' prompts, whole or not at all."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import record
import tiny
from conftest import COURSE, notebook_id
from record import main

from besci.llm import LLM, NotRecorded
from besci.llm import recorded as recordings

MAKE = shutil.which("make")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Folder of a model that is called "tiny"."""
    return tiny.save(
        tmp_path_factory.mktemp("models") / "tiny", tiny.letter_tokenizer(), tiny.llama()
    )


@pytest.fixture
def course(tmp_path, monkeypatch, model):
    """A course of its own, of one notebook that asks "ab"."""
    monkeypatch.setattr(record, "COURSE", tmp_path)
    monkeypatch.setattr(record, "entry", lambda key: {"key": key})
    for module in (record, recordings):
        monkeypatch.setattr(module, "folder", lambda: tmp_path / "data" / "recorded")
    for name in ("BESCI_MODEL", "BESCI_RECORD", "MODEL"):  # as they are is how they are left
        monkeypatch.setenv(name, "")
    return tmp_path


def write(folder, model, monkeypatch, *more):
    sources = [
        'TEXT = "ab"',
        f"import os, besci\nllm = besci.LLM({model!r})",
        'assert os.environ["BESCI_MODEL"] == "tiny"',
        'llm.choose(TEXT, ["a", "b"], progress=False)',
        *more,
    ]
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    nbformat.write(notebook, folder / "one.ipynb")
    monkeypatch.setattr(record, "notebooks", lambda: [folder / "one.ipynb"])


def note(model, folder, *prompts):
    """Notes of what the model answers to prompts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BESCI_RECORD", str(folder))
        LLM(model, device="cpu").choose(list(prompts), ["a", "b"])


def test_the_notebooks_of_days_3_to_5_that_ask_a_model_are_recorded():
    files = record.notebooks()
    names = [notebook_id(file) for file in files]
    assert len(names) >= 5 and {name[:5] for name in names} == {"day_3", "day_4", "day_5"}
    assert all("besci.LLM(" in record.code(file) for file in files)


def test_what_a_notebook_asks_is_recorded_and_earlier_answers_are_gone(
    course, model, monkeypatch, capsys
):
    note(model, course / "_build/record/tiny/answers", "a")
    write(course, model, monkeypatch)
    monkeypatch.setenv("MODEL", "tiny")
    assert main([]) == 0
    assert "recorded answers of tiny" in capsys.readouterr().out
    llm = LLM("recorded:tiny")
    assert len(llm.choose("ab", ["a", "b"])) == 1
    with pytest.raises(NotRecorded):
        llm.choose("a", ["a", "b"])


def test_nothing_is_written_where_a_notebook_fails(course, model, monkeypatch, capsys):
    write(course, model, monkeypatch, "1 / 0")
    assert main(["tiny"]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError" in shown.out and "Nothing was recorded" in shown.err
    assert not (course / "data").exists()


def test_what_was_noted_before_is_only_merged(course, model, monkeypatch, capsys):
    notes, file = str(course / "notes"), course / "data/recorded/tiny.json.gz"
    note(model, notes, "a")
    monkeypatch.setattr(record, "run", lambda *_: pytest.fail("a notebook was run"))
    assert main(["tiny", "--from", notes]) == 0
    assert len(LLM("recorded:tiny").choose("a", ["a", "b"])) == 1
    monkeypatch.setattr(record, "LARGEST", 100)
    before = file.read_bytes()
    for arguments, message in [
        (["qwen", "--from", notes], "no answers of qwen; it holds those of tiny"),
        (["tiny", "--from", str(course)], "holds no answers of tiny"),
        (["tiny", "--from", notes], "bytes, above 100"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2 and message in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "usage: make record MODEL=KEY"),
        (["../elsewhere"], "usage: make record MODEL=KEY"),
        (["smollm"], "There is no model 'smollm'"),
    ],
)
def test_a_model_that_cannot_be_recorded_is_refused_before_anything_runs(
    monkeypatch, capsys, arguments, message
):
    monkeypatch.delenv("MODEL", raising=False)
    monkeypatch.setattr(record, "run", lambda *_: pytest.fail("a notebook was run"))
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize("given", ["argument", "environment"])
def test_make_record_takes_the_key_as_it_is(tmp_path, given):
    key = "it's $$ `touch x`; $(shell touch x) #"
    for name in (".venv/bin", "tools", "constraints"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(COURSE / "Makefile", tmp_path)
    (tmp_path / "tools/record.py").write_text("import os\nprint(os.environ['MODEL'])\n")
    (tmp_path / "tools/fetch.py").touch()
    needed = ["constraints/colab.txt", "constraints/latest.txt", "pyproject.toml", "setup.py"]
    for name in [*needed, "requirements.txt", "requirements-dev.txt", ".venv/.ready"]:
        (tmp_path / name).touch()
    python = Path(tmp_path / ".venv/bin/python")
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "MODEL"}
    more = {"argument": [f"MODEL={key}"], "environment": []}[given]
    environment |= {"argument": {}, "environment": {"MODEL": key}}[given]
    done = subprocess.run(
        [MAKE, "record", *more], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == key and not (tmp_path / "x").exists(), done.stderr
