import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from besci import stats


def symmetric(rng, n):
    matrix = rng.normal(size=(n, n))
    return (matrix + matrix.T) / 2


def test_pairs_takes_each_pair_once_in_the_order_of_the_items():
    matrix = np.array([[0, 12, 13], [21, 0, 23], [31, 32, 0]])
    assert stats.pairs(matrix).tolist() == [12, 13, 23]


@given(st.integers(2, 30))
def test_square_is_the_inverse_of_pairs(n):
    values = np.random.default_rng(n).normal(size=n * (n - 1) // 2)
    assert np.array_equal(stats.pairs(stats.square(values)), values)
    assert np.array_equal(stats.square(values), stats.square(values).T)


def test_square_refuses_a_number_of_values_that_no_items_have():
    with pytest.raises(ValueError, match="5 values are not the pairs"):
        stats.square(np.zeros(5))


def test_pairs_refuses_what_is_not_square():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        stats.pairs(np.zeros((2, 3)))


def test_correlation_equals_scipy():
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    assert stats.correlation(x, y) == pytest.approx(scipy_stats.pearsonr(x, y).statistic)


@pytest.mark.parametrize(
    "x, y, message",
    [
        ([1, 2, 3], [1, 2], "equal length"),
        ([1, 2], [1, 2], ">= 3"),
        ([1, 2, np.nan], [1, 2, 3], "index 2"),
        ([1, 2, 3], [4, 4, 4], "second vector is constant"),
    ],
)
def test_correlation_refuses_what_has_none(x, y, message):
    with pytest.raises(ValueError, match=message):
        stats.correlation(x, y)


def test_accuracy_gives_the_wilson_interval():
    # 66 of 100: the published zero-shot result, whose interval its authors did not print.
    estimate = stats.accuracy([True] * 66 + [False] * 34)
    assert str(estimate) == "0.66 [0.56, 0.75]"


def test_accuracy_of_a_perfect_score_is_still_uncertain():
    assert stats.accuracy([True] * 10).low == pytest.approx(0.722, abs=0.001)
    with pytest.raises(ValueError, match="no answers"):
        stats.accuracy([])


def test_spearman_brown_doubles_a_test():
    assert stats.spearman_brown(0.5) == pytest.approx(2 / 3)
    assert stats.spearman_brown(0.8, 1) == pytest.approx(0.8)


def test_split_half_recovers_a_known_reliability():
    """With k items of known true correlations, error variance is about (1 - rho^2)^2 / n."""
    rng = np.random.default_rng(1)
    loading, people = rng.uniform(-0.9, 0.9, size=40), 400
    noise = rng.normal(size=(people, 40)) * np.sqrt(1 - loading**2)
    answers = rng.normal(size=(people, 1)) * loading + noise
    true = stats.pairs(np.outer(loading, loading))
    error = ((1 - true**2) ** 2 / people).mean()
    expected = true.var() / (true.var() + error)
    assert stats.split_half(answers).value == pytest.approx(expected, abs=0.01)


def test_split_half_of_pure_noise_is_near_zero():
    assert abs(stats.split_half(np.random.default_rng(0).normal(size=(300, 30))).value) < 0.15


def test_split_half_turns_items_by_their_key():
    rng = np.random.default_rng(0)
    answers = rng.normal(size=(200, 12)) + rng.normal(size=(200, 1))
    key = np.where(np.arange(12) % 2, 1, -1)
    assert stats.split_half(answers * key, key).value == pytest.approx(
        stats.split_half(answers).value
    )


def test_item_bootstrap_covers_the_truth_about_as_often_as_it_says():
    """Two matrices made from item vectors; the truth is the value of a very large item sample."""

    def world(rng, n):
        one = rng.normal(size=(n, 6))
        two = one + rng.normal(size=(n, 6))
        return one @ one.T, two @ two.T

    truth = stats.correlation(*(stats.pairs(m) for m in world(np.random.default_rng(9), 2500)))
    hits = 0
    for seed in range(60):
        estimate = stats.bootstrap_items(
            *world(np.random.default_rng(seed), 60), draws=200, seed=seed
        )
        hits += estimate.low <= truth <= estimate.high
    assert 49 <= hits <= 60


def test_item_bootstrap_is_wider_than_one_that_takes_pairs_for_independent():
    rng = np.random.default_rng(3)
    one = rng.normal(size=(50, 4))
    x, y = one @ one.T, (one + rng.normal(size=one.shape)) @ one.T
    items = stats.bootstrap_items(x, (y + y.T) / 2)
    naive = stats.bootstrap(stats.correlation, stats.pairs(x), stats.pairs((y + y.T) / 2))
    assert items.high - items.low > 1.5 * (naive.high - naive.low)


def test_item_bootstrap_never_pairs_an_item_with_its_own_copy():
    matrix = symmetric(np.random.default_rng(0), 8)
    np.fill_diagonal(matrix, np.nan)  # would spoil every draw that used the diagonal
    assert not np.isnan(stats.bootstrap_items(matrix, matrix * 2 + 1, draws=50).low)


def test_bootstrap_of_a_mean_agrees_with_its_standard_error():
    x = np.random.default_rng(0).normal(size=400)
    estimate = stats.bootstrap(np.mean, x, draws=2000)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * x.std() / 20, rel=0.08)
    with pytest.raises(ValueError, match="one length"):
        stats.bootstrap(np.corrcoef, [1, 2, 3], [1, 2])


def test_results_repeat_with_the_seed_and_differ_without_it():
    x = symmetric(np.random.default_rng(0), 20)
    y = symmetric(np.random.default_rng(1), 20)
    assert stats.bootstrap_items(x, y, seed=5) == stats.bootstrap_items(x, y, seed=5)
    assert stats.bootstrap_items(x, y, seed=5) != stats.bootstrap_items(x, y, seed=6)


def test_mantel_shuffles_whole_items():
    """Every value under chance must be the plain correlation with some relabelling of the items."""
    rng = np.random.default_rng(0)
    x, y = symmetric(rng, 4), symmetric(rng, 4)
    from itertools import permutations

    possible = [
        stats.correlation(stats.pairs(x), stats.pairs(y[np.ix_(order, order)]))
        for order in map(list, permutations(range(4)))
    ]
    for value in stats.mantel(x, y, permutations=30).null:
        assert np.min(np.abs(np.array(possible) - value)) < 1e-9


def test_mantel_p_is_uniform_when_nothing_is_there_and_small_when_something_is():
    rng = np.random.default_rng(0)
    p = [stats.mantel(symmetric(rng, 15), symmetric(rng, 15), 99).p for _ in range(150)]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01
    x = symmetric(rng, 30)
    assert stats.mantel(x, x + symmetric(rng, 30), 199).p == pytest.approx(1 / 200)


def test_paired_difference_is_narrower_than_what_separate_intervals_suggest():
    rng = np.random.default_rng(0)
    easy = rng.random(200)
    one, two = easy < 0.75, easy < 0.65  # the same items are easy for both
    paired = stats.paired_difference(one, two)
    assert paired.value == pytest.approx(one.mean() - two.mean())
    assert paired.low > 0
    assert paired.high - paired.low < 0.6 * (stats.accuracy(one).high - stats.accuracy(one).low)
    with pytest.raises(ValueError, match="3 against 2"):
        stats.paired_difference([1, 0, 1], [1, 0])


def test_kappa_takes_chance_agreement_off():
    one = ["a"] * 45 + ["b"] * 5 + ["a"] * 5 + ["b"] * 45
    two = ["a"] * 50 + ["b"] * 50
    estimate = stats.kappa(one, two)
    assert estimate.value == pytest.approx(0.8) and estimate.low < 0.8 < estimate.high
    rng = np.random.default_rng(1)
    assert stats.kappa(*rng.choice(["a", "b", "c"], size=(2, 400))).low < 0
    with pytest.raises(ValueError, match="same cases"):
        stats.kappa(["a"], ["a", "b"])


def test_calibration_error_is_zero_for_honest_and_large_for_boastful_probabilities():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    happened = rng.random(20_000) < p
    assert stats.calibration_error(p, happened) < 0.02
    assert stats.calibration_error(np.full(100, 0.9), [True] * 50 + [False] * 50, bins=1) == (
        pytest.approx(0.4)
    )
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.calibration_error([1.2], [True])
