"""Tables and figures as people read them, on a page and in a plain terminal."""

import base64
import json
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import COURSE
from pages import page
from run_notebooks import Client

import besci
from besci.stats import Estimate

RESULTS = pd.DataFrame(
    {
        "method": ["zero-shot", "features", "a long description of a method " * 2],
        "accuracy": [Estimate(0.5, 0.4, 0.6), Estimate(0.94, 0.9, 0.976), 0.5],
        "n_items": [96, 12345, np.nan],
        "p": [0.0312, 0.5, np.nan],
        "sure": [True, False, True],
    }
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def on_page(table):
    """The HTML of a table as an element tree: what is not closed or not escaped fails here."""
    return ElementTree.fromstring(table._repr_html_().replace("&nbsp;", " "))


def texts(table):
    """Rows of the texts of all cells, the header first."""
    return [["".join(cell.itertext()) for cell in row] for row in on_page(table).iter("tr")]


def style(cell):
    return dict(part.split(": ", 1) for part in cell.get("style").split("; "))


def test_a_table_says_what_it_holds_in_words_and_with_equal_decimals():
    assert texts(besci.show(RESULTS)) == [
        ["method", "accuracy", "n items", "p", "sure"],
        ["zero-shot", "0.50 [0.40, 0.60]", "96", "0.03", "yes"],
        ["features", "0.94 [0.90, 0.98]", "12,345", "0.50", "no"],
        [RESULTS["method"][2], "0.50", "–", "–", "yes"],
    ]


def test_decimals_are_those_asked_for_of_all_columns_or_of_one():
    rows = texts(besci.show(RESULTS, digits=3))
    assert rows[1][1:4] == ["0.500 [0.400, 0.600]", "96", "0.031"]
    assert texts(besci.show(RESULTS, digits={"p": 4}))[1][1:4] == [
        "0.50 [0.40, 0.60]",
        "96",
        "0.0312",
    ]


def test_numbers_keep_their_sign_and_points_stand_below_points():
    table = pd.DataFrame(
        {"r": [Estimate(-0.5, -0.6, 0.1), Estimate(0.25, 0, 0.3)], "x": [-0.001, -2.5]}
    )
    one, other = texts(besci.show(table))[1:]
    assert one == ["0", "−0.50 [−0.60, 0.10]", "0.00"]
    assert other == ["1", "\N{FIGURE SPACE}0.25 [\N{FIGURE SPACE}0.00, 0.30]", "−2.50"]


@pytest.mark.parametrize(
    "value, shown",
    [
        (1957, "1957"),
        (10_000, "10,000"),
        (float("inf"), "∞"),
        (Estimate(float("nan"), float("nan"), 0.5), "– [–, 0.50]"),
        (None, "–"),
        (pd.NA, "–"),
        (pd.NaT, "–"),
        (["a", "b"], "a, b"),
        (np.array([0.5, 0.25]), "0.5, 0.25"),
        ("two\nlines <b>", "two\nlines <b>"),
        (np.float32(0.5), "0.50"),
        (np.bool_(True), "yes"),
    ],
)
def test_what_a_cell_shows_of_a_value(value, shown):
    frame = pd.Series([value], index=["row"], dtype=object)
    assert texts(besci.show(frame))[1] == ["row", shown]
    assert shown.replace("\n", " ↵ ") in str(besci.show(frame))


def test_texts_stand_on_the_left_and_may_be_wrapped_numbers_on_the_right():
    row = list(list(on_page(besci.show(RESULTS)).iter("tr"))[3])
    method, accuracy, n = map(style, row[:3])
    assert method["text-align"] == "left" and method["white-space"] == "pre-wrap"
    assert method["min-width"] and "min-width" not in accuracy
    assert n["text-align"] == "right" and n["white-space"] == "nowrap"


def test_whoever_hears_the_table_hears_what_a_cell_is_about():
    root = on_page(besci.show(RESULTS, "What was found."))
    assert [cell.get("scope") for cell in root.iter("th")] == 5 * ["col"] + 3 * ["row"]
    (caption,) = root.iter("caption")
    assert "".join(caption.itertext()) == "What was found."
    assert style(caption)["caption-side"] == "bottom"
    named = on_page(besci.show(RESULTS.set_index("n_items")[["p"]]))
    assert [cell.get("scope") for cell in named.iter("th")] == 2 * ["col"] + 3 * ["row"]


def test_a_table_brings_its_look_along_keeps_the_colour_of_the_page_and_scrolls_in_itself():
    source = besci.show(RESULTS, "Found.", mark=1)._repr_html_()
    root = ElementTree.fromstring(source)
    assert not {"style", "script", "link"} & {element.tag for element in root.iter()}
    assert "class=" not in source and "id=" not in source
    assert root.tag == "div" and style(root)["overflow-x"] == "auto"
    colours = {
        v for e in root.iter() if e.get("style") for k, v in style(e).items() if k == "color"
    }
    assert colours == {"inherit"}


MANY = pd.DataFrame({"x": [0.1, 0.2, 0.3]}, index=["a", "b", "c"])


@pytest.mark.parametrize(
    "mark, rows",
    [
        ("b", [1]),
        (["a", "c"], [0, 2]),
        (MANY["x"] > 0.15, [1, 2]),
        ((MANY["x"] > 0.15).to_numpy(), [1, 2]),
        (None, []),
    ],
    ids=str,
)
def test_marked_rows_are_bold_tinted_edged_and_said(mark, rows):
    table = besci.show(MANY, mark=mark)
    for i, row in enumerate(list(on_page(table).iter("tr"))[1:]):
        marked = i in rows
        assert (row.get("aria-current") == "true") == marked
        assert all((style(cell)["font-weight"] == "bold") == marked for cell in row)
        assert all(("background" in style(cell)) == marked for cell in row)
        assert ("border-left" in style(row[0])) == marked
        assert (str(table).splitlines()[1 + i][0] == ">") == marked


@pytest.mark.parametrize(
    "mark, message",
    [
        ("z", r"no row 'z' to mark; rows are 'a', 'b', 'c'"),
        (["a", "z"], "no row 'z'"),
        (MANY["x"], "True or False for each row"),
        ((MANY["x"] > 0).iloc[::-1], "in order"),
    ],
    ids=str,
)
def test_a_row_to_mark_that_is_not_there_is_named(mark, message):
    with pytest.raises(ValueError, match=message):
        besci.show(MANY, mark=mark)


def test_numbers_of_rows_are_left_out_and_names_are_not():
    assert texts(besci.show(RESULTS[RESULTS["p"] > 0.1]))[0][0] == "method"
    by_shots = pd.Series({2: 0.5, 8: 0.75}, name="accuracy")
    assert texts(besci.show(by_shots)) == [["", "accuracy"], ["2", "0.50"], ["8", "0.75"]]
    years = RESULTS.set_index(pd.Index([1957, 2001, 2026], name="first_year"))
    assert [row[0] for row in texts(besci.show(years))] == ["first year", "1957", "2001", "2026"]


def test_levels_of_an_index_and_of_columns_are_all_shown():
    frame = pd.DataFrame(
        {("r", "within"): [0.5], ("r", "between"): [0.1]},
        index=pd.MultiIndex.from_tuples([("a", 2)], names=["corpus", "k"]),
    )
    assert texts(besci.show(frame)) == [
        ["corpus", "k", "r · within", "r · between"],
        ["a", "2", "0.50", "0.10"],
    ]
    assert besci.show(frame, mark=("a", 2)).marked.all()


def test_lists_of_dicts_and_series_are_tables_too():
    assert texts(besci.show([{"a": 1, "b": "x"}, {"a": 2}])) == [["a", "b"], ["1", "x"], ["2", "–"]]
    assert texts(besci.show(pd.Series([0.5], index=["x"])))[0] == ["", "value"]


@pytest.mark.parametrize("other", [{"a": 1}, [1, 2], [], "text", np.eye(2)], ids=str)
def test_what_is_no_table_is_refused_with_what_would_be_one(other):
    with pytest.raises(TypeError, match=r"takes a DataFrame, a Series, .*pd\.Series\(values\)"):
        besci.show(other)


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_said():
    table = besci.show(pd.DataFrame({"x": ["a"] * 1000}), "Found.", mark=0)
    assert len(texts(table)) == 61
    assert str(table).endswith("Found. The first 60 of 1,000 rows are shown.")


def test_an_empty_table_is_a_header():
    assert texts(besci.show(RESULTS[:0]))[0] == ["method", "accuracy", "n items", "p", "sure"]


def test_a_plain_terminal_gets_the_same_in_columns():
    assert str(besci.show(RESULTS[:2], "Found.", mark=1)).splitlines() == [
        "   method     accuracy           n items     p  sure",
        "   zero-shot  0.50 [0.40, 0.60]       96  0.03  yes",
        ">  features   0.94 [0.90, 0.98]   12,345  0.50  no",
        "Found.",
    ]


def figure():
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    return fig, ax


def test_a_figure_has_its_caption_below_and_is_closed():
    for drawn in figure():
        data = besci.show(drawn, "Rises from 1 to 2 & more.")._repr_mimebundle_()
        root = ElementTree.fromstring(data["text/html"].replace('white">', 'white"/>', 1))
        image, caption = root
        assert (root.tag, image.tag, caption.tag) == ("figure", "img", "figcaption")
        assert caption.text == "Rises from 1 to 2 & more." and len(image.get("alt")) > 10
        assert style(image)["max-width"] == "100%"
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
        assert image.get("src").endswith(data["image/png"])
        assert data["text/plain"] == "Figure: Rises from 1 to 2 & more."
    assert plt.get_fignums() == []


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match='needs words: besci.show\\(figure, caption="'):
        besci.show(figure()[0])


def test_the_words_of_a_drawn_figure_follow_those_of_the_learner():
    fig, (left, right) = plt.subplots(1, 2)
    left.caption, right.caption = "Left rises.", "Right falls."
    assert besci.show(fig, "Two.").caption == "Two. Left rises. Right falls."


MOVED = """
from besci.display import Movable, show
import matplotlib.pyplot as plt

def draw(height, words):
    if not words:
        raise ValueError("no words <here>")
    fig, ax = plt.subplots()
    ax.bar([1], [height])
    return show(fig, f"{words} {height:.1f}")

moved = Movable(draw, height=("height", 1.0, 0.5, 2.0, 0.5), words=("words", "as high as"))
"""


@pytest.fixture(scope="module")
def notebook():
    """Cells that a kernel has run: there, widgets have someone to talk to."""
    cells = [
        f"import sys; sys.path.insert(0, {str(COURSE)!r})\nfrom besci import plots",
        "plots.bars({'a': 0.5, 'b': 1.0}, 'share')\nprint('after')",
        MOVED + "moved",
        "first = moved.page.value\n"
        "print(first == moved._repr_mimebundle_()['text/html'])\n"
        "moved.controls['height'].value = 2.0\n"
        "print(moved, moved.page.value != first, 'as high as 2.0' in moved.page.value)\n"
        "moved.controls['words'].value = 'now'\n"
        "print(moved)\n"
        "moved.controls['words'].value = ''\n"
        "print(moved.page.value, moved)",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    Client(made, kernel_name="python3").execute()
    return made


def test_a_function_of_plots_shows_its_figure_where_it_is_called(notebook):
    drawn, printed = notebook.cells[1].outputs
    assert drawn.data["text/plain"] == "Figure: Share, from top to bottom: a 0.50; b 1.00."
    assert {"text/html", "image/png"} <= set(drawn.data) and printed.text == "after\n"


def test_a_figure_follows_its_controls(notebook):
    (output,) = notebook.cells[2].outputs
    view = output.data["application/vnd.jupyter.widget-view+json"]
    assert view["version_major"] == 2 and view["model_id"]
    assert output.data["text/plain"] == "Figure: as high as 1.0"
    same, moved, worded, wrong = notebook.cells[3].outputs[0].text.splitlines()
    assert same == "True" and moved == "Figure: as high as 2.0 True True"
    assert worded == "Figure: now 2.0"
    assert "ValueError: no words &lt;here&gt;" in wrong and wrong.endswith("Figure: now 2.0")


def test_a_page_shows_the_figure_that_would_move(notebook):
    text = page(notebook, "1_a", COURSE, COURSE / "_build/html/1_a.html")
    assert text.count("<figcaption") == 2 and "as high as 1.0" in text
    assert "widget-view" not in text


def test_without_widgets_the_figure_stands():
    code = "import importlib.util as u; there = u.find_spec\n"  # as if they were not installed
    code += "u.find_spec = lambda name, *more: None if name == 'ipywidgets' else there(name, *more)"
    code += "\nimport matplotlib; matplotlib.use('Agg')" + MOVED
    code += "import json; print(json.dumps([sorted(moved._repr_mimebundle_()), str(moved)]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=COURSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kinds, words = json.loads(done.stdout)
    assert kinds == ["image/png", "text/html", "text/plain"] and words == "Figure: as high as 1.0"


@pytest.mark.parametrize(("caption", "room"), [("Errors marked", 6.5), ("word " * 40, 22)])
def test_the_caption_of_a_narrow_table_has_room_for_some_words_a_line(caption, room):
    page = besci.show(pd.Series({"a": 1}), caption=caption)._repr_html_()
    assert f"min-width: min({room}em, 85vw)" in page
