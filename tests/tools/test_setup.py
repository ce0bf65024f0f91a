"""What `make` sets up: the stack that the constraints name, and a clear line where it cannot."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from colab_list import requirements, unmet, versions
from conftest import CONSTRAINTS, COURSE
from packaging.utils import canonicalize_name
from packaging.version import Version

MAKE = shutil.which("make")
PYTHON = "{}.{}".format(*sys.version_info)


@pytest.mark.skipif(not Path(sys.prefix).name.startswith(".venv"), reason="not run by make test")
def test_the_environment_holds_what_its_constraints_name():
    stack = versions(CONSTRAINTS.read_text("utf-8"), PYTHON)
    there = {canonicalize_name(d.name): Version(Version(d.version).public) for d in distributions()}
    assert {name: there[name] for name in there.keys() & stack if there[name] != stack[name]} == {}


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("file", ["colab", "latest"])
def test_every_requirement_is_named_in_both_stacks(file, python):
    names = ("requirements.txt", "requirements-dev.txt", f"constraints/{file}.txt")
    course, tests, pins = ((COURSE / name).read_text("utf-8") for name in names)
    assert unmet(requirements(course + tests), versions(pins, python)) == ([], [])


def test_widgets_of_both_stacks_have_the_part_that_jupyterlab_shows_them_with():
    for file in ("colab", "latest"):
        lines = (COURSE / f"constraints/{file}.txt").read_text("utf-8").splitlines()
        pins = dict(line.split("==") for line in lines if "==" in line)
        front, back = pins["jupyterlab_widgets"], pins["ipywidgets"]
        assert {"7": "1", "8": "3"}[back[0]] == front[0], file


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_without_a_target_lists_the_targets():
    shown = subprocess.run([MAKE], cwd=COURSE, capture_output=True, text=True).stdout
    for target in ("run", "test", "lab", "data", "publish"):
        assert f"make {target} " in shown


@pytest.fixture
def copy(tmp_path):
    """What of a course decides on its environments."""
    course = tmp_path / "a course"
    course.mkdir()
    for name in ("pyproject.toml", "setup.py", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(COURSE / name, course)
    shutil.copy(COURSE / "Makefile", course)
    shutil.copytree(COURSE / "constraints", course / "constraints")
    return course


def a_python(file, answers):
    """A program that says of itself `answers`, as a Python of that version would."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo "Python {answers}"\n')
    file.chmod(0o755)
    return file


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_an_old_python_gets_one_clear_line(copy):
    old = copy / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")  # what the version question answers on an old Python
    old.chmod(0o755)
    for target in ("run", "constraints"):
        done = subprocess.run(
            [MAKE, target, f"PYTHON={old}"], cwd=copy, capture_output=True, text=True
        )
        assert done.returncode != 0 and not (copy / ".venv").exists()
        assert "needs Python 3.11 or newer" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("named", "made_anew"),
    [
        ([], {}),
        (["COLAB_PYTHON"], {".venv"}),
        (["PYTHON"], {".venv", ".venv-latest"}),
        (["COLAB_PYTHON", "PYTHON"], {".venv", ".venv-latest"}),
    ],
)
def test_an_environment_of_another_python_than_the_named_one_is_made_anew(named, made_anew, copy):
    """And one of the same Python, or where none is named, is left as it is."""
    for environment in (".venv", ".venv-latest"):
        a_python(copy / environment / "bin/python", answers="3.12.1")
        (copy / environment / ".ready").touch()
    for version_named, expected in [("3.13.0", made_anew), ("3.12.1", {})]:
        python = a_python(copy / f"python{version_named}", version_named)
        targets = [".venv/.ready", ".venv-latest/.ready"]
        words = [MAKE, "--dry-run", *targets, *(f"{name}={python}" for name in named)]
        said = subprocess.run(words, cwd=copy, capture_output=True, text=True, check=True).stdout
        made = re.findall(r'^"(.+)" -m venv --clear (.+)', said, re.M)
        assert set(made) == {(str(python), environment) for environment in expected}


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_colab_takes_the_list_as_it_is(copy):
    worst = "it's $$ `touch x`; $(shell touch x) #"
    python = copy / ".venv/bin/python"
    a_python(python, answers="3.12.1")
    python.write_text('#!/bin/sh\nprintf "%s:%s" "$1" "$LIST"\n')
    (copy / ".venv/.ready").touch()
    done = subprocess.run(
        [MAKE, "colab", f"LIST={worst}"], cwd=copy, capture_output=True, text=True
    )
    assert done.stdout == f"tools/colab_list.py:{worst}" and not (copy / "x").exists()
