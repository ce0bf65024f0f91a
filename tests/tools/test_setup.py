"""What `make` sets up: the stack that the constraints name, and a clear line where it cannot."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import CONSTRAINTS, COURSE

MAKE = shutil.which("make")


def stack():
    """{package: version} of the constraints of the environment that runs this test."""
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


@pytest.mark.skipif(not Path(sys.prefix).name.startswith(".venv"), reason="not run by make test")
def test_the_environment_holds_what_its_constraints_name():
    installed = {name: version(name).split("+")[0] for name in stack()}
    assert installed == stack()


def test_every_requirement_is_named_in_both_stacks():
    wanted = (COURSE / "requirements.txt").read_text() + (
        COURSE / "requirements-dev.txt"
    ).read_text()
    for file in ("colab", "latest"):
        named = (COURSE / f"constraints/{file}.txt").read_text("utf-8").lower().replace("_", "-")
        for name in re.findall(r"^([\w-]+)>=", wanted, re.M):
            assert f"\n{name.lower().replace('_', '-')}==" in named, (file, name)


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


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_an_old_python_gets_one_clear_line(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")  # what the version question answers on an old Python
    old.chmod(0o755)
    copy = tmp_path / "a course"
    copy.mkdir()
    for name in (
        "Makefile",
        "pyproject.toml",
        "setup.py",
        "requirements.txt",
        "requirements-dev.txt",
    ):
        shutil.copy(COURSE / name, copy)
    shutil.copytree(COURSE / "constraints", copy / "constraints")
    done = subprocess.run([MAKE, "run", f"PYTHON={old}"], cwd=copy, capture_output=True, text=True)
    assert done.returncode != 0 and not (copy / ".venv").exists()
    assert "needs Python 3.11 or newer" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
