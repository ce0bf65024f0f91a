"""The runner itself, on small notebooks made here, in this process and as people start it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import ANY

import nbformat
import psutil
import pytest
import run_notebooks
from conftest import COURSE, NOTEBOOKS, notebook_id
from run_notebooks import PRINTED, SHOWN, execute, main, quick

RUNNER = [sys.executable, str(COURSE / "tools/run_notebooks.py")]
TOOLS = os.pathsep.join([str(COURSE / "tools"), str(COURSE)])
MAKE = shutil.which("make")
QUIET = dict(report=lambda *_, **__: None)
PIPES = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def notebook(folder, name, *sources, quick=None, parameters=()):
    new = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    for index in parameters:
        new.cells[index].metadata["tags"] = ["parameters"]
    if quick:
        new.metadata["besci"] = {"quick": quick}
    file = folder / f"{name}.ipynb"
    nbformat.write(new, file)
    return file


def rows(out):
    """{notebook: its row of run.json}"""
    return {row["notebook"]: row for row in json.loads((out / "run.json").read_text("utf-8"))}


def outputs(out, name, cell=0):
    file = out / "notebooks" / f"{name}.ipynb"
    return nbformat.read(file, as_version=4).cells[cell].outputs


# ---- what the table says


def test_a_failing_notebook_is_reported_and_the_next_one_still_runs(tmp_path, capsys):
    bad = notebook(tmp_path, "bad", "x = 1", "x / 0", "print('never')")
    good = notebook(tmp_path, "good", "print('fine')")
    assert main([str(bad), str(good), "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError: division by zero" in shown.out and "| ok |" in shown.out
    assert "x / 0" in shown.err
    assert (tmp_path / "out/html/good.html").read_text().count("fine") >= 1
    assert outputs(tmp_path / "out", "bad", 1)[0].ename == "ZeroDivisionError"
    assert not outputs(tmp_path / "out", "bad", 2)


def test_all_well_exits_with_zero_and_writes_the_table(tmp_path):
    good = notebook(tmp_path, "good", "check = 1")
    assert main([str(good), "--out", str(tmp_path / "out")]) == 0
    row = rows(tmp_path / "out")["good.ipynb"]
    assert row["error"] == "" and row["seconds"] > 0 and row["peak_mb"] > 10
    assert "| good.ipynb |" in (tmp_path / "out/run.md").read_text("utf-8")


def test_a_task_whose_solution_fails_its_check_fails_the_notebook(tmp_path):
    stub = "class check:\n    task_1_1 = staticmethod(print)\ncheck.task_1_1('○ Task 1.1 is open.')"
    wrong = notebook(tmp_path, "wrong", stub)
    right = notebook(tmp_path, "right", stub, "check.task_1_1('✓ Task 1.1: right.')")
    assert execute(wrong, tmp_path, **QUIET).status == "1 of 1 solutions do not pass their check"
    assert execute(right, tmp_path, **QUIET).status == "ok"


def test_a_dead_kernel_is_a_failure_not_a_hang(tmp_path):
    dead = notebook(tmp_path, "dead", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "kernel died in cell 1" in execute(dead, tmp_path, **QUIET).status


def test_the_table_is_written_after_each_notebook(tmp_path):
    out = tmp_path / "out"
    first = notebook(tmp_path, "first", "pass")
    second = notebook(tmp_path, "second", f"print(open({str(out / 'run.json')!r}).read())")
    assert main([str(first), str(second), "--out", str(out)]) == 0
    (seen,) = outputs(out, "second")
    assert [row["notebook"] for row in json.loads(seen.text)] == ["first.ipynb"]


def test_quick_parameters_replace_the_defaults(tmp_path):
    file = notebook(
        tmp_path, "sized", "N = 1000", "print(f'N is {N}')", quick={"N": 3}, parameters=[0]
    )
    for use, shown in ((True, "N is 3"), (False, "N is 1000")):
        execute(file, tmp_path / str(use), use, **QUIET)
        assert shown in (tmp_path / str(use) / "html/sized.html").read_text()


def test_quick_parameters_without_their_cell_are_an_error(tmp_path):
    file = notebook(tmp_path, "lost", "N = 1", quick={"N": 3})
    with pytest.raises(ValueError, match="one cell must be tagged"):
        quick(nbformat.read(file, as_version=4))


CONFLICT = """{
 "cells": [],
<<<<<<< HEAD
 "metadata": {},
=======
 "metadata": {"a": 1},
>>>>>>> theirs
 "nbformat": 4,
 "nbformat_minor": 5
}"""
DAMAGED = {
    "conflict": (CONFLICT, "damaged: line 3 is the mark of a merge conflict"),
    "half": ('{\n "cells": [', "damaged: line 2"),
    "empty": ("", "damaged: line 1"),
    "list": ("[]", "damaged: not a valid notebook"),
    "no_cells": ('{"nbformat": 4, "nbformat_minor": 5}', "damaged: not a valid notebook"),
    "schema": (
        '{"cells": [{"cell_type": "cake"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}',
        "damaged: not a valid notebook",
    ),
    "future": ('{"nbformat": 99, "nbformat_minor": 0}', "damaged: not a valid notebook"),
    "deep": ("[" * 100_000, "damaged: not a valid notebook"),
    "bytes": (b'{"cells": "\xff"}', "damaged: not UTF-8 text"),
}


def test_each_damaged_notebook_is_a_row_and_the_others_run(tmp_path, capfd):
    for name, (content, _) in DAMAGED.items():
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / f"{name}.ipynb").write_bytes(content)
    notebook(tmp_path, "lost", "N = 1", quick={"N": 3})
    notebook(tmp_path, "good", "print('fine')")
    files = sorted(map(str, tmp_path.glob("*.ipynb")))
    assert main([*files, "--quick", "--out", str(tmp_path / "out")]) == 1
    found = rows(tmp_path / "out")
    for name, (_, message) in DAMAGED.items():
        assert found[f"{name}.ipynb"]["error"].startswith(message)
        assert "\n" not in found[f"{name}.ipynb"]["error"]
    assert "one cell must be tagged 'parameters'" in found["lost.ipynb"]["error"]
    assert found["good.ipynb"]["error"] == ""
    shown = capfd.readouterr()
    assert "Traceback" not in shown.out + shown.err
    assert f"1 of {len(files)} notebooks" in shown.out


def test_what_cannot_be_read_or_written_is_a_row(tmp_path):
    (tmp_path / "folder.ipynb").mkdir()
    run = execute(tmp_path / "folder.ipynb", tmp_path / "out", **QUIET)
    assert run.status.startswith("cannot be read: ")
    good = notebook(tmp_path, "good", "pass")
    (tmp_path / "out/html/good.html/in the way").mkdir(parents=True)
    assert "could not be written" in execute(good, tmp_path / "out", **QUIET).status


def test_the_kernel_sees_the_copy_of_besci_that_the_runner_belongs_to(tmp_path):
    file = notebook(tmp_path, "where", "import besci; print(besci.__file__)")
    others = [p for p in sys.path if p and not Path(p).is_relative_to(COURSE)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(others)}
    command = [*RUNNER, "--out", str(tmp_path), str(file)]
    assert subprocess.run(command, cwd=tmp_path, env=environment, **PIPES).returncode == 0
    assert outputs(tmp_path, "where")[0].text.strip() == str(COURSE / "besci/__init__.py")


# ---- output without end


def test_of_endless_printing_the_two_ends_are_kept(tmp_path):
    print_much = "for i in range(3000):\n    print(f'{i:999}')\nprint('the end')"
    run = execute(notebook(tmp_path, "much", print_much), tmp_path, **QUIET)
    assert run.status == "ok; output of cell 1 cut" and run.error == ""
    (first, last) = [output.text for output in outputs(tmp_path, "much")]
    left_out = 3_000_000 + len("the end\n") - PRINTED
    assert first.startswith(f"{0:999}\n") and last.endswith(f"{2999:999}\nthe end\n")
    assert last.startswith(f"\n[… {left_out:,} characters left out …]\n")
    assert len(first + last) < PRINTED + 100


def test_long_printing_within_the_limit_is_kept_whole_and_in_order(tmp_path):
    long = "for i in range(900):\n    print(f'{i:99}', flush=True)"
    assert execute(notebook(tmp_path, "long", long), tmp_path, **QUIET).status == "ok"
    shown = "".join(output.text for output in outputs(tmp_path, "long"))
    assert shown.split() == [str(i) for i in range(900)]


def test_an_error_after_endless_printing_is_still_the_last_output(tmp_path):
    source = "for i in range(300):\n    print(f'{i:999}')\n1 / 0"
    run = execute(notebook(tmp_path, "failing", source), tmp_path, **QUIET)
    assert run.status == "ZeroDivisionError: division by zero; output of cell 1 cut"
    assert [o.output_type for o in outputs(tmp_path, "failing")] == ["stream", "stream", "error"]


def test_of_endless_pictures_the_first_are_kept(tmp_path):
    source = "for i in range(30):\n    display({'text/plain': 'x' * 10**6}, raw=True)"
    run = execute(notebook(tmp_path, "shown", source), tmp_path, **QUIET)
    assert run.status == "ok; output of cell 1 cut"
    *kept, last = outputs(tmp_path, "shown")
    assert sum(len(output.data["text/plain"]) for output in kept) <= SHOWN
    assert len(kept) == 9 and "more outputs left out" in last.text


def test_output_that_is_cleared_does_not_count(tmp_path):
    source = (
        "from IPython.display import clear_output\nfor i in range(300):\n"
        "    print(f'{i:999}', flush=True)\n    clear_output(wait=True)\nprint('the end')"
    )
    assert execute(notebook(tmp_path, "bar", source), tmp_path, **QUIET).status == "ok"
    (last,) = outputs(tmp_path, "bar")
    assert last.text == "the end\n"


# ---- no clock, but progress

BUSY = """
import time
end = time.time() + 6
while time.time() < end:
    begun = time.process_time()
    while time.process_time() - begun < 0.05:
        pass
    time.sleep(0.1)
"""
BUSY_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}], check=True)"
TALKING = "import time\nfor i in range(6):\n    time.sleep(1)\n    print(i, flush=True)"


@pytest.mark.parametrize("source", [BUSY, BUSY_CHILD, TALKING], ids=["cell", "child", "messages"])
def test_a_cell_that_computes_or_prints_is_never_ended(tmp_path, source):
    file = notebook(tmp_path, "slow", source, "print('done')")
    assert execute(file, tmp_path, patience=3, **QUIET).status == "ok"
    assert outputs(tmp_path, "slow", 1)[0].text == "done\n"


def test_a_cell_that_only_waits_is_ended(tmp_path):
    file = notebook(tmp_path, "waiting", "print('begun')", "import time; time.sleep(10**6)")
    run = execute(file, tmp_path, patience=3, **QUIET)
    assert run.status == "stuck: neither computed nor printed for 3 s, in cell 2 of 2"
    assert outputs(tmp_path, "waiting")[0].text == "begun\n"


# ---- Ctrl-C

ENDLESS = """
import os, subprocess
child = subprocess.Popen(["sleep", "1000000"], start_new_session=True)
with open("draft", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.replace("draft", "pids")
"""


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def interrupt(command, folder, number, whole_group, environment=None):
    """Start the command, send it the signal while a cell runs: (exit code, what it printed)."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, **PIPES
    )
    while not (folder / "pids").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pids = list(map(int, (folder / "pids").read_text().split()))
    assert all(map(alive, pids))
    (os.killpg if whole_group else os.kill)(process.pid, number)
    out, err = process.communicate()
    assert "Traceback" not in out + err
    for _ in range(600):  # the system takes a moment to end what is killed
        if not any(map(alive, pids)):
            break
        time.sleep(0.1)
    assert not any(map(alive, pids))
    return process.returncode, out


def endless(folder):
    """Names of three notebooks, of which the second one never ends."""
    sources = {"first": ["print(1)"], "endless": [ENDLESS, "while True: pass"], "last": ["pass"]}
    return [notebook(folder, name, *cells).name for name, cells in sources.items()]


def assert_told_so_far(out, printed):
    first, second = rows(out).values()
    assert first["error"] == "" and second["error"] == "interrupted, in cell 2 of 2"
    assert "Stopped. What ran so far:" in printed
    assert "| ok |" in printed and "| interrupted, in cell 2 of 2 |" in printed
    assert "last.ipynb" not in printed
    assert "interrupted" in (out / "run.md").read_text("utf-8")
    assert (out / "html/endless.html").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("whole_group", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_with_the_table_so_far_and_no_orphans(tmp_path, number, whole_group):
    command = [*RUNNER, "--out", str(tmp_path / "out"), *endless(tmp_path)]
    code, printed = interrupt(command, tmp_path, number, whole_group)
    assert code == 128 + number
    assert_told_so_far(tmp_path / "out", printed)


def test_a_signal_while_a_kernel_starts_ends_it_as_well(tmp_path):
    file = notebook(tmp_path, "never", "open('ran', 'w')")
    code = (
        "import sys, threading; from pathlib import Path; from run_notebooks import execute\n"
        "stop = threading.Event(); stop.set()\n"
        "print(execute(*map(Path, sys.argv[1:]), stop=stop).error)"
    )
    command = [sys.executable, "-c", code, str(file), str(tmp_path / "out")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": TOOLS}, **PIPES)
    assert done.stdout.splitlines()[-1] == "interrupted, while its kernel started"
    assert "Traceback" not in done.stderr and not (tmp_path / "ran").exists()


def test_a_reader_that_is_gone_does_not_end_the_run(tmp_path):
    files = [str(notebook(tmp_path, name, "print(1)")) for name in ("one", "two")]
    process = subprocess.Popen([*RUNNER, "--out", str(tmp_path / "out"), *files], **PIPES)
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    assert process.wait() == 0
    assert len(rows(tmp_path / "out")) == 2


# ---- progress


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_a_terminal_shows_each_cell_and_a_pipe_one_line_a_notebook(tmp_path):
    import pty

    file = notebook(tmp_path, "good", "pass", "pass")
    command = [*RUNNER, "--out", str(tmp_path / "out"), str(file)]
    piped = subprocess.run(command, **PIPES).stdout
    assert "\r" not in piped and "cell 1 of 2" not in piped
    assert len([line for line in piped.splitlines() if line.startswith("good.ipynb: ")]) == 1

    reader, writer = pty.openpty()
    process = subprocess.Popen(command, stdout=writer)
    os.close(writer)
    shown = b""
    try:
        while part := os.read(reader, 10_000):
            shown += part
    except OSError:  # how Linux says that a terminal is closed
        pass
    assert process.wait() == 0
    for text in (b"\rgood.ipynb: cell 1 of 2", b"\rgood.ipynb: cell 2 of 2", b", ok"):
        assert text in shown


# ---- names, and where the results go


def test_an_unknown_notebook_lists_those_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "nowhere.ipynb")])
    shown = capsys.readouterr().err
    assert "nowhere.ipynb" in shown and notebook_id(NOTEBOOKS[0]) in shown


def test_nb_with_an_open_quotation_mark_is_one_clear_line(monkeypatch, capsys):
    monkeypatch.setenv("NB", "it's.ipynb")
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def copy(tmp_path):
    """A course of the Makefile and the runner, with an environment that is ready."""
    course = tmp_path / "a course"
    for folder in ("tools", "constraints", ".venv/bin"):
        (course / folder).mkdir(parents=True)
    tools = [f"tools/{name}.py" for name in ("run_notebooks", "pages", "facts")]
    for name in ["Makefile", "course.toml", *tools]:
        shutil.copy(COURSE / name, course / name)
    stack = ["constraints/colab.txt", "constraints/latest.txt"]
    stack += ["pyproject.toml", "setup.py", "requirements.txt", "requirements-dev.txt"]
    for name in [*stack, ".venv/.ready"]:
        (course / name).touch()
    python = course / ".venv/bin/python"  # fetches no models: this course has none
    python.write_text(f'#!/bin/sh\n[ "$1" = tools/fetch.py ] || exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return course


def libraries():
    """The environment for a copy of the course: without this one's folder, and with no NB."""
    others = os.pathsep.join(p for p in sys.path if p and not Path(p).is_relative_to(COURSE))
    environment = {k: v for k, v in os.environ.items() if k != "NB"}
    return {**environment, "PYTHONPATH": others}


NAMES = ["a b", "it's", "$HOME", "$(shell touch x)", "`touch x`", 'x; touch "x" #', "100 %", "ü"]
WORST = "it's $$ `touch x`; $(shell touch x) #"


def make_run(course, argument=(), environment=None):
    """(exit code, names that ran, what is new in the course's folder, what was said on stderr)"""
    before = set(course.iterdir())
    environment = libraries() | (environment or {})
    done = subprocess.run([MAKE, "run", *argument], cwd=course, env=environment, **PIPES)
    new = {file.name for file in set(course.iterdir()) - before}
    ran = list(rows(course / "_build")) if "_build" in new else []
    return done.returncode, ran, new, done.stderr


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_run_takes_several_notebooks_of_any_name(copy):
    files = [notebook(copy, name, "print(1)").name for name in NAMES]
    assert make_run(copy, [f"NB={shlex.join(files)}"]) == (0, files, {"_build"}, ANY)


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize("given", ["argument", "environment"])
def test_make_run_takes_the_name_of_one_notebook_as_it_is(copy, given):
    file = notebook(copy, WORST, "print(1)").name
    ways = {"argument": {"argument": [f"NB={file}"]}, "environment": {"environment": {"NB": file}}}
    assert make_run(copy, **ways[given]) == (0, [file], {"_build"}, ANY)


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_run_refuses_a_command_in_the_place_of_a_name(copy):
    code, ran, new, said = make_run(copy, ["NB=; touch x"])
    assert code != 0 and "There is no notebook ;" in said and not ran and not new


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_ctrl_c_at_make_run_shows_the_table_so_far(copy):
    command = [MAKE, "run", f"NB={' '.join(endless(copy))}"]
    code, printed = interrupt(
        command, copy, signal.SIGINT, whole_group=True, environment=libraries()
    )
    assert code != 0
    assert_told_so_far(copy / "_build", printed)


def in_the_way(tmp_path):
    (tmp_path / "out").write_text("a file")
    return tmp_path / "out", None


def below_a_file(tmp_path):
    (tmp_path / "file").write_text("a file")
    return tmp_path / "file" / "out", None


def part_in_the_way(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "html").write_text("a file")
    return tmp_path / "out", None


def no_room(tmp_path):
    import resource  # the limit stands for a full disk: writing fails in the middle of a file

    return tmp_path / "out", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5))


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("obstacle", [in_the_way, below_a_file, part_in_the_way, no_room])
def test_where_nothing_can_be_written_nothing_is_run(tmp_path, obstacle):
    out, limit = obstacle(tmp_path)
    file = notebook(tmp_path, "never", "open('ran', 'w')")
    command = [*RUNNER, "--out", str(out), str(file)]
    done = subprocess.run(command, preexec_fn=limit, **PIPES)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"Nothing can be written to {out}: ")
    assert done.stderr.count("\n") == 1 and not (tmp_path / "ran").exists()


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    file = tmp_path / "page.html"
    run_notebooks.write(file, "old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_notebooks.os, "replace", full_disk)
    with pytest.raises(OSError):
        run_notebooks.write(file, "new")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
