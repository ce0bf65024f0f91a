"""Figures of the course: each takes and returns matplotlib Axes and states its pattern in words.

The sentence printed below a figure is its text alternative: whoever cannot see the figure, or
reads the notebook by ear, gets the same pattern.
"""

import re

import numpy as np

from besci.files import course_folder

# Okabe & Ito (2008): told apart with the common forms of colour blindness.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]


def set_style():
    """Plain, legible figures in colours that colour-blind readers can tell apart."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=COLORS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "figure.figsize": (6.4, 4.2),
            "font.size": 10,
        }
    )


def _axes(ax, size=None):
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size)[1] if ax is None else ax


def _say(ax, sentence):
    """Print the text alternative and leave it on the Axes as `ax.caption`."""
    ax.caption = f"Figure: {sentence}"
    print(ax.caption)
    return ax


def pair_density(x, y, xlabel, ylabel, ax=None):
    """Many pairs of values as a density, with the least-squares line. x, y: (n,)."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ax = _axes(ax)
    ax.hexbin(x, y, gridsize=45, bins="log", vmin=0.3, cmap="Greys", mincnt=1, linewidths=0.1)
    slope, intercept = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, intercept + slope * ends, lw=2, color=COLORS[1])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    r = np.corrcoef(x, y)[0, 1]
    course = "rises" if slope > 0 else "falls"
    return _say(
        ax,
        f"density of {len(x):,} pairs; the line {course} by {abs(slope):.2f} in “{ylabel}” for one "
        f"unit of “{xlabel}” (r = {r:.2f}).",
    )


def estimates(table, xlabel, references=None, ax=None):
    """Estimates with their intervals, one a row, beside reference lines (chance, ceiling).

    table: {label: (value, low, high)}, e.g. of besci.stats Estimates, drawn from top to bottom.
    references: {label: value}, drawn as vertical lines.
    """
    ax = _axes(ax, (6.4, 1.2 + 0.42 * len(table)))
    rows = np.arange(len(table))[::-1]
    values = np.array([tuple(estimate) for estimate in table.values()], dtype=float)
    ax.errorbar(
        values[:, 0],
        rows,
        xerr=np.clip([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]], 0, None),
        fmt="o",
        capsize=3,
    )
    ax.set_yticks(rows, list(table))
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel(xlabel)
    styles = ("--", ":", "-.", (0, (1, 3)))
    for (label, value), style in zip((references or {}).items(), styles, strict=False):
        ax.axvline(value, color=COLORS[-1], ls=style, lw=1.2, label=f"{label} ({value:.2f})")
    if references:
        ax.figure.legend(loc="outside lower center", ncols=2, frameon=False)
    best, worst = (list(table)[i] for i in (values[:, 0].argmax(), values[:, 0].argmin()))
    high, low = values[:, 0].max(), values[:, 0].min()
    course = f"highest for “{best}” ({high:.2f}) and lowest for “{worst}” ({low:.2f})"
    if len(table) > 1 and high == low:
        course = f"{high:.2f} for each of the {len(table)}"
    beside = "; ".join(f"{label} {value:.2f}" for label, value in (references or {}).items())
    return _say(ax, f"{xlabel}, {course}" + (f"; for reference: {beside}." if beside else "."))


def map_2d(points, groups, label=None, ax=None):
    """Items as points on a map, coloured by group, with each group's name at its middle.

    points: (n, 2). groups: (n,) labels; of more than seven, colours repeat and names tell.
    """
    points, groups = np.asarray(points, dtype=float), np.asarray(groups)
    ax = _axes(ax, (8, 6.5))
    names = list(dict.fromkeys(groups.tolist()))
    for i, name in enumerate(names):
        own = points[groups == name]
        color = COLORS[i % len(COLORS)]
        marker = "os^Dv"[i // len(COLORS) % 5]
        ax.scatter(*own.T, s=22, color=color, marker=marker, alpha=0.8)
        middle = np.median(own, axis=0)
        ax.annotate(str(name), middle, fontsize=7.5, ha="center", va="bottom", color="0.1")
    ax.set(xticks=[], yticks=[])
    if label:
        ax.set_title(label, fontsize=10)
    between = np.array([np.median(points[groups == name], axis=0) for name in names])
    spread = np.mean([points[groups == n].std(0).mean() for n in names]) / between.std(0).mean()
    return _say(
        ax,
        f"map of {len(points)} points in {len(names)} groups; the points of a group spread "
        f"{spread:.2f} times as widely as the groups' middles do.",
    )


def confusion(matrix, labels, xlabel="predicted", ylabel="true", ax=None):
    """Square confusion matrix. matrix: (k, k) counts, rows true. labels: k names, in order."""
    matrix = np.asarray(matrix)
    if matrix.shape != (len(labels), len(labels)):
        raise ValueError(f"{len(labels)} labels need a square matrix, not one of {matrix.shape}")
    ax = _axes(ax, (2.6 + 0.22 * len(labels), 2.1 + 0.22 * len(labels)))
    image = ax.imshow(matrix, cmap="cividis")
    ax.figure.colorbar(image, ax=ax, shrink=0.7, label="count")
    ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7.5)
    ax.set_yticks(range(len(labels)), labels, fontsize=7.5)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    off = matrix * (1 - np.eye(len(labels), dtype=matrix.dtype))
    row, column = np.unravel_index(off.argmax(), off.shape)
    return _say(
        ax,
        f"{np.trace(matrix)} of {matrix.sum()} lie on the diagonal; most frequent off it: "
        f"{ylabel} “{labels[row]}”, {xlabel} “{labels[column]}” ({off.max()} times"
        f"{', and others as often' if (off == off.max()).sum() > 1 else ''}).",
    )


def bars(values, xlabel, references=None, ax=None):
    """Values as horizontal bars, from top to bottom, beside reference lines.

    values: {label: value}. references: {label: value}, drawn as vertical lines.
    """
    ax = _axes(ax, (6.4, 1.0 + 0.3 * len(values)))
    rows = np.arange(len(values))[::-1]
    heights = np.array(list(values.values()), dtype=float)
    ax.barh(rows, heights, height=0.7)
    ax.set_yticks(rows, list(values))
    ax.set_xlabel(xlabel)
    for label, value in (references or {}).items():
        ax.axvline(value, color=COLORS[-1], ls="--", lw=1.2, label=f"{label} ({value:.2f})")
    if references:
        ax.figure.legend(loc="outside lower center", ncols=2, frameon=False)
    listed = "; ".join(f"{str(label).strip()} {value:.2f}" for label, value in values.items())
    above = "".join(
        f" {(heights > value).sum()} of {len(heights)} lie above “{label}” ({value:.2f})."
        for label, value in (references or {}).items()
    )
    return _say(ax, f"{xlabel}, from top to bottom: {listed}.{above}")


def picture(name):
    """A drawing of the course with its text alternative, to be shown as the value of a cell.

    name: day and drawing, such as "day_2/angle". The drawing is part of the page, so it needs no
    network and no file beside the notebook; it shrinks to the width of a phone.
    Raises ValueError for a name that is not there, saying which are.
    """
    from IPython.display import HTML

    known = {
        f"{file.parents[1].name}/{file.stem}": file
        for file in sorted(course_folder().glob("day_*/figures/*.svg"))
    }
    if name not in known:
        raise ValueError(f"There is no picture {name!r}. There are: {', '.join(known)}.")
    drawing = known[name].read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    words = re.search("<title>(.*?)</title>\\s*", drawing, re.DOTALL)
    # As a label, for browsers show a title as a bubble under the mouse.
    drawing = drawing.replace(words[0], "", 1)
    # Ids of its own, so that two pictures on a page do not take each other's parts.
    prefix = re.sub(r"\W", "-", name)
    drawing = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", drawing)
    look = "max-width: 100%; height: auto; background: white"
    label = words[1].replace('"', "&quot;")
    return HTML(drawing.replace("<svg", f'<svg role="img" aria-label="{label}" style="{look}"', 1))
