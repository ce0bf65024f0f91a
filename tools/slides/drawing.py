"""Draw a day's figures: each function marked `@figure` becomes an SVG of its name.

    python tools/slides/drawing.py day_1/figures
    python tools/slides/drawing.py day_1/pictures

Runs the folder's draw.py, whose functions compute what they show from the course's data and models
and return a matplotlib figure. In `figures` are those of the slides, in `pictures` those of the
notebooks, which are narrow, so that they can be read on a phone. Places are rounded to a hundredth
of a point, so that a last digit computed otherwise on another computer leaves the file as it is.
Each SVG carries its text alternative as its title: for a picture the function's docstring, for a
figure what the slides state (or the docstring, where none shows it).
"""

import html
import io
import re
import runpy
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot
from matplotlib.patches import FancyBboxPatch

from besci import plots

WIDE, HALF = (11, 5), (6, 5)  # a whole slide below its title; half of one (inches)
GREY = "0.35"
DRAWN = {}


def figure(function):
    """Mark a function without arguments that returns a matplotlib Figure."""
    DRAWN[function.__name__] = function
    return function


def empty(size=WIDE):
    """A figure, and Axes without frame that fill it, whose units are inches."""
    fig, ax = matplotlib.pyplot.subplots(figsize=size)
    ax.set(xlim=(0, size[0]), ylim=(0, size[1]))
    ax.axis("off")
    return fig, ax


def box(ax, x, y, width, height, text, color=plots.COLORS[0], **more):
    """A rounded box around text, in data coordinates. more: for the text."""
    style = f"round,pad=0,rounding_size={min(width, height) / 8}"
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, fc="white", ec=color, lw=2))
    how = {"ha": "center", "va": "center"} | more
    ax.text(x + width / 2, y + height / 2, text, **how)


def arrow(ax, start, end, **more):
    """An arrow in data coordinates. more: for its look."""
    style = {"arrowstyle": "-|>", "lw": 1.8, "color": GREY, "shrinkA": 0, "shrinkB": 0} | more
    ax.annotate("", end, start, arrowprops=style)


def rounded(drawing):
    """The SVG with the numbers of its paths and places rounded to two decimals."""

    def shorten(place):
        return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", place[0])

    return re.sub(r'\b(?:d|x|y|x1|x2|y1|y2)="[^"]*"|translate\([^)]*\)', shorten, drawing)


def described(drawing, words):
    """The SVG with its text alternative as its title."""
    start = drawing.index(">", drawing.index("<svg")) + 1
    return f"{drawing[:start]}\n <title>{html.escape(words, quote=False)}</title>{drawing[start:]}"


def alternatives(deck):
    """{name of a figure: its text alternative} of a day's slides, without the words on its size."""
    found = re.findall(r"!\[([^\]]*)\]\(figures/(\w+)\.svg\)", deck.read_text(encoding="utf-8"))
    size = r"^(?:(?:bg|left|right|fit|[wh]:\d+)(?::\d+%)?\s+)+"
    return {name: re.sub(size, "", words) for words, name in found}


def main(folder):
    folder = Path(folder).resolve()
    matplotlib.use("svg")
    plots.set_style()
    matplotlib.rcParams.update({"svg.hashsalt": "besci", "font.size": 15})
    sys.modules["drawing"] = sys.modules[__name__]  # the figures add to this module's DRAWN
    runpy.run_path(str(folder / "draw.py"))
    for file in folder.glob("*.svg"):
        if file.stem not in DRAWN:
            file.unlink()
    words = alternatives(folder.parent / "slides.md") if folder.name == "figures" else {}
    for name, function in DRAWN.items():
        drawing = io.StringIO()
        function().savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
        text = words.get(name) or " ".join(function.__doc__.split())
        svg = described(rounded(drawing.getvalue()), text)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        matplotlib.pyplot.close("all")
        print(f"drawn: {folder.parent.name}/{folder.name}/{name}.svg", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
