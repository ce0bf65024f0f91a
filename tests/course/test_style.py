"""The notebooks that were re-cut keep to the style of the course; others follow, day by day."""

import json

import pytest
from conftest import COURSE, NOTEBOOKS, notebook_id
from notebook_shape import KEPT, current, faults, measure, read, table

DAYS = ("day_1", "day_2", "day_3", "day_4")
RECUT = [file for file in NOTEBOOKS if file.parent.name in DAYS]


@pytest.mark.parametrize("file", RECUT, ids=notebook_id)
def test_cells_are_short_results_are_told_apart_and_figures_and_references_described(file):
    assert faults(read(file)) == []


@pytest.mark.parametrize("file", RECUT, ids=notebook_id)
def test_a_notebook_shows_a_picture_of_its_idea(file):
    cells = [cell for cell in read(file).cells if cell.cell_type == "code"]
    assert any(cell.source.startswith("plots.picture(") for cell in cells)
    assert measure(read(file))["pictures"] >= 2


def test_the_table_of_shapes_is_of_the_notebooks_as_they_are():
    kept = json.loads(KEPT.read_text("utf-8"))
    written = KEPT.with_suffix(".md").read_text("utf-8")
    if set(kept["before"]["notebooks"]) == {file.relative_to(COURSE).as_posix() for file in RECUT}:
        assert written == table(kept, current()), "a notebook has changed: make readme"
