"""Figures of the slides of day 1, drawn from the course's own data and models."""

import re
from collections import Counter
from functools import cache
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import HALF, WIDE, figure
from matplotlib.colors import ListedColormap
from matplotlib.patches import FancyBboxPatch, Rectangle

import besci
from besci import stats
from besci.models import entry
from besci.plots import COLORS

BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK = COLORS
GREY = "0.35"
PROMPT = "On my first day at work I felt so"
ITEMS = {
    "Anxiety": ["Am a worrier.", "Worry about things.", "Panic easily."],
    "Order": ["Like order.", "Keep things tidy.", "Leave a mess in my room."],
    "Trust": [
        "Trust what people say.",
        "Believe that others have good intentions.",
        "Feel that most people cant be trusted.",
    ],
}
# Old reasoning items in the public domain, and four of the same form that nobody has published.
REASONING = {
    "Socrates": (
        "All {0} are {1}. {2} is a {3}. Therefore, {2} is {1}.",
        "men mortal Socrates man",
        "nurses patient Maria nurse",
        "birds hungry Oscar bird",
        "judges careful Helen judge",
        "drivers tired Peter driver",
    ),
    "hen and a half": (
        "If a {0} and a half {1}s a {2} and a half in a {3} and a half, how many {2}s will six "
        "{0}s {1} in six {3}s?",
        "hen lay egg day",
        "cook bake cake week",
        "boy sell ticket year",
        "clerk type page minute",
        "nurse write report hour",
    ),
    "St. Ives": (
        "As I was {0} to St. {1}, I met a {2} with seven {3}. Each {4} had seven {5}s, each {5} "
        "had seven {6}s, each {6} had seven {7}s. {8}s, {6}s, {5}s, and {3}, how many were {0} to "
        "St. {1}?",
        "going Ives man wives wife sack cat kit Kit",
        "walking Mark cook knives knife bag cup pen Pen",
        "driving Paul boy sisters sister book map hole Hole",
        "riding Anne girl mares mare rug hat pin Pin",
        "running Luke clerk shelves shelf file page line Line",
    ),
}
CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Latvia": "Riga",
    "Turkey": "Ankara",
    "Australia": "Canberra",
    "Slovenia": "Ljubljana",
    "Bhutan": "Thimphu",
    "Burkina Faso": "Ouagadougou",
}


@cache
def llm():
    return besci.LLM("smollm2-135m")


@cache
def spoken():
    """Words of each participant's turns, by interview."""
    turns = besci.load_data("interviews").query("speaker == 'participant'")
    words = turns["text"].str.replace("’", "'").str.lower().str.findall(r"[a-z']+")
    return words.groupby(turns["interview"]).agg(list).to_dict()


@cache
def logits():
    """Logits (up to a constant) and names of all tokens after PROMPT, the most probable first."""
    table = llm().next_tokens(PROMPT, k=len(llm().tokenizer))
    return np.log(table["probability"].to_numpy()), table["token"].str.strip().tolist()


def surprise(sentence):
    """Tokens of the sentence from the second one on, and -log p of each given those before it."""
    ids = llm().tokenizer(sentence, return_tensors="pt").input_ids
    with torch.no_grad():
        log_p = llm().model(ids).logits[0, :-1].log_softmax(-1)
    tokens = [llm().tokenizer.decode([i]).strip() for i in ids[0, 1:]]
    return tokens, -log_p.gather(1, ids[0, 1:, None])[:, 0].numpy()


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def blank(size):
    """Axes without frame, from 0 to 100 by 0 to 100, for a drawing."""
    fig, ax = plt.subplots(figsize=size)
    ax.set(xlim=(0, 100), ylim=(0, 100))
    ax.axis("off")
    return fig, ax


def box(ax, x, y, width, height, text, color, size=15):
    style = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=1.5", fc="white", ec=color, lw=2
    )
    ax.add_patch(style)
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size)


def arrow(ax, start, end, color=GREY):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": 2, "color": color})


@figure
def one_picture():
    """From text through tokens and layers to a distribution, with the second exit below."""
    fig, ax = blank(WIDE)
    words = [w.strip() for w in map(llm().tokenizer.decode, llm().tokenizer(PROMPT).input_ids)]
    for i, word in enumerate(words):
        box(ax, 0.5, 90 - 10 * i, 13, 8, word, BLUE)
    ax.text(7, 4, "tokens", ha="center", va="center", color=BLUE)
    arrow(ax, (14, 60), (21, 60))
    depth = llm().model.config.num_hidden_layers
    for i in range(4):
        box(ax, 22 + 2 * i, 34 + 3 * i, 22, 48, "", GREEN)
    size = sum(p.numel() for p in llm().model.parameters()) / 1e6
    ax.text(39, 67, f"{depth} layers,\n{size:.0f} million\nweights", ha="center", va="center")
    arrow(ax, (51, 67), (58, 67))
    arrow(ax, (37, 33), (37, 22))
    numbers = llm().model.config.hidden_size
    box(ax, 20, 8, 34, 13, f"{numbers} numbers for each token", RED)
    ax.text(37, 2, "exit 1: features", ha="center", va="center", color=RED)
    p, tokens = np.exp(logits()[0][:7]), logits()[1][:7]
    for i, (token, value) in enumerate(zip(tokens, p, strict=True)):
        ax.add_patch(Rectangle((74, 89 - 9 * i), 24 * value / p[0], 6, color=BLUE))
        ax.text(73, 92 - 9 * i, token, ha="right", va="center")
    ax.text(79, 24, f"… and {len(llm().tokenizer) - 7:,} other tokens", ha="center", va="center")
    ends = "exit 2: a probability for every\nnext token, hence text"
    ax.text(79, 8, ends, ha="center", va="center", color=BLUE)
    return fig


@figure
def item_cosines():
    """Cosines of nine personality items, three of each of three scales."""
    items = [item for scale in ITEMS.values() for item in scale]
    points = besci.embed(items, progress=False)
    cosines = points @ points.T
    fig, ax = plt.subplots(figsize=WIDE)
    ax.imshow(cosines, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(cosines):
        color = "white" if value > 0.6 else "black"
        shown = "" if i == j else f"{value:.2f}".removeprefix("0")
        ax.text(j, i, shown, ha="center", va="center", color=color)
    ax.set_yticks(range(9), items)
    ax.set_xticks([1, 4, 7], ITEMS)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for edge in (2.5, 5.5):
        ax.axhline(edge, color="black", lw=1.5)
        ax.axvline(edge, color="black", lw=1.5)
    return fig


@figure
def equal_models():
    """Ten simulated models of the same ability on a test of 200 tasks, ranked by their score."""
    scores = np.sort(np.random.default_rng(1).binomial(200, 0.7, size=10))[::-1]
    fig, ax = plt.subplots(figsize=WIDE)
    for rank, score in enumerate(scores, 1):
        value, low, high = stats.accuracy(np.arange(200) < score)
        ax.plot([low, high], [rank, rank], color=GREY, lw=2)
        ax.plot(value, rank, "o", color=BLUE, ms=11)
        ax.text(0.805, rank, f"{value:.1%}", va="center")
    ax.axvline(0.7, color=RED, ls="--", lw=2)
    ax.text(0.702, 0.2, "what all ten can do", color=RED, va="center")
    ax.set(xlim=(0.55, 0.84), ylim=(10.6, -0.4), xlabel="share of 200 tasks solved, 95% interval")
    ax.set_yticks(range(1, 11), [f"rank {rank}" for rank in range(1, 11)])
    ax.xaxis.set_major_formatter("{x:.0%}")
    return fig


@figure
def familiar_items():
    """Surprise at three old reasoning items and at rewritten ones of the same form."""
    fig, ax = plt.subplots(figsize=WIDE)
    for row, (form, *words) in enumerate(REASONING.values()):
        texts = [form.format(*one.split()) for one in words]
        loss = np.log(llm().perplexity(texts, progress=False)["perplexity"].to_numpy())
        ax.plot(loss[1:], [row] * 4, "o", ms=14, mfc="none", mec=BLUE, mew=2.5)
        ax.plot(loss[0], row, "D", ms=14, color=RED)
        if row == 0:
            ax.text(loss[0], -0.35, "as published", ha="center", color=RED)
            ax.text(loss[1:].mean(), -0.35, "four rewritten", ha="center", color=BLUE)
    ax.set_yticks(range(3), REASONING)
    ax.set(ylim=(2.5, -0.6), xlabel="mean surprise per token")
    ax.grid(axis="y", color="0.85")
    return fig


@figure
def memory():
    """Weights and the cache of eight prompts beside the memory of a T4, all in 16 bits."""
    known = {key: entry(key) for key in ("qwen3-0.6b", "phi-3-mini", "qwen3-4b")}
    rows = {key: (model["parameters"], 8000 * model["kv_bytes"]) for key, model in known.items()}
    rows |= {"8 thousand\nmillion weights": (8e9, 0), "14 thousand\nmillion weights": (14e9, 0)}
    fig, ax = plt.subplots(figsize=HALF)
    for row, (parameters, cache_bytes) in enumerate(rows.values()):
        weights, kept = 2 * parameters / 2**30, cache_bytes / 2**30
        ax.barh(row, weights, color=BLUE, height=0.6)
        ax.barh(row, kept, left=weights, color=ORANGE, hatch="//", ec="white", height=0.6)
    ax.text(15.2, 0, "plain: weights", color=BLUE, va="center")
    ax.text(15.2, 0.6, "hatched: cache\nof 8 prompts of\n1,000 tokens", va="center")
    ax.axvline(14.5, color=BLACK, ls="--", lw=2)
    ax.text(14.9, -0.75, "usable on a T4", va="center")
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(4.6, -1), xlim=(0, 28), xlabel="GiB, 16 bits")
    return fig


@figure
def next_word():
    """What follows the word I in the interviews, counted."""
    turns = [turn for turns in spoken().values() for turn in turns]
    after = Counter(second for turn in turns for first, second in pairwise(turn) if first == "i")
    words, counts = zip(*after.most_common(9), strict=True)
    fig, ax = plt.subplots(figsize=HALF)
    ax.barh(range(9), np.array(counts) / after.total(), color=BLUE)
    ax.set_yticks(range(9), words)
    ax.set(ylim=(8.6, -0.6), xlabel=f"share of the {after.total()} words after “I”")
    return fig


@figure
def seen_contexts():
    """Share of contexts of one interview that occur in the other eleven, by length."""
    fig, ax = plt.subplots(figsize=WIDE)
    for n in range(1, 6):
        found = {
            who: [tuple(t[k : k + n]) for t in turns for k in range(len(t) - n)]
            for who, turns in spoken().items()
        }
        shares = []
        for who, own in found.items():
            others = set().union(*(c for other, c in found.items() if other != who))
            shares.append(np.mean([context in others for context in own]))
        ax.bar(n, np.mean(shares), color=SKY, width=0.6)
        ax.plot(np.linspace(n - 0.2, n + 0.2, 12), shares, "o", color=BLUE, ms=5)
        ax.text(n, max(shares) + 0.03, f"{np.mean(shares):.1%}", ha="center")
    ax.set_xticks(range(1, 6), ["1 word", "2 words", "3 words", "4 words", "5 words"])
    ax.set(ylim=(0, 1), xlabel="length of the context", ylabel="seen in the other interviews")
    ax.yaxis.set_major_formatter("{x:.0%}")
    return fig


@figure
def training():
    """Gradient descent on the weights of a bigram model, beside the loss of the counted table."""
    text = [word for turns in spoken().values() for turn in turns for word in [*turn, "."]]
    names = [word for word, _ in Counter(text).most_common(60)]
    place = {word: i for i, word in enumerate(names)}
    counts = np.zeros((60, 60))
    for first, second in pairwise(text):
        if first in place and second in place:
            counts[place[first], place[second]] += 1
    counts /= counts.sum()
    weights, loss = np.zeros((60, 60)), []
    for _ in range(3000):
        p = softmax(weights)
        loss.append(-(counts * np.log(p)).sum())
        weights += 20 * (counts - counts.sum(axis=1, keepdims=True) * p)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    counted = -(counts * np.log(np.where(counts > 0, share, 1))).sum()
    fig, ax = plt.subplots(figsize=WIDE)
    ax.semilogx(np.arange(1, 3001), loss, color=BLUE, lw=3)
    ax.axhline(counted, color=RED, ls="--", lw=2)
    ax.text(1, counted - 0.07, "loss of the counted table", color=RED, va="top")
    ax.text(4, 4.0, "before training all 60 words are equally likely", color=BLUE)
    ax.text(60, 2.95, "each step makes the loss a little smaller", color=BLUE)
    ax.set(xlabel="step of training", ylabel="loss: mean surprise", ylim=(2.2, 4.3))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return fig


@figure
def tokens():
    """Five short texts cut into the tokens that the model reads."""
    texts = {
        "English": "The patient slept well.",
        "German": "Die Patientin hat gut geschlafen.",
        "Finnish": "Potilas nukkui hyvin.",
        "a long word": "psychopharmacology",
        "a number": "12,480 sisters",
    }
    fig, ax = blank(WIDE)
    for row, (name, text) in enumerate(texts.items()):
        ids = llm().tokenizer(text, add_special_tokens=False).input_ids
        x, y = 17, 84 - 20 * row
        ax.text(0, y + 5, name, va="center", color=GREY)
        for i, one in enumerate(ids):
            piece = llm().tokenizer.decode([one]).replace(" ", "␣")
            width = 1.55 * len(piece) + 1.2
            box(ax, x, y, width, 11, "", (BLUE, RED)[i % 2])
            middle = {"ha": "center", "va": "center", "family": "DejaVu Sans Mono"}
            ax.text(x + width / 2, y + 5, piece, **middle)
            x += width + 0.7
        ax.text(100, y + 5, f"{len(ids)} tokens", ha="right", va="center")
    return fig


@figure
def masks():
    """Which positions may be looked at: only earlier ones, or both sides of a gap."""
    words, gap = ["I", "forgot", "my", "keys", "again"], ["I", "forgot", "my", "▢", "again"]
    fig, (back, both) = plt.subplots(1, 2, figsize=WIDE)
    for ax, shown, allowed in ((back, words, np.tri(5)), (both, gap, np.ones((5, 5)))):
        ax.imshow(allowed, cmap=ListedColormap(["0.93", SKY]), vmin=0, vmax=1)
        rows, columns = np.nonzero(allowed)
        ax.plot(columns, rows, "o", color=BLUE, ms=9)
        ax.set_xticks(range(5), shown)
        ax.set_yticks(range(5), shown)
        ax.set_xticks(np.arange(0.5, 5), minor=True)
        ax.set_yticks(np.arange(0.5, 5), minor=True)
        ax.grid(which="minor", color="white", lw=2)
        ax.tick_params(which="both", length=0)
        ax.spines[:].set_visible(False)
        ax.set_xlim(-0.5, 6.7)
        ax.set_xlabel("looked at", loc="left")
    back.set(title="next token: look back", ylabel="looking")
    both.set(title="gap: look both ways")
    for i, word in enumerate([*words[1:], "…"]):
        back.text(4.7, i, f"→ {word}", va="center", color=RED)
    both.text(4.7, 3, "→ keys", va="center", color=RED)
    return fig


@figure
def surprise_of_words():
    """Surprise at each token of a sentence with two endings."""
    start = "The therapist asked me to lie down on the"
    usual, losses = surprise(f"{start} couch.")
    strange = surprise(f"{start} piano.")[1]
    fig, ax = plt.subplots(figsize=WIDE)
    last = len(usual) - 2
    ax.bar(range(last), losses[:last], color=SKY, width=0.6)
    ax.bar(last - 0.2, losses[last], color=SKY, width=0.4)
    ax.bar(last + 0.2, strange[last], color=RED, hatch="//", ec="white", width=0.4)
    ax.text(last + 0.2, strange[last] + 0.4, "piano", ha="center", color=RED)
    ax.text(last - 0.05, losses[last] + 0.4, "couch", ha="right", color=BLUE)
    ax.set_xticks(range(last + 1), [*usual[:last], "…"])
    ax.set_ylabel("surprise, −log p")
    return fig


@figure
def temperature():
    """One distribution at three temperatures, and where top-p cuts it."""
    z, names = logits()
    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE)
    for t, color, marker in [(0.5, RED, "s"), (1, BLUE, "o"), (2, GREEN, "^")]:
        p = softmax(z / t)
        left.semilogx(p[:8], range(8), marker=marker, color=color, ms=10, lw=1.5)
        left.text(p[0] / t, -0.5, f"T = {t}", color=color, ha="center")
    left.set_yticks(range(8), names[:8])
    left.set(ylim=(7.5, -1), xlim=(5e-4, 4), xlabel="probability")
    left.xaxis.set_major_formatter("{x:g}")
    total = softmax(z).cumsum()
    right.semilogx(np.arange(1, len(z) + 1), total, color=BLUE, lw=3)
    for share, color, marker, sign in ((0.5, ORANGE, "s", "■"), (0.9, PINK, "^", "▲")):
        n = int((total < share).sum()) + 1
        right.plot([0.7, n, n], [share, share, 0], color=color, lw=2, ls="--")
        right.plot(n, share, marker, color=color, ms=11)
        right.text(300, share - 0.1, f"{sign} top-p = {share}:\n{n:,} tokens", va="center")
    right.set(xlabel="tokens, most probable first", ylabel="probability together")
    right.set(xlim=(0.7, 1e5), ylim=(0, 1.03))
    right.set_xticks([1, 10, 100, 1000, 10000], ["1", "10", "100", "1,000", ""])
    return fig


@figure
def draws():
    """Share of Yes among draws, with several seeds, beside the exact probability."""
    asked = "Can most people be trusted? Answer yes or no."
    p = llm().choose([asked], ["Yes", "No"], progress=False)["Yes"].iloc[0]
    fig, ax = plt.subplots(figsize=WIDE)
    n = np.unique(np.geomspace(1, 500, 90).astype(int))
    for seed in range(8):
        yes = np.random.default_rng(seed).random(500) < p
        ax.semilogx(n, yes.cumsum()[n - 1] / n, color=BLUE, alpha=0.55, lw=1.8)
        ax.plot(0.88 + 0.035 * seed, yes[0], "o", color=BLUE, ms=9, mfc="white", mew=2)
    ax.axhline(p, color=RED, ls="--", lw=2)
    ax.text(500, p + 0.03, "exact probability", color=RED, ha="right")
    ax.text(1.35, 0.9, "eight first draws: each is a Yes or a No", va="center")
    ax.set(xlabel="number of draws", ylabel="share of Yes so far", ylim=(-0.05, 1.05))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return fig


def written(prompt, most=6):
    """The name with which the model goes on, taking the most probable token each time."""
    text = prompt
    for _ in range(most):
        token = llm().next_tokens(text, k=1)["token"][0]
        if not re.fullmatch(r"\s?\w+", token) or (text != prompt and token[0] == " "):
            break
        text += token
    return text.removeprefix(prompt).strip()


@figure
def facts():
    """Capitals: the probability of the right name, and of the one that the model writes."""
    fig, ax = plt.subplots(figsize=WIDE)
    for row, (country, right) in enumerate(CAPITALS.items()):
        prompt = f"The capital of {country} is"
        name = written(prompt)
        texts = [prompt, f"{prompt} {right}", f"{prompt} {name}"]
        log_prob = llm().perplexity(texts, progress=False)["log_prob"].to_numpy()
        p_right, p_written = np.exp(log_prob[1:] - log_prob[0])
        ax.plot([p_right, p_written], [row, row], color="0.7", lw=2, zorder=0)
        ax.plot(p_right, row, "o", color=BLUE, ms=13)
        ax.text(1.4, row, f"writes “{name}”", va="center", color=BLUE if name == right else RED)
        if name != right:
            ax.plot(p_written, row, "X", color=RED, ms=13)
            ax.text(p_right, row - 0.32, right, ha="center", va="center", color=BLUE, fontsize=14)
    ax.text(1.5e-4, 0, "● right name", va="center", color=BLUE)
    ax.text(1.5e-4, 1, "✕ another name, which the model writes", va="center", color=RED)
    ax.set_xscale("log")
    ax.set_yticks(range(len(CAPITALS)), CAPITALS)
    ax.set(xlim=(1e-4, 30), ylim=(7.6, -0.7))
    ax.set_xlabel("probability of the name after “The capital of … is”")
    ax.set_xticks([0.001, 0.01, 0.1, 1], ["0.001", "0.01", "0.1", "1"])
    return fig
