"""Notebooks of a day run as a learner would: copied into a folder of its own, nothing beside it."""

import nbformat
import pytest
from conftest import NOTEBOOKS
from run_notebooks import execute

from besci.models import FALLBACK


def copied(file, folder, before="", after=""):
    """A copy of a notebook in a new folder, with code of a test as its first and its last cell."""
    notebook = nbformat.read(file, as_version=4)
    first, last = ([nbformat.v4.new_code_cell(code)] if code else [] for code in (before, after))
    notebook.cells = [*first, *notebook.cells, *last]
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / file.name)
    return folder / file.name


def notebook_tests(day, before=None, after=None):
    """A test that runs each notebook of a day top to bottom, and its solutions pass their checks.

    On the smallest language model, so that it runs anywhere.

    before, after: {stem of a notebook: code} that runs ahead of its first cell, to stand in for
    what is elsewhere, or behind its last one, to try what the notebook has defined.
    """
    files = [file for file in NOTEBOOKS if file.parent.name == day]
    smallest = min(files, key=lambda file: file.stat().st_size)
    marks = {file: pytest.mark.one_a_day if file == smallest else () for file in files}
    assert {*(before or {}), *(after or {})} <= {file.stem for file in files}

    @pytest.mark.notebook
    @pytest.mark.parametrize(
        "file", [pytest.param(file, id=file.stem, marks=marks[file]) for file in files]
    )
    def runs(file, tmp_path, monkeypatch):
        monkeypatch.setenv("BESCI_MODEL", FALLBACK)
        codes = ((parts or {}).get(file.stem, "") for parts in (before, after))
        copy = copied(file, tmp_path / "a study", *codes)
        run = execute(copy, tmp_path / "out", use_quick=True, report=lambda *_, **__: None)
        assert run.error == ""
        assert run.tasks >= 3 and run.solved == run.tasks

    return runs
