"""What an installed besci carries beside its code: tables, quizzes, templates and pictures.

They stay where they are in the repository and are mapped into the package here; everything else
about the package stands in pyproject.toml.
"""

from pathlib import Path

from setuptools import find_packages, setup

DAYS = sorted(folder.name for folder in Path(__file__).parent.glob("day_*"))
CARRIED = {f"besci.course.{name}": name for name in ["data", *DAYS]}
CARRIED_OF_A_DAY = ["quiz.json", "preregistration.md", "figures/*.svg", "pictures/*.svg"]

setup(
    packages=[*find_packages(include=["besci", "besci.*"]), *CARRIED],
    package_dir=CARRIED,
    package_data={
        "besci.models": ["models.toml"],
        "besci.course.data": ["*.csv", "*.json", "*.md", "*.pdf", "*.txt", "recorded/*.json.gz"],
        **{f"besci.course.{day}": CARRIED_OF_A_DAY for day in DAYS},
    },
)
