"""Statistics of the course: each estimate with an interval, each from a named source.

scipy and statsmodels do the work wherever they can; what stands here is what they lack.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats as _scipy

from besci._distributions import (  # noqa: F401 (public here)
    compare_samples,
    sampling_floor,
    total_variation,
    wasserstein,
)
from besci._pairs import correlation, pairs, square  # noqa: F401 (all three are public here)


class Estimate(NamedTuple):
    """A value with the bounds of its interval; prints as `0.34 [0.28, 0.40]`."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


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


def bootstrap(statistic, *columns, draws=1000, level=0.95, seed=0):
    """Percentile interval of any statistic, resampling rows (people or items).

    statistic: function of the columns, returning a float. columns: arrays of equal length n, rows
    kept together. Returns an Estimate. Raises ValueError for unequal lengths or fewer than 2 rows.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap.
    """
    columns = [np.asarray(column) for column in columns]
    sizes = {len(column) for column in columns}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(f"columns of one length >= 2 are needed, these have {sorted(sizes)} rows")
    rng, n = np.random.default_rng(seed), sizes.pop()
    found = [
        statistic(*(column[rows] for column in columns))
        for rows in (rng.integers(n, size=n) for _ in range(draws))
    ]
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(found, [tail, 100 - tail])
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
    z = _scipy.zscore(x[rows, columns])
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
    half = _scipy.norm.isf((1 - level) / 2) * ((p + q - (p - q) ** 2) / (n + 2)) ** 0.5
    low, high = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return Estimate(float((gained - lost) / n), float(low), float(high))


def kappa(one, two, draws=1000, level=0.95, seed=0):
    """Cohen's kappa of two raters with its interval over the rated cases.

    one, two: (n,) labels. Returns an Estimate; raises ValueError for unequal lengths.
    Source: Cohen (1960), https://doi.org/10.1177/001316446002000104, by scikit-learn.
    """
    from sklearn.metrics import cohen_kappa_score

    labels, coded = np.unique(
        np.concatenate([np.asarray(one), np.asarray(two)]), return_inverse=True
    )

    def agreement(a, b):
        return cohen_kappa_score(a, b, labels=np.arange(len(labels)))

    if len(one) != len(two):
        raise ValueError(f"both raters must rate the same cases: {len(one)} against {len(two)}")
    a, b = coded[: len(one)], coded[len(one) :]
    return bootstrap(agreement, a, b, draws=draws, level=level, seed=seed)


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
    value, half = value + weight * (there - here), _scipy.norm.isf((1 - level) / 2) * variance**0.5
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
