"""Statistics of the course: each estimate with an interval, each from a named source.

scipy and statsmodels do the work wherever they can; what stands here is what they lack.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats
from scipy.spatial.distance import squareform

from besci.inputs import plain


class Estimate(NamedTuple):
    """A value with the bounds of its interval; prints as `0.34 [0.28, 0.40]`."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def pairs(matrix):
    """The upper triangle of a square matrix, row by row, without the diagonal.

    matrix: (n, n). Returns (n * (n - 1) / 2,). R equivalent: `m[upper.tri(m)]`, other order.
    Raises ValueError if the matrix is not square. `scipy.spatial.distance.squareform(values)` is
    the way back, from pairs to a symmetric matrix.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a square matrix is needed, this one has shape {matrix.shape}")
    return squareform(matrix, checks=False)


def correlation(x, y):
    """Pearson correlation of two vectors of equal length n >= 3, without missing values.

    Raises ValueError for unequal lengths, missing values or a constant vector, which have no
    correlation; numpy would return NaN and go on.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3:
        raise ValueError(
            f"two vectors of equal length >= 3 are needed, not {x.shape} and {y.shape}"
        )
    for name, vector in (("first", x), ("second", y)):
        if np.isnan(vector).any():
            raise ValueError(
                f"the {name} vector misses a value at index {np.isnan(vector).argmax()}"
            )
        if np.ptp(vector) == 0:
            raise ValueError(f"the {name} vector is constant, so it correlates with nothing")
    return float(np.corrcoef(x, y)[0, 1])


def accuracy(correct, level=0.95):
    """Share of right answers with the Wilson score interval.

    correct: (n,) of True/False. level: confidence level. Returns an Estimate.
    Raises ValueError if there are no answers.
    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953, by statsmodels.
    """
    from statsmodels.stats.proportion import proportion_confint

    correct = np.asarray(correct, dtype=bool)
    if correct.size == 0:
        raise ValueError("no answers to score")
    low, high = proportion_confint(correct.sum(), correct.size, alpha=1 - level, method="wilson")
    return Estimate(float(correct.mean()), float(low), float(high))


def spearman_brown(r, factor=2.0):
    """Reliability of a measure made `factor` times as long, from the reliability `r` of one part.

    Source: Spearman (1910), https://doi.org/10.1111/j.2044-8295.1910.tb00206.x; Brown (1910).
    """
    return factor * r / (1 + (factor - 1) * r)


def split_half(responses, keying=None, splits=20, seed=0):
    """Reliability of the correlations between items: the ceiling of whatever predicts them.

    Strictly, its square root is the most that a perfect prediction of the true correlations could
    reach with the observed ones (attenuation; Spearman, 1904); close to 1 the two are the same.

    People are split in random halves, the item correlations of one half are correlated with those
    of the other, and Spearman-Brown steps the result up to the full sample.
    responses: (people, items). keying: (items,) of +1/-1 or None; with it, the correlations are
    those of keyed items. Returns an Estimate over the splits (mean, 2.5th and 97.5th percentile).
    Raises ValueError if fewer than 20 people are given.
    """
    responses = np.asarray(responses, dtype=float)
    if len(responses) < 20:
        raise ValueError(f"at least 20 people are needed to split them, not {len(responses)}")
    signs = 1.0 if keying is None else pairs(np.outer(keying, keying))
    rng, found = np.random.default_rng(seed), []
    for _ in range(splits):
        order = rng.permutation(len(responses))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        one, two = (pairs(np.corrcoef(responses[half].T)) * signs for half in halves)
        found.append(spearman_brown(correlation(one, two)))
    return Estimate(float(np.mean(found)), *(float(q) for q in np.percentile(found, [2.5, 97.5])))


def bootstrap_items(x, y, statistic=correlation, draws=1000, level=0.95, seed=0):
    """Interval for the agreement of two item-by-item matrices, over the sampling of items.

    Pairs that share an item are not independent, so items are resampled, not pairs; pairs of an
    item with its own copy are left out.
    x, y: (n, n) symmetric. statistic: function of two vectors of pairs. Returns an Estimate
    (statistic of the data, percentile bounds). Raises ValueError for fewer than 4 items.
    Source: Snijders & Borgatti (1999), vertex bootstrap, Connections 22(2), 161-170.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    pairs(x), pairs(y)
    if x.shape != y.shape or len(x) < 4:
        raise ValueError(
            f"two matrices of the same 4 or more items are needed: {x.shape}, {y.shape}"
        )
    rng, rows, columns = np.random.default_rng(seed), *np.triu_indices(len(x), k=1)
    found = []
    while len(found) < draws:
        drawn = rng.integers(len(x), size=len(x))
        if len(np.unique(drawn)) < 4:
            continue
        left, right = drawn[rows], drawn[columns]
        keep = left != right
        left, right = left[keep], right[keep]
        found.append(statistic(x[left, right], y[left, right]))
    tail = 50 * (1 - level)
    low, high = np.percentile(found, [tail, 100 - tail])
    return Estimate(float(statistic(pairs(x), pairs(y))), float(low), float(high))


def bootstrap(statistic, *columns, cluster=None, draws=1000, level=0.95, seed=0):
    """Percentile interval of any statistic, resampling rows (people or items).

    statistic: function of the columns, returning a float. columns: arrays of equal length n, rows
    kept together. cluster: (n,) labels of what rows belong to (a person, an interview, an event);
    whole clusters are drawn, since rows of one are alike. Draws whose statistic is missing (NaN)
    are left out. Returns an Estimate. Raises ValueError for unequal lengths, or fewer than 2 rows
    or clusters.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, by scipy; clusters: Davison
    & Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    """
    columns = [np.asarray(column) for column in columns]
    labels = None if cluster is None else np.asarray(cluster)
    sizes = {len(column) for column in [*columns, *([] if labels is None else [labels])]}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(f"columns of one length >= 2 are needed, these have {sorted(sizes)} rows")
    units = sizes.pop()
    if labels is not None:
        members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        units = len(members)
        if units < 2:
            raise ValueError("all rows belong to one cluster; an interval needs two or more")

    def redrawn(picked):
        rows = picked if labels is None else np.concatenate([members[k] for k in picked])
        return statistic(*(column[rows] for column in columns))

    drawn = scipy_stats.bootstrap(
        (np.arange(units),),
        redrawn,
        vectorized=False,
        n_resamples=draws,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    return Estimate(float(statistic(*columns)), float(low), float(high))


class Mantel(NamedTuple):
    """Correlation of two matrices, one-sided p, and the (permutations,) values under chance."""

    r: float
    p: float
    null: np.ndarray


def mantel(x, y, permutations=999, seed=0):
    """Mantel test: do two item-by-item matrices agree more than if items were interchangeable?

    The rows and columns of `y` are shuffled together, which keeps the dependence between pairs
    that share an item. x, y: (n, n) symmetric. Returns a Mantel with one-sided p =
    (1 + number of shuffles with r at least as large) / (1 + permutations).
    Raises ValueError if shapes differ or a matrix is constant.
    Source: Mantel (1967), Cancer Research 27(2), 209-220.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    r = correlation(pairs(x), pairs(y))
    rng, rows, columns = np.random.default_rng(seed), *np.triu_indices(len(x), k=1)
    z = scipy_stats.zscore(x[rows, columns])
    null = np.empty(permutations)
    for i in range(permutations):
        order = rng.permutation(len(y))
        null[i] = z @ y[order[rows], order[columns]] / len(z)
    null = null / pairs(y).std()  # the shuffled pairs keep mean and spread, and z has mean 0
    return Mantel(r, float((1 + (null >= r - 1e-12).sum()) / (1 + permutations)), null)


def paired_difference(correct, reference, level=0.95):
    """Difference of two accuracies on the same items, with its interval over the items.

    correct, reference: (n,) of True/False, item by item. Returns an Estimate of
    mean(correct) - mean(reference) with the adjusted Wald interval for paired proportions, which
    keeps a width where the two never, or always, differ.
    Raises ValueError for unequal lengths, or if there are no items.
    Source: Bonett & Price (2012), https://doi.org/10.3102/1076998611411915.
    """
    correct, reference = (np.asarray(x, dtype=bool) for x in (correct, reference))
    if correct.shape != reference.shape or not correct.size:
        raise ValueError(
            "both methods must answer the same items, and there must be some: "
            f"{len(correct)} against {len(reference)}"
        )
    n, gained, lost = len(correct), (correct & ~reference).sum(), (reference & ~correct).sum()
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = scipy_stats.norm.isf((1 - level) / 2) * ((p + q - (p - q) ** 2) / (n + 2)) ** 0.5
    low, high = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return Estimate(float((gained - lost) / n), float(low), float(high))


def kappa(one, two, draws=1000, level=0.95, seed=0):
    """Cohen's kappa of two raters with its interval over the rated cases.

    one, two: (n,) labels; what cannot be seen in them makes no difference (`besci.inputs.plain`).
    Returns an Estimate; raises ValueError for unequal lengths.
    Source: Cohen (1960), https://doi.org/10.1177/001316446002000104, by scikit-learn.
    """
    from sklearn.metrics import cohen_kappa_score

    rated = [
        pd.Series(rater).map(lambda label: plain(label) if isinstance(label, str) else label)
        for rater in (one, two)
    ]
    labels, coded = np.unique(np.concatenate(rated), return_inverse=True)

    def agreement(a, b):
        return cohen_kappa_score(a, b, labels=np.arange(len(labels)))

    if len(one) != len(two):
        raise ValueError(f"both raters must rate the same cases: {len(one)} against {len(two)}")
    a, b = coded[: len(one)], coded[len(one) :]
    return bootstrap(agreement, a, b, draws=draws, level=level, seed=seed)


def kappa_by_code(one, two):
    """Cohen's kappa of two codings for each code.

    one, two: (n, k) of True/False, whether case i has code j. Returns (k,), NaN for a code that
    neither gives, which has no kappa. Raises ValueError for codings of other shapes.
    Source: Cohen (1960), as `kappa`; in closed form, for use in a bootstrap.
    """
    one, two = np.asarray(one, dtype=bool), np.asarray(two, dtype=bool)
    if one.ndim != 2 or one.shape != two.shape:
        raise ValueError(
            f"two codings of the same cases and codes are needed: {one.shape}, {two.shape}"
        )
    p, q = one.mean(axis=0), two.mean(axis=0)
    with np.errstate(invalid="ignore"):
        return 2 * ((one & two).mean(axis=0) - p * q) / (p + q - 2 * p * q)


def calibration_error(probability, outcome, bins=10):
    """Expected calibration error: how far stated probabilities lie from what happens.

    Cases are put into `bins` groups of equal size by their probability; the error is the mean
    absolute difference between a group's mean probability and its share of true outcomes.
    probability: (n,) in [0, 1]. outcome: (n,) of True/False. Returns a float in [0, 1].
    Raises ValueError if lengths differ or a probability lies outside [0, 1].
    Source: Naeini et al. (2015), AAAI 29, with groups of equal size.
    """
    probability, outcome = np.asarray(probability, dtype=float), np.asarray(outcome, dtype=float)
    if probability.shape != outcome.shape or probability.ndim != 1 or not len(probability):
        raise ValueError(f"as many outcomes as probabilities are needed: {outcome.shape}")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities must lie between 0 and 1")
    groups = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(probability)))
    gaps = [len(g) * abs(probability[g].mean() - outcome[g].mean()) for g in groups]
    return float(sum(gaps) / len(probability))


def prediction_powered(gold, predicted, rest, x=None, x_rest=None, level=0.95):
    """A mean or a regression slope, from a few gold labels and many predicted ones.

    What the predictions give is corrected by the errors they make where gold is known; they count
    with the weight, from 0 to 1, that makes the interval shortest. The interval is normal, with
    robust variance: a dozen cases of the rarer label are its lower limit.
    gold, predicted: (n,) both labels of n cases drawn at random. rest: (N,) predictions of the
    others. x, x_rest: None for the mean; else covariates, (n,) and (N,) or (n, k) and (N, k), of
    which the first gets the slope (least squares). Returns an Estimate.
    Raises ValueError if lengths do not fit, values are missing, fewer than 20 cases are given or
    covariates do not vary.
    Source: Angelopoulos et al. (2023), https://doi.org/10.1126/science.adi6000; the weight:
    Angelopoulos, Duchi & Zrnic (2023), https://arxiv.org/abs/2311.01453.
    """
    # Not by their package ppi_py: importing it takes seconds, in every session.
    if (x is None) != (x_rest is None):
        raise ValueError("the covariate is needed for both parts: give x and x_rest, or neither")
    value, own = _least_squares(gold, x, "gold")
    here, own_here = _least_squares(predicted, x, "predicted")
    there, own_there = _least_squares(rest, x_rest, "rest")
    n, more = len(own), len(own_there)
    if len(own_here) != n:
        raise ValueError(f"{n} gold labels need as many predictions, not {len(own_here)}")
    spread = np.concatenate([own_here, own_there]).var(ddof=1) * (1 + n / more)
    weight = np.clip(own @ own_here / n / max(spread, 1e-12), 0, 1)
    variance = (own - weight * own_here).var() / n + weight**2 * own_there.var() / more
    value, half = (
        value + weight * (there - here),
        scipy_stats.norm.isf((1 - level) / 2) * variance**0.5,
    )
    return Estimate(float(value), float(value - half), float(value + half))


def _least_squares(outcome, x, name):
    """The mean, or the slope of the first covariate, and (n,) how much each case moves it."""
    outcome = np.asarray(outcome, dtype=float)
    columns = [np.ones(len(outcome))] + ([] if x is None else [np.asarray(x, dtype=float)])
    if len(outcome) < 20 or len(columns[-1]) != len(outcome):
        raise ValueError(f"{name}: 20 or more cases, with covariates for all, are needed")
    design = np.column_stack(columns)
    if not (np.isfinite(outcome).all() and np.isfinite(design).all()):
        raise ValueError(f"{name}: a label or covariate is missing; leave such cases out")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(f"{name}: a covariate is constant, or follows from the others, here")
    inverse, k = np.linalg.pinv(design), len(columns) - 1
    residuals = outcome - design @ (inverse @ outcome)
    return inverse[k] @ outcome, len(outcome) * inverse[k] * residuals


# ---- distributions of answers


def total_variation(p, q):
    """Total variation distance: the share of people who would have to change their answer.

    p, q: (k,) probabilities of the same k options, in any order. Returns a float in [0, 1].
    Raises ValueError if one is not a distribution or lengths differ.
    Source: Levin & Peres (2017), Markov Chains and Mixing Times, proposition 4.2.
    """
    p, q = _distributions(p, q)
    return float(np.abs(p - q).sum() / 2)


def wasserstein(p, q, values=None):
    """1-Wasserstein distance: by how many scale points people would have to move, on average.

    p, q: (k,) probabilities of the same k options. values: (k,) their places on the scale (default
    1 to k). Returns a float >= 0. Raises ValueError as `total_variation` does.
    Source: Rubner et al. (2000), https://doi.org/10.1023/A:1026543900054, by scipy.
    """
    p, q = _distributions(p, q)
    values = np.arange(len(p)) if values is None else values
    return float(scipy_stats.wasserstein_distance(values, values, p, q))


def sampling_floor(p, n, distance=total_variation, draws=2000, seed=0):
    """Expected distance between `p` and a sample of size `n` drawn from it.

    The distance that even a perfect simulation shows because the human sample is finite.
    p: (k,) probabilities. n: sample size. distance: `total_variation` or `wasserstein`.
    Returns a float. Raises ValueError if p is not a distribution.
    """
    p, _ = _distributions(p, p)
    samples = np.random.default_rng(seed).multinomial(n, p, size=draws) / n
    return float(np.mean([distance(p, sample) for sample in samples]))


def _distributions(p, q):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    for vector in (p, q):
        if vector.shape != p.shape or not (vector >= 0).all() or abs(vector.sum() - 1) > 1e-6:
            raise ValueError(f"probabilities of the same options are needed, not {p} and {q}")
    return p / p.sum(), q / q.sum()


def compare_samples(samples, humans):
    """Simulated samples beside the people they simulate: DataFrame, a row for each.

    samples: {name: table}; humans: table. A table has a row for each person, indexed alike, and a
    column for each option, named by its value on the scale; rows sum to 1 (see `besci.survey`).
    People without an answer in a sample are left out of its row, among the humans too.

    Columns: people; mean answer; variance ratio, that of all answers to that of the humans';
    total variation and Wasserstein, the distances from the humans, each with its sampling floor.
    Raises ValueError for other options or other people than the humans'.
    """
    rows = {}
    for name, table in {"humans": humans, **samples}.items():
        if list(table.columns) != list(humans.columns) or not table.index.isin(humans.index).all():
            raise ValueError(f"{name}: the people or the options are not those of the humans")
        table = table.dropna()
        row = rows[name] = {"people": len(table)}
        if len(table) == 0:
            continue
        same = humans.loc[table.index].mean()
        values, p = np.asarray(humans.columns, dtype=float), table.mean()
        row["mean answer"] = p @ values
        spread, spread_same = (q @ values**2 - (q @ values) ** 2 for q in (p, same))
        row["variance ratio"] = spread / spread_same if spread_same else np.nan
        for text, distance in (
            ("total variation", total_variation),
            ("Wasserstein", lambda p, q, values=values: wasserstein(p, q, values)),
        ):
            row[text] = distance(p, same)
            row[f"{text}, floor"] = sampling_floor(same, len(table), distance)
    return pd.DataFrame(rows).T.astype({"people": int})
