"""The site's builder: outputs of the last run beside today's text, and nothing from other hosts."""

import importlib.util
import json

import nbformat
import pytest
from conftest import COURSE


@pytest.fixture(scope="module")
def build():
    file = COURSE / "tools" / "site" / "build.py"
    spec = importlib.util.spec_from_file_location("site_build", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def course(tmp_path):
    """A course of one notebook, as it is and as it was run."""
    notebook = nbformat.v4.new_notebook()
    badge = "[![Open in Colab](https://example.org/badge.svg)](https://example.org/1_a.ipynb)"
    solution = nbformat.v4.new_code_cell("print(2)", metadata={"tags": ["hide-input", "solution"]})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# A\n\n{badge}"), solution]
    write(notebook, tmp_path / "day_1/1_a.ipynb")
    solution.outputs = [nbformat.v4.new_output("stream", text="2\n")]
    write(notebook, tmp_path / "_build/notebooks/day_1/1_a.ipynb")
    (tmp_path / "day_1/README.md").write_text("# Day 1\n")
    (tmp_path / "day_1/more.md").write_text("# More\n")
    (tmp_path / "day_1/slides.md").write_text("# Slides\n")
    (tmp_path / "README.md").write_text("# Course\n")
    for name in ("LICENSE.txt", "CITATION.cff", "picture.png"):
        (tmp_path / name).write_text(name)
    (tmp_path / "tools").symlink_to(COURSE / "tools")
    (tmp_path / "_build/slides").mkdir(parents=True)
    (tmp_path / "_build/slides/day_1.html").write_text("slides")
    return tmp_path


def write(notebook, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, file)


def change(file, kind, text):
    notebook = nbformat.read(file, as_version=4)
    next(cell for cell in notebook.cells if cell.cell_type == kind).source = text
    nbformat.write(notebook, file)


def test_outputs_of_the_same_code_are_taken_and_the_text_is_todays(build, course):
    file, copy = course / "day_1/1_a.ipynb", course / "_build/notebooks/day_1/1_a.ipynb"
    change(file, "markdown", "# New")
    notebook = build.with_outputs(file, copy)
    assert "".join(notebook["cells"][0]["source"]) == "# New"
    assert notebook["cells"][1]["outputs"][0]["text"] == ["2\n"]


def test_what_was_never_run_or_ran_other_code_has_no_outputs_to_show(build, course):
    file, copy = course / "day_1/1_a.ipynb", course / "_build/notebooks/day_1/1_a.ipynb"
    change(file, "code", "print(3)")
    assert build.with_outputs(file, copy) is None
    assert build.with_outputs(file, course / "nowhere.ipynb") is None


def test_pages_are_laid_out_with_solutions_folded_and_badges_in_words(build, course, monkeypatch):
    monkeypatch.setattr(build, "SLIDES", course / "_build/slides")
    build.assemble(course / "site", course, course / "_build")
    notebook = json.loads((course / "site/day_1/1_a.ipynb").read_text())
    assert notebook["cells"][0]["source"] == (
        "# A\n\n[Open in Colab](https://example.org/1_a.ipynb)"
    )
    assert sorted(notebook["cells"][1]["metadata"]["tags"]) == ["hide-cell", "solution"]
    day = (course / "site/day_1/README.md").read_text()
    assert "\n1_a\nmore\n```" in day and "../slides/day_1.html" in day and "day_1.pdf" not in day
    front = (course / "site/README.md").read_text()
    assert "/day_1/README" in front
    assert (course / "site/picture.png").is_file()
    assert not (course / "site/day_1/slides.md").exists()
