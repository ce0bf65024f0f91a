"""Pairs of items: a square matrix as a vector and back, and the correlation of two vectors."""

import numpy as np


def pairs(matrix):
    """The upper triangle of a square matrix, row by row, without the diagonal.

    matrix: (n, n). Returns (n * (n - 1) / 2,). R equivalent: `m[upper.tri(m)]`, other order.
    Raises ValueError if the matrix is not square.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a square matrix is needed, this one has shape {matrix.shape}")
    return matrix[np.triu_indices(len(matrix), k=1)]


def square(values):
    """The symmetric matrix with zero diagonal whose `pairs` are `values`.

    values: (n * (n - 1) / 2,). Returns (n, n).
    Raises ValueError if no n gives that many pairs.
    """
    values = np.asarray(values, dtype=float)
    n = int((1 + np.sqrt(1 + 8 * len(values))) / 2)
    if n * (n - 1) // 2 != len(values):
        raise ValueError(f"{len(values)} values are not the pairs of any number of items")
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, k=1)] = values
    return matrix + matrix.T


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
