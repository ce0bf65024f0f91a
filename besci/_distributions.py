"""Distances between distributions of answers, and the frame without which none can be read."""

import numpy as np
import pandas as pd
from scipy import stats as _scipy


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
    return float(_scipy.wasserstein_distance(values, values, p, q))


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
