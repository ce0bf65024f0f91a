"""What is measured of a notebook, and what the style does not allow, whatever is put around it."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebook_shape import COURSE, KEPT, faults, main, measure, table

BADGE = "[![Open in Colab](https://x.org/colab-badge.svg)](https://x.org/1_a.ipynb)"
TEXT = "Here stands a sentence of some words."


def code(source, *tags, cell_id=None, **metadata):
    cell = new_code_cell(source, metadata={"tags": list(tags), **metadata})
    cell.id = cell_id or cell.id
    return cell


def markdown(text=TEXT):
    return new_markdown_cell(text)


def lines(n, comment=""):
    return "\n".join(f"x{k} = {k}{comment}" for k in range(n))


def of(*cells):
    return faults(new_notebook(cells=list(cells)))


def test_code_is_measured_without_what_pads_it():
    padded = "# a comment\n\nx = 1  # one\n\n    # another\ny = 2\n"
    notebook = new_notebook(
        cells=[
            code(padded),
            code(lines(9)),
            code(lines(5)),
            *[code('plots.picture("next_token")') for _ in range(9)],
            *[code("besci.quiz(1, recap=True)  # what stayed?") for _ in range(9)],
            code("# nothing"),
            code(lines(40), "setup"),
            code(lines(30), "solution"),
        ]
    )
    found = measure(notebook)
    assert (found["code_cells"], found["median"], found["longest"]) == (3, 5, 9)
    assert found["pictures"] == 9


def test_words_pictures_and_links_are_those_that_a_reader_meets():
    text = f"""# Two words

{BADGE}

One [link to a page](https://x.org/a_b), <https://x.org> and ![a picture of it](a.png).
<img src="b.png" alt="another picture"> and <a href="c">a third link</a>

```python
not = "a word"
```
"""
    found = measure(new_notebook(cells=[markdown(text), code("plots.bars(x, 'y')\nplt.show()")]))
    assert found["words"] == len("Two words One link to a page and and a third link".split())
    assert (found["pictures"], found["links"]) == (3, 3)


def test_a_notebook_in_style_has_no_faults():
    assert (
        of(
            markdown(f"# Title\n\n{BADGE}"),
            code("session = besci.start()\n" + lines(30), "setup"),
            code("import numpy as np"),
            markdown(),
            code('plots.picture("next_token")'),
            markdown("See [Wilson (1927)](https://doi.org/10.1080/1) and `10.1234/code`. " + TEXT),
            code("x = 1\nbesci.show(x)"),
            markdown("**Predict** Which of the two will be larger?"),
            code("print(x)\nassert x\ny"),
            markdown(),
            code("answer = ...\ncheck.task_1_1(answer)"),
            code("answer = 1\n" + lines(20) + "\nprint(1)\ncheck.task_1_1(answer)", "solution"),
            markdown(),
            code(lines(13), besci={"long": "a class that cannot be split"}),
        )
        == []
    )


@pytest.mark.parametrize(
    "cells, fault",
    [
        ([code(lines(7))], "the median cell has 7 lines, more than 6"),
        ([code("# a\n\n" + lines(7, "  # why"))], "the median cell has 7 lines"),
        (
            [code(lines(7)), code(lines(9)), *[code('plots.picture("a")') for _ in range(5)]],
            "the median cell has 8",
        ),
        (
            [code(lines(13), cell_id="c"), code("a = 1")],
            "cell c has 13 lines; shorten it, or state",
        ),
        ([code(lines(13), besci={"long": "it is long"}), code("a = 1")], "has 13 lines"),
        ([code("a = 1", besci={"long": "this cell is long enough"})], "and is not long"),
        ([code("x = [1,2]  # fmt: skip")], "is not formatted (fmt:)"),
        ([code("x = [1,2]  #fmt:off")], "is not formatted (fmt:)"),
        ([code("print(1)", cell_id="a"), code("2", cell_id="b")], "between cells a and b"),
        ([code("x"), code("y = 1"), code("besci.show(y)")], "no sentence stands between"),
        ([code("x"), markdown("## A heading of some words"), code("y")], "no sentence stands"),
        ([code("x"), markdown("Look. Here. Now."), code("y")], "no sentence stands between"),
        (
            [code("x"), markdown("![a picture of some words](a.png)"), code("y")],
            "no sentence stand",
        ),
        ([code("x"), markdown("| a | b c d e f |\n|---|---|"), code("y")], "no sentence stands"),
        ([code('plots.picture("a")'), code("plots.bars(x, 'y')")], "no sentence stands between"),
        (
            [code("answer = ...\ncheck.task_1_1(answer)"), code("1", "solution"), code("x")],
            "no sentence",
        ),
        ([code("for x in y:\n    print(x)"), code("x")], "no sentence stands between"),
        ([code("display(x)\nbesci.show(y)")], "shows more than one table, figure or value"),
        ([code("plots.bars(x, 'y')\nx.head()")], "shows more than one table, figure or value"),
        ([code("plots.bars(x, 'y')\nplots.bars(z, 'y')")], "shows more than one table"),
        ([code("ax = x.plot.bar()")], "draws a figure without a caption"),
        ([code("fig, ax = plt.subplots()\nax.bar(x, y)")], "draws a figure without a caption"),
        ([code("plots.bars(x, 'y', ax=ax)")], "draws a figure without a caption"),
        ([markdown("![short](a.png)")], "has a picture without a text alternative"),
        ([markdown('<img src="a.png">')], "has a picture without a text alternative"),
        ([markdown("As Wilson (1927) says.")], "names Wilson (1927) without a link"),
        ([markdown("So it is (Hu et al., 2022).")], "names Hu et al., 2022) without a link"),
        ([markdown("So it is (Wulff & Hussain, 2024).")], "names Wulff & Hussain, 2024) without a"),
        ([markdown("doi 10.1080/01621459")], "names 10.1080/01621459 without a link"),
        ([markdown("Look at https://x.org/a.")], "names https://x.org/a. without a link"),
    ],
)
def test_what_breaks_the_style_is_named(cells, fault):
    found = of(*cells)
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "import numpy as np",
        "def f():\n    print(1)",
        "rows.append(1)",
        "set_seed(1)",
        "fig, ax = plt.subplots()\nplots.bars(x, 'y', ax=ax)\nshown = besci.show(fig)",
        "x;",
        "%pip install besci\nx = 1",
    ],
)
def test_a_cell_that_shows_nothing_may_follow_a_result(source):
    assert of(code("print(1)"), code(source)) == []


def test_the_table_puts_before_and_now_beside_other_courses():
    shape = {"median": 2.5, "longest": 4, "words": 1234, "pictures": 0, "links": 1}
    now = {"a/1_b.ipynb": shape, "a/2_c.ipynb": shape}
    old = {**shape, "median": 9}
    kept = {
        "before": {"commit": "0123456789", "notebooks": {"a/1_b.ipynb": old}},
        "anchors": [{"repository": "o/r", "path": "p/q.ipynb", "commit": "1", **shape}],
    }
    written = table(kept, now)
    assert "commit 0123456)" in written
    assert "\n| a/1_b | 9 → 2.5 | 4 → 4 | 1,234 → 1,234 | 0 → 0 | 1 → 1 |\n" in written
    assert "\n| a/2_c | 2.5 | 4 | 1,234 | 0 | 1 |\n| o/r: q | 2.5 | 4 | 1,234 |" in written


def test_what_was_measured_elsewhere_says_where():
    kept = json.loads(KEPT.read_text("utf-8"))
    assert len({anchor["repository"] for anchor in kept["anchors"]}) == 3
    for place in (kept["before"], *kept["anchors"]):
        assert len(place["commit"]) == 40


def test_any_notebook_can_be_measured(capsys):
    file = next(COURSE.glob("day_*/*.ipynb"))
    main([str(file)])
    assert json.loads(capsys.readouterr().out)[str(file)]["words"] > 100
