"""Pictures of the one idea of each notebook of day 4."""

from functools import cache

import numpy as np
from drawing import GREY, arrow, box, empty, figure
from matplotlib.patches import Rectangle

import besci
from besci import survey
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]


@cache
def silicon():
    """(two people, what a model answers in their place): a strong Democrat, a strong Republican."""
    everyone = besci.load_data("survey")
    people = everyone.sort_values(["party", "education", "age"]).iloc[[0, -1]]
    options = everyone.set_index("self_placement")["self_placement_label"].to_dict()
    question = survey.Question(
        "Political views can be ordered from extremely liberal to extremely conservative. "
        "Where would you place yourself?",
        dict(sorted(options.items())),
    )
    llm = besci.LLM("recorded:qwen2.5-coder-1.5b")
    return people, survey.exact(llm, people["persona_party"], question, progress=False)


@figure
def silicon_sample():
    """Two rows of a survey become personas. For each, a language model gives a probability to each
    of seven answers, from liberal to conservative. What the person really answered is marked beside
    them. Then follow four tests: do the shares fit, the groups, the persons, the relations?"""
    fig, ax = empty((5, 5.3))
    people, answers = silicon()
    for x, words in ((0.95, "row → persona"), (3.85, "the model’s answer")):
        ax.text(x, 5.1, words, fontsize=13, weight="bold", ha="center", va="center")
    box(ax, 2.27, 2.35, 0.4, 2.35, "language model", GREEN, fontsize=13, rotation=90)
    for k, (row, p) in enumerate(zip(people.itertuples(), answers.to_numpy(), strict=True)):
        bottom = 3.55 - 1.25 * k
        lines = [f"age {row.age}", row.education_label, row.party_label]
        lines = [line[0].upper() + line[1:] for line in lines]
        for j, line in enumerate(lines):
            ax.text(0.05, bottom + 0.92 - 0.3 * j, line, fontsize=12, va="center")
        arrow(ax, (1.95, bottom + 0.6), (2.23, bottom + 0.6))
        arrow(ax, (2.71, bottom + 0.6), (2.99, bottom + 0.6))
        for option, share in enumerate(p, start=1):
            x = 2.82 + 0.27 * option
            ax.add_patch(Rectangle((x, bottom + 0.2), 0.2, 2.4 * share, fc=BLUE))
            ax.text(x + 0.1, bottom + 0.06, option, fontsize=11, ha="center", va="center")
        own = 2.92 + 0.27 * row.self_placement
        ax.plot(own, bottom + 0.38 + 2.4 * p[row.self_placement - 1], "D", ms=9, color=RED)
    ax.plot(0.3, 1.86, "D", ms=9, color=RED)
    ax.text(0.5, 1.86, "the answer of the person", fontsize=13, va="center")
    ax.plot([0.05, 4.95], [1.55, 1.55], color=GREY, lw=1)
    tests = ["all shares?", "groups?", "persons?", "relations?"]
    ax.text(2.5, 1.28, "Do they fit in …", fontsize=13, ha="center", va="center")
    for k, words in enumerate(tests):
        x, y = np.array([0.05, 2.55])[k % 2], 0.62 - 0.57 * (k // 2)
        box(ax, x, y, 2.4, 0.47, words, GREY, fontsize=13)
    return fig
