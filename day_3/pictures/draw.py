"""Pictures of the one idea of each notebook of day 3."""

import numpy as np
from drawing import GREY, arrow, box, empty, figure
from matplotlib.patches import Rectangle

import besci
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
SENTENCE = (
    "Georgia politicians toasted their own tax cuts at a Macon bakery whose 22 employees have no "
    "health insurance."
)


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
