"""Pictures of the one idea of each notebook of day 4."""

from functools import cache
from pathlib import Path

import numpy as np
from drawing import GREY, arrow, box, empty, figure
from matplotlib.patches import Rectangle
from tokenizers import Tokenizer

import besci
from besci import survey
from besci.numbers import numbers_in, read_number
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]
ASKED = "How long do adults sleep?"
IN_TEMPLATE = f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"
ANSWER = "Seven to nine hours."


@figure
def prompt_to_answer():
    """Four steps from a question to an answer. The chat template makes one text of the messages,
    with marks that say who speaks. The tokenizer turns it into numbers. Generate adds numbers at
    the end, up to a stop token. Decode turns the new ones back into text."""
    fig, ax = empty((5, 6.3))
    tokenizer = Tokenizer.from_file(str(Path(besci.model_path("smollm2-135m"), "tokenizer.json")))
    prompt, new = (tokenizer.encode(text).ids for text in (IN_TEMPLATE, f"{ANSWER}<|im_end|>"))
    numbers = f"{prompt[0]}  {prompt[1]}  …  {prompt[-2]}  {prompt[-1]}"
    steps = [
        (5.75, 0.5, ASKED, BLUE, "chat template"),
        (4.1, 1.0, IN_TEMPLATE.strip(), BLUE, "tokenizer"),
        (2.95, 0.5, numbers, BLUE, "generate"),
        (1.45, 0.85, "", BLUE, "decode"),
        (0.05, 0.5, ANSWER, RED, None),
    ]
    for number, (y, height, text, color, name) in enumerate(steps, start=1):
        box(ax, 0.05, y, 4.9, height, text, color, fontsize=13)
        if name:
            below = y - steps[number][0] - steps[number][1]
            arrow(ax, (1.1, y - 0.05), (1.1, y - below + 0.05), color=GREEN)
            words = f"{number}  {name}"
            ax.text(1.4, y - below / 2, words, fontsize=14, weight="bold", va="center", color=GREEN)
    for y, ids, color in ((2.1, numbers, BLUE), (1.7, "  ".join(map(str, new)), RED)):
        ax.text(2.5, y, ids, fontsize=13, color=color, ha="center", va="center")
    ax.text(4.85, 1.2, "the last one says stop", fontsize=13, color=RED, ha="right", va="center")
    return fig


@figure
def padding_side():
    """Three prompts of four, two and six tokens in one batch. With the padding on the left every
    row ends with its prompt, and the reply begins right behind it. With the padding on the right
    two rows end with padding, and their replies begin behind tokens that mean nothing."""
    fig, ax = empty((5, 5.0))
    lengths, width, size = (4, 2, 6), 6, 0.42
    for top, side in ((4.75, "left"), (2.3, "right")):
        ax.text(0.1, top, f"padding on the {side}", fontsize=14, weight="bold", va="center")
        for row, length in enumerate(lengths):
            y = top - 0.75 - 0.52 * row
            empty_ones = range(width - length) if side == "left" else range(length, width)
            for place in range(width + 3):
                padded, new = place in empty_ones, place >= width
                color = "0.85" if padded else RED if new else BLUE
                spot = (0.1 + place * (size + 0.06) + 0.2 * new, y)
                ax.add_patch(Rectangle(spot, size, size, fc=color, hatch="//" if new else ""))
    for x, words, color in ((0.1, "prompt", BLUE), (1.25, "padding", "0.5"), (2.55, "reply", RED)):
        ax.text(x, 0.15, words, fontsize=14, color=color, weight="bold", va="center")
    return fig


@figure
def numeracy_twins():
    """Two problems share every word and differ in their numbers. Each has a right answer, and a
    lure that a tempting shortcut gives. A rule reads the number in a reply: it may be the right
    one, the lure, or none at all, where the reply was cut off."""
    fig, ax = empty((5, 5.3))
    items = besci.load_data("numeracy").set_index("item_id")
    twins = items.loc[["successive_changes_01", "successive_changes_02"]]
    words = "The price of … euros goes up by …%,\nlater the new price goes down by …%."
    box(ax, 0.05, 4.45, 4.9, 0.8, words, fontsize=14)
    for x, name in ((1.05, "numbers"), (2.75, "right"), (4.2, "lure")):
        ax.text(x, 4.15, name, fontsize=13, color=GREY, ha="center", va="center")
    for k, item in enumerate(twins.itertuples()):
        y = 3.5 - 0.6 * k
        price, up, down = numbers_in(item.question)
        box(ax, 0.05, y, 2.0, 0.45, f"{price:g} · {up:g}% · {down:g}%", GREY, fontsize=13)
        box(ax, 2.3, y, 0.95, 0.45, f"{item.answer:g}", GREEN, fontsize=13)
        box(ax, 3.75, y, 0.95, 0.45, f"{item.lure:g}", RED, fontsize=13)
    right, lure = twins.iloc[0][["answer", "lure"]]
    ax.text(0.05, 2.45, "replies to the first", fontsize=13, color=GREY, va="center")
    replies = [(f"Answer: {right:g}", False), (f"Answer: {lure:g} euros", False)]
    replies += [("After the first change it is", True)]
    for k, (reply, cut_off) in enumerate(replies):
        y = 1.75 - 0.8 * k
        number = read_number(reply, cut_off)
        kind, color = {right: ("right", GREEN), lure: ("lure", RED)}.get(number, ("unread", GREY))
        box(ax, 0.05, y, 2.75, 0.5, reply + " …" * cut_off, GREY, fontsize=13)
        arrow(ax, (2.85, y + 0.25), (3.25, y + 0.25))
        shown = f"{number:g}" if number == number else "–"
        ax.text(3.62, y + 0.25, shown, fontsize=13, ha="center", va="center")
        ax.text(
            4.5, y + 0.25, kind, fontsize=13, weight="bold", color=color, ha="center", va="center"
        )
    return fig


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
