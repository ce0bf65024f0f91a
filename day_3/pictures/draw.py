"""Pictures of the one idea of each notebook of day 3."""

import numpy as np
from drawing import box, empty, figure

from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
PALE = "0.8"
DOT = {"marker": "o", "ls": ""}
RING = DOT | {"ms": 11, "mfc": "none", "mec": "black", "mew": 1.8}


def minus(x):
    return f"{x:.2f}".replace("-", "−")


def flags(ax, top, flagged, slanted=None):
    """Texts as dots in rows of 30, from `top` down: red if flagged, ringed if slanted."""
    k = np.arange(len(flagged))
    x, y = 0.18 + 0.16 * (k % 30), top - 0.18 * (k // 30)
    for chosen, color in ((flagged, RED), (~flagged, PALE)):
        ax.plot(x[chosen], y[chosen], ms=7, color=color, **DOT)
    if slanted is not None:
        ax.plot(x[slanted], y[slanted], **RING)


@figure
def labels_to_estimate():
    """A classifier flags many of 270 texts. For 60 of them, drawn at random, people say which are
    slanted: some flags are false alarms, and some slanted texts were missed. The share of flags in
    the rest plus the mean of label minus flag in the sample is the estimate; it lies near the true
    share, the share of flags far above it."""
    fig, ax = empty((5, 5.2))
    rng = np.random.default_rng(38)
    slanted = rng.random(270) < 0.1
    flagged = rng.random(270) < np.where(slanted, 0.8, 0.2)
    sample, rest = np.arange(270) < 60, np.arange(270) >= 60
    title = {"fontsize": 14, "weight": "bold", "va": "center"}
    ax.text(0.05, 5.0, "texts, and what a classifier flags", **title)
    flags(ax, 4.68, flagged[rest])
    ax.text(0.05, 3.06, "a random sample, labelled by people", **title)
    flags(ax, 2.7, flagged[sample], slanted[sample])
    legend = [
        (0.18, "flagged", DOT | {"ms": 9, "color": RED}),
        (1.33, "not flagged", DOT | {"ms": 9, "color": PALE}),
        (2.9, "slanted, say people", RING),
    ]
    for x, words, look in legend:
        ax.plot(x, 2.1, **look)
        ax.text(x + 0.14, 2.1, words, fontsize=12.5, va="center")
    many = flagged[rest].mean()
    error = (slanted[sample].astype(float) - flagged[sample]).mean()
    parts = [
        (0.05, "share of flags\nin the rest", many, RED),
        (1.8, "label − flag\nin the sample", error, BLUE),
        (3.55, "estimate\n(truth 0.10)", many + error, GREEN),
    ]
    for x, words, value, color in parts:
        box(ax, x, 0.95, 1.4, 0.6, minus(value), color, fontsize=16, weight="bold")
        ax.text(x + 0.7, 0.45, words, fontsize=13, ha="center", va="center", color=color)
    for x, sign in ((1.625, "+"), (3.375, "=")):
        ax.text(x, 1.25, sign, fontsize=18, ha="center", va="center")
    return fig
