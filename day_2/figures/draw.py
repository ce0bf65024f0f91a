"""Figures of the slides of day 2, drawn from the course's own data and models."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import HALF, WIDE, figure
from matplotlib.colors import LinearSegmentedColormap
from sklearn.feature_extraction.text import TfidfVectorizer
from transformers import AutoModel, AutoTokenizer

import besci
from besci import stats
from besci.plots import COLORS

BLUE, RED, GREEN, _, _, SKY, BLACK = COLORS
SHADES = LinearSegmentedColormap.from_list("shades", [RED, "white", BLUE])
WORDS = ["nurse", "doctor", "teacher", "parent", "senator", "lawmaker"]
COMPANY = ["hospital", "patient", "school", "student", "bill", "voted"]
TRAIT = [
    "Nora is quiet and reserved with strangers.",
    "At parties he seems shy and reserved.",
    "My reserved uncle rarely talks about feelings.",
    "Friendly but reserved, she lets others speak first.",
]
BOOKING = [
    "We reserved a table for six people.",
    "This seat is reserved for the speaker.",
    "He reserved two rooms in the hotel.",
    "The front row was reserved for parents.",
]
QUESTIONS = {
    "How can I fall asleep faster?": "Keep the\nroom dark.",
    "Why do people obey orders?": "Refusing\ntakes courage.",
    "What does a p value tell?": "How surprising\nthe data are.",
    "How do I calm a crying baby?": "Hold the\nchild close.",
}


def number(value):
    """Two decimals, without the zero before the point and with a real minus."""
    return f"{value:.2f}".replace("-0.", "-.").removeprefix("0").replace("-", "−")


def grid(ax, values, rows, columns, text=number, most=1.0, size=16):
    """A table as shaded cells with the numbers in them."""
    ax.imshow(values, cmap=SHADES, vmin=-most, vmax=most, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        color = "white" if abs(value) > 0.7 * most else "black"
        ax.text(j, i, text(value), ha="center", va="center", color=color, fontsize=size)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


@cache
def meetings():
    """(6, 6) numbers of sentences with both words, and (6, 6) among the words of the rows."""
    texts = besci.load_data("media_bias_train")["text"].str.lower()

    def found(word):
        return texts.str.contains(rf"\b{word}s?\b").to_numpy()

    own, other = np.array([*map(found, WORDS)]) * 1, np.array([*map(found, COMPANY)]) * 1
    return own @ other.T, own @ own.T


def ppmi(counts):
    expected = np.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    with np.errstate(divide="ignore"):
        return np.log2(counts / expected).clip(min=0)


def unit(vectors):
    vectors = np.asarray(vectors, dtype=float)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@figure
def counts():
    table, _ = meetings()
    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE)
    grid(left, table, WORDS, COMPANY, lambda v: str(int(v)), most=16)
    grid(right, ppmi(table), WORDS, COMPANY, most=2.6)
    right.set_yticks([])
    left.set_title("sentences with both words", fontsize=17)
    right.set_title("positive PMI", fontsize=17)
    for ax in (left, right):
        ax.tick_params(axis="x", rotation=35)
    return fig


@figure
def axes():
    table, together = meetings()
    left_side, length, _ = np.linalg.svd(ppmi(table))
    points = (left_side * length)[:, :3]
    points *= np.sign(points[np.abs(points).argmax(0), range(3)])
    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE, width_ratios=[1, 1.15])
    grid(left, points, WORDS, ["axis 1", "axis 2", "axis 3"], most=2.6)
    before, after = (unit(x) @ unit(x).T for x in (ppmi(table), points))
    shown = [(0, 1), (2, 3), (4, 5), (0, 4)]
    for row, (i, j) in enumerate(shown[::-1]):
        right.plot([before[i, j], after[i, j]], [row, row], color="0.6", lw=2, zorder=1)
        right.scatter(before[i, j], row, s=130, fc="white", ec=RED, lw=2.5, zorder=2)
        right.scatter(after[i, j], row, s=130, color=BLUE, marker="s", zorder=2)
    sentences = [
        f"{WORDS[i]}, {WORDS[j]}\n(shared sentences: {together[i, j]})" for i, j in shown[::-1]
    ]
    right.set_yticks(range(4), sentences)
    right.set(xlim=(-0.1, 1.1), ylim=(-0.6, 3.9), xlabel="cosine of the two words")
    right.text(before[0, 1], 3.3, "whole table", color=RED, ha="center")
    right.text(after[0, 1], 3.3, "three axes", color=BLUE, ha="center")
    return fig


@figure
def one_step():
    names, seen = ["rain", "hospital", "bill"], 0
    contexts = np.array([[1.3, 0.4], [-0.9, 0.9], [-0.5, -1.1]])

    def chances(v):
        return np.exp(contexts @ v) / np.exp(contexts @ v).sum()

    old = np.array([0.1, 0.5])
    new = old + 0.8 * (contexts[seen] - chances(old) @ contexts)
    fig, (plane, bars) = plt.subplots(1, 2, figsize=(11, 4))
    for name, place in zip(names, contexts, strict=True):
        plane.plot(*place, "s", ms=12, color=RED)
        plane.annotate(name, place, (0, 12), textcoords="offset points", ha="center", color=RED)
    plane.annotate("", new, old, arrowprops={"arrowstyle": "-|>", "lw": 3, "color": BLUE})
    plane.plot(*old, "o", ms=12, color=BLUE)
    plane.annotate("mirl", old, (-12, -6), textcoords="offset points", ha="right", color=BLUE)
    plane.set(xlim=(-1.7, 1.9), ylim=(-1.5, 1.5), xticks=[], yticks=[])
    for shift, place, name, style in ((-0.2, old, "before", "white"), (0.2, new, "after", BLUE)):
        found, at = chances(place), np.arange(3) + shift
        bars.bar(at, found, 0.38, fc=style, ec=BLUE, lw=2)
        bars.text(at[0], found[0] + 0.02, name, ha="center", color=BLUE)
    bars.set_xticks(range(3), ["rain\n(occurred)", *names[1:]])
    bars.set(ylabel="chance given to it", ylim=(0, 1))
    return fig


@figure
def angle():
    ends = {
        "2a = (8, 6)": (8, 6),
        "a = (4, 3)": (4, 3),
        "b = (3, 4)": (3, 4),
        "c = (−3, 4)": (-3, 4),
    }
    looks = [(SKY, ":"), (BLUE, "-"), (RED, "-"), (GREEN, "-")]
    shifts = [(-4, 10), (46, -16), (-6, 12), (0, 12)]
    fig, ax = plt.subplots(figsize=(6, 3.7))
    for (name, end), (color, line), shift in zip(ends.items(), looks, shifts, strict=True):
        arrow = {"arrowstyle": "-|>", "lw": 3, "ls": line, "color": color, "shrinkA": 0}
        ax.annotate("", end, (0, 0), arrowprops=arrow | {"shrinkB": 0})
        ax.annotate(name, end, shift, textcoords="offset points", color=color, ha="center")
    ax.axhline(0, color="0.8", lw=1)
    ax.axvline(0, color="0.8", lw=1)
    ax.set(xlim=(-4.6, 9.4), ylim=(-0.8, 7.6), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return fig


@figure
def weighted_mean():
    values = np.array([[2, 2], [1, 0], [0, 4]])
    weights = np.exp([1, 0, 2]) / np.exp([1, 0, 2]).sum()
    mean = weights @ values
    fig, ax = plt.subplots(figsize=HALF)
    ax.fill(*values.T, color=SKY, alpha=0.15)
    ax.scatter(*values.T, s=1400 * weights, color=BLUE, zorder=2)
    labels = [("reserved", (16, 0)), ("a", (14, 0)), ("table", (24, -4))]
    for (name, shift), place in zip(labels, values, strict=True):
        ax.annotate(name, place, shift, textcoords="offset points", va="center", color=BLUE)
    ax.annotate("", mean, values[0], arrowprops={"arrowstyle": "-|>", "lw": 2, "color": RED})
    ax.plot(*mean, "D", ms=12, color=RED, zorder=3)
    ax.annotate("the mean", mean, (-10, -24), textcoords="offset points", ha="center", color=RED)
    ax.set(xlim=(-0.5, 2.9), ylim=(-0.5, 4.6))
    ax.set(xlabel="coordinate 1: shyness", ylabel="coordinate 2: booking")
    return fig


@cache
def minilm():
    folder = besci.model_path("minilm")
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def word_points(word, sentences):
    """(2, n, d) unit vectors of the word: before the first layer, after the last."""
    tokenizer, model = minilm()
    wanted, found = tokenizer.convert_tokens_to_ids(word), []
    for sentence in sentences:
        inputs = tokenizer(sentence, return_tensors="pt")
        place = inputs.input_ids[0].tolist().index(wanted)
        with torch.no_grad():
            states = model(**inputs, output_hidden_states=True).hidden_states
        found.append([states[0][0, place].numpy(), states[-1][0, place].numpy()])
    return np.stack([unit(layer) for layer in np.swapaxes(found, 0, 1)])


@figure
def senses():
    first, last = word_points("reserved", TRAIT + BOOKING)
    center = last.mean(axis=0)
    plane = np.linalg.svd(last - center)[2][:2].T
    plane[:, 0] *= np.sign(((last[4:].mean(0) - last[:4].mean(0)) @ plane)[0])
    fig, both = plt.subplots(1, 2, figsize=WIDE, sharex=True, sharey=True)
    titles = ("before the first layer", "after the sixth layer")
    for ax, points, title in zip(both, (first - first.mean(0), last - center), titles, strict=True):
        flat = points @ plane
        ax.scatter(*flat[:4].T, s=160, color=BLUE, marker="o", alpha=0.8)
        ax.scatter(*flat[4:].T, s=160, color=RED, marker="^", alpha=0.8)
        ax.set_title(title, fontsize=17)
        ax.set(xticks=[], yticks=[])
    for group, color, name in ((flat[:4], BLUE, "a trait"), (flat[4:], RED, "a booking")):
        both[1].text(group[:, 0].mean(), -0.42, name, color=color, ha="center", fontsize=17)
    both[0].text(0, 0.2, "all eight sentences", ha="center")
    both[0].set(xlim=(-0.55, 0.55), ylim=(-0.5, 0.5))
    return fig


@figure
def batch():
    cosines = (
        besci.embed(list(QUESTIONS))
        @ besci.embed([answer.replace("\n", " ") for answer in QUESTIONS.values()]).T
    )
    fig, ax = plt.subplots(figsize=(11, 4.4))
    grid(ax, cosines, list(QUESTIONS), list(QUESTIONS.values()), most=0.8, size=18)
    for k in range(4):
        ax.add_patch(plt.Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, ec=RED, lw=4, zorder=3))
    ax.xaxis.tick_top()
    return fig


@cache
def generator():
    return besci.LLM("smollm2-135m")


def pooled(text):
    """(d,) mean of the last hidden states of a model that only learned to continue text."""
    llm = generator()
    inputs = llm.tokenizer(text, return_tensors="pt").to(llm.device)
    with torch.no_grad():
        states = llm.model(**inputs, output_hidden_states=True).hidden_states[-1]
    return states[0].mean(dim=0).float().cpu().numpy()


@figure
def cone():
    texts = besci.load_data("media_bias_train").drop_duplicates("topic")["text"].tolist()
    raw = np.stack([pooled(text) for text in texts])
    rows = {
        "sentence\nembedder": (besci.embed(texts), BLUE),
        "language model,\nmean removed": (raw - raw.mean(axis=0), GREEN),
        "language\nmodel": (raw, RED),
    }
    fig, ax = plt.subplots(figsize=WIDE)
    for at, (vectors, color) in enumerate(rows.values()):
        cosines = stats.pairs(unit(vectors) @ unit(vectors).T)
        height, edges = np.histogram(cosines, np.linspace(-0.6, 1, 65))
        ax.stairs(at + 0.8 * height / height.max(), edges, baseline=at, fill=True, color=color)
    ax.axvline(0, color=BLACK, ls="--", lw=1.2)
    ax.set_yticks(np.arange(3) + 0.3, list(rows))
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(-0.6, 1), xlabel="cosine of two sentences about different topics")
    return fig


@figure
def matched():
    probes = besci.load_data("probes")
    others = ["antonym", "negation", "paraphrase"]
    fig, ax = plt.subplots(figsize=WIDE)
    for shift, model, color, mark in ((0.17, "minilm", RED, "s"), (-0.17, "mpnet", BLUE, "o")):
        pair = (besci.embed(probes[column], model) for column in ("base", "sentence"))
        table = probes.assign(cosine=np.prod([*pair], axis=0).sum(axis=1))
        cosine = table.pivot(index="base", columns="relation", values="cosine")
        for row, other in enumerate(others[::-1]):
            e = stats.bootstrap(np.mean, cosine["synonym"] - cosine[other], draws=1000)
            at = row + shift
            ax.plot([e.low, e.high], [at, at], "|-", ms=14, mew=3, lw=3, color=color)
            ax.plot(e.value, at, mark, ms=11, color=color, label=model if row == 0 else None)
    ax.axvline(0, color=BLACK, ls="--", lw=1.2)
    held = ["same words", "about the same words", "same meaning"]
    names = [f"synonym − {other}\n({text})" for other, text in zip(others, held, strict=True)]
    ax.set_yticks(range(3), names[::-1])
    ax.set(ylim=(-0.6, 2.6), xlabel="difference of cosines with the base sentence, 95 % interval")
    ax.legend(loc="lower center", frameon=False)
    return fig


@cache
def personality():
    """Items, (4000, 135) answers, (135, 135) observed correlations."""
    items = besci.load_data("personality_items")
    answers = besci.load_data("personality_responses")[items["item_id"]].to_numpy(dtype=float)
    return items, answers, np.corrcoef(answers.T)


@figure
def one_case():
    items, answers, observed = personality()
    place = {text: k for k, text in enumerate(items["text"])}
    i, steps = place["Get angry easily."], np.arange(0.5, 7)
    fig, both = plt.subplots(1, 2, figsize=WIDE, sharey=True)
    for ax, text, color in zip(
        both, ("Lose my temper.", "Seldom get mad."), (BLUE, RED), strict=True
    ):
        j = place[text]
        people = np.histogram2d(answers[:, j], answers[:, i], [steps, steps])[0]
        x, y = np.meshgrid(range(1, 7), range(1, 7), indexing="ij")
        ax.scatter(x, y, s=1.7 * people, color=color, alpha=0.75, lw=0)
        ax.set(xlabel=f"“{text}”", xlim=(0.3, 6.7), ylim=(0.3, 6.7), xticks=range(1, 7))
        ax.set_title(f"r = {number(observed[i, j])}", fontsize=18, color=color)
    both[0].set(ylabel="“Get angry easily.”", yticks=range(1, 7))
    return fig


@figure
def keyed():
    items, _, observed = personality()
    own = items.index[items["construct"] == "Irritability"]
    sign = items.loc[own, "keying"].to_numpy()
    r = observed[np.ix_(own, own)]
    fig, both = plt.subplots(1, 2, figsize=WIDE)
    names = [
        f"{t} ({'+' if s > 0 else '−'})" for t, s in zip(items.loc[own, "text"], sign, strict=True)
    ]
    for ax, values, title in zip(
        both, (r, r * np.outer(sign, sign)), ("as answered", "times both keys"), strict=True
    ):
        grid(ax, values, names, ["+" if s > 0 else "−" for s in sign], most=1)
        ax.set_title(title, fontsize=17)
    both[1].set_yticks([])
    return fig


@figure
def shared_item():
    n, chosen = 12, 4
    rows, columns = np.triu_indices(n, k=1)
    hit = (rows == chosen) | (columns == chosen)
    fig, ax = plt.subplots(figsize=HALF)
    ax.scatter(columns[~hit], rows[~hit], s=230, marker="s", color="0.85")
    ax.scatter(columns[hit], rows[hit], s=230, marker="D", color=RED)
    ax.text(0, n - 3, f"item {chosen + 1} is in\n{hit.sum()} of {len(rows)} pairs", color=RED)
    ax.set_xticks(range(n), range(1, n + 1))
    ax.set_yticks(range(n), range(1, n + 1))
    ax.set(xlabel="item", ylabel="item", ylim=(n - 0.5, -0.5), xlim=(-0.5, n - 0.5))
    return fig


@cache
def word_overlap():
    """(135, 135) similarity of the wordings by shared words, rare words counting more."""
    table = TfidfVectorizer().fit_transform(personality()[0]["text"])
    return (table @ table.T).toarray()


@figure
def resampled():
    items, _, observed = personality()
    target, shared = np.abs(observed), word_overlap()
    construct = items["construct"].to_numpy()
    between = construct[:, None] != construct
    kept = stats.pairs(between)
    by_pair = stats.bootstrap(
        stats.correlation, stats.pairs(shared)[kept], stats.pairs(target)[kept], draws=1000
    )
    by_item = stats.bootstrap_items(shared, target, where=between, draws=1000)
    by_construct = stats.bootstrap_items(
        shared, target, where=between, cluster=construct, draws=1000
    )
    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE)
    looks = ((by_construct, BLUE, "o"), (by_item, GREEN, "D"), (by_pair, RED, "s"))
    for row, (e, color, mark) in enumerate(looks):
        left.plot([e.low, e.high], [row, row], "|-", ms=18, mew=3, lw=3, color=color)
        left.plot(e.value, row, mark, ms=11, color=color)
    left.axvline(0, color=BLACK, ls="--", lw=1.2)
    names = ["27 constructs\ndrawn", "135 items\ndrawn", "8,775 pairs\ndrawn"]
    left.set_yticks(range(3), names)
    left.set(xlim=(-0.03, 0.15), ylim=(-0.6, 2.6), xlabel="correlation, 95 % interval")
    test = stats.mantel(shared, target, permutations=999)
    right.hist(test.null, np.linspace(-0.1, 0.22, 65), color=BLUE, alpha=0.6)
    right.axvline(test.r, color=BLACK, ls="--", lw=2)
    right.text(test.r - 0.006, 95, "found", ha="right")
    right.set(xticks=[-0.1, 0, 0.1, 0.2], yticks=[], xlabel="correlation if wording told nothing")
    right.spines["left"].set_visible(False)
    return fig


@cache
def half_against_half(people, seed=0):
    """Pairs' correlations in one half of the drawn people and in the other."""
    order = np.random.default_rng(seed).permutation(4000)[:people]
    answers = personality()[1]
    return [stats.pairs(np.corrcoef(answers[half].T)) for half in np.array_split(order, 2)]


@figure
def halves():
    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE, width_ratios=[1, 1.3], dpi=72)
    left.scatter(*half_against_half(200), s=5, color=BLUE, alpha=0.3, lw=0, rasterized=True)
    left.set(xlabel="r among 100 people", ylabel="r among 100 others")
    left.set(xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), aspect="equal")
    sizes = np.array([60, 100, 200, 400, 800, 1500])
    found = [[stats.correlation(*half_against_half(n, seed)) for seed in range(5)] for n in sizes]
    half = np.mean(found, axis=1)
    right.plot(sizes, half, "o--", color=BLUE, lw=2, ms=9)
    right.plot(sizes, stats.spearman_brown(half), "s-", color=RED, lw=2, ms=9)
    right.text(210, half[2] - 0.09, "half against half", color=BLUE)
    right.text(62, 0.9, "stepped up", color=RED)
    right.text(4000, 0.5, "?", fontsize=34, ha="center")
    right.set(xscale="log", xlim=(50, 5500), ylim=(0, 1.05), xlabel="people", ylabel="agreement")
    right.set_xticks([60, 200, 800, 4000], ["60", "200", "800", "4,000"])
    right.minorticks_off()
    return fig


@figure
def splits():
    n, rng = 12, np.random.default_rng(3)
    rows, columns = np.triu_indices(n, k=1)
    random = np.where(rng.random(len(rows)) < 0.25, 2, 0)
    new = (rows >= 8).astype(int) + (columns >= 8)
    fig, both = plt.subplots(1, 2, figsize=WIDE, facecolor="none")
    looks = [("0.8", "s", "train"), (SKY, "x", "unused"), (RED, "D", "test")]
    for ax, part, title in zip(
        both, (random, new), ("pairs held out", "constructs held out"), strict=True
    ):
        for value, (color, mark, _) in enumerate(looks):
            own = part == value
            ax.scatter(columns[own], rows[own], s=170, marker=mark, color=color)
        for edge in (3.5, 7.5):
            ax.axhline(edge, color="0.6", lw=1, ls=":")
            ax.axvline(edge, color="0.6", lw=1, ls=":")
        ax.set_title(title, fontsize=17)
        ax.set(ylim=(n - 0.5, -0.5), xlim=(-0.5, n - 0.5), aspect="equal")
        ax.set_xticks([1.5, 5.5, 9.5], ["construct A", "B", "C"])
        ax.set_yticks([1.5, 5.5, 9.5], ["A", "B", "C"])
        ax.tick_params(length=0)
        ax.set_facecolor("none")
    for value, (color, mark, name) in enumerate(looks):
        both[0].scatter(0, 7 + 1.4 * value, s=170, marker=mark, color=color)
        both[0].text(0.7, 7 + 1.4 * value, name, va="center")
    return fig
