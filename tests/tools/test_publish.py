"""Publishing, and every setup cell as Colab would run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import CONSTRAINTS, COURSE, NOTEBOOKS
from publish import publish, setup_cell

SETUP_TEXTS = sorted(
    {
        cell.source
        for file in NOTEBOOKS
        for cell in nbformat.read(file, as_version=4).cells
        if "setup" in cell.metadata.get("tags", [])
    }
)


def copy_of_course(folder):
    """What git would hold, without environments and results."""
    hidden = shutil.ignore_patterns(
        ".venv*", "_build", ".git", "__pycache__", ".*_cache", ".hypothesis"
    )
    return Path(shutil.copytree(COURSE, folder, ignore=hidden))


def test_publish_rewrites_every_badge_and_setup_cell_and_can_be_repeated(tmp_path):
    course = copy_of_course(tmp_path / "course")
    changed = publish(course, "lab-of-x/open-llms", "v2026.11")
    assert {f for f in changed if f.suffix == ".ipynb"} == set(course.glob("day_*/*.ipynb"))
    for file in [*course.glob("day_*/*.ipynb"), course / "README.md"]:
        text = file.read_text("utf-8")
        assert "blob/v2026.11/" in text and "github/lab-of-x/open-llms/" in text
        assert "not_published/course" not in text
    assert publish(course, "lab-of-x/open-llms", "v2026.11") == []
    publish(course, "other/name", "v2")
    assert "lab-of-x" not in (course / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "repository, ref, message",
    [
        ("name-only", "v1", "owner/name"),
        ("not_published/course", "v1", "owner/name"),
        ("a/b; rm -rf", "v1", "owner/name"),
        ("a/b", "feature/x", "without a slash"),
        ("a/b", "", "without a slash"),
    ],
)
def test_publish_refuses_what_cannot_be_an_address_and_changes_nothing(
    tmp_path, repository, ref, message
):
    course = copy_of_course(tmp_path / "course")
    before = (course / "README.md").read_bytes()
    with pytest.raises(ValueError, match=message):
        publish(course, repository, ref)
    assert (course / "README.md").read_bytes() == before


def as_colab(source, folder, **environment):
    """Run a cell with IPython in an empty folder, with a module `google.colab` already loaded."""
    stub = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    script = folder / "colab.py"
    script.write_text(
        stub
        + "from IPython.core.interactiveshell import InteractiveShell\n"
        + f"done = InteractiveShell.instance().run_cell({source!r})\n"
        + "sys.exit(0 if done.success else 1)\n"
    )
    content = folder / "content"
    content.mkdir(exist_ok=True)
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PIP_CONSTRAINT")}
    return subprocess.run(
        [sys.executable, "-P", str(script)],
        cwd=content,
        env=clean | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    """Environment in which https://github.com/ is a folder holding this course, bare."""
    folder = tmp_path_factory.mktemp("hub of git")
    work = copy_of_course(folder / "work")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(work)]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "course"], ["tag", "v2026.11"]):
        subprocess.run([*git, *step], check=True)
    bare = folder / "lab" / "open-llms"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    # pip takes this variable for a list separated by spaces; the course's own path may hold one.
    # With another stack's versions pip would change the environment that runs the tests.
    constraints = shutil.copy(CONSTRAINTS, tmp_path_factory.mktemp("constraints"))
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "PIP_CONSTRAINT": str(constraints),
    }


START = """
import os, besci
besci.start()
print("DAY", os.getcwd(), besci.load_data("personality_items").shape)
"""


@pytest.mark.parametrize("source", SETUP_TEXTS, ids=lambda s: s.split('"')[5])
def test_setup_cell_brings_the_course_to_colab_and_can_run_twice(source, tmp_path, github):
    day = source.split('"')[5]
    cell = setup_cell("lab/open-llms", "v2026.11", day)
    assert cell != source
    done = as_colab(cell + "\n" + cell + START, tmp_path, **github)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/content/open-llms/{day} (135, " in done.stdout
    again = as_colab(cell + START, tmp_path, **github)  # as after a restart of the runtime
    assert again.returncode == 0, again.stderr


def test_setup_cell_says_what_to_do_while_the_course_is_not_published(tmp_path):
    done = as_colab(SETUP_TEXTS[0], tmp_path)
    assert done.returncode == 1
    assert "no address" in done.stdout + done.stderr and "make publish" in done.stdout + done.stderr


def test_setup_cell_takes_an_uploaded_folder(tmp_path, github):
    copy_of_course(tmp_path / "content" / "course")
    done = as_colab(SETUP_TEXTS[0] + START, tmp_path, **github)
    assert done.returncode == 0 and "/content/course/day_" in done.stdout


def test_setup_cell_shows_why_git_or_pip_failed(tmp_path, github):
    cell = setup_cell("lab/open-llms", "v1999", "day_2")
    done = as_colab(cell, tmp_path, **github)
    assert done.returncode == 1 and "v1999 not found" in done.stdout + done.stderr
    cell = setup_cell("lab/open-llms", "v2026.11", "day_2")
    none = tmp_path / "none.txt"
    none.write_text("numpy==0.0.1\n")
    done = as_colab(cell, tmp_path, **github | {"PIP_CONSTRAINT": str(none)})
    assert done.returncode == 1 and "numpy==0.0.1" in done.stdout + done.stderr


def test_setup_cell_does_nothing_but_find_the_course_elsewhere(tmp_path):
    script = SETUP_TEXTS[0] + "\nimport besci; print(besci.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=COURSE / "day_2", capture_output=True, text=True
    )
    assert done.returncode == 0 and str(COURSE) in done.stdout
