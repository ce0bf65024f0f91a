"""The front door: every notebook with what it takes, a picture, and the tool that writes both."""

import base64
import json
import re

import nbformat
import pytest
import readme
from conftest import COURSE, NOTEBOOKS, notebook_id

TEXT = (COURSE / "README.md").read_text("utf-8")


def row_of(file):
    (row,) = re.findall(rf"^\|.*\]\({notebook_id(file)}\.ipynb\) \|.*$", TEXT, re.M)
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=map(notebook_id, NOTEBOOKS))
def test_the_table_has_every_notebook_with_minutes_measured_time_memory_and_badge(file):
    _, title, minutes, computing, memory, badge = row_of(file)
    first = readme.first_cell(file)
    assert re.search(r"\[(.+)\]", title)[1] in first.replace(" · ", " ")
    assert f"**Time** {minutes} ".replace(" min ", " minutes ") in first
    assert re.fullmatch(r"\d+ (s|min)", computing) and re.fullmatch(r"\d\.\d GB", memory)
    assert "https://colab.research.google.com/github/" in badge and file.name in badge


@pytest.mark.parametrize("file", NOTEBOOKS, ids=map(notebook_id, NOTEBOOKS))
def test_a_notebook_has_the_time_in_class_that_it_needs(file):
    """Its slots in the day's schedule last as long as it says, and its tasks leave time to read."""
    minutes = int(re.search(r"\*\*Time\*\* (\d+) minutes", readme.first_cell(file))[1])
    text = (file.parent / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d\d):(\d\d) \| (.+) \|$", text, re.M)
    clock = [60 * int(hour) + int(minute) for hour, minute, _ in rows]
    slots = [
        end - start
        for (*_, what), start, end in zip(rows, clock, clock[1:], strict=False)
        if f"({file.name})" in what and "Exercise" in what
    ]
    source = "".join("".join(cell.source) for cell in nbformat.read(file, 4).cells)
    tasks = sum(map(int, re.findall(r"\*\*Task \d\.\d+\*\* \((\d+) min\)", source)))
    assert 0 < tasks <= 0.7 * minutes
    if "(bonus)" not in readme.first_cell(file):
        assert sum(slots) == minutes


def test_a_picture_of_results_is_shown_and_described():
    words = re.search(r"!\[(.+)\]\(picture\.png\)", TEXT)[1]
    assert len(words) > 60 and (COURSE / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def small(tmp_path):
    """A course of one notebook, run once."""
    notebook = nbformat.v4.new_notebook()
    first = (
        "# Day 1 · 1 · A title\n\n[![Open](x)](https://colab.research.google.com/github/a/b/blob/"
        "main/day_1/1_a.ipynb)\n\n**Time** 60 minutes in class"
    )
    cell = nbformat.v4.new_code_cell("draw()", metadata={"tags": ["picture"]})
    notebook.cells = [nbformat.v4.new_markdown_cell(first), cell]
    for folder in ("day_1", "_build/notebooks/day_1"):
        (tmp_path / folder).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / folder / "1_a.ipynb")
        png = base64.b64encode(b"\x89PNG new").decode()
        cell.outputs = [
            nbformat.v4.new_output("stream", text="Figure: a rises with b.\n"),
            nbformat.v4.new_output("display_data", data={"image/png": png}),
        ]
    (tmp_path / "day_1/README.md").write_text("# Day 1 · First\n")
    (tmp_path / "README.md").write_text(
        f"# Course\n\n![old](picture.png)\n\n{readme.BEGIN}{readme.HEAD}{readme.END}rest\n"
    )
    return tmp_path


def run(course, seconds, error=""):
    rows = [{"notebook": "day_1/1_a.ipynb", "seconds": seconds, "peak_mb": 1536, "error": error}]
    (course / "_build/run.json").write_text(json.dumps(rows))
    readme.main(course)
    return (course / "README.md").read_text("utf-8")


def test_what_was_run_is_written_and_what_failed_leaves_what_was_measured_before(small):
    text = run(small, 200)
    assert (
        "| [1 First](day_1/README.md) | [1 A title](day_1/1_a.ipynb) | 60 min | 3 min | 1.5 GB |"
        in text
    )
    assert text.endswith("rest\n")
    assert "| 60 min | 3 min |" in run(small, 900, error="ValueError")
    assert "| 60 min | 40 s |" in run(small, 41)


def test_the_picture_and_its_words_come_from_the_tagged_cell(small):
    assert "\n![A rises with b.](picture.png)\n" in run(small, 10)
    assert (small / "picture.png").read_bytes() == b"\x89PNG new"
