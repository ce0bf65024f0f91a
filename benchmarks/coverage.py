"""How often the intervals of besci.stats hold the truth, by simulation.

    python -m benchmarks.coverage [--simulations 1000] [--results FOLDER]

Each case is a world whose truth is known: small samples, rows that are alike, extreme shares. Data
are drawn from it again and again, and `besci.stats` computes a 95 % interval each time. How many of
these hold the truth is written to results/coverage.json and, as a table, results/coverage.md. It
takes some minutes on one core. The draws of a case depend on its name alone: one that is added
changes no other.
"""

import argparse
import json
import platform
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef

from besci import stats
from besci.stats import Estimate

RESULTS = Path(__file__).resolve().parent / "results"
SIMULATIONS = 1000
DRAWS = 400  # of a bootstrap: fewer than the functions' own, which take longer and cover no better
# An interval that surely holds the truth less, or more, often than this is marked in the table.
BOUNDS = {"too narrow": (0, 0.93), "wider than needed": (0.97, 1)}


@dataclass(frozen=True)
class Case:
    """An interval in a world.

    function: whose interval it is. world: what is drawn, in words. draw: function of a random
    generator, which returns the Estimate and the truth. ignored: rows are alike, and the interval
    ignores it; these cases show what comes of that.
    """

    function: str
    world: str
    draw: Callable
    ignored: bool = False


class Groups(NamedTuple):
    """Rows in clusters: how many, of how many rows, and the correlation of two rows of one.

    Unequal clusters have from 1 to 2 * rows - 1 rows.
    """

    clusters: int
    rows: int
    alike: float
    unequal: bool = False

    def __str__(self):
        size = f"1 to {2 * self.rows - 1}" if self.unequal else self.rows
        return f"{self.clusters} clusters of {size}, alike by {self.alike}"

    def members(self, rng):
        """(n,) number of each row's cluster."""
        sizes = rng.integers(1, 2 * self.rows, self.clusters) if self.unequal else self.rows
        return np.repeat(np.arange(self.clusters), sizes)

    def shares(self, rng, mean):
        """(clusters,) shares around their mean that make rows alike."""
        spread = (1 - self.alike) / self.alike
        return rng.beta(mean * spread, (1 - mean) * spread, self.clusters)

    def values(self, rng, of, dimensions=1):
        """(n, dimensions) normal values of variance 1, from that of the cluster and its own."""
        cluster = rng.normal(size=(self.clusters, dimensions))[of]
        own = rng.normal(size=(len(of), dimensions))
        return self.alike**0.5 * cluster + (1 - self.alike) ** 0.5 * own


FEW, SOME, CONSTRUCTS = Groups(6, 10, 0.2), Groups(12, 10, 0.2), Groups(27, 5, 0.3)
EVENTS, UNEQUAL = Groups(60, 4, 0.05), Groups(27, 5, 0.3, unequal=True)
ALL_GROUPS = (FEW, SOME, CONSTRUCTS, UNEQUAL, EVENTS)


# ---- right and wrong ------------------------------------------------------------------------


def answers(rng, n, share):
    return stats.accuracy(rng.random(n) < share), share


def alike_answers(rng, groups, share, ignored=False):
    of = groups.members(rng)
    right = rng.random(len(of)) < groups.shares(rng, share)[of]
    return stats.accuracy(right, cluster=None if ignored else of), share


def paired(rng, n, gained, lost):
    kind, both = rng.choice(3, size=n, p=[gained, lost, 1 - gained - lost]), rng.random(n) < 0.5
    correct, reference = (np.where(kind == 2, both, kind == only) for only in (0, 1))
    return stats.paired_difference(correct, reference), gained - lost


def alike_pairs(rng, groups, ignored=False):
    of, share = groups.members(rng), [0.7, 0.6]
    columns = [rng.random(len(of)) < groups.shares(rng, mean)[of] for mean in share]
    cluster = None if ignored else of
    return stats.paired_difference(*columns, cluster=cluster), share[0] - share[1]


def right_and_wrong():
    for n, share in ((10, 0.5), (20, 0.95), (100, 0.7), (400, 0.02)):
        yield Case(
            "accuracy", f"{n} answers, {share:.0%} right", partial(answers, n=n, share=share)
        )
    for groups in ALL_GROUPS:
        for share in (0.7, 0.95):
            world = f"{groups}, {share:.0%} right"
            yield Case("accuracy", world, partial(alike_answers, groups=groups, share=share))
    alone = partial(alike_answers, groups=CONSTRUCTS, share=0.7, ignored=True)
    yield Case("accuracy", f"{CONSTRUCTS}, 70% right", alone, ignored=True)
    for n, gained, lost in ((20, 0.2, 0.1), (60, 0.02, 0.01), (100, 0.25, 0.15), (400, 0.1, 0.1)):
        world = f"{n} items, {gained:.0%} gained, {lost:.0%} lost"
        draw = partial(paired, n=n, gained=gained, lost=lost)
        yield Case("paired_difference", world, draw)
    for groups in ALL_GROUPS:
        world = f"{groups}, 70% and 60% right"
        yield Case("paired_difference", world, partial(alike_pairs, groups=groups))
    alone = partial(alike_pairs, groups=CONSTRUCTS, ignored=True)
    yield Case("paired_difference", f"{CONSTRUCTS}, 70% and 60% right", alone, ignored=True)


# ---- any statistic of rows ------------------------------------------------------------------


def mean(rng, n, sample, truth):
    return stats.bootstrap(np.mean, sample(rng, size=n), draws=DRAWS), truth


def alike_mean(rng, groups, ignored=False):
    of = groups.members(rng)
    values, cluster = groups.values(rng, of)[:, 0], None if ignored else of
    return stats.bootstrap(np.mean, values, cluster=cluster, draws=DRAWS), 0


def correlated(rng, n, r):
    x, noise = rng.normal(size=(2, n))
    y = r * x + (1 - r**2) ** 0.5 * noise
    return stats.bootstrap(stats.correlation, x, y, draws=DRAWS), r


def area(gold, score):
    """Area under the ROC curve, from ranks: faster in a bootstrap than scikit-learn's."""
    positive = gold.sum()
    with np.errstate(invalid="ignore"):
        above = rankdata(score)[gold].sum() - positive * (positive + 1) / 2
        return above / (positive * (len(gold) - positive))


def separated(rng, positive, negative):
    gold = np.arange(positive + negative) < positive
    score = rng.normal(size=len(gold)) + gold
    return stats.bootstrap(area, gold, score, draws=DRAWS), norm.cdf(0.5**0.5)


def over_both(rng, groups, draws):
    """Draws whose accuracies lie up to 5 points around their mean, judged on the same cases."""
    of = groups.members(rng)
    chance = groups.shares(rng, 0.7)[of][:, None] + rng.uniform(-0.05, 0.05, size=draws)
    return stats.over_draws(rng.random(chance.shape) < chance, cluster=of, draws=DRAWS), 0.7


def of_rows():
    normal, skewed = np.random.Generator.normal, np.random.Generator.exponential
    for n, words, sample, truth in (
        (10, "normal", normal, 0),
        (100, "normal", normal, 0),
        (10, "skewed (exponential)", skewed, 1),
        (100, "skewed (exponential)", skewed, 1),
    ):
        draw = partial(mean, n=n, sample=sample, truth=truth)
        yield Case("bootstrap", f"mean of {n} values, {words}", draw)
    for groups in ALL_GROUPS:
        yield Case("bootstrap", f"mean, {groups}", partial(alike_mean, groups=groups))
    alone = partial(alike_mean, groups=CONSTRUCTS, ignored=True)
    yield Case("bootstrap", f"mean, {CONSTRUCTS}", alone, ignored=True)
    yield Case("bootstrap", "correlation of 30 pairs, 0.5", partial(correlated, n=30, r=0.5))
    draw = partial(separated, positive=20, negative=40)
    yield Case("bootstrap", "area under the ROC curve, 20 and 40 cases", draw)
    for groups in (Groups(24, 4, 0.05), EVENTS):
        for draws in (3, 10):
            draw = partial(over_both, groups=groups, draws=draws)
            yield Case("over_draws", f"{draws} draws, {groups}", draw)


# ---- items by items -------------------------------------------------------------------------


def item_matrices(rng, groups, within):
    """Products of points, of the same ones with noise, and with much noise; which pairs count."""
    of = groups.members(rng)
    points, *noise = (groups.values(rng, of, dimensions=6) for _ in range(3))
    measures = (points, points + noise[0], points + 2 * noise[1])
    count = np.equal.outer(of, of) | (not within)
    return *(measure @ measure.T for measure in measures), count, of


def items(rng, groups, truth, rival=False, within=False, ignored=False):
    target, x, noisy, count, of = item_matrices(rng, groups, within)
    options = {} if ignored or groups.rows == 1 else {"cluster": of}
    if rival:
        options["reference"] = noisy
    found = stats.bootstrap_items(x, target, where=count, draws=DRAWS // 2, **options)
    return found, truth


def shown(rng, groups, rival=False, within=False, ignored=False):
    """What a sample of items shows."""
    target, x, noisy, count, _ = item_matrices(rng, groups, within)
    target, *measures = (stats.pairs(m)[stats.pairs(count)] for m in (target, x, noisy))
    r = [stats.correlation(measure, target) for measure in measures]
    return r[0] - r[1] * rival


def of_items():
    for groups, options in (
        (Groups(15, 1, 0), {}),
        (Groups(40, 1, 0), {}),
        (Groups(8, 5, 0.5), {}),
        (Groups(27, 3, 0.5), {}),
        (Groups(27, 3, 0.5), {"within": True}),
        (Groups(27, 3, 0.5), {"rival": True}),
        (Groups(12, 4, 0.8), {}),
        (Groups(12, 4, 0.8), {"ignored": True}),
    ):
        # The mean over samples of this size, since the share of pairs within hangs on it.
        rng = np.random.default_rng(0)
        truth = np.mean([shown(rng, groups, **options) for _ in range(1000)])
        world = f"{groups.clusters} items" if groups.rows == 1 else f"items, {groups}"
        world += ", pairs within" if options.get("within") else ""
        world += ", difference of two measures" if options.get("rival") else ""
        draw = partial(items, groups=groups, truth=truth, **options)
        yield Case("bootstrap_items", world, draw, options.get("ignored", False))


# ---- labels ---------------------------------------------------------------------------------

CELLS = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
SCORES = {"kappa": cohen_kappa_score, "mcc": matthews_corrcoef, "f1": f1_score}


def labelled(rng, function, cases, positive, right):
    """Predictions that are right with a probability that differs between clusters, if any.

    cases: their number, or Groups.
    """
    wrong = np.array([positive, 1 - positive]) * (1 - right)
    weights = [positive - wrong[0], *wrong, 1 - positive - wrong[1]]
    truth, options = SCORES[function](*CELLS.T, sample_weight=weights), {}
    if isinstance(cases, Groups):
        options["cluster"] = of = cases.members(rng)
        right = cases.shares(rng, right)[of]
        cases = len(of)
    gold = rng.random(cases) < positive
    predicted = np.where(rng.random(cases) < right, gold, ~gold)
    if function != "f1":
        options["draws"] = DRAWS
    return getattr(stats, function)(gold, predicted, **options), truth


def five_labels(rng, n, agreement):
    frequent = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    table = (1 - agreement) * np.outer(frequent, frequent) + agreement * np.diag(frequent)
    cells = np.array(list(np.ndindex(table.shape)))
    one, two = cells[rng.choice(len(cells), size=n, p=table.ravel())].T
    return stats.kappa(one, two, draws=DRAWS), agreement  # agreement above chance is kappa


def of_labels():
    for function in SCORES:
        for cases, positive, right in (
            (20, 0.5, 0.75),
            (100, 0.5, 0.75),
            (100, 0.1, 0.9),
            (40, 0.5, 0.98),
            (100, 0.5, 0.5),
            (FEW, 0.4, 0.8),
            (SOME, 0.4, 0.8),
            (CONSTRUCTS, 0.4, 0.8),
        ):
            words = cases if isinstance(cases, Groups) else f"{cases} cases"
            world = f"{words}, {positive:.0%} positive, {right:.0%} right"
            draw = partial(labelled, function=function, cases=cases, positive=positive, right=right)
            yield Case(function, world, draw)
    for n, agreement in ((60, 0.6), (60, 0.9)):
        draw = partial(five_labels, n=n, agreement=agreement)
        yield Case("kappa", f"{n} cases, five labels, kappa {agreement}", draw)


# ---- probabilities --------------------------------------------------------------------------

HAPPENS = {
    "all right": lambda p: p,
    "overconfident": lambda p: 0.5 + (p - 0.5) / 2,
    "of no use": lambda p: np.full_like(p, 0.5),
}
TENTHS = np.arange(0.1, 1, 0.2)


def calibrated(rng, n, kind, five):
    everybody = np.repeat(TENTHS, 2000) if five else np.linspace(0, 1, 10_000)
    gaps = np.array_split(HAPPENS[kind](everybody) - everybody, 10)
    truth = np.mean([abs(gap.mean()) for gap in gaps])
    p = rng.choice(TENTHS, size=n) if five else rng.random(n)
    return stats.calibration_error(p, rng.random(n) < HAPPENS[kind](p), draws=DRAWS), truth


def floor(rng, n):
    p = rng.random(n)
    shown = stats.calibration_error(p, rng.random(n) < p, draws=2).value
    return stats.calibration_floor(p, draws=DRAWS), shown


def of_probabilities():
    for n, five in ((50, False), (400, False), (100, True)):
        for kind in HAPPENS:
            world = f"{n} probabilities{' of five values' if five else ''}, {kind}"
            draw = partial(calibrated, n=n, kind=kind, five=five)
            yield Case("calibration_error", world, draw)
    world = "error that 96 probabilities show, all right"
    yield Case("calibration_floor", world, partial(floor, n=96))


# ---- predictions, and choices ---------------------------------------------------------------


def predicted(rng, n, share, slope):
    """A label that has nothing to do with x, and a classifier with more false alarms where x is."""
    x, label = rng.random(2000) < 0.5, rng.random(2000) < share
    flag = rng.random(2000) < np.where(label, 0.8, 0.1 + 0.4 * x)
    covariate = (x[:n], x[n:]) if slope else ()
    found = stats.prediction_powered(label[:n], flag[:n], flag[n:], *covariate)
    return found, 0 if slope else share


def chosen(rng, right, groups, truth):
    of = groups.members(rng)
    chance = np.stack([groups.shares(rng, share)[of] for share in right], axis=1)
    scores = dict(enumerate((rng.random(chance.shape) < chance).T))
    found = stats.selected_on_one_half(scores, cluster=of, draws=DRAWS)
    return found.honest, truth


def of_choices():
    for n, share in ((25, 0.3), (100, 0.3), (100, 0.05)):
        for slope in (False, True):
            world = f"{'slope' if slope else 'mean'}, {n} of 2,000 labelled, {share:.0%} positive"
            draw = partial(predicted, n=n, share=share, slope=slope)
            yield Case("prediction_powered", world, draw)
    for groups in (Groups(24, 4, 0.05), Groups(60, 4, 0.05)):
        for words, right in (
            ("10 prompts alike, 60% right", np.full(10, 0.6)),
            ("10 prompts, 55% to 75% right", np.linspace(0.55, 0.75, 10)),
        ):
            # What the prompts are worth that half of such cases choose.
            rng, worth = np.random.default_rng(0), []
            for _ in range(4000):
                shares = [groups.shares(rng, share)[: groups.clusters // 2] for share in right]
                shown = rng.binomial(groups.rows, shares).sum(axis=1)
                worth.append(right[shown == shown.max()].mean())
            draw = partial(chosen, right=right, groups=groups, truth=np.mean(worth))
            yield Case("selected_on_one_half", f"{words}, {groups}", draw)


# ---- distributions of answers ---------------------------------------------------------------

PEOPLE = np.array([0.02, 0.16, 0.11, 0.27, 0.18, 0.20, 0.06])  # shares of seven options
MODELS = {
    "a perfect model": PEOPLE,
    "half of the way to equal shares": (PEOPLE + 1 / 7) / 2,
    "equal shares": np.full(7, 1 / 7),
}


def simulated(rng, n, model):
    """People's answers, and what a model answers in their place, with some spread of its own."""
    humans = np.eye(7)[rng.choice(7, size=n, p=PEOPLE)]
    sample = rng.dirichlet(30 * MODELS[model], size=n)
    truth = stats.total_variation(PEOPLE, MODELS[model])
    return stats.sample_distance(sample, humans, draws=DRAWS), truth


def of_samples():
    for n in (20, 40, 400):
        for model in MODELS:
            draw = partial(simulated, n=n, model=model)
            yield Case("sample_distance", f"{n} people, seven options, {model}", draw)


def all_cases():
    parts = (
        right_and_wrong,
        of_rows,
        of_items,
        of_labels,
        of_probabilities,
        of_choices,
        of_samples,
    )
    return [case for part in parts for case in part()]


# ---- the table ------------------------------------------------------------------------------


def simulate(case, simulations):
    """A row of coverage.json: how often the interval of a case holds the truth."""
    rng = np.random.default_rng(zlib.crc32(f"{case.function}, {case.world}".encode()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There are only .* clusters")
        drawn = [case.draw(rng) for _ in range(simulations)]
    low, high, truth = np.array([(found.low, found.high, truth) for found, truth in drawn]).T
    missed = [truth < low - 1e-12, truth > high + 1e-12]
    return {
        "function": case.function,
        "world": case.world,
        "ignored": case.ignored,
        "truth": float(truth.mean()),
        "holds": stats.accuracy(~(missed[0] | missed[1])),
        "below": float(missed[0].mean()),
        "above": float(missed[1].mean()),
        "width": float((high - low).mean()),
    }


def remark(row):
    """What is to be said of an interval: too narrow, wider than needed, or nothing."""
    _, low, high = row["holds"]
    return next((words for words, (a, b) in BOUNDS.items() if a <= low and high <= b), "")


def page(result):
    """coverage.md, from what coverage.json holds."""
    honest = [row for row in result["cases"] if not row["ignored"]]
    ignored = [row for row in result["cases"] if row["ignored"]]
    counts = [sum(remark(row) == words for row in honest) for words in BOUNDS]
    lines = [
        "# How often intervals hold the truth",
        "",
        "Made by `python -m benchmarks.coverage`; the numbers are in `coverage.json`. Each row is "
        "a world whose truth is known. Data were drawn from it "
        f"{result['simulations']:,} times, and `besci.stats` computed a 95 % interval each time. "
        "*Holds it*: the share of these intervals that hold the truth, with its own interval. "
        "*Below*, *above*: the shares in which the truth lies below the interval, or above it. "
        "*Alike by*: the correlation of two rows of a cluster. Bootstraps took "
        f"{result['draws']} draws.",
        "",
        f"Of {len(honest)} worlds, {counts[0]} are marked as too narrow (the truth is surely held "
        f"less often than in {BOUNDS['too narrow'][1]:.0%}) and {counts[1]} as wider than needed "
        f"(more often than in {BOUNDS['wider than needed'][0]:.0%}).",
        "",
        *table(honest),
        "",
        "## When rows are alike and the interval does not know",
        "",
        "The same functions in worlds of the table above, called without `cluster=`.",
        "",
        *table(ignored),
        "",
        "Not in the tables: `split_half`, whose bounds say how much random halves differ. They are "
        "no interval for other people or other items.",
        "",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in result["versions"].items()) + ".",
    ]
    return "\n".join(lines) + "\n"


def table(rows):
    heads = ["interval of", "world", "truth", "holds it", "below", "above", "mean width", ""]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        numbers = f"{row['below']:.1%} | {row['above']:.1%} | {row['width']:.3f}"
        value, low, high = row["holds"]
        holds = f"{value:.1%} [{low:.1%}, {high:.1%}]"
        lines.append(
            f"| `{row['function']}` | {row['world']} | {row['truth']:.3f} | {holds} | {numbers} | "
            f"{remark(row)} |"
        )
    return lines


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    options = parser.parse_args(arguments)
    rows = []
    for case in all_cases():
        rows.append(simulate(case, options.simulations))
        print(f"{Estimate(*rows[-1]['holds'])}  {case.function}: {case.world}", flush=True)
    result = {
        "simulations": options.simulations,
        "draws": DRAWS,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "statsmodels")},
        "cases": rows,
    }
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "coverage.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    (options.results / "coverage.md").write_text(page(result), "utf-8")
    print(f"Written: {options.results / 'coverage.md'}")


if __name__ == "__main__":
    main()
