"""Pictures of the one idea of each notebook of day 3."""

import textwrap

import numpy as np
from drawing import GREY, arrow, box, empty, figure
from matplotlib.patches import Rectangle
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

import besci
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
PALE = "0.8"
DOT = {"marker": "o", "ls": ""}
RING = DOT | {"ms": 11, "mfc": "none", "mec": "black", "mew": 1.8}
SENTENCE = (
    "Georgia politicians toasted their own tax cuts at a Macon bakery whose 22 employees have no "
    "health insurance."
)


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
def label_probabilities():
    """Codebook, question and a sentence go into a language model. Out comes a probability for
    each label, and what is left for all other answers. The two labels are compared with each
    other, and a threshold, which is yours, turns their share into a decision."""
    fig, ax = empty((5, 5.3))
    prompt = f"{besci.path('media_bias_codebook.txt').read_text('utf-8').strip()}\n\n"
    llm = besci.LLM("recorded:qwen2.5-coder-1.5b")
    choice = llm.choose(f"{prompt}Sentence: {SENTENCE}", ["neutral", "slanted"], progress=False)
    p = np.exp(choice.attrs["log_prob"][0])
    box(ax, 0.05, 4.78, 4.9, 0.46, "codebook and question", GREY, fontsize=14)
    words = "“Georgia politicians toasted their own\ntax cuts at a Macon bakery whose 22\n"
    words += "employees have no health insurance.”"
    box(ax, 0.05, 3.72, 4.9, 0.96, words, BLUE, fontsize=13)
    arrow(ax, (1.3, 3.7), (1.3, 3.42))
    box(ax, 0.2, 2.86, 2.2, 0.54, "language model", GREEN, fontsize=14)
    ax.text(2.6, 3.13, "a probability\nfor each answer", fontsize=13, va="center")
    arrow(ax, (1.3, 2.84), (1.3, 2.56))
    rows = [("neutral", p[0], BLUE), ("slanted", p[1], RED), ("all others", 1 - p.sum(), GREY)]
    for k, (label, probability, color) in enumerate(rows):
        y = 2.35 - 0.36 * k
        ax.text(1.3, y, label, fontsize=14, ha="right", va="center", color=color)
        width = 2.4 * probability
        ax.add_patch(Rectangle((1.4, y - 0.13), width, 0.26, fc=color))
        ax.text(1.46 + width, y, f"{probability:.2f}", fontsize=13, va="center")
    ax.plot([4.05, 4.15, 4.15, 4.05], [2.46, 2.46, 1.88, 1.88], color=GREY, lw=1.8)
    ax.text(4.25, 2.17, "mass\n" + f"{p.sum():.2f}", fontsize=13, va="center")
    share = float(choice["slanted"].iloc[0])
    ax.text(0.05, 1.17, "of the two, the share of slanted", fontsize=13, va="center")
    ax.plot([0.2, 4.8], [0.68, 0.68], color=GREY, lw=1.8)
    for end, x, side in (("0", 0.2, "center"), ("1", 4.8, "center")):
        ax.plot([x, x], [0.6, 0.76], color=GREY, lw=1.8)
        ax.text(x, 0.4, end, fontsize=13, ha=side, va="center")
    ax.plot([2.5, 2.5], [0.5, 0.86], color=GREY, lw=1.8, ls="--")
    ax.text(2.5, 0.3, "threshold: yours", fontsize=13, ha="center", va="center", color=GREY)
    ax.plot([0.2 + 4.6 * share], [0.68], "D", color=RED, ms=11)
    ax.text(0.2 + 4.6 * share, 0.93, f"{share:.2f}", fontsize=13, ha="center", va="center")
    return fig


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


@figure
def features():
    """An embedding model turns two sentences, one neutral and one slanted, into lists of numbers,
    which are points. A logistic regression draws a line: most slanted sentences lie to its right,
    most neutral ones to its left, and some lie on the wrong side."""
    fig, ax = empty((5, 5.4))
    train = besci.load_data("media_bias_train")
    slanted, vectors = (train["label"] == "slanted").to_numpy(), besci.embed(train["text"])
    folds = {"groups": train["event_id"], "cv": GroupKFold(5), "method": "decision_function"}
    side = cross_val_predict(LogisticRegression(), vectors, slanted, **folds)
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    other = centred @ (axes[0] * np.sign(axes[0, 0]))
    for top, color, mine in ((5.2, BLUE, ~slanted), (4.35, RED, slanted)):
        k = train["text"][mine].str.len().idxmin()
        text = "\n".join(textwrap.wrap(train["text"][k], 30)[:3])
        ax.text(0.05, top, text, fontsize=12, color=color, va="top")
        arrow(ax, (2.9, top - 0.25), (3.2, top - 0.25))
        numbers = ", ".join(minus(x) for x in vectors[k][:2])
        ax.text(3.27, top - 0.25, f"[{numbers}, …]", fontsize=12, va="center")
    arrow(ax, (4.2, 3.85), (4.2, 3.5))
    ax.add_patch(Rectangle((0.05, 0.05), 4.9, 3.4, fc="none", ec="0.75", lw=1.2))
    shown = np.random.default_rng(0).permutation(len(train))[:90]
    x, y = 2.5 + 0.75 * side[shown] / side.std(), 1.55 + 0.5 * other[shown] / other.std()
    inside = (abs(x - 2.5) < 2.3) & (abs(y - 1.55) < 1.4)
    for mine, color in ((~slanted[shown], BLUE), (slanted[shown], RED)):
        ax.plot(x[inside & mine], y[inside & mine], ms=8, color=color, alpha=0.75, **DOT)
    ax.plot([2.5, 2.5], [0.15, 3.0], color="black", lw=2, ls="--")
    for place, words, color in ((1.25, "called neutral", BLUE), (3.75, "called slanted", RED)):
        ax.text(
            place, 3.2, words, fontsize=14, weight="bold", color=color, ha="center", va="center"
        )
    return fig


@figure
def fine_tuning_a_classifier():
    """A sentence goes up through the tokenizer, the layers of MiniLM and a new head, which gives
    slanted and neutral a probability each. The gold label says how wrong that was, and the
    correction goes back down, through the head into all layers."""
    fig, ax = empty((5, 5.2))
    steps = [
        (0.75, "word embeddings: frozen", PALE),
        (1.7, "MiniLM: 6 layers, pretrained", BLUE),
        (2.95, "new head, random at first", RED),
    ]
    ax.text(1.85, 0.25, "“At last a mayor with a spine.”", fontsize=13, ha="center", va="center")
    for low, words, color in steps:
        height = 0.8 if color == BLUE else 0.5
        box(ax, 0.2, low, 3.3, height, words, color, fontsize=13)
    for start, end in ((0.42, 0.75), (1.25, 1.7), (2.5, 2.95), (3.45, 3.9)):
        arrow(ax, (1.2, start), (1.2, end))
    ax.text(1.85, 4.1, "probability of slanted and neutral", fontsize=13, ha="center", va="center")
    ax.text(1.85, 4.95, "gold label: slanted", fontsize=13, weight="bold", ha="center", va="center")
    arrow(ax, (1.85, 4.78), (1.85, 4.3), arrowstyle="<|-|>")
    ax.text(2.0, 4.54, "loss: how wrong?", fontsize=12, va="center")
    ax.plot([3.6, 4.2, 4.2], [4.54, 4.54, 2.1], color=RED, lw=2.5)
    for height in (3.2, 2.1):
        arrow(ax, (4.2, height), (3.55, height), color=RED, lw=2.5)
    ax.text(4.32, 3.3, "correction", fontsize=13, color=RED, rotation=270, ha="left", va="center")
    return fig
