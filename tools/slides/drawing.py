"""Draw the figures of a day's slides: each function marked `@figure` becomes an SVG of its name.

    python tools/slides/drawing.py day_1

Runs day_1/figures/draw.py, whose functions compute what they show from the course's data and
models and return a matplotlib figure. Places are rounded to a hundredth of a point, so that a last
digit computed otherwise on another computer leaves the file as it is. Each SVG carries its text
alternative as its title: the one that the slides state, or else the function's docstring, for a
picture that only a notebook shows.
"""

import html
import io
import re
import runpy
import sys
from pathlib import Path

import matplotlib

from besci import plots

WIDE, HALF = (11, 5), (6, 5)  # a whole slide below its title; half of one (inches)
DRAWN = {}


def figure(function):
    """Mark a function without arguments that returns a matplotlib Figure."""
    DRAWN[function.__name__] = function
    return function


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


def main(day):
    folder = Path(day).resolve() / "figures"
    matplotlib.use("svg")
    plots.set_style()
    matplotlib.rcParams.update({"svg.hashsalt": "besci", "font.size": 15})
    sys.modules["drawing"] = sys.modules[__name__]  # the figures add to this module's DRAWN
    runpy.run_path(str(folder / "draw.py"))
    for file in folder.glob("*.svg"):
        if file.stem not in DRAWN:
            file.unlink()
    words = alternatives(folder.parent / "slides.md")
    for name, function in DRAWN.items():
        drawing = io.StringIO()
        function().savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
        text = words.get(name) or " ".join(function.__doc__.split())
        svg = described(rounded(drawing.getvalue()), text)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        matplotlib.pyplot.close("all")
        print(f"drawn: {Path(day).name}/figures/{name}.svg", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
