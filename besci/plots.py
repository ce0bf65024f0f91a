"""Figures of the course: each states its pattern in words, as a caption below.

A function that is given no `ax` draws a figure and shows it. With `ax`, it draws there, leaves its
caption on the Axes as `ax.caption`, and returns the Axes; `besci.show(ax)` shows them. The caption
is the text alternative too: whoever cannot see the figure, or reads the notebook by ear, gets the
same pattern.
"""

import math
import re
import textwrap

import numpy as np
import pandas as pd

from besci.display import Drawing, Movable, in_notebook
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


def _finish(given, ax, sentence):
    """Leave the caption on the Axes; show them unless they were given, else return them."""
    ax.caption = sentence[0].upper() + sentence[1:]
    if given is not None:
        return ax
    if in_notebook():
        from IPython.display import display

        display(Drawing(ax))
    else:
        print(f"Figure: {ax.caption}")
    return None


def _label_rows(ax, labels, mark):
    """Name the rows from top to bottom, marked ones in bold. Returns (n,) of True/False.

    Raises ValueError for a mark that names no row.
    """
    marks = mark if isinstance(mark, list) else [] if mark is None else [mark]
    for name in marks:
        if name not in labels:
            known = ", ".join(map(repr, labels))
            raise ValueError(f"there is no row {name!r} to mark; rows are {known}")
    ax.set_yticks(range(len(labels))[::-1], [_wrapped(label) for label in labels])
    ax.set_ylim(-0.6, len(labels) - 0.4)
    marked = np.array([label in marks for label in labels])
    for tick, bold in zip(ax.get_yticklabels(), marked, strict=True):
        tick.set_fontweight("bold" if bold else "normal")
    return marked


def _wrapped(label):
    """The label in lines of at most 30 letters, its dollar signs as such and no formula."""
    return textwrap.fill(str(label), 30).replace("$", r"\$")


def _height(labels, each, rest):
    """Inches for rows with these labels: `each` for a row, and more for one of several lines."""
    return rest + each * len(labels) + 0.16 * sum(_wrapped(x).count("\n") for x in labels)


def _reference_lines(ax, references):
    """Vertical lines, each with its name at its upper end. Returns what the caption says of them.

    A name stands to the right of its line, above the names that it would run into; only that of
    the rightmost line stands to the left where there is room, so that the figure does not shrink.
    """
    styles = ("--", ":", "-.", (0, (1, 3)))
    names = []
    for (label, value), style in zip((references or {}).items(), 9 * styles, strict=False):
        look = {"color": COLORS[-1], "ls": style, "lw": 1.2}
        ax.axvline(value, **look)
        name = ax.annotate(
            f" {label} {value:.2f} ",
            (value, 1),
            (0, 3),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            # The line goes on to the corner of the name.
            arrowprops={"arrowstyle": "-", "relpos": (0, 0), "shrinkA": 0, "shrinkB": 0, **look},
            fontsize=9,
            in_layout=False,  # until it stands where it stays
        )
        names.append((value, name))
    names.sort(key=lambda one: -one[0])
    ax.figure.draw_without_rendering()
    starts = []  # of the leftmost name on each level, in pixels
    for k, (value, name) in enumerate(names):
        box = name.get_window_extent()
        start = box.x0
        if k == 0 and value > np.mean(ax.get_xlim()):
            start -= box.width
            if not names[1:] or ax.transData.transform((names[1][0], 0))[0] < start:
                name.set_ha("right")
                name.arrow_patch.set_visible(False)
            else:
                start = box.x0
        met = [i for i, other in enumerate(starts) if box.x1 > other]
        level = met[-1] + 1 if met else 0
        starts[level : level + 1] = [start]
        name.xyann = (0, 3 + 12 * level)
        name.set_in_layout(True)
    return "; ".join(f"{label} {value:.2f}" for label, value in (references or {}).items())


def pair_density(x, y, xlabel, ylabel, ax=None):
    """Many pairs of values as a density, with the least-squares line. x, y: (n,)."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    given, ax = ax, _axes(ax)
    cells = ax.hexbin(x, y, gridsize=45, bins="log", vmin=0.3, cmap="Greys", mincnt=1, lw=0.1)
    scale = ax.figure.colorbar(cells, ax=ax, format="{x:,.0f}", label="pairs (logarithmic scale)")
    scale.ax.set_ylim(1, max(2, cells.get_array().max()))
    slope, intercept = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    ax.plot(ends, intercept + slope * ends, lw=2, color=COLORS[1])
    r = np.corrcoef(x, y)[0, 1]
    ax.annotate(
        f"least squares, r = {r:.2f}",
        (ends[1], intercept + slope * ends[1]),
        xytext=(0, 5),
        textcoords="offset points",
        ha="right",
        color=COLORS[1],
        fontweight="bold",
        bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
    )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    course = "rises" if slope > 0 else "falls"
    return _finish(
        given,
        ax,
        f"density of {len(x):,} pairs, the darker the more; the line {course} by {abs(slope):.2f} "
        f"in “{ylabel}” for one unit of “{xlabel}” (r = {r:.2f}).",
    )


def estimates(table, xlabel, references=None, mark=None, ax=None, by_row=None):
    """Estimates with their intervals, one a row, beside reference lines (chance, ceiling).

    table: {label: (value, low, high)}, e.g. of besci.stats Estimates, drawn from top to bottom.
    references: {label: value}, drawn as vertical lines. mark: label of the row that matters, or a
    list of them: bold, and drawn as a diamond in another colour. by_row: {name: {label: value}},
    a reference that differs from row to row (a floor for each number of people), drawn as a short
    line across its row. Raises ValueError for a mark, or a row of by_row, that is no label.
    """
    labels = list(table)
    given, ax = ax, _axes(ax, (6.4, _height(labels, 0.36, 1.7 if by_row else 1.3)))
    values = np.array([tuple(estimate) for estimate in table.values()], dtype=float)
    marked = _label_rows(ax, labels, mark)
    rows = np.arange(len(table))[::-1]
    reach = np.clip([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]], 0, None)
    for some, look, color in ((~marked, "o", COLORS[0]), (marked, "D", COLORS[1])):
        if some.any():
            value, width = values[some, 0], reach[:, some]
            ax.errorbar(value, rows[some], xerr=width, fmt=look, capsize=3, color=color)
    ax.set_xlabel(xlabel)
    across = _lines_by_row(ax, labels, values[:, 0], by_row)
    beside = _reference_lines(ax, references)
    best, worst = (labels[i] for i in (values[:, 0].argmax(), values[:, 0].argmin()))
    high, low = values[:, 0].max(), values[:, 0].min()
    course = f"highest for “{best}” ({high:.2f}) and lowest for “{worst}” ({low:.2f})"
    if len(table) == 1:
        course = f"{high:.2f} for “{best}”"
    elif high == low:
        course = f"{high:.2f} for each of the {len(table)}"
    course += f"; for reference: {beside}." if beside else "."
    return _finish(given, ax, f"{xlabel}, {course}{across}")


def _lines_by_row(ax, labels, values, by_row):
    """Short lines across single rows, named in a legend. Returns what the caption says of them."""
    said, lines = "", []
    for (name, places), style in zip((by_row or {}).items(), ("-", ":", "--"), strict=False):
        for label in places:
            if label not in labels:
                known = ", ".join(map(repr, labels))
                raise ValueError(f"there is no row {label!r} for {name!r}; rows are {known}")
        rows = [labels.index(label) for label in places]
        at, row = list(places.values()), len(labels) - 1 - np.array(rows)
        lines.append(
            ax.vlines(at, row - 0.32, row + 0.32, color=COLORS[-1], ls=style, lw=2, label=name)
        )
        above = (values[rows] > at).sum()
        said += (
            f" {name[0].upper() + name[1:]}, row by row: {min(at):.2f} to {max(at):.2f}; {above} "
            f"of {len(at)} rows lie above their own."
        )
    if lines:
        ax.figure.legend(handles=lines, loc="outside lower right", frameon=False, fontsize=9)
    return said


def specification_curve(table, outcomes, choices, references=None, mark=None, axes=None):
    """What comes out under each of many defensible specifications, and which choices each made.

    Above, an outcome in a panel, from the specification in which the first outcome is lowest to
    that in which it is highest; below, in the same order, the choices of each.
    table: DataFrame, a row for each specification. outcomes: {column: label}; a column holds
    besci.stats Estimates, drawn with their intervals, or numbers, of which all but those of the
    first outcome may be missing. choices: columns that say how a specification was made.
    references: {column of an outcome: {label: value}}, drawn as horizontal lines. mark: {name: row
    of the table}, the specifications that matter. axes: as many Axes as outcomes and one more.
    Raises ValueError for a row to mark that is not there.
    Source: Simonsohn et al. (2020), https://doi.org/10.1038/s41562-020-0912-z.
    """
    values = {name: _with_bounds(table[name]) for name in outcomes}
    for row in (mark or {}).values():
        if row not in table.index:
            raise ValueError(f"there is no row {row!r} to mark in the table")
    first = next(iter(outcomes))
    order = np.argsort(values[first][:, 0], kind="stable")
    place = {row: k for k, row in enumerate(table.index[order])}
    levels = [(choice, level) for choice in choices for level in pd.unique(table[choice])]
    given, axes = axes, _panels(axes, len(outcomes), len(levels), bool(mark))
    said = [f"{len(table)} specifications, ordered by {outcomes[first]}."]
    for ax, (name, label) in zip(axes, outcomes.items(), strict=False):
        said.append(_curve(ax, values[name][order], label, (references or {}).get(name)))
        _marks(ax, mark, place, values[name][order][:, 0])
    _choices(axes[-1], table.iloc[order], levels)
    for k, row in enumerate((mark or {}).values(), start=1):
        axes[-1].axvline(place[row], color=COLORS[k % len(COLORS)], lw=1, zorder=0)
    if mark:
        handles = axes[0].get_legend_handles_labels()[0]
        axes[0].figure.legend(handles=handles, loc="outside upper right", frameon=False, fontsize=9)
        named = "; ".join(f"{name}, in place {place[row] + 1}" for name, row in mark.items())
        said.append(f"Marked: {named}.")
    words = " ".join(said) + _widest(values[first][:, 0], table, choices)
    _finish(given, axes[0], words)
    return given


def _with_bounds(column):
    """(n, 3) values and their bounds; of a number, three times itself."""
    return np.array([v if isinstance(v, tuple) else (v, v, v) for v in column], dtype=float)


def _panels(axes, outcomes, levels, legend):
    """Axes one below another: the outcomes, and the choices."""
    import matplotlib.pyplot as plt

    if axes is not None:
        return axes
    heights = [1.6] * outcomes + [0.19 * levels]
    size = (6.4, sum(heights) + 0.5 + 0.4 * legend)
    ratios = {"height_ratios": heights}
    return plt.subplots(outcomes + 1, sharex=True, figsize=size, gridspec_kw=ratios)[1]


def _curve(ax, values, label, references):
    """One outcome of all specifications. Returns what the caption says of it."""
    ax.vlines(range(len(values)), values[:, 1], values[:, 2], color=COLORS[0], lw=1, alpha=0.5)
    ax.plot(values[:, 0], "o", ms=3, color=COLORS[0])
    ax.set_ylabel(textwrap.fill(label, 22))
    there = values[np.isfinite(values[:, 0])]
    said = f"{label[0].upper() + label[1:]}: {there[:, 0].min():.2f} to {there[:, 0].max():.2f}"
    for (name, value), style in zip((references or {}).items(), ("--", ":", "-."), strict=False):
        ax.axhline(value, color=COLORS[-1], ls=style, lw=1.2)
        ax.annotate(
            f" {name} {value:.2f}",
            (1, value),
            xycoords=ax.get_yaxis_transform(),
            va="center",
            fontsize=9,
        )
        above = (there[:, 0] > value).sum()
        said += f"; {above} of {len(there)} lie above “{name}” ({value:.2f})"
        if np.ptp(there, axis=1).any():
            held = ((there[:, 1] <= value) & (value <= there[:, 2])).sum()
            said += f", which {held} of the intervals hold"
    return said + "."


def _marks(ax, mark, place, values):
    """The specifications that matter, each in a shape of its own."""
    for k, ((name, row), shape) in enumerate(zip((mark or {}).items(), "Ds^v", strict=False), 1):
        color = COLORS[k % len(COLORS)]
        at = place[row]
        ax.plot(at, values[at], shape, ms=8, color=color, mec="black", ls="none", label=name)


def _choices(ax, table, levels):
    """A row for each level of each choice, with a dot where a specification took it."""
    for k, (choice, level) in enumerate(levels):
        taken = np.flatnonzero(table[choice] == level)
        ax.plot(taken, np.full(len(taken), -k), "|", ms=6, color=COLORS[-1])
    ax.set_yticks(-np.arange(len(levels)), [f"{choice}: {level}" for choice, level in levels])
    ax.tick_params(axis="y", labelsize=8)
    ax.set_ylim(0.6 - len(levels), 0.6)
    for k in range(1, len(levels)):
        if levels[k][0] != levels[k - 1][0]:
            ax.axhline(0.5 - k, color="0.8", lw=0.8)
    ax.set(xticks=[], xlabel="specifications")


def _widest(values, table, choices):
    """Of which choice the means of the levels lie farthest apart, in words."""
    means = {
        c: pd.Series(values, table.index).groupby(table[c], sort=False).mean() for c in choices
    }
    choice = max(means, key=lambda c: np.ptp(means[c]))
    mean = means[choice]
    if not np.ptp(mean):
        return ""
    return (
        f" The means of the first outcome differ most by {choice}: {mean.min():.2f} for "
        f"“{mean.idxmin()}”, {mean.max():.2f} for “{mean.idxmax()}”."
    )


def bars(values, xlabel, references=None, mark=None, ax=None):
    """Values as horizontal bars, from top to bottom, beside reference lines.

    values: {label: value}. references: {label: value}, drawn as vertical lines. mark: label of the
    row that matters, or a list of them: bold, in another colour. Raises ValueError for a mark that
    is no label.
    """
    labels = list(values)
    given, ax = ax, _axes(ax, (6.4, _height(labels, 0.3, 1.1)))
    marked = _label_rows(ax, labels, mark)
    lengths = np.array(list(values.values()), dtype=float)
    colors = np.where(marked, COLORS[1], COLORS[0])
    ax.barh(np.arange(len(values))[::-1], lengths, height=0.7, color=colors)
    ax.set_xlabel(xlabel)
    _reference_lines(ax, references)
    largest = np.abs(lengths).max(initial=0)
    digits = max(2, 1 - math.floor(math.log10(largest))) if largest else 2  # two that tell
    listed = "; ".join(
        f"{str(label).strip()} {value:z.{digits}f}" for label, value in values.items()
    )
    above = "".join(
        f" {(lengths > value).sum()} of {len(lengths)} lie above “{label}” ({value:.2f})."
        for label, value in (references or {}).items()
    )
    return _finish(given, ax, f"{xlabel}, from top to bottom: {listed}.{above}")


def map_2d(points, groups, label="map", ax=None):
    """Items as points on a map, coloured by group, with each group's name at its middle.

    points: (n, 2). groups: (n,) labels; of more than seven, colours repeat and names tell. label:
    what kind of map it is, with which the caption begins.
    """
    points, groups = np.asarray(points, dtype=float), np.asarray(groups)
    given, ax = ax, _axes(ax, (8, 6.5))
    names = list(dict.fromkeys(groups.tolist()))
    for i, name in enumerate(names):
        own = points[groups == name]
        color = COLORS[i % len(COLORS) if len(names) < len(points) else 0]
        marker = "os^Dv"[i // len(COLORS) % 5 if len(names) < len(points) else 0]
        ax.scatter(*own.T, s=22, color=color, marker=marker, alpha=0.8)
        middle = np.median(own, axis=0)
        ax.annotate(
            _wrapped(name), middle, (0, 4), textcoords="offset points", fontsize=7.5, ha="center"
        )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="0.8")
    between = np.array([np.median(points[groups == name], axis=0) for name in names])
    spread = np.mean([points[groups == n].std(0).mean() for n in names]) / between.std(0).mean()
    return _finish(
        given,
        ax,
        f"{label}: {len(points)} points in {len(names)} groups; the points of a group spread "
        f"{spread:.2f} times as widely as the groups' middles do.",
    )


def confusion(matrix, labels, xlabel="predicted", ylabel="true", ax=None):
    """Square confusion matrix. matrix: (k, k) counts, rows true. labels: k names, in order."""
    matrix = np.asarray(matrix)
    if matrix.shape != (len(labels), len(labels)):
        raise ValueError(f"{len(labels)} labels need a square matrix, not one of {matrix.shape}")
    given, ax = ax, _axes(ax, (2.6 + 0.22 * len(labels), 2.1 + 0.22 * len(labels)))
    image = ax.imshow(matrix, cmap="cividis")
    ax.figure.colorbar(image, ax=ax, shrink=0.7, label="count")
    ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7.5)
    ax.set_yticks(range(len(labels)), labels, fontsize=7.5)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    off = matrix * (1 - np.eye(len(labels), dtype=matrix.dtype))
    row, column = np.unravel_index(off.argmax(), off.shape)
    return _finish(
        given,
        ax,
        f"{np.trace(matrix)} of {matrix.sum()} lie on the diagonal; most frequent off it: "
        f"{ylabel} “{labels[row]}”, {xlabel} “{labels[column]}” ({off.max()} times"
        f"{', and others as often' if (off == off.max()).sum() > 1 else ''}).",
    )


def explore_temperature(tokens, prompt=None):
    """What temperature and top-p do to the next token: a figure with controls to move.

    tokens: table with the columns token and probability of all tokens, as
    `llm.next_tokens(prompt, k=100_000)` gives it; or an LLM, which then reads `prompt`, and
    whatever the learner types in its place. Let it be the last line of a cell. Without ipywidgets,
    and in a page, the figure stands as it is at temperature 1 and top-p 1.
    Returns the figure; its `controls` are the widgets.
    """
    asks = hasattr(tokens, "next_tokens")
    known = {} if asks else {None: tokens}

    def draw(temperature, top_p, prompt=None):
        if prompt not in known:
            known[prompt] = tokens.next_tokens(prompt, k=len(tokens.tokenizer))
        return Drawing(_reshaped(known[prompt], temperature, top_p))

    controls = {
        "temperature": ("temperature", 1.0, 0.1, 2.0, 0.1),
        "top_p": ("top-p", 1.0, 0.05, 1.0, 0.05),
    }
    return Movable(draw, **({"prompt": ("text", prompt)} if asks else {}), **controls)


def _reshaped(tokens, temperature, top_p, shown=12):
    """Axes with the most probable next tokens, before and after temperature and top-p."""
    tokens = tokens.sort_values("probability", ascending=False)
    given = tokens["probability"].to_numpy(dtype=float)
    after = np.exp(np.log(np.maximum(given, 1e-300)) / temperature)
    after /= after.sum()
    after[np.cumsum(after) - after >= top_p] = 0  # the fewest that reach top-p stay
    after /= after.sum()
    names = [_wrapped(f"“{repr(name)[1:-1]}”") for name in tokens["token"][:shown]]
    ax = _axes(None, (6.4, _height(names, 0.3, 1.1)))
    rows = np.arange(len(names))[::-1]
    ax.barh(rows, after[:shown], height=0.7, color=COLORS[0])
    ax.barh(rows, given[:shown], height=0.7, fc="none", ec=COLORS[-1], lw=1.2)
    ax.set_yticks(rows, names)
    ax.set(xlabel="probability of the next token", xlim=(0, 1.05 * max(after[0], given[0])))
    left = after[after > 0]
    even = np.exp(-(left * np.log(left)).sum())
    before = "" if temperature == top_p == 1 else f" instead of {given[0]:.2f}"
    ax.caption = (
        f"Temperature {temperature:.1f}, top-p {top_p:.2f} (filled bars), beside temperature 1 and "
        f"top-p 1 (outlines). {names[0]} has {after[0]:.2f}{before}. Of {len(given):,} tokens "
        f"{len(left):,} can be drawn, as uncertain as an even choice among {even:,.1f}."
    )
    return ax


def sentence_map(sentences, embed, groups=None, first="I like to be alone.", second=""):
    """Sentences on a map of their embeddings, and two of the learner's own among them, to type.

    sentences: n texts, whose first two principal components are the map. embed: function of a list
    of texts that returns (n, d), such as `besci.embed` or `model.encode`. groups: (n,) labels, as
    in `map_2d`; without them each point bears its sentence. first, second: what stands in the two
    boxes at first; an empty one is left out. Let it be the last line of a cell. Without ipywidgets,
    and in a page, the map stands with these two.
    Returns the figure; its `controls` are the widgets.
    """
    sentences = list(sentences)
    names = sentences if groups is None else groups
    vectors = _unit(embed(sentences))
    middle = vectors.mean(axis=0)
    _, sizes, axes = np.linalg.svd(vectors - middle, full_matrices=False)
    share = (sizes[:2] ** 2).sum() / (sizes**2).sum()

    def draw(first, second):
        ax = map_2d((vectors - middle) @ axes[:2].T, names, ax=_axes(None, (6.4, 5.4)))
        own = [text.strip() for text in (first, second) if text.strip()]
        said = []
        points = _unit(embed(own)) if own else vectors[:0]
        for k, (text, point) in enumerate(zip(own, points, strict=True), start=1):
            place = (point - middle) @ axes[:2].T
            ax.scatter(*place, s=220, marker="*", color=COLORS[1], ec="black", zorder=3)
            ax.annotate(str(k), place, (7, 5), textcoords="offset points", fontweight="bold")
            cosines = vectors @ point
            best = cosines.argmax()
            said.append(
                f"Star {k}, “{text}”, lies nearest to “{sentences[best]}” (cosine "
                f"{cosines[best]:.2f})."
            )
        if len(own) == 2:
            said.append(f"The cosine of the two is {points[0] @ points[1]:.2f}.")
        ax.caption = (
            f"Map of {len(sentences)} sentences. {' '.join(said)} The map keeps {share:.0%} of "
            "what sets them apart, so trust the cosines more than the distances."
        )
        return Drawing(ax)

    return Movable(draw, first=("first sentence", first), second=("second sentence", second))


def _unit(vectors):
    vectors = np.asarray(vectors, dtype=float)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def picture(name):
    """A drawing of the course with its text alternative, to be shown as the value of a cell.

    name: a picture of a notebook, such as "next_token", or day and name of a slide's figure, such
    as "day_2/angle". The drawing is part of the page, so it needs no network and no file beside the
    notebook; it stands on white whatever the theme, and shrinks to the width of a phone.
    Raises ValueError for a name that is not there, saying which are.
    """
    from IPython.display import HTML

    course = course_folder()
    pictures, figures = (sorted(course.glob(f"day_*/{f}/*.svg")) for f in ("pictures", "figures"))
    known = {file.stem: file for file in pictures}
    known |= {f"{file.parents[1].name}/{file.stem}": file for file in figures}
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
    look = "max-width: 100%; height: auto; background: white; border-radius: 0.4em"
    label = words[1].replace('"', "&quot;")
    return HTML(drawing.replace("<svg", f'<svg role="img" aria-label="{label}" style="{look}"', 1))
