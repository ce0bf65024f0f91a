"""What all tests share: where the course is, and its notebooks."""

import sys
from pathlib import Path

import pytest

COURSE = Path(__file__).resolve().parent.parent
DATA = COURSE / "data"
# The versions of the environment that runs the tests.
STACK = "latest" if Path(sys.prefix).name.endswith("-latest") else "colab"
CONSTRAINTS = COURSE / "constraints" / f"{STACK}.txt"
NOTEBOOKS = sorted(COURSE.glob("day_*/*.ipynb"))


def notebook_id(file):
    return f"{file.parent.name}/{file.stem}"


@pytest.fixture(scope="session")
def course():
    return COURSE


def pytest_collection_modifyitems(items):
    """What besci relies on in transformers comes first: its failure explains many others."""
    items.sort(key=lambda item: item.path.name != "test_contract.py")
