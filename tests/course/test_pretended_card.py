"""Notebooks of days 1 and 2 on a pretended graphics card: what they do differently there, works."""

import os

import pytest
from conftest import COURSE, NOTEBOOKS, notebook_id
from notebooks import copied
from run_notebooks import execute

CARD = COURSE / "tests/support/pretended_card"  # its sitecustomize.py is the card
FILES = [file for file in NOTEBOOKS if file.parent.name in ("day_1", "day_2")]


@pytest.mark.notebook
@pytest.mark.parametrize("file", FILES, ids=notebook_id)
def test_a_notebook_runs_on_a_pretended_card(file, tmp_path, monkeypatch):
    ahead = [str(CARD), str(COURSE), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, ahead)))
    monkeypatch.setenv("BESCI_MODEL", "smollm2-135m")
    after = 'import besci, torch\nassert besci.gpu() and torch.cuda.get_device_name() == "Tesla T4"'
    copy = copied(file, tmp_path / "a study", after=after)
    run = execute(copy, tmp_path / "out", use_quick=True, report=lambda *_, **__: None)
    assert run.error == "" and run.solved == run.tasks
