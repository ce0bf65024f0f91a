"""Figures of the slides of day 3, drawn from the course's own data and models."""

import functools

import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import WIDE, figure
from matplotlib.patches import Rectangle
from scipy.stats import norm
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, cross_val_predict
from sklearn.model_selection import validation_curve as curve_over
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import besci
from besci import stats
from besci.plots import COLORS

BLUE, RED, GREEN, PINK, YELLOW, SKY, BLACK = COLORS
CODEBOOK, QUESTION = besci.path("media_bias_codebook.txt").read_text().splitlines()
SENTENCE = (
    "Marseille opened its 20 museums to working families on Sunday, and only a privileged few "
    "objected."
)
LABELS = ["neutral", "slanted"]


@functools.cache
def llm():
    return besci.LLM("smollm2-135m")


@functools.cache
def training():
    """The training sentences, their labels as True/False, and their embeddings."""
    table = besci.load_data("media_bias_train")
    return table, (table["label"] == "slanted").to_numpy(), besci.embed(table["text"])


def features(strength=0.01):
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))


def word_counts():
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(C=10, max_iter=1000))


@functools.cache
def unseen(method, strength=0.01):
    """Probability of "slanted" for each training sentence, by a model that never saw its event."""
    table, slanted, vectors = training()
    model, x = word_counts(), table["text"]
    if method == "features":
        model, x = features(strength), vectors
    folds = {"cv": GroupKFold(5), "groups": table["event_id"], "method": "predict_proba"}
    return cross_val_predict(model, x, slanted, **folds)[:, 1]


def intervals(ax, estimates, color=BLUE, marker="o"):
    """Estimates with their intervals, one a row from top to bottom."""
    values = np.array([tuple(estimate) for estimate in estimates])
    rows = np.arange(len(values))[::-1]
    sides = np.abs(values[:, 1:] - values[:, :1]).T
    ax.errorbar(values[:, 0], rows, xerr=sides, fmt=marker, ms=9, lw=2, capsize=5, color=color)
    ax.set_ylim(-0.6, len(values) - 0.4)
    return rows


def share(value):
    return f"{100 * value:.0f} %"


def percent(ax, axis="x"):
    getattr(ax, f"{axis}axis").set_major_formatter(plt.FuncFormatter(lambda v, _: share(v)))


# ---- talk 1 -----------------------------------------------------------------------------------


@figure
def what_tells():
    table, slanted, _ = training()
    text = table["text"]
    one = CountVectorizer(token_pattern=r"^\S+")
    cues = {
        "topic": CountVectorizer(analyzer=lambda topic: [topic]).fit_transform(table["topic"]),
        "length": StandardScaler().fit_transform(text.str.len().to_frame()),
        "first word": one.fit_transform(text),
        "punctuation": CountVectorizer(token_pattern=r"[^\w\s]").fit_transform(text),
    }
    folds = {"cv": GroupKFold(5), "groups": table["event_id"]}
    model = LogisticRegression(max_iter=1000)
    found = [
        stats.accuracy(cross_val_predict(model, x, slanted, **folds) == slanted)
        for x in cues.values()
    ]
    found.append(stats.accuracy((unseen("words") > 0.5) == slanted))
    fig, ax = plt.subplots(figsize=(11, 3.6))
    ax.axvline(0.5, color="0.6", ls="--", lw=1.5)
    rows = intervals(ax, found)
    ax.plot(found[-1].value, rows[-1], "s", ms=13, color=RED, zorder=5)
    ax.set_yticks(rows, [*cues, "all words"])
    ax.set(xlim=(0.4, 0.85), xlabel="label found from this alone, in unseen events")
    percent(ax)
    return fig


@figure
def decision():
    _, slanted, _ = training()
    p, bins = unseen("features"), np.linspace(0, 1, 21)
    fig, ax = plt.subplots(figsize=WIDE)
    for own, sign, colour in ((slanted, 1, RED), (~slanted, -1, BLUE)):
        counts = sign * np.histogram(p[own], bins)[0]
        hit = (bins[:-1] > 0.49) == (sign > 0)
        ax.bar(bins[:-1], counts, 0.05, align="edge", color=np.where(hit, colour, "white"),
               edgecolor=colour, hatch=["" if h else "///" for h in hit])  # fmt: skip
    top = ax.get_ylim()[1]
    ax.axvline(0.5, color=BLACK, ls="--", lw=2)
    ax.axhline(0, color=BLACK, lw=1)
    ax.text(0.49, 0.93 * top, "threshold", ha="right")
    for x, y, text in ((0.72, 0.75, "slanted, flagged"), (0.16, 0.35, "slanted, missed")):
        ax.text(x, y * top, text, color=RED, ha="center", weight="bold")
    for x, y, text in ((0.28, -0.9, "neutral, passed"), (0.84, -0.45, "neutral, false alarm")):
        ax.text(x, y * top, text, color=BLUE, ha="center", weight="bold")
    ax.set(xlim=(0, 1), xlabel="probability of “slanted”, events unseen in training")
    ax.set(ylabel="sentences")
    ax.yaxis.set_major_formatter(plt.FuncFormatter(lambda v, _: f"{abs(v):.0f}"))
    return fig


@figure
def next_token():
    prompt = f"{CODEBOOK}\n{QUESTION}\n\nSentence: {SENTENCE}"
    first = llm().next_tokens([{"role": "user", "content": prompt}], k=12)
    first = first[[not any(x.startswith(t.strip()) for x in LABELS) for t in first["token"]]]
    said = llm().choose([prompt], LABELS, progress=False).attrs["log_prob"][0]
    names = [*(f"“{token.strip()}”" for token in first["token"][:7]), *LABELS]
    values = [*first["probability"][:7], *np.exp(said)]
    fig, ax = plt.subplots(figsize=WIDE)
    rows = [*range(10, 3, -1), 2, 1]
    colours = ["0.75"] * 7 + [BLUE, RED]
    ax.barh(rows, values, color=colours, hatch=[""] * 7 + ["//"] * 2, edgecolor="white")
    for row, value in zip(rows, values, strict=True):
        ax.text(value + 0.004, row, f"{value:.3f}", va="center", fontsize=14)
    ax.set_yticks(rows, names)
    ax.get_yticklabels()[-1].set_weight("bold")
    ax.get_yticklabels()[-2].set_weight("bold")
    ax.text(0.6, 1.5, "the two labels of the codebook", transform=ax.get_yaxis_transform(),
            va="center")  # fmt: skip
    ax.text(0.6, 7, "what the answer\nis more likely to begin with",
            transform=ax.get_yaxis_transform(), va="center")  # fmt: skip
    ax.set_xlabel("probability that the answer begins so")
    return fig


@figure
def hundred_posts():
    right = {
        "always the same label": 50,
        "language model, zero-shot": 66,
        "word counts (TF-IDF)": 69,
        "kind of post, no text read": 70,
        "letter sequences (TF-IDF)": 72,
    }
    found = [stats.accuracy(np.arange(100) < n) for n in right.values()]
    fig, ax = plt.subplots(figsize=WIDE)
    ax.axvline(0.5, color="0.6", ls="--", lw=1.5)
    rows = intervals(ax, found)
    ax.plot(found[1].value, rows[1], "s", ms=13, color=RED, zorder=5)
    for row, estimate in zip(rows, found, strict=True):
        ax.text(0.87, row, share(estimate.value), va="center", ha="right")
    ax.set_yticks(rows, list(right))
    ax.set(xlim=(0.38, 0.88), xlabel="right answers on the same 100 posts, with 95 % intervals")
    percent(ax)
    return fig


@figure
def paired():
    _, slanted, _ = training()
    few = slice(0, 300)
    one = ((unseen("features") > 0.5) == slanted)[few]
    two = ((unseen("words") > 0.5) == slanted)[few]
    fig = plt.figure(figsize=WIDE)
    grid = fig.add_gridspec(2, 2, height_ratios=[2, 1.2], width_ratios=[1, 1.5])
    square, apart, together = (fig.add_subplot(grid[k]) for k in (np.s_[:, 0], (0, 1), (1, 1)))
    for x, y in np.ndindex(2, 2):
        count, informs = ((one == x) & (two == y)).sum(), x != y
        square.scatter(x, y, s=32 * count, marker="s", color=YELLOW if informs else "0.85")
        square.text(x, y, count, ha="center", va="center", weight="bold" if informs else "normal")
    square.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), xlabel="features", ylabel="word counts")
    square.set_xticks([0, 1], ["wrong", "right"])
    square.set_yticks([0, 1], ["wrong", "right"], rotation=90, va="center")
    rows = intervals(apart, [stats.accuracy(one), stats.accuracy(two)])
    apart.set_yticks(rows, ["features", "word counts"])
    apart.set(xlim=(0.63, 0.87), xlabel="accuracy of each")
    together.axvline(0, color="0.6", ls="--", lw=1.5)
    intervals(together, [stats.paired_difference(one, two)], RED, "s")
    together.set_yticks([0], ["difference,\nsentence by sentence"])
    together.set(xlim=(-0.07, 0.17), xlabel="features minus word counts (same scale)")
    return fig


@figure
def split_noise():
    table, slanted, _ = training()
    splits = GroupShuffleSplit(60, test_size=25, train_size=200, random_state=0)
    found = []
    for fit, score in splits.split(table, groups=table["event_id"]):
        model = word_counts().fit(table["text"].iloc[fit], slanted[fit])
        found.append((model.predict(table["text"].iloc[score]) == slanted[score]).mean())
    fig, ax = plt.subplots(figsize=WIDE)
    values, counts = np.unique(np.round(found, 2), return_counts=True)
    for value, count in zip(values, counts, strict=True):
        ax.plot([value] * count, np.arange(count) + 1, "o", ms=13, color=BLUE)
    ax.axvline(np.mean(found), color=BLACK, lw=2)
    ax.text(np.mean(found), counts.max() + 1.2, f" mean {share(np.mean(found))}")
    for value, side in ((min(found), "worst"), (max(found), "best")):
        ax.text(value, 3.2, f"{side} split\n{share(value)}", ha="center")
    ax.set(ylim=(0.3, counts.max() + 2), ylabel="splits")
    ax.set_xlim(min(found) - 0.02, max(found) + 0.02)
    ax.xaxis.set_major_locator(plt.MultipleLocator(0.05))
    ax.set_xlabel("accuracy on 100 sentences: same data, same method, 60 random splits")
    ax.yaxis.set_major_locator(plt.MultipleLocator(2))
    percent(ax)
    return fig


@figure
def splits():
    fig, ax = plt.subplots(figsize=(11, 3.7))
    kinds = {"T": ("#FFFFFF", BLUE), "D": (BLACK, YELLOW), "S": ("#FFFFFF", RED)}
    by_event = ["TTTTTTTDDSS"[k] * 4 for k in range(11)]
    rng = np.random.default_rng(3)
    by_sentence = rng.permutation([*"T" * 28, *"D" * 8, *"S" * 8]).reshape(11, 4)
    for left, parts, title in ((0, by_event, "split by event"), (13, by_sentence, "by sentence")):
        for x, event in enumerate(parts):
            for y, part in enumerate(event):
                ink, fill = kinds[part]
                ax.add_patch(Rectangle((left + x, y), 0.86, 0.86, fc=fill))
                ax.text(left + x + 0.43, y + 0.4, part, color=ink, ha="center", va="center")
        ax.text(left + 5.4, 4.4, title, ha="center", weight="bold")
        ax.text(left + 5.4, -0.7, "each column: the four tellings of one event", ha="center")
    key = {"T train: fit the weights": 0, "D develop: choose": 8.2, "S test: score, once": 14.6}
    for (text, x), part in zip(key.items(), "TDS", strict=True):
        ax.add_patch(Rectangle((x, -2.3), 0.86, 0.86, fc=kinds[part][1]))
        ax.text(x + 0.43, -1.9, text[0], color=kinds[part][0], ha="center", va="center")
        ax.text(x + 1.2, -1.9, text[2:], va="center")
    ax.set(xlim=(-0.3, 24.2), ylim=(-2.6, 5), aspect="equal")
    ax.axis("off")
    return fig


@figure
def calibration():
    _, slanted, _ = training()
    fig, ax = plt.subplots(figsize=WIDE)
    ax.plot([0, 1], [0, 1], color="0.6", ls="--", lw=1.5)
    ax.text(0.22, 0.27, "kept promises", rotation=22, color="0.35", ha="center", va="center")
    styles = ((0.01, BLUE, "o", "strong penalty"), (10, RED, "s", "weak penalty"))
    for strength, colour, marker, name in styles:
        p = unseen("features", strength)
        groups = np.array_split(np.argsort(p), 8)
        x, y = ([v[g].mean() for g in groups] for v in (p, slanted))
        right = stats.accuracy((p > 0.5) == slanted)
        error = stats.calibration_error(p, slanted)
        label = f"{name}: accuracy {right.value:.2f}, calibration error {error.value:.2f}"
        ax.plot(x, y, marker=marker, ms=10, lw=2, color=colour, label=label)
    ax.legend(frameon=False, loc="upper left")
    ax.set(xlim=(-0.02, 1.02), ylim=(0, 1.05), xlabel="stated probability of “slanted”")
    ax.set_ylabel("share that is slanted")
    return fig


@figure
def nothing():
    wordings = [
        "Assign a code: {} or {}. Write {} or {} only.",
        "Which label fits, {} or {}? Reply {} or {}.",
        "Would you call this {} or {}? Say {} or {}.",
        "Is the sentence {} or {}? Answer {} or {}.",
    ]
    fig, ax = plt.subplots(figsize=WIDE)
    for row, wording in enumerate(wordings[::-1]):
        p = []
        for order in (LABELS, LABELS[::-1]):
            prompt = f"{CODEBOOK}\n{wording.format(*order, *order)}\n\nSentence: N/A"
            p.append(llm().choose([prompt], LABELS, progress=False)["slanted"][0])
        ax.plot(p, [row, row], color="0.7", lw=3, zorder=1)
        ax.scatter(p[0], row, s=170, marker="o", color=BLUE)
        ax.scatter(p[1], row, s=170, marker="s", color=RED)
        if row == len(wordings) - 1:
            ax.text(p[0], row + 0.25, "neutral named first", color=BLUE, ha="center")
            ax.text(p[1], row + 0.25, "slanted named first", color=RED, ha="center")
    ax.axvline(0.5, color=BLACK, ls="--", lw=1.5)
    names = [wording.format(*"XYXY") for wording in wordings[::-1]]
    ax.set_yticks(range(len(wordings)), names, fontsize=14)
    ax.set(xlim=(-0.06, 1.06), ylim=(-0.5, len(wordings) - 0.4))
    ax.set_xlabel("probability of “slanted” for the sentence “N/A”")
    return fig


@figure
def model_sizes():
    test = besci.load_data("media_bias_test")
    first = test["event_id"].isin(test.drop_duplicates("topic")["event_id"])  # those recorded
    gold, event = (test[first]["label"] == "slanted").to_numpy(), test[first]["event_id"].to_numpy()
    prompts = [f"{CODEBOOK}\n{QUESTION}\n\nSentence: {text}" for text in test[first]["text"]]
    models = {"smollm2-135m": "135 M", "qwen2.5-coder-0.5b": "0.5 B", "qwen2.5-coder-1.5b": "1.5 B"}
    auc, accuracy, called = [], [], []
    for key in models:
        p = besci.LLM(f"recorded:{key}").choose(prompts, LABELS, progress=False)["slanted"]
        auc.append(stats.bootstrap(roc_auc_score, gold, p.to_numpy(), cluster=event))
        accuracy.append(stats.accuracy((p > 0.5).to_numpy() == gold, cluster=event))
        called.append((p > 0.5).mean())
    fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True)
    panels = ((auc, BLUE, "o", "AUC"), (accuracy, RED, "s", "accuracy at the threshold .5"))
    for ax, (estimates, color, marker, label) in zip(axes, panels, strict=True):
        rows = intervals(ax, estimates, color, marker)
        ax.axvline(0.5, color=BLACK, ls="--", lw=1.5)
        ax.set(xlim=(0.28, 0.86), xlabel=label)
    plain = {"fc": "white", "ec": "none", "pad": 1}
    axes[0].set_yticks(rows, [f"{size} parameters" for size in models.values()])
    for row, rate, estimate in zip(rows, called, accuracy, strict=True):
        axes[1].text(estimate.value, row + 0.2, share(rate), color=RED, ha="center", bbox=plain)
    axes[0].text(0.49, rows[-1] - 0.52, "chance", ha="right", va="bottom")
    return fig


@figure
def best_of_many():
    rng, prompts, runs = np.random.default_rng(0), np.arange(1, 31), 2000
    fig, ax = plt.subplots(figsize=(11, 3.9))
    lines = (
        (0, BLUE, "o", "prompts that err\nindependently"),
        (0.8, RED, "s", "prompts that mostly\nerr together"),
    )
    for shared, colour, marker, name in lines:
        best = np.zeros((runs, len(prompts)))
        for run in range(runs):
            item = rng.normal(size=100)
            own = rng.normal(size=(len(prompts), 100))
            right = shared**0.5 * item + (1 - shared) ** 0.5 * own < norm.ppf(0.65)
            best[run] = np.maximum.accumulate(right.mean(axis=1))
        y = best.mean(axis=0)
        ax.plot(prompts, y, marker=marker, ms=8, lw=2, markevery=[0, 4, 9, 19, 29], color=colour)
        ax.text(30.8, y[-1], name, color=colour, va="center")
    ax.plot([0, 30], [0.65, 0.65], color="0.6", ls="--", lw=1.5)
    ax.text(30.8, 0.65, "each prompt’s\ntrue accuracy", color="0.35", va="center")
    ax.set(xlim=(0, 41), ylim=(0.62, 0.77), ylabel="best of them")
    ax.set_xticks([1, 5, 10, 20, 30])
    ax.yaxis.set_major_locator(plt.MultipleLocator(0.05))
    ax.set_xlabel("prompts tried on the same 100 items", x=0.38)
    percent(ax, "y")
    return fig


# ---- talk 2 -----------------------------------------------------------------------------------


@figure
def penalty():
    table, slanted, vectors = training()
    strengths = np.logspace(-4, 1, 11)
    rule = {"param_name": "logisticregression__C", "param_range": strengths}
    rule |= {"cv": GroupKFold(5), "groups": table["event_id"]}
    known, new = (a.mean(axis=1) for a in curve_over(features(), vectors, slanted, **rule))
    fig, ax = plt.subplots(figsize=WIDE)
    ax.plot(strengths, known, "s--", ms=9, color=RED)
    ax.plot(strengths, new, "o-", ms=9, color=BLUE)
    ax.text(strengths[5], known[5] + 0.015, "sentences it was fitted to ", color=RED, ha="right")
    ax.text(strengths[7], new[7] - 0.035, "new events", color=BLUE, ha="center")
    best = new.argmax()
    ax.plot(strengths[best], new[best], "o", ms=20, mfc="none", mec=BLACK, mew=2)
    ax.annotate("chosen", (strengths[best], new[best] - 0.012), (strengths[best], 0.72),
                ha="center", arrowprops={"arrowstyle": "->"})  # fmt: skip
    ax.set(xscale="log", ylim=(0.68, 1.02), ylabel="accuracy, five folds")
    ax.set_xlabel("C (left: strong penalty, right: weak penalty)")
    percent(ax, "y")
    return fig


@figure
def ruler():
    table, slanted, vectors = training()
    rng, shares = np.random.default_rng(0), np.linspace(0.1, 0.9, 9)
    calls = {"training": [], "own": []}
    for fit, held in GroupKFold(5).split(vectors, groups=table["event_id"]):
        model = features().fit(vectors[fit], slanted[fit])
        for part in shares:
            kinds = (held[slanted[held]], int(200 * part)), (held[~slanted[held]], 200)
            rows = np.concatenate([rng.choice(kind, n) for kind, n in kinds])[:200]
            own = StandardScaler().fit_transform(vectors[rows])
            calls["training"].append(model.predict(vectors[rows]).mean())
            calls["own"].append(model[-1].predict(own).mean())
    fig, ax = plt.subplots(figsize=WIDE)
    ax.plot(shares, shares, color="0.6", ls="--", lw=1.5)
    lines = (("training", BLUE, "o", "scaled with the\ntraining data"),
             ("own", RED, "s", "scaled with itself"))  # fmt: skip
    for name, colour, marker, text in lines:
        y = np.reshape(calls[name], (5, -1)).mean(axis=0)
        ax.plot(shares, y, marker=marker, ms=10, lw=2, color=colour)
        ax.text(0.93, y[-1], text, color=colour, va="center")
    ax.text(0.93, 0.9, "perfect calls", color="0.35", va="center")
    ax.set(xlim=(0.05, 1.2), ylim=(0, 1), ylabel="share called slanted")
    ax.set_xticks(shares)
    ax.set_xlabel("share of a new batch that is slanted", x=0.4)
    percent(ax)
    percent(ax, "y")
    return fig


def learn(rate, seed, epochs=30):
    """(epochs, 2) loss on training and on unseen events, of a small network on the embeddings."""
    table, slanted, vectors = training()
    fit, held = next(GroupKFold(5).split(vectors, groups=table["event_id"]))
    scaled = StandardScaler().fit(vectors[fit]).transform(vectors)
    x, y = torch.tensor(scaled).float(), torch.tensor(slanted).float()
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(384, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    steps = torch.optim.Adam(net.parameters(), lr=rate)
    loss, found = torch.nn.functional.binary_cross_entropy_with_logits, []
    for _ in range(epochs):
        for batch in np.array_split(np.random.default_rng(seed).permutation(fit), 30):
            steps.zero_grad()
            loss(net(x[batch]).squeeze(1), y[batch]).backward()
            steps.step()
        with torch.no_grad():
            found.append([loss(net(x[k]).squeeze(1), y[k]).item() for k in (fit, held)])
    return np.array(found)


@figure
def early_stopping():
    fig, axes = plt.subplots(1, 2, figsize=WIDE, sharey=True)
    epochs = np.arange(1, 31)
    for rate, marker in ((1e-5, "^"), (3e-4, "o"), (1e-2, "s")):
        loss = learn(rate, 1)[:, 1]
        (line,) = axes[0].plot(epochs, loss, marker=marker, markevery=4, ms=8)
        place = {"color": line.get_color(), "va": "center"}
        axes[0].text(31, min(loss[-1], 1.27), f"{rate:.5f}".rstrip("0"), **place)
    axes[0].set(title="three learning rates", ylabel="loss", xlim=(0, 38))
    for seed in (1, 2, 3):
        known, new = learn(3e-4, seed).T
        axes[1].plot(epochs, known, "--", color=RED, lw=2)
        axes[1].plot(epochs, new, color=BLUE, lw=2)
        stop = new.argmin()
        axes[1].plot(stop + 1, new[stop], "*", ms=18, color=BLACK, zorder=3)
    axes[1].text(2, 0.12, "training sentences", color=RED)
    axes[1].text(30, new[-1] + 0.1, "unseen events", ha="right", color=BLUE)
    axes[1].set(title="one rate, three seeds (star: stop)")
    for ax in axes:
        ax.set(xlabel="epoch", ylim=(0, 1.3), xticks=range(0, 31, 10))
    return fig


@figure
def low_rank():
    fig, ax = plt.subplots(figsize=(11, 3.9))

    def block(x, y, width, height, colour, text, inside=True):
        ax.add_patch(Rectangle((x, y), width, height, fc=colour, ec=BLACK, lw=1.5))
        place = (x + width / 2, y + height / 2) if inside else (x + width / 2, y - 0.45)
        ax.text(*place, text, ha="center", va="center")

    block(0, 0, 5, 5, "0.88", "W\n1,024 × 1,024\n\nstays as it is")
    ax.text(6, 2.5, "+", fontsize=30, ha="center", va="center")
    block(7, 0, 0.4, 5, YELLOW, "B: 1,024 × 8", inside=False)
    ax.text(8.3, 2.5, "×", fontsize=24, ha="center", va="center")
    block(9.2, 2.3, 5, 0.4, YELLOW, "A: 8 × 1,024", inside=False)
    ax.text(15.2, 2.5, "=", fontsize=30, ha="center", va="center")
    block(16.2, 0, 5, 5, "white", "what the layer\nuses now")
    ax.text(2.5, 5.4, "1,048,576 weights", ha="center")
    ax.text(10.6, 5.4, "16,384 weights are trained", ha="center", weight="bold")
    ax.set(xlim=(-0.3, 21.5), ylim=(-1, 6), aspect="equal")
    ax.axis("off")
    return fig


@figure
def learning_curve():
    table, slanted, vectors = training()
    fig, ax = plt.subplots(figsize=WIDE)
    sizes, event = [8, 16, 32, 64, 128, 250], table["event_id"].to_numpy()
    held = GroupShuffleSplit(5, test_size=70, random_state=0).split(vectors, groups=event)
    found = {"features": [], "word counts": []}
    for draw, (fit, score) in enumerate(held):
        order = np.random.default_rng(draw).permutation(np.unique(event[fit]))
        for n in sizes:
            rows = fit[np.isin(event[fit], order[:n])]
            for name, x in (("features", vectors), ("word counts", table["text"].to_numpy())):
                model = features() if name == "features" else word_counts()
                model.fit(x[rows], slanted[rows])
                found[name].append((model.predict(x[score]) == slanted[score]).mean())
    for name, colour, marker, aside in (("features", BLUE, "o", 0), ("word counts", RED, "s", 1)):
        values, places = np.reshape(found[name], (5, -1)), np.array(sizes) * 1.05**aside
        ax.plot(np.tile(places, 5), values.ravel(), marker, ms=7, color=colour, alpha=0.5)
        ax.plot(sizes, values.mean(axis=0), color=colour, lw=2.5)
        ax.text(275, values[:, -1].mean(), name, color=colour, va="center")
    ax.axhline(0.5, color="0.6", ls="--", lw=1.5)
    ax.set(xscale="log", xlim=(7, 520), xlabel="events labelled (four sentences each; log scale)")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    ax.set_ylabel("accuracy on 70 other events")
    percent(ax, "y")
    return fig


@figure
def baseline_errors():
    table, slanted, _ = training()
    called = unseen("words") > 0.5
    quoting = (table["device"] == "attributed quotation").to_numpy()
    kinds = {"neutral, plain": ~slanted & ~quoting, "neutral, quoting": quoting}
    strength = table["intensity"].to_numpy()
    for level, name in enumerate(("subtle", "moderate", "blatant"), start=1):
        kinds[f"slanted, {name}"] = strength == level
    for device in ("labelling", "hyperbole", "loaded word", "scare quotes", "framing", "euphemism"):
        kinds[f"by {device}"] = (table["device"] == device).to_numpy()
    fig, ax = plt.subplots(figsize=(11, 5.6))
    rows = intervals(ax, [stats.accuracy(called[own]) for own in kinds.values()])
    ax.set_yticks(rows, [f"{name} ({own.sum()})" for name, own in kinds.items()], fontsize=14)
    for row in (rows[1], rows[4]):
        ax.axhline(row - 0.5, color="0.8")
    ax.text(0.99, rows[0] - 0.5, "false alarms", ha="right", va="center")
    ax.text(0.02, rows[3], "detected", va="center")
    ax.set(xlim=(0, 1), xlabel="called slanted by word counts, events unseen in training")
    percent(ax)
    return fig


def flagged(rate, sensitivity, specificity):
    return rate * sensitivity + (1 - rate) * (1 - specificity)


@figure
def attenuation():
    first, true = 0.15, np.linspace(0, 0.3, 7)
    equal = flagged(first + true, 0.85, 0.90) - flagged(first, 0.85, 0.90)
    unequal = flagged(first + true, 0.85, 0.82) - flagged(first, 0.85, 0.90)
    fig, ax = plt.subplots(figsize=WIDE)
    ax.axhline(0, color="0.8")
    lines = (
        (true, "0.5", "", "--", "correct labels"),
        (equal, BLUE, "o", "-", "equal errors: shrunk"),
        (unequal, RED, "s", "-", "more false alarms in the second: shifted"),
    )
    for y, colour, marker, style, name in lines:
        ax.plot(true, y, color=colour, marker=marker, ls=style, ms=10, lw=2)
        ax.text(0.308, y[-1], name, color="0.3" if marker == "" else colour, va="center")
    ax.annotate("a difference where there is none", (0.001, unequal[0]), (0.02, 0.22),
                color=RED, arrowprops={"arrowstyle": "->", "color": RED})  # fmt: skip
    ax.set(xlim=(-0.01, 0.475), ylim=(-0.01, 0.33))
    ax.set_xticks(true[::2])
    ax.set_xlabel("true difference between two outlets", loc="left")
    ax.set_ylabel("difference of the flags")
    percent(ax)
    percent(ax, "y")
    return fig


def study(rng, size=2000, coded=300):
    """Three estimates of the true difference, 0.10, of two outlets, and how many flags are right.

    One outlet's neutral sentences raise more false alarms.
    """
    outlet = rng.integers(2, size=size)
    slanted = rng.random(size) < np.where(outlet, 0.25, 0.15)
    flag = rng.random(size) < np.where(slanted, 0.85, np.where(outlet, 0.14, 0.06))
    gold, rest = slice(coded), slice(coded, None)
    nothing = np.zeros(size)  # predictions that tell nothing leave the plain regression
    slope = stats.prediction_powered
    return [
        slope(flag, nothing, nothing, outlet, outlet),
        slope(slanted[gold], nothing[gold], nothing[rest], outlet[gold], outlet[rest]),
        slope(slanted[gold], flag[gold], flag[rest], outlet[gold], outlet[rest]),
    ], (flag == slanted).mean()


@figure
def coverage():
    rng, shown = np.random.default_rng(0), 40
    estimates, right = zip(*(study(rng) for _ in range(1000)), strict=True)
    names = ("flags of 2,000 texts", "300 gold labels", "flags and gold labels")
    fig, axes = plt.subplots(1, 3, figsize=WIDE, sharey=True)
    for ax, name, runs in zip(axes, names, np.array(estimates).transpose(1, 2, 0), strict=True):
        value, low, high = runs
        holds = (low <= 0.1) & (high >= 0.1)
        for own, colour, marker in ((holds, BLUE, "o"), (~holds, RED, "x")):
            rows = np.flatnonzero(own[:shown])
            sides = np.abs([low[rows], high[rows]] - value[rows])
            ax.errorbar(rows, value[rows], sides, fmt=marker, ms=6, lw=1.5, color=colour)
        ax.axhline(0.1, color=BLACK, ls="--", lw=1.5)
        ax.set(title=f"{name}\n{share(holds.mean())} of intervals hold it", xticks=[])
    axes[0].set_ylabel("difference of two outlets")
    axes[1].set_xlabel(
        f"40 of 1,000 simulated studies; dashed: truth; {share(np.mean(right))} of flags are right"
    )
    percent(axes[0], "y")
    return fig
