"""What all tests share: where the course is, its facts, and the notebooks that it lists."""

import os
import re
import sys
from pathlib import Path

import pytest
from facts import load

COURSE = Path(__file__).resolve().parent.parent
DATA = COURSE / "data"
# The versions of the environment that runs the tests.
STACK = "latest" if Path(sys.prefix).name.endswith("-latest") else "colab"
CONSTRAINTS = COURSE / "constraints" / f"{STACK}.txt"

FACTS = load(COURSE)
DAYS = {day.number: day for day in FACTS.days}
NOTEBOOKS = [COURSE / notebook.path for notebook in FACTS.notebooks]
# A course of fewer days keeps its tests: those of a day that is not listed wait.
collect_ignore_glob = [
    f"*{file.name}"
    for file in Path(__file__).parent.rglob("test_day_*.py")
    if int(re.search(r"\d+", file.name)[0]) not in DAYS
]

# A make that a test calls is nobody's child: inside `make test` it would say where it enters, and
# take the Python that was named there.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON", "COLAB_PYTHON"):
    os.environ.pop(name, None)


def notebook_id(file):
    return f"{file.parent.name}/{file.stem}"


@pytest.fixture(scope="session")
def course():
    return COURSE


def pytest_collection_modifyitems(items):
    """What besci relies on in transformers comes first: its failure explains many others."""
    items.sort(key=lambda item: item.path.name != "test_contract.py")
