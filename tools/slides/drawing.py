"""Draw the figures of a day's slides: each function marked `@figure` becomes an SVG of its name.

    python tools/slides/drawing.py day_1

Runs day_1/figures/draw.py, whose functions compute what they show from the course's data and
models and return a matplotlib figure. The same machine draws the same bytes.
"""

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
    for name, function in DRAWN.items():
        function().savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
        matplotlib.pyplot.close("all")
        print(f"drawn: {Path(day).name}/figures/{name}.svg", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
