"""Figures of the slides of day 4, drawn from the course's own data and models."""

from dataclasses import replace
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from drawing import WIDE, figure

import besci
from besci import stats, survey
from besci.numbers import read_number
from besci.plots import COLORS

BLUE, RED, GREEN, PINK, *_ = COLORS
GREY = "0.35"
LOW = (WIDE[0], 4.2)  # for slides with more text
SCALE = np.arange(1, 8)
PARTY = "0 strong Democrat … 6 strong Republican"
BEGINNING = "Some people never answer surveys because they"
ASKED = "A coin is thrown twice. How likely are two heads?"
LETTERS = (
    "Half of 90 people answer a letter. How many do not answer? "
    "Complete this sentence and write nothing else: The answer is"
)
RIGHT = 45
PERSONA = "You are a 52-year-old person living in the United States in 1996."
SATISFACTION = survey.Question(
    "How satisfied are you with your life?",
    ["very dissatisfied", "rather dissatisfied", "neither", "rather satisfied", "very satisfied"],
    labels="letters",
)


@cache
def llm():
    return besci.LLM("smollm2-135m")


@cache
def people():
    return besci.load_data("survey")


def shares(answers):
    return answers.value_counts(normalize=True).reindex(SCALE, fill_value=0).to_numpy()


def tokens(ax, table, title, chosen=None):
    """Next tokens as horizontal bars, the chosen one marked."""
    rows = range(len(table))[::-1]
    bars = ax.barh(rows, table["probability"], color=BLUE, height=0.7)
    named = [t.strip() or repr(t).strip("'") for t in table["token"]]
    ax.set_yticks(rows, [t.replace("<|im_end|>", "end of text") for t in named])
    if chosen is not None:
        bars[chosen].set(color=RED, hatch="//", edgecolor="white")
        ax.text(table["probability"][chosen] + 0.02, rows[chosen], "drawn", color=RED, va="center")
    ax.set_title(title, fontsize=16, loc="left")
    ax.set(xlim=(0, 0.85), xlabel="probability")


@figure
def next_steps():
    """Three draws in a row: each drawn token changes what may come next."""
    fig, axes = plt.subplots(1, 3, figsize=LOW)
    text, rng = BEGINNING, np.random.default_rng(33)
    for ax in axes:
        table = llm().next_tokens(text, k=1000)
        drawn = np.searchsorted(table["probability"].cumsum(), rng.random())
        tokens(ax, table.head(6), "… because" + text.removeprefix(BEGINNING[:-5]), drawn)
        text += table["token"][drawn]
    return fig


@figure
def best_step():
    """A tree of two words: the better first word leads to the less probable answer."""
    fig, ax = plt.subplots(figsize=LOW)
    first = [("Rather", 0.55, 2.6, BLUE, "-"), ("Yes", 0.45, 0.6, RED, "--")]
    then = {
        "Rather": {"not": 0.40, "yes": 0.35, "so": 0.25},
        "Yes": {"(end)": 0.90, "but": 0.10},
    }
    for word, p, y, color, style in first:
        ax.plot([0, 1], [1.6, y], color=color, ls=style, lw=3)
        ax.text(0.42, (1.6 + y) / 2 + (0.1 if y > 1 else -0.3), f"{p:.2f}", color=color, ha="right")
        ax.text(1.05, y, word, va="center", fontsize=18)
        for k, (second, q) in enumerate(then[word].items()):
            end, ink = y + 0.6 - 0.6 * k, GREY if k else color
            ax.plot([1.5, 2], [y, end], color=ink, ls=style, lw=1 if k else 3)
            ax.text(2.05, end, f"{second}  {q:.2f}", va="center", fontsize=17)
            ax.text(3, end, f"{p:.2f} × {q:.2f} = {p * q:.3f}", va="center", color=ink)
    ax.text(4.1, 3.2, "greedy", color=BLUE, va="center", fontsize=18)
    ax.text(4.1, 1.2, "most probable", color=RED, va="center", fontsize=18)
    ax.set(xlim=(-0.05, 5), ylim=(0.2, 3.5))
    ax.axis("off")
    return fig


@figure
def temperature():
    """The answers of two groups of people, and what temperature would do to them."""
    fig, axes = plt.subplots(1, 3, figsize=LOW, sharey=True)
    groups = [("strong Democrats", 0, BLUE, "o-"), ("strong Republicans", 6, RED, "s--")]
    for ax, t in zip(axes, (0.5, 1, 4), strict=True):
        for name, party, color, style in groups:
            p = shares(people().query("party == @party")["self_placement"]) ** (1 / t)
            p /= p.sum()
            ax.plot(SCALE, p, style, color=color, lw=2.5, ms=9)
            if t == 1:
                ax.text(0.9, 0.84 if party else 0.76, name, color=color)
        ax.set_title(f"T = {t}", fontsize=17)
        ax.set(xticks=SCALE, xlabel="1 liberal … 7 conservative")
    axes[0].set_ylabel("share of answers")
    return fig


@figure
def template():
    """How the model goes on after a question as plain text, and after the same in its template."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    tokens(axes[0], llm().next_tokens(ASKED, k=5), "question as plain text")
    message = [{"role": "user", "content": ASKED}]
    tokens(axes[1], llm().next_tokens(message, k=5), "question in the chat template")
    return fig


@figure
def unread():
    """Two prompts whose order depends on what is done with answers that cannot be read."""
    fig, ax = plt.subplots(figsize=(WIDE[0], 3))
    counts = np.array([[30, 50, 20], [45, 10, 45]])
    starts = counts.cumsum(axis=1) - counts
    looks = [("right", GREEN, "", "white"), ("unread", "0.85", "//", "black")]
    looks += [("wrong", RED, "", "white")]
    for k, (name, color, hatch, ink) in enumerate(looks):
        ax.barh(
            [1, 0], counts[:, k], 0.6, starts[:, k], color=color, hatch=hatch, edgecolor="white"
        )
        for row, start, count in zip((1, 0), starts[:, k], counts[:, k], strict=True):
            text = ax.text(start + count / 2, row, f"{name}\n{count}", ha="center", va="center")
            text.set(color=ink, bbox={"fc": color, "ec": "none", "pad": 1.5})
    ax.set_yticks([1, 0], ["prompt A", "prompt B"], fontsize=17)
    ax.set(xlim=(0, 100), xlabel="of 100 answers")
    return fig


@figure
def samples():
    """What one and the same prompt gives when it is asked sixty times."""
    greedy = read_number(llm().chat(LETTERS, max_new_tokens=24, progress=False))
    drawn = llm().chat([LETTERS] * 60, max_new_tokens=24, temperature=0.7, seed=42, progress=False)
    numbers = [read_number(text, text.truncated) for text in drawn]
    read = [number for number in numbers if number == number]  # NaN was not read
    counts = {f"{number:g}": read.count(number) for number in sorted({*read, RIGHT})}
    names = [*counts, "unread"]
    fig, ax = plt.subplots(figsize=LOW)
    bars = ax.bar(names, [*counts.values(), len(numbers) - len(read)], color=BLUE)
    bars[-1].set(color="0.8", hatch="//", edgecolor="white")
    for number, whose, color in ((greedy, "greedy", RED), (RIGHT, "right", GREEN)):
        place = names.index(f"{number:g}".replace("nan", "unread"))
        bars[place].set_color(color)
        ax.text(place, bars[place].get_height() + 0.6, whose, color=color, ha="center", fontsize=17)
    ax.tick_params(axis="x", labelrotation=60)
    ax.set(ylabel="of 60 drawn answers", xlabel="number that was read")
    ax.margins(y=0.12)
    return fig


@figure
def vote():
    """Share of right votes by the number of samples, for three distributions of answers."""
    cases = [
        ("right .60, one rival .40", [0.6, 0.4], BLUE, "o-"),
        ("right .40, six rivals .10 each", [0.4] + [0.1] * 6, GREEN, "s--"),
        ("right .40, one rival .60", [0.4, 0.6], RED, "^:"),
    ]
    fig, ax = plt.subplots(figsize=LOW)
    rng, sizes = np.random.default_rng(0), np.arange(1, 42, 4)
    for name, p, color, style in cases:
        right = []
        for n in sizes:
            counts = rng.multinomial(n, p, 20_000)
            ties = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1)
            right.append(((counts[:, 0] == counts.max(axis=1)) / ties).mean())
        ax.plot(sizes, right, style, color=color, lw=2.5, ms=8)
        ax.text(42.5, right[-1], name, color=color, va="center")
    ax.set(xlim=(0, 61), ylim=(0, 1.03), xticks=[1, 9, 17, 25, 33, 41])
    ax.set(xlabel="samples that vote", ylabel="share of right votes")
    return fig


@figure
def readouts():
    """Exact probabilities of the options for one persona, and repeated samples drawn from them."""
    p = survey.exact(llm(), [PERSONA], SATISFACTION, progress=False).iloc[0].to_numpy()
    fig, axes = plt.subplots(1, 2, figsize=LOW, sharey=True)
    rng = np.random.default_rng(1)
    for ax, n in zip(axes, (20, 500), strict=True):
        ax.bar(range(5), p, color="0.85", edgecolor=GREY, width=0.8)
        drawn = rng.multinomial(n, p, 8) / n
        for k in range(5):
            ax.plot(k + np.linspace(-0.3, 0.3, 8), drawn[:, k], "o", color=RED, ms=7)
        ax.set_title(f"eight samples of {n} answers", fontsize=17)
        ax.set_xticks(range(5), list("ABCDE"))
        ax.set_xlabel("option")
    axes[0].set_ylabel("share")
    axes[1].text(0.8, 0.42, "bars: exact\ndots: drawn", color=GREY)
    return fig


@figure
def wrong_persons():
    """The humans' answers and the same answers dealt out at random: shares agree, groups do not."""
    truth, party = people()["self_placement"], people()["party"]
    dealt = truth.sample(frac=1, random_state=1).set_axis(truth.index)
    fig, (left, right) = plt.subplots(1, 2, figsize=LOW)
    looks = [("people", truth, BLUE, "o-", "", (4.2, 5.5))]
    looks += [("dealt out at random", dealt, RED, "s--", "//", (0.1, 4.6))]
    for k, (name, answers, color, style, hatch, spot) in enumerate(looks):
        places = SCALE + 0.4 * k - 0.2
        left.bar(places, shares(answers), 0.38, color=color, hatch=hatch, edgecolor="white")
        right.plot(answers.groupby(party).mean(), style, color=color, lw=2.5, ms=9)
        right.text(*spot, name, color=color)
    left.set(xticks=SCALE, xlabel="answer, 1 liberal … 7 conservative", ylabel="share")
    right.set(xlabel=PARTY, ylabel="mean answer", ylim=(2.8, 6))
    return fig


@figure
def distances():
    """Total variation as differences of shares, Wasserstein as the area between running totals."""
    human, even = shares(people()["self_placement"]), np.full(7, 1 / 7)
    fig, (left, right) = plt.subplots(1, 2, figsize=LOW)
    left.bar(SCALE, human, color="0.85", edgecolor=GREY)
    left.axhline(1 / 7, color=BLUE, lw=2.5, ls="--")
    for where, color, hatch in ((human > even, RED, "//"), (human <= even, GREEN, "\\\\")):
        low, gap = np.minimum(human, even)[where], np.abs(human - even)[where]
        left.bar(SCALE[where], gap, bottom=low, color=color, hatch=hatch, edgecolor="white")
    left.set_title(f"TV = {stats.total_variation(human, even):.2f}: half the marked heights")
    left.set(xticks=SCALE, xlabel="answer", ylabel="share")
    edges, totals = np.arange(1, 9), [np.append(p.cumsum(), 1) for p in (human, even)]
    right.fill_between(edges, *totals, step="post", color=PINK, alpha=0.5)
    for name, total, color, style, spot in (
        ("people", totals[0], GREY, "-", (4.2, 0.36)),
        ("all alike", totals[1], BLUE, "--", (1.3, 0.47)),
    ):
        right.step(edges, total, style, where="post", color=color, lw=2.5)
        right.text(*spot, name, color=color)
    right.set_title(f"Wasserstein = {stats.wasserstein(human, even):.2f}: the area")
    right.set(xlim=(1, 7.6), xticks=SCALE, xlabel="answer", ylabel="share up to here")
    return fig


@figure
def frame():
    """Distances of perfect simulations and of trivial guesses from the humans' distribution."""
    human = shares(people()["self_placement"])
    fig, ax = plt.subplots(figsize=LOW)
    rng = np.random.default_rng(0)
    for row, n, color, hatch in ((3, 944, BLUE, ""), (2, 90, GREEN, "//")):
        found = np.abs(rng.multinomial(n, human, 4000) / n - human).sum(axis=1) / 2
        count, edges = np.histogram(found, bins=24)
        heights = row + 0.75 * count / count.max()
        ax.stairs(heights, edges, baseline=row, fill=True, color=color, hatch=hatch, alpha=0.8)
        floor = stats.sampling_floor(human, n)
        ax.text(edges[-1] + 0.02, row + 0.3, f"floor {floor:.2f}", color=color, va="center")
    guesses = np.full(7, 1 / 7), np.eye(7)[human.argmax()]
    for row, guess in zip((1, 0), guesses, strict=True):
        tv = stats.total_variation(human, guess)
        ax.plot(tv, row + 0.3, "D", color=RED, ms=13)
        ax.text(tv + 0.03, row + 0.3, f"{tv:.2f}", color=RED, va="center")
    rows = ["perfect, for 944 people", "perfect, for 90 people", "all options alike"]
    ax.set_yticks(np.arange(4)[::-1] + 0.3, [*rows, "all give the most frequent"], fontsize=16)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, 0.85), ylim=(-0.2, 3.9), xlabel="total variation from the people")
    return fig


@figure
def flattening():
    """People's answers by party, and the best single guess for each: relation kept, spread lost."""
    table = people()
    truth, party = table["self_placement"], table["party"]
    guess = truth.groupby(party).transform("mean")
    fig, axes = plt.subplots(1, 2, figsize=LOW, sharey=True)
    aside, up = np.random.default_rng(0).uniform(-0.3, 0.3, (2, len(table)))
    dots = {"s": 9, "alpha": 0.4, "rasterized": True}
    axes[0].scatter(party + aside, truth + up, color=BLUE, **dots)
    axes[1].scatter(party + aside, guess, color=RED, **dots)
    ratio, r = guess.var() / truth.var(), stats.correlation(guess, truth)
    axes[0].set_title("people’s answers: variance ratio 1", fontsize=17)
    axes[1].set_title(f"mean of the party: {ratio:.2f}, and r = {r:.2f}", fontsize=17)
    for ax in axes:
        ax.set_xlabel(PARTY)
    axes[0].set(ylabel="answer", yticks=SCALE)
    return fig


@figure
def order():
    """The same options in two orders: shares by what an option says, and by where it stands."""
    given, turned = (
        survey.exact(llm(), [PERSONA], replace(SATISFACTION, order=order), progress=False).iloc[0]
        for order in ("given", "reversed")
    )
    fig, axes = plt.subplots(1, 2, figsize=LOW, sharey=True)
    words = ["very\ndissat.", "rather\ndissat.", "neither", "rather\nsatisf.", "very\nsatisf."]
    sides = [
        ("by what the option says", words, turned),
        ("by its letter", list("ABCDE"), turned[::-1]),
    ]
    for ax, (title, names, second) in zip(axes, sides, strict=True):
        ax.plot(range(5), given, "o-", color=BLUE, lw=2.5, ms=10)
        ax.plot(range(5), second, "s--", color=RED, lw=2.5, ms=9)
        ax.set_xticks(range(5), names)
        ax.set_title(title, fontsize=17)
    axes[0].set(ylabel="probability", ylim=(0, None))
    axes[1].text(0.7, 0.31, "given order", color=BLUE)
    axes[1].text(0.7, 0.27, "reversed (dashed)", color=RED)
    return fig


@figure
def coefficients():
    """One hundred squares: coefficients that differ, and those of them with the opposite sign."""
    fig, ax = plt.subplots(figsize=(WIDE[0], 3.6))
    differ, flip = 48, 15
    for k in range(100):
        x, y = k % 20, 4 - k // 20
        color, hatch = ("0.85", "") if k >= differ else (BLUE, "") if k >= flip else (RED, "//")
        ax.add_patch(plt.Rectangle((x, y), 0.88, 0.88, fc=color, hatch=hatch, ec="white"))
    ax.text(0, 5.3, "differ, opposite sign", color=RED, fontsize=17)
    ax.text(7.4, 5.3, "differ, same sign", color=BLUE, fontsize=17)
    ax.text(14.2, 5.3, "not told apart", color=GREY, fontsize=17)
    ax.set(xlim=(-0.2, 20.2), ylim=(-0.2, 6))
    ax.set_aspect("equal")
    ax.axis("off")
    return fig
