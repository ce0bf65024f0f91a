"""Pictures of the one idea of each notebook of day 1."""

from functools import cache

import torch
from drawing import GREY, arrow, box, empty, figure
from matplotlib.patches import Rectangle

import besci
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
PALE = "0.85"
SENTENCE = "I slept badly and everything annoys me."
PROMPT = "On my first day at work I felt so"


@cache
def llm():
    return besci.LLM("smollm2-135m")


def continued(text, tokens):
    """What the language model writes after the text, always taking the most probable token."""
    ids = llm().tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        for _ in range(tokens):
            best = llm().model(ids).logits[0, -1].argmax().reshape(1, 1)
            ids = torch.cat([ids, best], dim=1)
    return llm().tokenizer.decode(ids[0, -tokens:])


@figure
def three_pipelines():
    """One sentence goes into three pipelines. Feature extraction makes a list of numbers of it,
    text generation goes on writing, text classification gives each label a score."""
    fig, ax = empty((5, 4.6))
    box(ax, 0.05, 3.9, 4.9, 0.6, SENTENCE, fontsize=14)
    first = besci.embed(SENTENCE)[:3].round(2) + 0.0  # no −0.00
    numbers = ", ".join(f"{x:.2f}".replace("-", "−") for x in first)
    rows = [
        ("feature-extraction", BLUE, "numbers", f"[{numbers}, …]"),
        ("text-generation", RED, "text", f"…{continued(SENTENCE, 5)} …"),
        ("text-classification", GREEN, "scores of labels", None),
    ]
    for k, (task, color, kind, output) in enumerate(rows):
        y = 2.7 - 1.25 * k
        ax.plot([0.25, 0.25], [3.9, y + 0.35], color=GREY, lw=1.8)
        arrow(ax, (0.25, y + 0.35), (0.5, y + 0.35))
        box(ax, 0.5, y, 1.95, 0.7, task, color, fontsize=13)
        arrow(ax, (2.45, y + 0.35), (2.8, y + 0.35))
        ax.text(2.9, y + 0.72, kind, color=color, fontsize=13, weight="bold", va="center")
        if output:
            ax.text(2.9, y + 0.25, output, fontsize=13, va="center")
    for y, label, length in ((0.5, "negative", 0.95), (0.2, "positive", 0.15)):
        ax.text(2.9, y, label, fontsize=13, va="center")
        ax.add_patch(Rectangle((3.85, y - 0.09), length, 0.18, fc=GREEN))
    return fig


@figure
def next_token():
    """A text goes into the language model. Out comes a probability for each token that could be
    next. One token is chosen and put at the end of the text, and the model is asked again."""
    fig, ax = empty((5, 5))
    table = llm().next_tokens(PROMPT, k=5)
    chosen = table["token"][0].strip()
    ax.text(0.05, 4.72, PROMPT, fontsize=13, va="center")
    box(ax, 3.53, 4.5, 1.42, 0.44, chosen, RED, fontsize=13)
    arrow(ax, (2, 4.45), (2, 4.05))
    box(ax, 0.9, 3.4, 2.2, 0.62, "language model", GREEN, fontsize=14)
    arrow(ax, (2, 3.4), (2, 3.0))
    ax.text(0.05, 2.75, "a probability for each token", fontsize=14, va="center", weight="bold")
    for k, (token, p) in enumerate(table.itertuples(index=False)):
        y = 2.3 - 0.42 * k
        color = RED if k == 0 else BLUE
        ax.text(1.3, y, token.strip(), fontsize=14, ha="right", va="center", color=color)
        width = 1.7 * p / table["probability"][0]
        ax.add_patch(Rectangle((1.4, y - 0.14), width, 0.28, fc=color))
        ax.text(1.46 + width, y, f"{p:.2f}", fontsize=13, va="center")
    rest = len(llm().tokenizer) - len(table)
    ax.text(1.3, 0.18, "…", fontsize=14, ha="right", va="center")
    ax.text(1.4, 0.18, f"and {rest:,} others", fontsize=13, va="center", color=GREY)
    ax.plot([3.75, 4.3, 4.3], [2.3, 2.3, 3.0], color=RED, lw=1.8)
    arrow(ax, (4.3, 3.0), (4.3, 4.46), color=RED)
    ax.text(
        4.2, 3.4, "put it at\nthe end,\nask again", fontsize=13, ha="right", va="center", color=RED
    )
    return fig
