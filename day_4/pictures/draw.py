"""Pictures of the one idea of each notebook of day 4."""

from drawing import GREY, arrow, box, empty, figure

import besci
from besci.numbers import numbers_in, read_number
from besci.plots import COLORS

BLUE, RED, GREEN = COLORS[:3]


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
