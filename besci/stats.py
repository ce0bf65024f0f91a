"""Statistics of the course: each estimate with an interval, each from a named source.

scipy, statsmodels and scikit-learn do the work wherever they can; what stands here is what they
lack. Whatever is passed in is checked first (`besci.inputs`): missing or infinite values, texts
where numbers or truth values are needed, and Series whose indexes differ raise a ValueError that
names the place. How often each interval holds the truth is simulated in the course's repository:
benchmarks/results/coverage.md.
"""

import inspect
import warnings
from functools import cache
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats
from scipy.spatial.distance import squareform

from besci import inputs
from besci.inputs import require

FEW_CLUSTERS = 10  # with fewer, a note says that the interval is rough


class Estimate(NamedTuple):
    """A value with the bounds of its interval; prints as `0.34 [0.28, 0.40]`."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def __repr__(self):
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


# ---- what intervals are made of


def _tail(level):
    """The probability left on each side of an interval."""
    number = isinstance(level, Real) and 0 < level < 1
    require(number, f"level must lie between 0 and 1, such as 0.95, not {level!r}")
    return (1 - level) / 2


def _quantiles(value, drawn, tail):
    """The Estimate whose bounds leave `tail` of the draws on each side, the missing ones aside."""
    drawn = np.asarray(drawn)[np.isfinite(drawn)]
    require(len(drawn), "the statistic is missing in all draws")
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def _expanded(level, units):
    """The tail of a percentile interval that is as wide as Student's t asks for with few units.

    Source: Hesterberg (2015), https://doi.org/10.1080/00031305.2015.1089789.
    """
    t = scipy_stats.t.isf(_tail(level), units - 1)
    return scipy_stats.norm.sf(t * (units / (units - 1)) ** 0.5)


def _clusters(cluster, rows):
    """(n,) number of the cluster that each row belongs to, from 0; a row each if there are none."""
    if cluster is None:
        return np.arange(rows)
    codes, names = pd.factorize(inputs.labels(cluster=cluster)[0])
    require(len(names) > 1, "all rows belong to one cluster; an interval needs two or more")
    if len(names) < FEW_CLUSTERS:
        caller = next(k for k, f in enumerate(inspect.stack(0), 1) if f.filename != __file__)
        warnings.warn(
            f"There are only {len(names)} clusters. So few hardly tell how much clusters differ: "
            "take the interval as a rough one. More clusters help, more rows of these do not.",
            stacklevel=caller,
        )
    return codes


def _members(codes):
    """Positions of the rows of each cluster: a list of arrays."""
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])


def _effective_size(values, cluster, level):
    """How many independent rows would tell as much as these (n,) values, of clusters or of none.

    The number of rows by the design effect of their mean (no less than 1), with Student's t for the
    few clusters that it is estimated from. Where no value differs from another it cannot be
    estimated; there a cluster counts as one row.
    Source: Rao & Scott (1992), https://doi.org/10.2307/2532311; Korn & Graubard (1998), Survey
    Methodology 24(2), 193-201.
    """
    n, deviations = len(values), values - values.mean()
    if cluster is None:
        return n
    codes = _clusters(cluster, n)
    units = codes.max() + 1
    if not deviations.any():
        return units
    within, between = deviations @ deviations, np.bincount(codes, deviations)
    effect = (between @ between * units / (units - 1)) / (within * n / (n - 1))
    few, many = scipy_stats.t.isf(_tail(level), [units - 1, n - 1])
    return n / max(effect * (few / many) ** 2, 1)


# ---- items by items


def pairs(matrix):
    """The upper triangle of a square matrix, row by row, without the diagonal.

    matrix: (n, n), of anything; what is missing stays missing. Returns (n * (n - 1) / 2,).
    R equivalent: `m[upper.tri(m)]`, other order. Raises ValueError if the matrix is not square.
    `scipy.spatial.distance.squareform(values)` is the way back, from pairs to a symmetric matrix.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a square matrix is needed, this one has shape {matrix.shape}")
    return squareform(matrix, checks=False)


def correlation(x, y):
    """Pearson correlation of two vectors of numbers, of equal length n >= 3.

    Raises ValueError for a constant vector, which has no correlation; numpy would return NaN and
    go on.
    """
    inputs.aligned(x=x, y=y)
    x, y = inputs.numbers(x, "x"), inputs.numbers(y, "y")
    require(len(x) >= 3, f"a correlation needs 3 rows or more, not {len(x)}")
    for name, vector in (("x", x), ("y", y)):
        require(np.ptp(vector), f"{name} is constant, so it correlates with nothing")
    return float(np.corrcoef(x, y)[0, 1])


def spearman_brown(r, factor=2.0):
    """Reliability of a measure made `factor` times as long, from the reliability `r` of one part.

    r: a number or (n,) numbers. Raises ValueError where the formula has no meaning.
    Source: Spearman (1910), https://doi.org/10.1111/j.2044-8295.1910.tb00206.x; Brown (1910).
    """
    values = inputs.numbers([r] if np.ndim(r) == 0 else r, "r")
    require((np.abs(values) <= 1).all(), f"r must lie between -1 and 1, not {r}")
    require(isinstance(factor, Real) and 0 < factor < np.inf, f"factor must be above 0: {factor!r}")
    divisor = 1 + (factor - 1) * values
    require((divisor > 0).all(), f"r = {r} is too far below 0 to be stepped up {factor} times")
    stepped = factor * values / divisor
    return stepped if np.ndim(r) else float(stepped[0])


def split_half(responses, keying=None, splits=20, seed=0):
    """Reliability of the correlations between items: the ceiling of whatever predicts them.

    Strictly, its square root is the most that a perfect prediction of the true correlations could
    reach with the observed ones (attenuation; Spearman, 1904); close to 1 the two are the same.

    People are split in random halves, the item correlations of one half are correlated with those
    of the other, and Spearman-Brown steps the result up to the full sample.
    responses: (people, items). keying: (items,) of +1/-1 or None; with it, the correlations are
    those of keyed items. Returns an Estimate over the splits: their mean, 2.5th and 97.5th
    percentile. These say how much random halves differ; it is no confidence interval, for other
    people would differ more. Raises ValueError if fewer than 20 people are given.
    """
    responses = inputs.numbers(responses, "responses", (2,))
    people, items = responses.shape
    require(people >= 20, f"at least 20 people are needed to split them, not {people}")
    keying = np.ones(items) if keying is None else inputs.numbers(keying, "keying")
    fits = len(keying) == items and (np.abs(keying) == 1).all()
    require(fits, f"keying: +1 or -1 is needed for each of the {items} items")
    signs, rng, found = pairs(np.outer(keying, keying)), np.random.default_rng(seed), []
    for _ in range(splits):
        order = rng.permutation(people)
        halves = order[: people // 2], order[people // 2 :]
        one, two = (pairs(np.corrcoef(responses[half].T)) * signs for half in halves)
        found.append(spearman_brown(correlation(one, two)))
    return _quantiles(np.mean(found), found, 0.025)


def _item_matrix(matrix, name, check=inputs.numbers):
    """A symmetric (n, n) matrix, checked; its diagonal, which is in no pair, becomes 0."""
    array = np.array(inputs.as_array(matrix))
    require(
        array.ndim == 2 and array.shape[0] == array.shape[1],
        f"{name}: a square matrix is needed, this one has the shape {array.shape}",
    )
    np.fill_diagonal(array, 0)
    if isinstance(matrix, pd.DataFrame):
        sides = f"the rows of {name}", f"the columns of {name}"
        inputs.same_index(sides[0], matrix.index, sides[1], matrix.columns)
        array = pd.DataFrame(array, matrix.index, matrix.columns)
    array = check(array, name, (2,))
    require(np.allclose(array, array.T, atol=1e-5), f"{name}: the matrix is not symmetric")
    return array


def bootstrap_items(
    x,
    y,
    statistic=correlation,
    *,
    reference=None,
    cluster=None,
    where=None,
    draws=1000,
    level=0.95,
    seed=0,
):
    """Interval for the agreement of two item-by-item matrices, over the sampling of items.

    Pairs that share an item are not independent, so items are resampled, not pairs; pairs of an
    item with its own copy are left out.
    x, y: (n, n) symmetric. statistic: function of two vectors of pairs. reference: (n, n) symmetric
    or None; with it, the result is by how much x agrees better with y than the reference does, on
    the same pairs. cluster: (n,) labels of what items belong to (a construct): whole clusters are
    drawn, and pairs of a cluster with its own copy left out. where: (n, n) of True/False, the pairs
    that count (those within constructs, for example), or None for all. Returns an Estimate
    (statistic of the data, percentile bounds). Raises ValueError for fewer than 4 items, or a
    matrix that is not symmetric.
    Source: Snijders & Borgatti (1999), vertex bootstrap, Connections 22(2), 161-170.
    """
    inputs.aligned(x=x, y=y, reference=reference, where=where, cluster=cluster)
    x, y = _item_matrix(x, "x"), _item_matrix(y, "y")
    rivals = [] if reference is None else [_item_matrix(reference, "reference")]
    where = np.ones(x.shape, bool) if where is None else _item_matrix(where, "where", inputs.truths)
    require(len(x) >= 4, f"4 items or more are needed, not {len(x)}")
    codes, rng, found = _clusters(cluster, len(x)), np.random.default_rng(seed), []
    members, upper = _members(codes), cache(lambda n: np.triu_indices(n, k=1))

    def agreement(pair):
        own, *others = (statistic(matrix[pair], y[pair]) for matrix in (x, *rivals))
        return own - sum(others)

    while len(found) < draws:
        drawn = rng.integers(len(members), size=len(members))
        items = np.concatenate([members[k] for k in drawn])
        if len(np.unique(items)) < 4:
            continue
        rows, columns = upper(len(items))
        left, right = items[rows], items[columns]
        own_copy = codes[left] == codes[right]
        if cluster is not None:  # pairs within what was drawn together stay
            copy = np.repeat(np.arange(len(drawn)), [len(members[k]) for k in drawn])
            own_copy &= copy[rows] != copy[columns]
        keep = where[left, right] & ~own_copy
        found.append(agreement((left[keep], right[keep])))
    value = agreement(np.nonzero(np.triu(where, k=1)))
    return _quantiles(value, found, _tail(level))


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
    Raises ValueError if a matrix is constant, or not symmetric.
    Source: Mantel (1967), Cancer Research 27(2), 209-220.
    """
    inputs.aligned(x=x, y=y)
    x, y = _item_matrix(x, "x"), _item_matrix(y, "y")
    r = correlation(pairs(x), pairs(y))
    rng, rows, columns = np.random.default_rng(seed), *np.triu_indices(len(x), k=1)
    z = scipy_stats.zscore(x[rows, columns])
    null = np.empty(permutations)
    for i in range(permutations):
        order = rng.permutation(len(y))
        null[i] = z @ y[order[rows], order[columns]] / len(z)
    null = null / pairs(y).std()  # the shuffled pairs keep mean and spread, and z has mean 0
    return Mantel(r, float((1 + (null >= r - 1e-12).sum()) / (1 + permutations)), null)


# ---- any statistic of rows


def bootstrap(statistic, *columns, cluster=None, draws=1000, level=0.95, seed=0):
    """Percentile interval of any statistic, resampling rows (people or items).

    statistic: function of the columns, returning a float. columns: arrays of equal length n, rows
    kept together. cluster: (n,) labels of what rows belong to (a person, an interview, an event);
    whole clusters are drawn, since rows of one are alike. The percentiles are those of an interval
    as wide as Student's t asks for with few rows or clusters. Draws whose statistic is missing
    (NaN) are left out. Returns an Estimate. Raises ValueError for fewer than 2 rows or clusters, or
    a statistic that is missing in the columns themselves.
    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, by scipy; few rows:
    Hesterberg (2015), https://doi.org/10.1080/00031305.2015.1089789; clusters: Davison & Hinkley
    (1997), Bootstrap Methods and their Application, section 3.8.
    """
    require(columns, "bootstrap needs one column or more, after the statistic")
    named = {f"column {k}": column for k, column in enumerate(columns, start=1)}
    inputs.aligned(**named, cluster=cluster)
    columns = [inputs.values(column, name, (1, 2, 3)) for name, column in named.items()]
    rows = len(columns[0])
    require(rows >= 2, f"2 rows or more are needed, not {rows}")
    members = _members(_clusters(cluster, rows))

    def redrawn(picked):
        rows = picked if cluster is None else np.concatenate([members[k] for k in picked])
        return statistic(*(column[rows] for column in columns))

    value = statistic(*columns)
    require(np.isfinite(value), f"the statistic of these columns is {value}")
    drawn = scipy_stats.bootstrap(
        (np.arange(len(members)),),
        redrawn,
        vectorized=False,
        n_resamples=draws,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).bootstrap_distribution
    return _quantiles(value, drawn, _expanded(level, len(members)))


def over_draws(values, *, cluster=None, draws=1000, level=0.95, seed=0):
    """Mean of what several random draws give for the same cases, its interval over both.

    For a claim on a procedure that draws at random (the examples of a prompt, the cases of a
    training set, the seeds of a training): other cases might have been judged, and other draws
    made. Cases, or whole clusters of them, are resampled, and so are the draws, of which one fewer
    is taken than there are, or few draws would look surer than they are. Chance that a case and a
    draw make together counts more than once, so the interval is rather too wide, above all with
    few draws; of a single draw it is that of the cases alone. Where all are right, or all wrong,
    nothing varies, and the interval is that of `accuracy`.
    values: (n, d), right or wrong (or any number) for n cases in each of d draws. cluster: (n,)
    labels of what cases belong to. Returns an Estimate. Raises ValueError for fewer than 2 cases.
    Source: Owen (2007), https://doi.org/10.1214/07-AOAS122 (cases and draws apart from each other);
    one fewer: Rao & Wu (1988), https://doi.org/10.1080/01621459.1988.10478591.

        stats.over_draws(hits, cluster=test["event_id"])  # hits: a column for each draw
    """
    inputs.aligned(values=values, cluster=cluster)
    table = inputs.numbers(values, "values", (2,))
    n, d = table.shape
    require(n >= 2 and d, f"2 cases or more and a draw are needed, the values have {table.shape}")
    if np.asarray(values).dtype == bool and table.min() == table.max():
        return accuracy(table[:, 0], cluster=cluster, level=level)
    codes, rng = _clusters(cluster, n), np.random.default_rng(seed)
    units, some = codes.max() + 1, max(d - 1, 1)
    sums = np.stack([np.bincount(codes, column) for column in table.T], axis=1)
    of_cases = rng.multinomial(units, np.full(units, 1 / units), size=draws)
    of_draws = rng.multinomial(some, np.full(d, 1 / d), size=draws)
    totals = ((of_cases @ sums) * of_draws).sum(axis=1)
    found = totals / (of_cases @ np.bincount(codes)) / some
    return _quantiles(table.mean(), found, _expanded(level, units))


# ---- right and wrong


def accuracy(correct, *, cluster=None, level=0.95):
    """Share of right answers with the Wilson score interval.

    correct: (n,) of True/False. cluster: (n,) labels of what answers belong to (a construct, an
    event); the interval is then that of as many independent answers as would tell as much (design
    effect). level: confidence level. Returns an Estimate. Raises ValueError if there are no
    answers.
    Source: Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953, by statsmodels; clusters:
    Rao & Scott (1992), https://doi.org/10.2307/2532311, with the degrees of freedom of Korn &
    Graubard (1998), Survey Methodology 24(2), 193-201.
    """
    from statsmodels.stats.proportion import proportion_confint

    inputs.aligned(correct=correct, cluster=cluster)
    correct = inputs.truths(correct, "correct").astype(float)
    require(len(correct), "no answers to score")
    share, size = correct.mean(), _effective_size(correct, cluster, level)
    low, high = proportion_confint(share * size, size, alpha=2 * _tail(level), method="wilson")
    return Estimate(float(share), float(low), float(high))


def paired_difference(correct, reference, *, cluster=None, level=0.95):
    """Difference of two accuracies on the same items, with its interval over the items.

    correct, reference: (n,) of True/False, item by item. cluster: as in `accuracy`. Returns an
    Estimate of mean(correct) - mean(reference) with the adjusted Wald interval for paired
    proportions, which keeps a width where the two never, or always, differ. Raises ValueError if
    there are no items.
    Source: Bonett & Price (2012), https://doi.org/10.3102/1076998611411915; clusters: as in
    `accuracy`.
    """
    inputs.aligned(correct=correct, reference=reference, cluster=cluster)
    correct, reference = inputs.truths(correct, "correct"), inputs.truths(reference, "reference")
    require(len(correct), "no answers to score")
    gain = correct.astype(float) - reference
    size = _effective_size(gain, cluster, level)
    p, q = (((gain == sign).mean() * size + 1) / (size + 2) for sign in (1, -1))
    half = scipy_stats.norm.isf(_tail(level)) * ((p + q - (p - q) ** 2) / (size + 2)) ** 0.5
    low, high = max(p - q - half, -1.0), min(p - q + half, 1.0)
    return Estimate(float(gain.mean()), float(low), float(high))


class Selection(NamedTuple):
    """What choosing the best of several methods is worth, from `selected_on_one_half`.

    best: name of the method with the highest mean. value: its mean on the cases it was chosen by.
    honest: Estimate, the mean of a method on cases that did not choose it. optimism: Estimate, by
    how much `value` overstates that.
    """

    best: object
    value: float
    honest: Estimate
    optimism: Estimate


def selected_on_one_half(scores, *, cluster=None, draws=1000, level=0.95, seed=0):
    """What the best of several methods (prompts, models) shows on cases that did not choose it.

    One half of the cases chooses the method with the highest mean, the other half scores it; then
    the halves change places; the honest value is the average over random halves. It is that of the
    choice, not of one method: where methods are alike, each half chooses another one.
    scores: (n, k) DataFrame, or {method: (n,)}, right or wrong (or any score) of the same n cases
    by each of k methods. cluster: (n,) labels of what cases belong to; clusters stay whole, in one
    half. Returns a Selection, its intervals over cases or clusters; they are bootstrap intervals,
    rather too wide. Raises ValueError for fewer than 2 methods, or fewer than 4 cases or clusters.
    Source: Cawley & Talbot (2010), Journal of Machine Learning Research 11, 2079-2107, on the bias
    of a score that also selects; halves as in twofold cross-validation.
    """
    require(isinstance(scores, (pd.DataFrame, dict)), "scores must be a DataFrame or a dict")
    columns = {f"method {name!r}": column for name, column in scores.items()}
    require(len(columns) >= 2, f"2 methods or more are needed, not {len(columns)}")
    inputs.aligned(**columns, cluster=cluster)
    table = np.column_stack([inputs.numbers(column, name) for name, column in columns.items()])
    codes = _clusters(cluster, len(table))
    units = codes.max() + 1 if len(codes) else 0
    require(units >= 4, f"4 cases or clusters or more are needed, not {units}")
    sums = np.stack([np.bincount(codes, column) for column in table.T], axis=1)
    sizes, rng = np.bincount(codes), np.random.default_rng(seed)
    redrawn = rng.multinomial(units, np.full(units, 1 / units), size=draws)
    means = table.mean(axis=0)
    value = float(means.max())
    honest = _quantiles(
        _other_half(np.ones_like(redrawn), sums, sizes, rng).mean(),
        np.mean([_other_half(redrawn, sums, sizes, rng) for _ in range(10)], axis=0),
        _expanded(level, units),
    )
    optimism = Estimate(*(float(value - honest[k]) for k in (0, 2, 1)))
    return Selection(list(scores)[means.argmax()], value, honest, optimism)


def _other_half(weights, sums, sizes, rng):
    """(draws,) mean score of the method that a random half of the units chooses, on the other half.

    weights: (draws, units), how often each unit is there; its copies stay in one half. sums:
    (units, methods) of scores. sizes: (units,) of cases. Methods that tie are averaged.
    """
    units = weights.shape[1]
    first = rng.permuted(np.tile(np.arange(units) < units // 2, (len(weights), 1)), axis=1)
    halves = [weights * first, weights * ~first]
    with np.errstate(invalid="ignore"):  # a half of which nothing was drawn has no mean
        one, two = (half @ sums / (half @ sizes)[:, None] for half in halves)
        found = []
        for choosing, scoring in ((one, two), (two, one)):
            chosen = choosing == choosing.max(axis=1, keepdims=True)
            found.append((scoring * chosen).sum(axis=1) / chosen.sum(axis=1))
    return np.mean(found, axis=0)


# ---- labels


def confusion(gold, predicted, labels=None):
    """How often each label was predicted for each gold label: DataFrame of counts.

    gold, predicted: (n,) labels, as in `kappa`. labels: all labels in the order of the table, or
    None for that of the alphabet. Rows are gold, columns predicted, both named by the labels.
    Raises ValueError for a label that is not in `labels`. By scikit-learn.
    """
    from sklearn.metrics import confusion_matrix

    gold, predicted = inputs.labels(gold=gold, predicted=predicted)
    there = sorted({*gold, *predicted})
    names = pd.Index(there if labels is None else inputs.labels(labels=labels)[0], dtype=object)
    extra = [label for label in there if label not in names]
    require(not extra, f"labels: {extra} occur, but are not among {list(names)}")
    codes = [names.get_indexer(column) for column in (gold, predicted)]
    counts = confusion_matrix(*codes, labels=np.arange(len(names)))
    return pd.DataFrame(counts, names.rename("gold"), names.rename("predicted"))


def kappa(one, two, *, cluster=None, draws=1000, level=0.95, seed=0):
    """Cohen's kappa of two raters with its interval over the rated cases.

    one, two: (n,) labels; what cannot be seen in them makes no difference (`besci.inputs.plain`).
    cluster: (n,) labels of what cases belong to. Returns an Estimate with bootstrap bounds; one
    agreement and one disagreement are put among the cases drawn from, so that raters who always
    agree keep an interval with a width. Raises ValueError if only one label occurs.
    Source: Cohen (1960), https://doi.org/10.1177/001316446002000104.
    """
    columns = {"one": one, "two": two}
    return _of_labels(_kappa, columns, cluster, draws, level, seed)


def mcc(gold, predicted, *, cluster=None, draws=1000, level=0.95, seed=0):
    """Matthews correlation coefficient of gold and predicted labels: 0 by chance, 1 at best.

    Unlike accuracy and F1 it is high only if all labels are predicted well, the rare one too. With
    two labels it is their correlation (phi).
    gold, predicted: (n,) labels, two or more kinds. cluster, interval and errors: as in `kappa`. It
    is 0, by convention, where all predictions are the same.
    Source: Chicco & Jurman (2020), https://doi.org/10.1186/s12864-019-6413-7; more than two labels:
    Gorodkin (2004), https://doi.org/10.1016/j.compbiolchem.2004.09.006.
    """
    columns = {"gold": gold, "predicted": predicted}
    return _of_labels(_mcc, columns, cluster, draws, level, seed)


def _of_labels(formula, columns, cluster, draws, level, seed):
    """An Estimate of a formula of (..., k, k) tables of counts, for two columns of labels."""
    inputs.aligned(**columns, cluster=cluster)
    one, two = inputs.labels(**columns)
    coded, names = pd.factorize(np.concatenate([one, two]))
    n, k, codes = len(one), len(names), _clusters(cluster, len(one))
    require(k >= 2, f"two labels or more must occur, not only {list(names)}")
    units, cells = codes.max() + 1, coded[:n] * k + coded[n:]
    share = np.bincount(coded) / (2 * n)
    apart = np.outer(share, share) * (1 - np.eye(k))
    added = np.stack([np.diag(share), apart / apart.sum()]).reshape(2, k * k)
    rng = np.random.default_rng(seed)
    if cluster is None:
        shares = (np.bincount(cells, minlength=k * k) + added.sum(axis=0)) / (n + 2)
        drawn = rng.multinomial(n, shares, size=draws)
    else:
        each = np.bincount(codes * k * k + cells, minlength=units * k * k).reshape(units, k * k)
        shares = np.full(units + 2, 1 / (units + 2))
        drawn = rng.multinomial(units, shares, size=draws) @ np.vstack([each, added])
    counts = np.bincount(cells, minlength=k * k)
    value, drawn = formula(counts.reshape(k, k)), formula(drawn.reshape(draws, k, k))
    return _quantiles(value, drawn, _expanded(level, units))


def _kappa(tables):
    n, above, one, two = _above_chance(tables)
    with np.errstate(invalid="ignore"):
        return above / (n**2 - (one * two).sum(axis=-1))


def _mcc(tables):
    n, above, one, two = _above_chance(tables)
    spread = (n**2 - (one**2).sum(axis=-1)) * (n**2 - (two**2).sum(axis=-1))
    return above / np.sqrt(np.where(spread > 0, spread, np.inf))


def _above_chance(tables):
    """(n, n² times the agreement above chance, margin of the rows, of the columns) of tables."""
    one, two = tables.sum(axis=-1) * 1.0, tables.sum(axis=-2) * 1.0
    n = one.sum(axis=-1)
    agreed = np.trace(tables, axis1=-2, axis2=-1)
    return n, n * agreed - (one * two).sum(axis=-1), one, two


def f1(gold, predicted, positive=True, *, cluster=None, level=0.95):
    """F1 of one label: the harmonic mean of precision and recall, with its interval.

    Cases that neither column calls `positive` do not count, however many there are; `mcc` counts
    them. Of the others, J is the share in which both do, and F1 = 2 J / (1 + J); so the bounds are
    those that `accuracy` gives for J, brought to the scale of F1 in the same way.
    gold, predicted: (n,) labels. positive: the label that F1 is of. cluster: as in `accuracy`.
    Returns an Estimate. Raises ValueError if `positive` does not occur.
    Source: van Rijsbergen (1979), Information Retrieval, chapter 7; what it leaves out: Chicco &
    Jurman (2020), https://doi.org/10.1186/s12864-019-6413-7.
    """
    inputs.aligned(gold=gold, predicted=predicted, cluster=cluster)
    gold, predicted = inputs.labels(gold=gold, predicted=predicted)
    (positive,) = inputs.labels(positive=[positive])[0]
    is_gold, is_predicted = gold == positive, predicted == positive
    some = is_gold | is_predicted
    require(
        some.any(),
        f"positive={positive!r} does not occur; the labels are {sorted({*gold, *predicted})}",
    )
    if cluster is not None:
        cluster = inputs.labels(cluster=cluster)[0][some]
    share = accuracy((is_gold & is_predicted)[some], cluster=cluster, level=level)
    return Estimate(*(2 * j / (1 + j) for j in share))


def kappa_by_code(one, two):
    """Cohen's kappa of two codings for each code.

    one, two: (n, k) of True/False, whether case i has code j. Returns (k,), NaN for a code that
    neither gives, which has no kappa. Raises ValueError for codings of other shapes.
    Source: Cohen (1960), as `kappa`; in closed form, for use in a bootstrap.
    """
    inputs.aligned(one=one, two=two)
    one, two = inputs.truths(one, "one", (2,)), inputs.truths(two, "two", (2,))
    require(
        one.shape == two.shape,
        f"two codings of the same cases and codes are needed: {one.shape}, {two.shape}",
    )
    p, q = one.mean(axis=0), two.mean(axis=0)
    with np.errstate(invalid="ignore"):
        return 2 * ((one & two).mean(axis=0) - p * q) / (p + q - 2 * p * q)


# ---- probabilities


def calibration_error(
    probability, outcome, bins=10, *, cluster=None, draws=1000, level=0.95, seed=0
):
    """Expected calibration error: how far stated probabilities lie from what happens.

    Cases are put into `bins` groups of equal size by their probability; the error is the mean
    absolute difference between a group's mean probability and its share of true outcomes. Cases of
    the same probability count with their mean outcome, so their order plays no role.
    Chance alone makes such an error, also where every probability is right; read it beside
    `calibration_floor`. It adds to the error in each sample and once more in each bootstrap sample;
    therefore the lower bound is that of the basic bootstrap, which takes this off, and 0 where the
    error lies within the floor; the upper one is the percentile, which errs on the safe side. With
    few cases in a group the interval is too narrow, at its lower bound.
    probability: (n,) in [0, 1]. outcome: (n,) of True/False. cluster: as in `bootstrap`. Returns an
    Estimate. Raises ValueError if a probability lies outside [0, 1].
    Source: Naeini et al. (2015), AAAI 29, with groups of equal size; its bias: Kumar et al. (2019),
    https://arxiv.org/abs/1909.10155; the bootstraps: Davison & Hinkley (1997), chapter 5.
    """
    inputs.aligned(probability=probability, outcome=outcome, cluster=cluster)
    p, happened = _probabilities(probability), inputs.truths(outcome, "outcome").astype(float)
    settings = {"draws": draws, "level": level, "seed": seed}
    found = bootstrap(
        lambda p, happened: _binned_error(p, happened, bins),
        p,
        happened,
        cluster=cluster,
        **settings,
    )
    within = found.value <= calibration_floor(p, bins, **settings).high
    low = 0.0 if within else max(2 * found.value - found.high, 0.0)
    return Estimate(found.value, low, found.high)


def calibration_floor(probability, bins=10, *, draws=1000, level=0.95, seed=0):
    """The `calibration_error` of as many probabilities, the same ones, that are all right.

    Outcomes are drawn from the probabilities themselves. Returns an Estimate: the mean error, and
    between which bounds it lies in 95 of 100 draws (with that level). An error above the upper one
    is more than chance. probability: (n,) in [0, 1].
    Source: Bröcker & Smith (2007), https://doi.org/10.1175/WAF993.1 (consistency resampling).
    """
    p = _probabilities(probability)
    happened = np.random.default_rng(seed).random((draws, len(p))) < p
    errors = _binned_error(p, happened.astype(float), bins)
    return _quantiles(errors.mean(), errors, _tail(level))


def _probabilities(probability):
    p = inputs.numbers(probability, "probability")
    require(len(p), "no probabilities to judge")
    require(((p >= 0) & (p <= 1)).all(), "probabilities must lie between 0 and 1")
    return p


def _binned_error(p, happened, bins):
    """Calibration error of (n,) probabilities for (..., n) outcomes."""
    inputs.check_count(bins, "bins")
    order = np.argsort(p, kind="stable")
    p, happened = p[order], happened[..., order]
    first = np.flatnonzero(np.diff(p, prepend=-1))  # of each value
    ties = np.diff(first, append=len(p))
    shares = np.repeat(np.add.reduceat(happened, first, axis=-1) / ties, ties, axis=-1)
    groups = [group[0] for group in np.array_split(np.arange(len(p)), min(bins, len(p)))]
    return np.abs(np.add.reduceat(p - shares, groups, axis=-1)).sum(axis=-1) / len(p)


# ---- predictions for many, gold labels for few


def prediction_powered(gold, predicted, rest, x=None, x_rest=None, level=0.95):
    """A mean or a regression slope, from a few gold labels and many predicted ones.

    What the predictions give is corrected by the errors they make where gold is known; they count
    with the weight, from 0 to 1, that makes the interval shortest. The interval is normal, with
    robust variance; among few gold labels, or few of the rarer one, it is too narrow.
    gold, predicted: (n,) both labels of n cases drawn at random. rest: (N,) predictions of the
    others. x, x_rest: None for the mean; else covariates, (n,) and (N,) or (n, k) and (N, k), of
    which the first gets the slope (least squares). Returns an Estimate.
    Raises ValueError if fewer than 20 cases are given in a part, or covariates do not vary.
    Source: Angelopoulos et al. (2023), https://doi.org/10.1126/science.adi6000; the weight:
    Angelopoulos, Duchi & Zrnic (2023), https://arxiv.org/abs/2311.01453.
    """
    inputs.aligned(gold=gold, predicted=predicted, x=x)
    inputs.aligned(rest=rest, x_rest=x_rest)
    # Not by their package ppi_py: importing it takes seconds, in every session.
    both = (x is None) == (x_rest is None)
    require(both, "the covariate is needed for both parts: give x and x_rest, or neither")
    value, own = _least_squares(gold, x, "gold", "x")
    here, own_here = _least_squares(predicted, x, "predicted", "x")
    there, own_there = _least_squares(rest, x_rest, "rest", "x_rest")
    n, more = len(own), len(own_there)
    spread = np.concatenate([own_here, own_there]).var(ddof=1) * (1 + n / more)
    weight = np.clip(own @ own_here / n / max(spread, 1e-12), 0, 1)
    variance = (own - weight * own_here).var() / n + weight**2 * own_there.var() / more
    value += weight * (there - here)
    half = scipy_stats.norm.isf(_tail(level)) * variance**0.5
    return Estimate(float(value), float(value - half), float(value + half))


def _least_squares(outcome, x, name, name_x):
    """The mean, or the slope of the first covariate, and (n,) how much each case moves it."""
    outcome = inputs.numbers(outcome, name)
    require(len(outcome) >= 20, f"{name}: 20 or more cases are needed, not {len(outcome)}")
    columns = [np.ones(len(outcome))] + ([] if x is None else [inputs.numbers(x, name_x, (1, 2))])
    design = np.column_stack(columns)
    varied = np.linalg.matrix_rank(design) == design.shape[1]
    require(varied, f"{name_x}: a covariate is constant, or follows from the others")
    inverse, k = np.linalg.pinv(design), len(columns) - 1
    residuals = outcome - design @ (inverse @ outcome)
    return inverse[k] @ outcome, len(outcome) * inverse[k] * residuals


# ---- distributions of answers


def total_variation(p, q):
    """Total variation distance: the share of people who would have to change their answer.

    p, q: (k,) probabilities of the same k options, in the same order. Returns a float in [0, 1].
    Raises ValueError if one is not a distribution.
    Source: Levin & Peres (2017), Markov Chains and Mixing Times, proposition 4.2.
    """
    inputs.aligned(p=p, q=q)
    return float(np.abs(_distribution(p, "p") - _distribution(q, "q")).sum() / 2)


def wasserstein(p, q, values=None):
    """1-Wasserstein distance: by how many scale points people would have to move, on average.

    p, q: (k,) probabilities of the same k options. values: (k,) their places on the scale (default
    1 to k). Returns a float >= 0. Raises ValueError as `total_variation` does.
    Source: Rubner et al. (2000), https://doi.org/10.1023/A:1026543900054, by scipy.
    """
    inputs.aligned(p=p, q=q, values=values)
    p, q = _distribution(p, "p"), _distribution(q, "q")
    values = np.arange(len(p)) if values is None else inputs.numbers(values, "values")
    return float(scipy_stats.wasserstein_distance(values, values, p, q))


def sampling_floor(p, n, distance=total_variation, draws=2000, seed=0):
    """Expected distance between `p` and a sample of size `n` drawn from it.

    The distance that even a perfect simulation shows because the human sample is finite.
    p: (k,) probabilities. n: sample size. distance: `total_variation` or `wasserstein`.
    Returns a float. Raises ValueError if p is not a distribution.
    """
    p = _distribution(p, "p")
    inputs.check_count(n, "n")
    return float(_of_samples(p, n, distance, draws, seed).mean())


def _of_samples(p, n, distance, draws, seed):
    """(draws,) distances between p and samples of size n drawn from it."""
    samples = np.random.default_rng(seed).multinomial(n, p, size=draws) / n
    if distance is total_variation:  # all at once
        return np.abs(samples - p).sum(axis=1) / 2
    return np.array([distance(p, sample) for sample in samples])


def sample_distance(sample, humans, distance=total_variation, *, draws=1000, level=0.95, seed=0):
    """Distance of a simulated sample from the people it simulates, with its interval.

    The people are a sample themselves. In 95 of 100 such samples (with that level) their shares lie
    no farther than so much from those of their population; by no more than that can the distance
    from these people differ from that from their population (the triangle inequality). So the
    interval reaches as far to both sides, and down to 0 for a sample that cannot be told from a
    perfect one. It is wider than needed where the distance is large. The noise of a sample that was
    drawn is not in it. A bootstrap of people would not do: resampling adds noise, which makes every
    distance larger.
    sample, humans: (n, k) tables of the same people and options, as in `compare_samples`; rows sum
    to 1. distance: a function of two distributions that fulfils the triangle inequality, as
    `total_variation` and `wasserstein` do. Returns an Estimate. Raises ValueError for other people
    or options, and rows that do not sum to 1.
    Source: the inequality; half an answer is added to each option, so that one that nobody chose
    can be drawn (Jeffreys, 1946, https://doi.org/10.1098/rspa.1946.0056).
    """
    inputs.aligned(sample=sample, humans=humans)
    if isinstance(sample, pd.DataFrame) and isinstance(humans, pd.DataFrame):
        same = list(sample.columns) == list(humans.columns)
        require(same, "sample and humans: the options differ, or their order does")
    shares = []
    for name, table in (("sample", sample), ("humans", humans)):
        rows = inputs.numbers(table, name, (2,))
        summed = (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-6)
        require(summed, f"{name}: each row must hold probabilities that sum to 1")
        shares.append(rows.mean(axis=0))
    n, k = len(humans), len(shares[1])
    require(len(shares[0]) == k, "sample and humans: the numbers of options differ")
    population = (n * shares[1] + 0.5) / (n + 0.5 * k)
    value = distance(*shares)
    away = _of_samples(population, n, distance, draws, seed)
    reach = np.quantile(away, 1 - 2 * _tail(level))
    most = 1.0 if distance is total_variation else np.inf
    return Estimate(float(value), float(max(value - reach, 0)), float(min(value + reach, most)))


def _distribution(p, name):
    p = inputs.numbers(p, name)
    if (p < 0).any() or abs(p.sum() - 1) > 1e-6:  # no `require`: writing p down takes its time
        raise ValueError(f"{name}: probabilities that sum to 1 are needed, not {p}")
    return p / p.sum()


def compare_samples(samples, humans):
    """Simulated samples beside the people they simulate: DataFrame, a row for each.

    samples: {name: table}; humans: table. A table has a row for each person, indexed alike, and a
    column for each option, named by its value on the scale; rows sum to 1 (see `besci.survey`).
    People without an answer in a sample, whose row is missing, are left out of its row, among the
    humans too.

    Columns: people; mean answer; variance ratio, that of all answers to that of the humans';
    total variation and Wasserstein, the distances from the humans, each with its sampling floor.
    Raises ValueError for other options or other people than the humans', a human without an answer,
    or a row that is missing in part or does not sum to 1.
    """
    values, rows = inputs.numbers(humans.columns, "the options of humans"), {}
    for name, table in {"humans": humans, **samples}.items():
        if list(table.columns) != list(humans.columns) or not table.index.isin(humans.index).all():
            raise ValueError(f"{name}: the people or the options are not those of the humans")
        if name != "humans":
            table = table.dropna(how="all")
        row = rows[name] = {"people": len(table)}
        if len(table) == 0:
            continue
        shares = inputs.numbers(table, name, (2,))
        summed = (shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-6)
        require(summed, f"{name}: each row must hold probabilities that sum to 1")
        p, same = shares.mean(axis=0), humans.loc[table.index].to_numpy(float).mean(axis=0)
        row["mean answer"] = p @ values
        spread, spread_same = (q @ values**2 - (q @ values) ** 2 for q in (p, same))
        row["variance ratio"] = spread / spread_same if spread_same else np.nan
        for text, distance in (
            ("total variation", total_variation),
            ("Wasserstein", lambda p, q: wasserstein(p, q, values)),
        ):
            row[text] = distance(p, same)
            row[f"{text}, floor"] = sampling_floor(same, len(table), distance)
    return pd.DataFrame(rows).T.astype({"people": int})
