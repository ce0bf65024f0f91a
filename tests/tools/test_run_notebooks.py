"""The runner itself, on small notebooks made here."""

import json

import nbformat
import pytest
import run_notebooks
from run_notebooks import execute, main, quick


def notebook(folder, name, *sources, quick=None, parameters=()):
    new = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    for index in parameters:
        new.cells[index].metadata["tags"] = ["parameters"]
    if quick:
        new.metadata["besci"] = {"quick": quick}
    file = folder / f"{name}.ipynb"
    nbformat.write(new, file)
    return file


def test_a_failing_notebook_is_reported_and_the_next_one_still_runs(tmp_path, capsys):
    bad = notebook(tmp_path, "bad", "x = 1", "x / 0", "print('never')")
    good = notebook(tmp_path, "good", "print('fine')")
    assert main([str(bad), str(good), "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError: division by zero" in shown.out and "| ok |" in shown.out
    assert "x / 0" in shown.err
    assert (tmp_path / "out/html/good.html").read_text().count("fine") >= 1
    partly = nbformat.read(tmp_path / "out/notebooks/bad.ipynb", as_version=4)
    assert partly.cells[1].outputs[0].ename == "ZeroDivisionError" and not partly.cells[2].outputs


def test_all_well_exits_with_zero_and_writes_the_table(tmp_path, capsys):
    good = notebook(tmp_path, "good", "check = 1")
    assert main([str(good), "--out", str(tmp_path / "out")]) == 0
    (row,) = json.loads((tmp_path / "out/run.json").read_text())
    assert row["error"] == "" and row["seconds"] > 0 and row["peak_mb"] > 10
    assert "cell 1 of 1" in capsys.readouterr().out


def test_a_task_whose_solution_fails_its_check_fails_the_notebook(tmp_path):
    stub = "class check:\n    task_1_1 = staticmethod(print)\ncheck.task_1_1('○ Task 1.1 is open.')"
    wrong = notebook(tmp_path, "wrong", stub)
    right = notebook(tmp_path, "right", stub, "check.task_1_1('✓ Task 1.1: right.')")
    silent = dict(report=lambda *_, **__: None)
    assert execute(wrong, tmp_path, **silent).status == "1 of 1 solutions do not pass their check"
    assert execute(right, tmp_path, **silent).status == "ok"


def test_a_dead_kernel_and_a_slow_cell_are_failures_not_hangs(tmp_path):
    dead = notebook(tmp_path, "dead", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    slow = notebook(tmp_path, "slow", "import time; time.sleep(60)")
    silent = dict(report=lambda *_, **__: None)
    assert "kernel died" in execute(dead, tmp_path, **silent).status
    assert "longer than 1 s" in execute(slow, tmp_path, cell_seconds=1, **silent).status


def test_quick_parameters_replace_the_defaults(tmp_path):
    file = notebook(
        tmp_path, "sized", "N = 1000", "print(f'N is {N}')", quick={"N": 3}, parameters=[0]
    )
    for use, shown in ((True, "N is 3"), (False, "N is 1000")):
        execute(file, tmp_path / str(use), use, report=lambda *_, **__: None)
        assert shown in (tmp_path / str(use) / "html/sized.html").read_text()


def test_quick_parameters_without_their_cell_are_an_error(tmp_path):
    file = notebook(tmp_path, "lost", "N = 1", quick={"N": 3})
    with pytest.raises(ValueError, match="one cell must be tagged"):
        quick(nbformat.read(file, as_version=4))


def test_an_unknown_notebook_lists_those_there_are(tmp_path):
    with pytest.raises(SystemExit, match="day_2/1_embeddings.ipynb"):
        main([str(tmp_path / "nowhere.ipynb")])


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    file = tmp_path / "page.html"
    run_notebooks.write(file, "old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_notebooks.os, "replace", full_disk)
    with pytest.raises(OSError):
        run_notebooks.write(file, "new")
    assert file.read_text() == "old"
