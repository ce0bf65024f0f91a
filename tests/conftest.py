"""What all tests share: where the course is, and its notebooks."""

import sys
from pathlib import Path

import pytest

COURSE = Path(__file__).resolve().parent.parent
# The versions of the environment that runs the tests.
STACK = "latest" if Path(sys.prefix).name.endswith("-latest") else "colab"
CONSTRAINTS = COURSE / "constraints" / f"{STACK}.txt"
NOTEBOOKS = sorted(COURSE.glob("day_*/*.ipynb"))
sys.path.insert(0, str(COURSE / "tools"))


def notebook_id(file):
    return f"{file.parent.name}/{file.stem}"


@pytest.fixture(scope="session")
def course():
    return COURSE
