import html
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import COURSE
from matplotlib.text import Text
from sklearn.decomposition import PCA

import besci
from besci import plots, stats

PICTURES = {file.stem: file for file in sorted(COURSE.glob("day_*/pictures/*.svg"))}
FIGURES = [f"{f.parents[1].name}/{f.stem}" for f in sorted(COURSE.glob("day_*/figures/*.svg"))]


@pytest.fixture(autouse=True)
def figures():
    plots.set_style()
    yield
    plt.close("all")


def axes():
    return plt.subplots()[1]


def test_pair_density_says_which_way_the_line_goes_and_on_what_scale_it_shades():
    x = np.linspace(0, 1, 50)
    ax = plots.pair_density(x, -2 * x, "cosine", "r", ax=axes())
    assert "the line falls by 2.00" in ax.caption
    assert [text.get_text() for text in ax.texts] == ["least squares, r = -1.00"]
    scale = ax.figure.axes[1]
    assert scale.get_yscale() == "log" and "logarithmic" in scale.get_ylabel()
    assert "r = 1.00" in plots.pair_density(x, x, "cosine", "r", ax=axes()).caption


def test_estimates_name_best_worst_and_references():
    table = {"a": (0.2, 0.1, 0.3), "b": (0.5, 0.4, 0.6)}
    ax = plots.estimates(table, "r", {"chance": 0.037}, ax=axes())
    assert ax.caption.startswith("R, highest for “b” (0.50) and lowest for “a” (0.20)")
    assert ax.caption.endswith("for reference: chance 0.04.")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_yticks()[0] > ax.get_yticks()[1]  # the first row stands on top
    (bars,) = ax.containers
    assert bars.lines[0].get_xdata().tolist() == [0.2, 0.5]
    reach = [path.vertices[:, 0].tolist() for path in bars.lines[2][0].get_paths()]
    assert np.allclose(reach, [[0.1, 0.3], [0.4, 0.6]])


def test_estimates_of_one_value_have_no_best_and_worst():
    table = {"a": (0, 0, 0.3), "b": (0, 0, 0.6)}
    ax = plots.estimates(table, "right", {"ceiling": 1}, ax=axes())
    assert ax.caption == "Right, 0.00 for each of the 2; for reference: ceiling 1.00."


def test_estimates_show_a_floor_of_its_own_for_each_row():
    table = {"a": (0.2, 0.1, 0.3), "b": (0.5, 0.4, 0.6), "c": (0.1, 0.0, 0.2)}
    floors = {"sampling floor": {"a": 0.25, "c": 0.05}}
    ax = plots.estimates(table, "distance", by_row=floors, ax=axes())
    assert ax.caption.endswith(
        " Sampling floor, row by row: 0.05 to 0.25; 1 of 2 rows lie above their own."
    )
    (lines,) = [c for c in ax.collections if c.get_label() == "sampling floor"]
    ends = {segment[0, 0]: segment[:, 1].mean() for segment in lines.get_segments()}
    assert ends == {0.25: 2, 0.05: 0}  # each across its own row
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.texts] == ["sampling floor"]
    with pytest.raises(ValueError, match="no row 'z' for 'floor'; rows are 'a'"):
        plots.estimates(table, "distance", by_row={"floor": {"z": 0.1}})


CURVE = pd.DataFrame(
    {
        "slope": [stats.Estimate(s, s - 0.1, s + 0.1) for s in (0.3, -0.2, 0.05)],
        "distance": [0.4, np.nan, 0.2],
        "order": ["given", "reversed", "given"],
        "labels": ["letters", "letters", "words"],
    },
    index=["x", "y", "z"],
)


def curve(**more):
    figure, panels = plt.subplots(3)
    outcomes = {"slope": "slope of party", "distance": "total variation"}
    return plots.specification_curve(CURVE, outcomes, ["order", "labels"], axes=panels, **more)


def test_a_specification_curve_goes_from_the_lowest_outcome_to_the_highest():
    slope, distance, choices = curve()
    assert slope.lines[0].get_ydata().tolist() == [-0.2, 0.05, 0.3]
    np.testing.assert_array_equal(distance.lines[0].get_ydata(), [np.nan, 0.2, 0.4])
    ends = [segment[:, 1].tolist() for segment in slope.collections[0].get_segments()]
    assert np.allclose(ends, [[-0.3, -0.1], [-0.05, 0.15], [0.2, 0.4]])
    taken = {
        tick.get_text(): [x for line in choices.lines for x, y in line.get_xydata() if y == row]
        for row, tick in zip(choices.get_yticks(), choices.get_yticklabels(), strict=True)
    }
    assert {name: places[:3] for name, places in taken.items()} == {
        "order: given": [1, 2],
        "order: reversed": [0],
        "labels: letters": [0, 2],
        "labels: words": [1],
    }


def test_a_specification_curve_says_ranges_references_and_the_choice_that_counts_most():
    references = {"slope": {"humans": 0.35, "none": 0}, "distance": {"floor": 0.3}}
    caption = curve(references=references, mark={"nearest": "z", "highest": "x"})[0].caption
    assert caption.startswith("3 specifications, ordered by slope of party. Slope of party: -0.20")
    assert "0 of 3 lie above “humans” (0.35), which 1 of the intervals hold" in caption
    assert "2 of 3 lie above “none” (0.00), which 1 of the intervals hold" in caption
    assert "Total variation: 0.20 to 0.40; 1 of 2 lie above “floor” (0.30)." in caption
    assert "Marked: nearest, in place 2; highest, in place 3." in caption
    assert "differ most by order: -0.20 for “reversed”, 0.17 for “given”" in caption


def test_marked_specifications_differ_in_more_than_colour_and_must_be_there():
    slope, _, _ = curve(mark={"nearest": "z", "highest": "x"})
    marked = [line for line in slope.lines if line.get_label() in ("nearest", "highest")]
    assert [line.get_xdata()[0] for line in marked] == [1, 2]
    assert len({line.get_marker() for line in marked}) == 2
    with pytest.raises(ValueError, match="no row 'w' to mark"):
        curve(mark={"best": "w"})


def test_a_specification_curve_of_its_own_is_shown_with_its_words(capsys):
    outcomes = {"distance": "total variation"}
    table = CURVE.dropna()
    plots.specification_curve(table, outcomes, ["order"], mark={"best": "z"})
    assert capsys.readouterr().out.startswith("Figure: 2 specifications, ordered by total")


def test_an_estimate_alone_is_neither_the_highest_nor_the_lowest():
    ax = plots.estimates({"a": (0.5, 0.4, 0.6)}, "r", {"chance": 0}, ax=axes())
    assert ax.caption == "R, 0.50 for “a”; for reference: chance 0.00."


@pytest.mark.parametrize("draw", [plots.estimates, plots.bars])
@pytest.mark.parametrize("mark", ["b", ["b", "c"], None])
def test_the_row_that_matters_differs_in_more_than_colour(draw, mark):
    values = {name: (0.5, 0.4, 0.6) if draw is plots.estimates else 0.5 for name in "abc"}
    ax = draw(values, "x", mark=mark, ax=axes())
    bold = [t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == list(mark or [])
    if draw is plots.estimates:
        points = [container.lines[0] for container in ax.containers]
        assert len({(p.get_marker(), p.get_color()) for p in points}) == (2 if mark else 1)
    else:
        assert len({bar.get_facecolor() for bar in ax.patches}) == (2 if mark else 1)


@pytest.mark.parametrize("draw", [plots.estimates, plots.bars])
def test_a_row_to_mark_that_is_not_there_is_named(draw):
    with pytest.raises(ValueError, match="no row 'z' to mark; rows are 'a'"):
        draw({"a": (0.5, 0.4, 0.6) if draw is plots.estimates else 0.5}, "x", mark="z")


LINES = [
    {"chance": 0.5, "second reader": 1.0},
    {"random 1": 0.02, "random 3": 0.05, "random 5": 0.08, "ceiling": 0.1},
    {"ceiling": 0.95, "second reader": 0.94, "chance": 0.05},
    {"the only one, of a long name": 0.97},
    {f"line {k}": k / 10 for k in range(9)},
]


@pytest.mark.parametrize("references", LINES, ids=lambda lines: str(len(lines)))
def test_reference_lines_are_named_at_their_ends_and_no_name_runs_into_another(references):
    ax = plots.estimates({"a": (0, 0, 0.1), "b": (1, 0.9, 1)}, "x", references, ax=axes())
    figure = ax.figure
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(name) for name in ax.texts]
    assert [name.get_text().strip() for name in ax.texts] == [
        f"{label} {value:.2f}" for label, value in references.items()
    ]
    for value, box in zip(references.values(), boxes, strict=True):
        x = ax.transData.transform((value, 0))[0]
        assert min(abs(x - box.x0), abs(x - box.x1)) < 2 and box.y0 > ax.bbox.y1
        others = [other for other in boxes if other is not box]
        assert not any(box.overlaps(other) for other in others)
        assert not any(o.x0 + 1 < x < o.x1 - 1 and o.y0 < box.y0 for o in others)  # on its way up
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_long_names_of_rows_are_wrapped():
    name = "fine-tuned, 320 events, seed 1, on sentences of the news"
    ax = plots.bars({name: 0.5}, "x", ax=axes())
    shown = ax.get_yticklabels()[0].get_text()
    assert shown.replace("\n", " ") == name and max(map(len, shown.split("\n"))) <= 30


def test_a_dollar_is_a_dollar_and_begins_no_formula():
    ax = plots.bars({"$a_1$ costs $5": 0.5}, "x", ax=axes())
    assert ax.get_yticklabels()[0].get_text() == r"\$a_1\$ costs \$5"
    ax.figure.draw_without_rendering()


def test_confusion_is_square_and_names_the_worst_confusion():
    matrix = np.array([[5, 0, 3], [0, 7, 0], [1, 0, 4]])
    caption = plots.confusion(matrix, ["a", "b", "c"], ax=axes()).caption
    assert (
        "16 of 20 lie on the diagonal; most frequent off it: true “a”, predicted “c” (3" in caption
    )
    with pytest.raises(ValueError, match="square"):
        plots.confusion(matrix[:2], ["a", "b", "c"])


def test_map_tells_tight_groups_from_loose_ones():
    rng = np.random.default_rng(0)
    middles = np.repeat(rng.normal(size=(5, 2)) * 10, 8, axis=0)
    groups = np.repeat(list("abcde"), 8)
    tight = plots.map_2d(middles + rng.normal(size=middles.shape), groups, ax=axes()).caption
    loose = plots.map_2d(rng.normal(size=middles.shape), groups, "t-SNE", ax=axes()).caption
    spread = [float(c.split("spread ")[1].split()[0]) for c in (tight, loose)]
    assert spread[0] < 0.5 < 1 < spread[1]
    assert tight.startswith("Map: 40 points") and loose.startswith("T-SNE: 40 points")


DRAWS = {
    "pair_density": ([0, 1, 2], [0, 1, 3], "x", "y"),
    "estimates": ({"a": (1, 0, 2)}, "x"),
    "bars": ({"a": 1}, "x"),
    "map_2d": (np.eye(2), ["a", "b"]),
    "confusion": (np.eye(2, dtype=int), ["a", "b"]),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_figure_is_drawn_where_it_is_told_and_else_shown(name, capsys):
    ax = axes()
    assert getattr(plots, name)(*DRAWS[name], ax=ax) is ax
    assert besci.show(ax).caption == ax.caption and ax.caption.endswith(".")
    assert getattr(plots, name)(*DRAWS[name]) is None
    assert capsys.readouterr().out == f"Figure: {ax.caption}\n"


def test_bars_list_their_values_and_count_those_above_a_reference():
    ax = plots.bars({"a ": 0.1, "b": 0.7, "c": 0.4}, "share", {"chance": 0.3}, ax=axes())
    assert "a 0.10; b 0.70; c 0.40. 2 of 3 lie above “chance” (0.30)" in ax.caption
    assert [bar.get_width() for bar in ax.patches] == [0.1, 0.7, 0.4]
    assert ax.patches[0].get_y() > ax.patches[2].get_y()  # the first stands on top


def test_bars_that_are_short_are_listed_with_decimals_that_tell_and_without_a_minus_zero():
    ax = plots.bars({"a": 0.0123, "b": -0.00001, "c": -0.004}, "fall", ax=axes())
    assert ax.caption.endswith(": a 0.012; b 0.000; c -0.004.")
    assert plots.bars({"a": 0}, "fall", ax=axes()).caption.endswith(": a 0.00.")


TOKENS = pd.DataFrame({"token": [" a", "'b", "\n", " d"], "probability": [0.15, 0.5, 0.05, 0.3]})


@pytest.mark.parametrize("temperature, top_p", [(1, 1), (0.5, 1), (2, 1), (1, 0.5), (0.7, 0.9)])
def test_temperature_and_top_p_do_what_generate_does(temperature, top_p):
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    scores = torch.tensor(TOKENS["probability"].sort_values(ascending=False).to_numpy()).log()[None]
    for warp in (TemperatureLogitsWarper(float(temperature)), TopPLogitsWarper(float(top_p))):
        scores = warp(None, scores)
    wanted = scores.softmax(-1)[0].numpy()
    moved = plots.explore_temperature(TOKENS)
    moved.controls["temperature"].value = temperature
    moved.controls["top_p"].value = top_p
    words = moved.drawing.caption
    assert f"Temperature {temperature:.1f}, top-p {top_p:.2f}" in words
    before = "" if temperature == top_p == 1 else " instead of 0.50"
    assert f"“'b” has {wanted[0]:.2f}{before}. Of 4 tokens" in words
    assert f"Of 4 tokens {(wanted > 0).sum()} can be drawn" in words
    left = wanted[wanted > 0]
    assert f"among {np.exp(-(left * np.log(left)).sum()):.1f}." in words
    assert str(moved) == f"Figure: {words}" and words in html.unescape(moved.page.value)


def test_the_learner_can_type_another_text_for_the_model_to_go_on_with():
    class Model:
        tokenizer = "abcd"
        asked = []

        def next_tokens(self, text, k):
            self.asked.append((text, k))
            return TOKENS

    moved = plots.explore_temperature(Model(), "Once upon")
    moved.controls["temperature"].value = 0.5
    moved.controls["prompt"].value = "Never"
    assert Model.asked == [("Once upon", 4), ("Never", 4)]
    assert "Temperature 0.5" in moved.drawing.caption


def letters(texts):
    """Texts as counts of letters: an embedding whose cosines can be reckoned."""
    return np.array([[text.lower().count(c) for c in "abcdefghij"] for text in texts], dtype=float)


def test_own_sentences_take_their_place_on_the_map():
    sentences = ["aab", "abb", "ccd", "cdd", "eef"]
    moved = plots.sentence_map(sentences, letters, list("11223"), first="aaaab", second="")
    assert "Star 1, “aaaab”, lies nearest to “aab” (cosine 0.98)" in moved.drawing.caption
    assert "Star 2" not in moved.drawing.caption
    before = moved.page.value
    moved.controls["second"].value = "cd"
    assert "Star 2, “cd”, lies nearest to “ccd” (cosine 0.95)." in moved.drawing.caption
    assert "The cosine of the two is 0.00." in moved.drawing.caption
    assert moved.page.value != before
    share = float(re.search(r"keeps (\d+)%", moved.drawing.caption)[1]) / 100
    vectors = letters(sentences) / np.linalg.norm(letters(sentences), axis=1, keepdims=True)
    assert share == pytest.approx(PCA(2).fit(vectors).explained_variance_ratio_.sum(), abs=0.006)
    for box in moved.controls.values():
        box.value = ""
    assert "Star" not in moved.drawing.caption


def test_without_groups_each_point_of_the_map_bears_its_sentence(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plots, "Drawing", lambda ax: drawn.append(ax) or SimpleNamespace(caption="")
    )
    monkeypatch.setattr(plots, "Movable", lambda draw, **controls: draw("a", ""))
    plots.sentence_map(["aab", "abb", "ccd"], letters)
    assert [text.get_text() for text in drawn[0].texts] == ["aab", "abb", "ccd", "1"]


@pytest.mark.parametrize("name", [*PICTURES, *FIGURES])
def test_a_picture_is_shown_whole_with_its_words_and_nothing_from_elsewhere(name):
    page = ElementTree.fromstring(plots.picture(name).data)
    assert page.tag.endswith("svg") and page.get("role") == "img"
    assert len(page.get("aria-label")) >= 40
    assert "max-width: 100%" in page.get("style") and "background: white" in page.get("style")
    assert not page.findall("{http://www.w3.org/2000/svg}title")  # no bubble under the mouse
    shown = ElementTree.tostring(page, encoding="unicode")
    ids = set(re.findall(r'\bid="([^"]+)"', shown))
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', shown))
    assert {a or b for a, b in used} <= ids
    assert all(one.startswith(name.replace("/", "-")) for one in ids)


def test_pictures_of_notebooks_have_names_of_their_own_and_fit_a_phone():
    files = sorted(COURSE.glob("day_*/pictures/*.svg"))
    assert len(files) == len(PICTURES)
    for file in files:
        width = float(re.search(r'width="([\d.]+)pt"', file.read_text("utf-8"))[1])
        assert width <= 360, file.name  # on a phone, letters keep three quarters of their size
    for source in COURSE.glob("day_*/pictures/draw.py"):
        drawn = re.findall(r"^@figure\ndef (\w+)", source.read_text("utf-8"), re.M)
        assert sorted(drawn) == sorted(file.stem for file in source.parent.glob("*.svg"))


def test_a_picture_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(
        ValueError, match="no picture 'angle'. There are: .*next_token.*day_2/angle"
    ):
        plots.picture("angle")
