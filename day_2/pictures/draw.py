"""Pictures of the one idea of each notebook of day 2."""

from functools import cache

import numpy as np
from drawing import GREY, arrow, empty, figure
from matplotlib.patches import Rectangle

import besci
from besci import stats
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
SENTENCES = ["Get angry easily.", "Lose my temper quickly.", "Love to read poetry."]


@cache
def items():
    return besci.load_data("personality_items").set_index("item_id", drop=False)


def of(*constructs, most=None):
    """The items of these constructs, the first `most` of each."""
    table = items()[items()["construct"].isin(constructs)]
    return table.groupby("construct").head(most) if most else table


def cosines(texts):
    vectors = besci.embed(list(texts))
    return vectors @ vectors.T


def in_plane(texts):
    """(n, 2) first two principal components of the texts' embeddings."""
    vectors = besci.embed(list(texts))
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ (axes[:2] * np.sign(axes[:2, :1])).T


def fitted(points, x, y, width, height, alike=True):
    """The points moved and scaled to fill a rectangle. alike: by one factor in both directions."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.array([width, height]) / (high - low)
    scale = scale.min() if alike else scale
    return (points - (low + high) / 2) * scale + [x + width / 2, y + height / 2]


def minus(x):
    return f"{x:.2f}".replace("-", "−")


@figure
def sentence_to_point():
    """An embedding model turns each of three sentences into a list of numbers, which is a point.
    Two sentences on anger lie near each other, with a high cosine, a third one on poetry far off,
    with a low one."""
    fig, ax = empty((5, 4.9))
    for k, (text, color) in enumerate(zip(SENTENCES, (BLUE, GREEN, RED), strict=True)):
        y = 4.65 - 0.42 * k
        numbers = ", ".join(map(minus, besci.embed(text)[:2].round(2) + 0.0))
        ax.text(0.05, y, text, color=color, fontsize=13, va="center")
        arrow(ax, (2.4, y), (2.85, y))
        ax.text(2.95, y, f"[{numbers}, …]", fontsize=13, va="center")
    arrow(ax, (2.5, 3.5), (2.5, 3.1))
    ax.add_patch(Rectangle((0.05, 0.05), 4.9, 2.95, fc="none", ec="0.75", lw=1.2))
    points = fitted(in_plane(SENTENCES), 0.9, 0.8, 3.2, 1.7)
    near, far = cosines(SENTENCES)[0, 1:]
    for other, value in ((1, near), (2, far)):
        ends = points[[0, other]]
        ax.plot(*ends.T, color=GREY, lw=1.4, ls="--")
        how = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"}
        words = f"cosine {minus(value)}"
        ax.text(*ends.mean(axis=0), words, fontsize=13, ha="center", va="center", bbox=how)
    for place, color in zip(points, (BLUE, GREEN, RED), strict=True):
        ax.plot(*place, "o", ms=13, color=color)
    return fig


@figure
def two_matrices():
    """Two tables of the same six items. One holds how people's answers correlate, the other how
    similar the wordings are. Each pair of items has a cell in both tables, and becomes one point of
    the figure below, which shows whether the tables agree."""
    fig, ax = empty((5, 5.2))
    table = of("Order", "Sociability", most=3).sort_values("construct", kind="stable")
    answers = besci.load_data("personality_responses")[table["item_id"]]
    both = {"answers of people": answers.corr().to_numpy(), "wordings": cosines(table["text"])}
    n, cell = len(table), 0.34
    row, column = 1, 0
    for x, (title, values) in zip((0.1, 2.85), both.items(), strict=True):
        ax.text(x + n * cell / 2, 4.98, title, fontsize=14, weight="bold", ha="center", va="center")
        kind = "correlations r" if x < 1 else "cosines"
        ax.text(x + n * cell / 2, 2.42, kind, fontsize=13, ha="center", va="center", color=GREY)
        for i, j in np.ndindex(n, n):
            shade = BLUE if values[i, j] >= 0 else RED
            place = (x + j * cell, 4.75 - (i + 1) * cell)
            strength = float(min(abs(values[i, j]), 1)) if i != j else 0
            ax.add_patch(Rectangle(place, cell, cell, fc=shade, alpha=strength, lw=0))
            ax.add_patch(Rectangle(place, cell, cell, fc="none", ec="0.8", lw=0.6))
        mine = (x + column * cell, 4.75 - (row + 1) * cell)
        ax.add_patch(Rectangle(mine, cell, cell, fc="none", ec="black", lw=2.5, zorder=3))
    r, cosine = map(stats.pairs, both.values())
    ax.plot([1.3, 1.3, 4.3], [2.0, 0.45, 0.45], color=GREY, lw=1.4)
    ax.text(2.8, 0.18, "cosine", fontsize=13, ha="center", va="center")
    ax.text(1.15, 1.25, "r", fontsize=13, ha="right", va="center")
    points = fitted(np.column_stack([cosine, r]), 1.5, 0.65, 2.6, 1.25, alike=False)
    ax.plot(*points.T, "o", ms=8, color=GREEN)
    pair = [
        k for k, ij in enumerate(zip(*np.triu_indices(n, 1), strict=True)) if ij == (column, row)
    ]
    chosen = points[pair[0]]
    ax.plot(*chosen, "o", ms=12, mfc=GREEN, mec="black", mew=2.5)
    for x in (0.1, 2.85):
        start = (x + (column + 0.5) * cell, 4.75 - (row + 1) * cell)
        arrow(ax, start, chosen, shrinkB=8, connectionstyle="arc3,rad=0.1")
    return fig


@figure
def constructs():
    """Items lie as points around the constructs they measure, Anxiety, Order and Trust. An item
    whose construct is asked for is given to the construct whose middle lies nearest."""
    fig, ax = empty((5, 4.3))
    table = of("Anxiety", "Order", "Trust")
    points = fitted(in_plane(table["text"]), 0.4, 0.55, 4.2, 3.5)
    asked = table["text"].tolist().index("Would call myself a nervous person.")
    names = list(dict.fromkeys(table["construct"]))
    others = np.arange(len(table)) != asked
    middles = {
        name: points[others & (table["construct"] == name).to_numpy()].mean(axis=0)
        for name in names
    }
    nearest = min(names, key=lambda name: np.linalg.norm(middles[name] - points[asked]))
    for name, color in zip(names, (BLUE, GREEN, RED), strict=True):
        own = points[others & (table["construct"] == name).to_numpy()]
        ax.plot(*own.T, "o", ms=9, color=color, alpha=0.7)
        line = {"ls": "-", "lw": 2.5} if name == nearest else {"ls": ":", "lw": 1.4}
        ax.plot(*np.array([points[asked], middles[name]]).T, color=GREY, zorder=0, **line)
        ax.plot(*middles[name], "D", ms=14, color=color, mec="black")
        x, y = middles[name] - [0, 0.34]
        how = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85}
        ax.text(
            x, y, name, fontsize=14, weight="bold", color=color, ha="center", va="center", bbox=how
        )
    ax.plot(*points[asked], "o", ms=20, mfc="white", mec="black", mew=2)
    ax.text(*points[asked], "?", fontsize=14, ha="center", va="center", weight="bold")
    words = f"?  {table['text'].iloc[asked]}"
    ax.text(2.5, 0.15, words, fontsize=13, ha="center", va="center")
    return fig


@figure
def fine_tuning():
    """Before training, three items on anger lie together, though people who agree with one of them
    disagree with another. Training pulls together what people answer alike and pushes apart what
    they answer in opposite ways. Afterwards the turned item lies far from the other two."""
    fig, ax = empty((5, 4.9))
    alike, turned = ("Get angry easily.", "Lose my temper."), "Rarely get irritated."
    panels = [
        (2.65, "before: by topic", ((0.95, 0.75), (2.65, 0.75)), (3.0, 1.5)),
        (0.05, "after: by answers", ((1.1, 0.55), (1.45, 1.25)), (3.95, 1.35)),
    ]
    for y, title, pair, third in panels:
        ax.add_patch(Rectangle((0.05, y), 4.9, 2.15, fc="none", ec="0.75", lw=1.2))
        ax.text(0.2, y + 1.92, title, fontsize=14, weight="bold", va="center")
        for (px, py), text in zip((*pair, third), (*alike, turned), strict=True):
            color = RED if text == turned else BLUE
            ax.plot(px, y + py, "o", ms=13, color=color)
            ax.text(px, y + py - 0.28, text, fontsize=12.5, ha="center", va="center", color=color)
    y, _, ((left, low), (right, _)), (x, high) = panels[0]
    middle = (left + right) / 2
    for start, towards in ((left + 0.15, middle - 0.05), (right - 0.15, middle + 0.05)):
        arrow(ax, (start, y + low), (towards, y + low), color=BLUE, lw=2.5)
    ax.text(middle, y + low + 0.2, "pull", fontsize=13, color=BLUE, ha="center", va="center")
    arrow(ax, (x + 0.15, y + high), (x + 0.8, y + high), color=RED, lw=2.5)
    ax.text(x + 0.5, y + high + 0.2, "push", fontsize=13, color=RED, ha="center", va="center")
    return fig
