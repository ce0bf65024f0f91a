"""All notebooks are built alike; test_day_N.py runs them."""

import re

import nbformat
import pytest
from conftest import COURSE, NOTEBOOKS, notebook_id
from generate import COLAB, setup_cell


def read(file):
    return nbformat.read(file, as_version=4)


def code(notebook, tag=None):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def each_notebook():
    return pytest.mark.parametrize("file", NOTEBOOKS, ids=map(notebook_id, NOTEBOOKS))


def addresses(text):
    """[(repository, ref)] of the Colab links in a text."""
    return re.findall(re.escape(COLAB) + r"/github/([\w.-]+/[\w.-]+)/blob/([\w.-]+)/", text)


@each_notebook()
def test_notebook_is_valid_and_saved_clean(file):
    notebook = read(file)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code(notebook))


@each_notebook()
def test_notebook_has_the_common_anatomy(file):
    notebook = read(file)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for part in ("**You will**", "**Time**", "**Needs**", "## What to take away"):
        assert part in text
    assert "## Limits: what you may not conclude" in text and "## Try on your own data" in text
    assert len(code(notebook, "parameters")) == 1
    for cell in code(notebook):
        if "solution" not in cell.metadata.get("tags", []):
            assert len([line for line in cell.source.splitlines() if line.strip()]) <= 20


@each_notebook()
def test_headings_go_down_one_level_at_a_time(file):
    markdown = [cell.source for cell in read(file).cells if cell.cell_type == "markdown"]
    levels = [len(mark) for mark in re.findall(r"^(#+) ", "\n".join(markdown), re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False))


@each_notebook()
def test_each_task_has_a_stub_a_check_and_a_folded_solution(file):
    notebook = read(file)
    cells = code(notebook)
    checked = [re.findall(r"check\.(task_\w+)\(", cell.source) for cell in cells]
    solutions = code(notebook, "solution")
    for cell in solutions:
        (name,) = re.findall(r"check\.(task_\w+)\(", cell.source)
        stub = cells[cells.index(cell) - 1]
        assert f"check.{name}(" in stub.source and "answer = ..." in stub.source
        assert cell.metadata.cellView == "form" and cell.metadata.jupyter.source_hidden
    assert sum(len(names) for names in checked) == 2 * len(solutions)


@each_notebook()
def test_quick_parameters_name_only_what_the_parameters_cell_sets(file):
    notebook = read(file)
    (cell,) = code(notebook, "parameters")
    for name in notebook.metadata.get("besci", {}).get("quick", {}):
        assert re.search(rf"^{name} = ", cell.source, re.M), name


@each_notebook()
def test_setup_cell_and_badge_are_the_common_ones(file):
    notebook = read(file)
    (repository, ref), *_ = addresses(notebook.cells[0].source)
    link = f"{COLAB}/github/{repository}/blob/{ref}/{file.parent.name}/{file.name}"
    assert f"({link})" in notebook.cells[0].source
    (setup,), (parameters,) = code(notebook, "setup"), code(notebook, "parameters")
    assert notebook.cells.index(parameters) == notebook.cells.index(setup) + 1
    assert setup.source == setup_cell(repository, ref)


def test_all_notebooks_and_pages_point_to_one_address():
    texts = [file.read_text("utf-8") for file in [COURSE / "README.md", *COURSE.glob("day_*/*.md")]]
    texts += [cell.source for file in NOTEBOOKS for cell in read(file).cells]
    assert len({address for text in texts for address in addresses(text)}) == 1


@each_notebook()
def test_no_prose_states_a_result_of_a_run(file):
    """Learners run other models: a correlation, accuracy or share in prose would be wrong there."""
    for cell in read(file).cells:
        if cell.cell_type == "markdown":
            found = re.findall(r"\br ?[=≈] ?[-−]?\.?\d|\baccuracy of \d|\bAUC of", cell.source)
            assert not found, (cell.id, found)


def test_no_notebook_defines_a_function_that_another_one_defines():
    homes = {}
    for file in NOTEBOOKS:
        for cell in code(read(file)):
            for name in re.findall(r"^def (\w+)\(", cell.source, re.M):
                homes.setdefault(name, set()).add(notebook_id(file))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
