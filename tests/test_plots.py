import re
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import COURSE

from besci import plots

PICTURES = sorted(COURSE.glob("day_*/figures/*.svg"))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_pair_density_says_which_way_the_line_goes(capsys):
    x = np.linspace(0, 1, 50)
    plots.pair_density(x, -2 * x, "cosine", "r")
    assert "the line falls by 2.00" in capsys.readouterr().out
    plots.pair_density(x, x, "cosine", "r")
    assert "r = 1.00" in capsys.readouterr().out


def test_estimates_names_best_worst_and_references(capsys):
    ax = plots.estimates({"a": (0.2, 0.1, 0.3), "b": (0.5, 0.4, 0.6)}, "r", {"chance": 0.037})
    shown = capsys.readouterr().out
    assert "highest for “b” (0.50) and lowest for “a” (0.20)" in shown and "chance 0.04" in shown
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_yticks()[0] > ax.get_yticks()[1]  # the first row stands on top


def test_estimates_of_one_value_have_no_best_and_worst(capsys):
    plots.estimates({"a": (0, 0, 0.3), "b": (0, 0, 0.6)}, "right", {"ceiling": 1})
    assert "right, 0.00 for each of the 2; for reference: ceiling 1.00." in capsys.readouterr().out


def test_confusion_is_square_and_names_the_worst_confusion(capsys):
    matrix = np.array([[5, 0, 3], [0, 7, 0], [1, 0, 4]])
    plots.confusion(matrix, ["a", "b", "c"])
    assert "16 of 20 lie on the diagonal; most frequent off it: true “a”, predicted “c” (3" in (
        capsys.readouterr().out
    )
    with pytest.raises(ValueError, match="square"):
        plots.confusion(matrix[:2], ["a", "b", "c"])


def test_map_tells_tight_groups_from_loose_ones(capsys):
    rng = np.random.default_rng(0)
    middles = np.repeat(rng.normal(size=(5, 2)) * 10, 8, axis=0)
    groups = np.repeat(list("abcde"), 8)
    tight = plots.map_2d(middles + rng.normal(size=middles.shape), groups).caption
    loose = plots.map_2d(rng.normal(size=middles.shape), groups).caption
    spread = [float(c.split("spread ")[1].split()[0]) for c in (tight, loose)]
    assert spread[0] < 0.5 < 1 < spread[1]


def test_every_figure_takes_and_returns_axes_and_carries_its_caption(capsys):
    _, ax = plt.subplots()
    drawn = [
        plots.pair_density([0, 1, 2], [0, 1, 3], "x", "y", ax=ax),
        plots.estimates({"a": (1, 0, 2)}, "x", ax=ax),
        plots.map_2d(np.eye(2), ["a", "b"], ax=ax),
        plots.confusion(np.eye(2, dtype=int), ["a", "b"], ax=ax),
    ]
    assert all(one is ax for one in drawn) and ax.caption.startswith("Figure: ")
    assert capsys.readouterr().out.count("Figure: ") == 4


def test_bars_list_their_values_and_count_those_above_a_reference(capsys):
    ax = plots.bars({"a ": 0.1, "b": 0.7, "c": 0.4}, "share", {"chance": 0.3})
    assert "a 0.10; b 0.70; c 0.40. 2 of 3 lie above “chance” (0.30)" in capsys.readouterr().out
    assert [bar.get_width() for bar in ax.patches] == [0.1, 0.7, 0.4]
    assert ax.patches[0].get_y() > ax.patches[2].get_y()  # the first stands on top


@pytest.mark.parametrize("file", PICTURES, ids=lambda f: f"{f.parents[1].name}/{f.stem}")
def test_a_picture_is_shown_whole_with_its_words_and_nothing_from_elsewhere(file):
    name = f"{file.parents[1].name}/{file.stem}"
    page = ElementTree.fromstring(plots.picture(name).data)
    assert page.tag.endswith("svg") and page.get("role") == "img"
    assert len(page.get("aria-label")) >= 40 and "max-width: 100%" in page.get("style")
    assert not page.findall("{http://www.w3.org/2000/svg}title")  # no bubble under the mouse
    shown = ElementTree.tostring(page, encoding="unicode")
    ids = set(re.findall(r'\bid="([^"]+)"', shown))
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', shown))
    assert {a or b for a, b in used} <= ids
    assert all(one.startswith(name.replace("/", "-")) for one in ids)


def test_a_picture_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ValueError, match="There is no picture 'angle'. There are: .*day_2/angle"):
        plots.picture("angle")
