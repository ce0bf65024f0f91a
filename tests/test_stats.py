import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.spatial.distance import squareform
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score, f1_score, matthews_corrcoef
from statsmodels.api import OLS, add_constant

from besci import stats


def symmetric(rng, n):
    matrix = rng.normal(size=(n, n))
    return (matrix + matrix.T) / 2


def test_pairs_takes_each_pair_once_in_the_order_of_the_items():
    matrix = np.array([[0, 12, 13], [21, 0, 23], [31, 32, 0]])
    assert stats.pairs(matrix).tolist() == [12, 13, 23]


@given(st.integers(2, 30))
def test_squareform_leads_back_from_pairs_to_the_matrix(n):
    matrix = symmetric(np.random.default_rng(n), n)
    np.fill_diagonal(matrix, 0)
    assert np.array_equal(squareform(stats.pairs(matrix)), matrix)


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
        ([1, 2], [1, 2], "3 rows or more"),
        ([1, 2, 3], [4, 4, 4], "y is constant"),
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
    with pytest.raises(ValueError, match="column 1 has 3 rows, column 2 has 2 rows"):
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


def test_an_estimate_is_shown_as_people_write_it():
    shown = stats.Estimate(0.34567, -0.28, 0.4)
    assert str(shown) == "0.35 [-0.28, 0.40]" and repr(shown) == "0.3457 [-0.2800, 0.4000]"


def test_paired_difference_is_narrower_than_what_separate_intervals_suggest():
    rng = np.random.default_rng(0)
    easy = rng.random(200)
    one, two = easy < 0.75, easy < 0.65  # the same items are easy for both
    paired = stats.paired_difference(one, two)
    assert paired.value == pytest.approx(one.mean() - two.mean())
    assert paired.low > 0
    separate = [stats.accuracy(each).high - stats.accuracy(each).low for each in (one, two)]
    assert paired.high - paired.low < 0.6 * np.hypot(*separate)  # as if of different items
    with pytest.raises(ValueError, match="correct has 3 rows, reference has 2 rows"):
        stats.paired_difference([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="no answers"):
        stats.paired_difference([], [])


def test_methods_that_never_or_always_differ_keep_an_interval_with_a_width():
    same = stats.paired_difference([1, 0] * 5, [1, 0] * 5)
    assert same.value == 0 and same.low == pytest.approx(-same.high) and 0.2 < same.high < 0.3
    always = stats.paired_difference([1] * 6, [0] * 6)
    assert always.value == 1 and always.high == 1 and 0.2 < always.low < 0.4


def test_the_interval_of_a_paired_difference_covers_the_truth():
    rng, covered = np.random.default_rng(5), 0
    for _ in range(2000):
        easy = rng.random(60)
        one, two = easy < 0.8, np.where(rng.random(60) < 0.3, rng.random(60), easy) < 0.7
        estimate = stats.paired_difference(one, two)
        covered += estimate.low <= 0.1 <= estimate.high
    assert 0.93 < covered / 2000 < 0.975


@pytest.mark.filterwarnings("ignore:There are only 3 clusters")
def test_clusters_are_drawn_whole():
    cluster, seen = np.repeat(["a", "b", "c"], [2, 3, 5]), []

    def statistic(rows):
        seen.append(rows.tolist())
        return rows.mean()

    found = stats.bootstrap(statistic, np.arange(10), cluster=cluster, draws=50)
    for rows in seen:
        counts = [rows.count(k) for k in range(10)]
        assert [len(set(part)) for part in (counts[:2], counts[2:5], counts[5:])] == [1, 1, 1]
    assert found.value == 4.5 and len({len(rows) for rows in seen}) > 1


def test_an_interval_over_clusters_is_wider_where_rows_of_one_are_alike():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(12), 10)
    x = rng.normal(size=12)[cluster] + 0.1 * rng.normal(size=120)
    one_by_one, whole = stats.bootstrap(np.mean, x), stats.bootstrap(np.mean, x, cluster=cluster)
    assert whole.high - whole.low > 2 * (one_by_one.high - one_by_one.low)
    means = [x[cluster == k].mean() for k in range(12)]
    students = 2 * scipy_stats.t.isf(0.025, 11) * scipy_stats.sem(means)
    assert whole.high - whole.low == pytest.approx(students, rel=0.1)


@pytest.mark.parametrize(
    "cluster, message", [([1, 2], "equal length"), ([1, 1, 1], "belong to one cluster")]
)
def test_clusters_that_cannot_be_drawn_are_refused(cluster, message):
    with pytest.raises(ValueError, match=message):
        stats.bootstrap(np.mean, [1.0, 2.0, 3.0], cluster=cluster)


def test_kappa_by_code_is_cohens_and_missing_where_nobody_gives_the_code():
    one, two = np.random.default_rng(0).random((2, 60, 4)) < [0.1, 0.3, 0.6, 0]
    found = stats.kappa_by_code(one, two)
    expected = [cohen_kappa_score(one[:, k], two[:, k]) for k in range(3)]
    assert np.allclose(found[:3], expected) and np.isnan(found[3])
    with pytest.raises(ValueError, match=r"\(60, 4\), \(60, 3\)"):
        stats.kappa_by_code(one, two[:, :3])


def test_kappa_takes_chance_agreement_off():
    one = ["a"] * 45 + ["b"] * 5 + ["a"] * 5 + ["b"] * 45
    two = ["a"] * 50 + ["b"] * 50
    estimate = stats.kappa(one, two)
    assert estimate.value == pytest.approx(0.8) and estimate.low < 0.8 < estimate.high
    rng = np.random.default_rng(1)
    assert stats.kappa(*rng.choice(["a", "b", "c"], size=(2, 400))).low < 0
    unseen = [f"{label}\u200b" if k % 3 else f"{label} " for k, label in enumerate(two)]
    assert stats.kappa(one, unseen) == estimate
    with pytest.raises(ValueError, match="one has 1 rows, two has 2 rows"):
        stats.kappa(["a"], ["a", "b"])


def test_raters_who_always_agree_keep_an_interval_with_a_width():
    same = ["a"] * 10 + ["b"] * 10
    for estimate in (stats.kappa(same, same), stats.mcc(same, same)):
        assert estimate.value == 1 and 0.5 < estimate.low < 0.95
    with pytest.raises(ValueError, match="two labels or more must occur, not only .'a'."):
        stats.kappa(["a", "a"], ["a", "a"])


@given(st.integers(0, 10_000), st.integers(2, 4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_scores_of_labels_are_those_of_scikit_learn(seed, k, alike):
    rng = np.random.default_rng(seed)
    gold = rng.integers(k, size=40)
    predicted = np.where(rng.random(40) < 0.6, gold, rng.integers(k, size=40))
    predicted[0], gold[0] = 0, 1
    if alike:
        predicted[:] = 0
    expected = {
        "kappa": cohen_kappa_score(gold, predicted),
        "mcc": matthews_corrcoef(gold, predicted),
    }
    for name, value in expected.items():
        assert getattr(stats, name)(gold, predicted, draws=5).value == pytest.approx(value)
    for label in range(2):
        found = stats.f1(gold, predicted, label)
        expected = f1_score(gold, predicted, labels=[label], average="macro")
        assert (
            found.value == pytest.approx(expected)
            and found.low - 1e-9 <= found.value <= found.high + 1e-9
        )


def test_mcc_of_one_label_for_all_is_0_with_an_interval():
    estimate = stats.mcc([True, False] * 20, [True] * 40)
    assert estimate.value == 0 and -0.5 < estimate.low < 0 < estimate.high < 0.5


def test_a_bootstrap_of_labels_draws_as_one_of_rows_does():
    rng = np.random.default_rng(0)
    gold = rng.random(300) < 0.4
    predicted = np.where(rng.random(300) < 0.75, gold, ~gold)
    cluster = np.repeat(np.arange(60), 5)
    for rows in ({}, {"cluster": cluster}):
        found = stats.mcc(gold, predicted, **rows, draws=4000)
        expected = stats.bootstrap(matthews_corrcoef, gold, predicted, **rows, draws=1000)
        # Among 300 cases, one agreement and one disagreement more move the bounds by a hair.
        assert found[1:] == pytest.approx(expected[1:], abs=0.02)


def test_f1_does_not_count_what_neither_calls_positive():
    gold, predicted = np.repeat([[1, 1], [1, 0], [0, 1]], [6, 2, 4], axis=0).T
    few = stats.f1(gold, predicted, positive=1)
    many = stats.f1(np.append(gold, [0] * 500), np.append(predicted, [0] * 500), positive=1)
    assert few == many and few.value == pytest.approx(2 * 6 / (2 * 6 + 2 + 4))
    assert stats.f1([True] * 9, [True] * 9).low < 0.9
    with pytest.raises(ValueError, match="positive=True does not occur; .*'neutral', 'slanted'"):
        stats.f1(["neutral", "slanted"], ["slanted", "slanted"])


def test_confusion_has_gold_in_rows_and_predictions_in_columns():
    gold = ["slanted", "slanted", "neutral", "slanted"]
    predicted = ["slanted", "neutral", "neutral", "neutral"]
    table = stats.confusion(gold, predicted)
    assert (table.index.name, table.columns.name) == ("gold", "predicted")
    assert table.loc["slanted", "neutral"] == 2 and table.loc["neutral", "slanted"] == 0
    assert list(table.index) == list(table.columns) == ["neutral", "slanted"]
    order = ["slanted", "unclear", "neutral"]
    whole = stats.confusion(gold, predicted, order)
    assert list(whole.index) == order and whole.to_numpy().sum() == 4
    assert whole.loc["unclear"].sum() == 0 and whole.loc["slanted", "neutral"] == 2
    assert stats.confusion([True, False], [True, True]).loc[False, True] == 1
    unseen = [f"{label} \u200b" for label in predicted]
    assert stats.confusion(gold, unseen, [f"{label} " for label in order]).equals(whole)
    assert stats.f1(gold, unseen, " slanted") == stats.f1(gold, predicted, "slanted")
    with pytest.raises(ValueError, match="'slanted'. occur, but are not among"):
        stats.confusion(gold, predicted, ["neutral"])


def test_calibration_error_is_near_zero_for_honest_and_large_for_boastful_probabilities():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    happened = rng.random(20_000) < p
    honest = stats.calibration_error(p, happened, draws=100)
    assert honest.value < 0.02 and honest.low == 0
    boastful = stats.calibration_error(np.full(100, 0.9), [True] * 50 + [False] * 50, bins=1)
    assert boastful.value == pytest.approx(0.4) and boastful.low > 0.2
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.calibration_error([1.2, 0.4], [True, False])


@given(st.permutations(range(24)), st.integers(1, 30))
@settings(deadline=None)
def test_the_calibration_error_does_not_depend_on_the_order_of_the_cases(order, bins):
    p = np.repeat([0.1, 0.5, 0.5, 0.8], 6)
    happened = np.arange(24) % 3 == 0
    expected = stats.calibration_error(p, happened, bins, draws=2).value
    found = stats.calibration_error(p[order], happened[order], bins, draws=2).value
    assert found == pytest.approx(expected)


def test_a_constant_probability_of_one_half_is_right_for_balanced_outcomes():
    for happened in ([True, False] * 48, [True] * 48 + [False] * 48):
        assert stats.calibration_error(np.full(96, 0.5), happened, draws=10).value == 0


def test_the_calibration_floor_is_what_honest_probabilities_show():
    rng = np.random.default_rng(0)
    p = rng.random(96)
    floor = stats.calibration_floor(p)
    shown = [stats.calibration_error(p, rng.random(96) < p, draws=2).value for _ in range(300)]
    assert floor.value == pytest.approx(np.mean(shown), abs=0.005)
    assert 0.9 < np.mean([floor.low <= error <= floor.high for error in shown]) < 0.99
    assert stats.calibration_floor(np.repeat([0.0, 1.0], 9)).high == 0  # certain, and always right
    assert stats.calibration_floor(np.tile(p, 10)).value < 0.5 * floor.value


def test_a_calibration_error_that_chance_makes_has_an_interval_from_0():
    rng = np.random.default_rng(1)
    p = rng.random(96)
    right = stats.calibration_error(p, rng.random(96) < p)
    assert right.value > 0.04 and right.low == 0
    wrong = stats.calibration_error(p, rng.random(96) < 1 - p)
    assert wrong.low > stats.calibration_floor(p).high


def test_draws_that_agree_leave_the_interval_of_the_cases():
    rng = np.random.default_rng(0)
    right, event = rng.random(120) < 0.7, np.repeat(np.arange(30), 4)
    same = np.tile(right[:, None], 6)
    found = stats.over_draws(same, cluster=event)
    assert found.value == pytest.approx(right.mean())
    alone = stats.bootstrap(np.mean, right, cluster=event)
    assert tuple(found) == pytest.approx(tuple(alone), abs=0.02)
    assert tuple(stats.over_draws(same[:, :1], cluster=event)) == pytest.approx(
        tuple(found), abs=0.02
    )


@pytest.mark.parametrize("right", [True, False])
def test_draws_that_are_all_right_or_all_wrong_keep_an_interval(right):
    event = np.repeat(np.arange(24), 2)
    found = stats.over_draws(np.full((48, 3), right), cluster=event)
    assert found == stats.accuracy(np.full(48, right), cluster=event)
    assert 0.05 < found.high - found.low < 0.25


def test_draws_that_differ_make_the_interval_wider_and_more_of_them_narrower():
    rng = np.random.default_rng(0)
    shift = np.where(np.arange(40) % 2, 0.3, -0.3)

    def width(draws):
        values = rng.normal(size=(400, 1)) + shift[:draws]
        found = stats.over_draws(values)
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(40) < width(10) < width(4)
    assert width(4) > 1.5 * width(1)


def test_the_spread_of_a_mean_over_draws_is_that_of_the_sample():
    """No case differs from another, so what remains is the standard error of the draws."""
    per_draw = np.random.default_rng(1).normal(size=12)
    found = stats.over_draws(np.tile(per_draw, (500, 1)), draws=4000, level=0.6827)
    expected = 2 * per_draw.std(ddof=1) / 12**0.5
    assert found.high - found.low == pytest.approx(expected, rel=0.1)


def prompts(rng, accuracies, events=60):
    """Answers to events of four sentences each by prompts of the accuracies given."""
    right = rng.random((events * 4, len(accuracies))) < accuracies
    table = pd.DataFrame(right, columns=[f"prompt {k}" for k in range(len(accuracies))])
    return table, np.repeat(np.arange(events), 4)


def test_the_best_of_equal_prompts_is_no_better_than_the_others():
    found = []
    for seed in range(30):
        table, event = prompts(np.random.default_rng(seed), [0.6] * 10)
        chosen = stats.selected_on_one_half(table, cluster=event, draws=100)
        assert chosen.value == table.mean().max() == table[chosen.best].mean()
        assert chosen.optimism.value == pytest.approx(chosen.value - chosen.honest.value)
        assert chosen.optimism.low == pytest.approx(chosen.value - chosen.honest.high)
        found.append((chosen.value, chosen.honest.value))
    best, honest = np.mean(found, axis=0)
    assert honest == pytest.approx(0.6, abs=0.01) and best > 0.63


def test_a_prompt_that_is_better_keeps_its_lead_on_the_other_half():
    table, event = prompts(np.random.default_rng(0), [0.9] + [0.5] * 9)
    chosen = stats.selected_on_one_half(table, cluster=event)
    assert chosen.best == "prompt 0"
    assert chosen.honest.value == pytest.approx(table["prompt 0"].mean())
    assert chosen.optimism.value == pytest.approx(0)


def test_copies_of_a_drawn_cluster_never_choose_and_score():
    """Each cluster is answered by a prompt of its own: what chose it fails on the others."""
    own = np.kron(np.eye(12), np.ones((3, 1)))
    cluster = np.repeat(np.arange(12), 3)
    chosen = stats.selected_on_one_half(
        {k: column for k, column in enumerate(own.T)}, cluster=cluster, draws=200
    )
    assert chosen.honest.low >= 0 and chosen.honest.high <= 1 / 12
    assert chosen.value == 1 / 12 and chosen.optimism.value > 0


@pytest.mark.parametrize(
    "scores, message",
    [
        (np.ones((8, 2)), "a DataFrame or a dict"),
        ({"one": [1, 0, 1, 0]}, "2 methods or more are needed, not 1"),
        ({"one": [1, 0, 1], "two": [0, 1, 1]}, "4 cases or clusters or more are needed, not 3"),
    ],
)
def test_what_cannot_be_halved_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        stats.selected_on_one_half(scores)


def alike(rng, clusters=27, rows=5, spread=2.0):
    """Right and wrong answers in clusters whose difficulty differs."""
    chance = expit(rng.normal(scale=spread, size=clusters))
    cluster = np.repeat(np.arange(clusters), rows)
    return rng.random(len(cluster)) < chance[cluster], cluster


def test_rows_that_are_clusters_of_their_own_change_nothing():
    right, cluster = alike(np.random.default_rng(0))
    other = right ^ (np.arange(len(right)) % 4 == 0)
    each = [f"row {k}" for k in range(len(right))]
    for function, columns in (
        (stats.accuracy, [right]),
        (stats.paired_difference, [right, other]),
        (stats.f1, [right, other]),
        (lambda *c, **k: stats.bootstrap(np.mean, *c, **k), [right]),
        (lambda p, y, **k: stats.calibration_error(p, y, **k), [np.linspace(0, 1, 135), right]),
    ):
        assert function(*columns, cluster=each) == pytest.approx(function(*columns))


def test_alike_rows_widen_the_intervals_of_shares():
    right, cluster = alike(np.random.default_rng(0))
    never = np.zeros_like(right)

    def width(estimate):
        return estimate.high - estimate.low

    for function, columns in (
        (stats.accuracy, [right]),
        (stats.paired_difference, [right, never]),
        (stats.f1, [np.ones_like(right), right]),
    ):
        assert width(function(*columns, cluster=cluster)) > 1.3 * width(function(*columns))
        assert function(*columns, cluster=cluster).value == function(*columns).value


def test_copies_of_one_answer_count_as_one():
    """Five copies of each answer tell as much as one, up to Student's t."""
    right = np.random.default_rng(0).random(60) < 0.7
    copied = stats.accuracy(np.repeat(right, 5), cluster=np.repeat(np.arange(60), 5))
    assert copied == pytest.approx(stats.accuracy(right), abs=0.005)
    all_right = stats.accuracy([True] * 60, cluster=np.repeat(np.arange(12), 5))
    assert all_right == stats.accuracy([True] * 12)


def constructs(rng, k=12, items=4):
    """Two item-by-item matrices of items that are alike within constructs, and the constructs."""
    construct = np.repeat(np.arange(k), items)
    one = rng.normal(size=(k, 6))[construct] + rng.normal(size=(k * items, 6))
    two = one + 2 * rng.normal(size=one.shape)
    return one @ one.T, two @ two.T, construct


def test_whole_constructs_are_drawn_and_never_meet_their_copies():
    x, y, construct = constructs(np.random.default_rng(0))
    numbered = np.add.outer(100.0 * np.arange(48), np.arange(48))  # a pair tells who is in it
    numbered = np.where(np.tri(48), numbered.T, numbered)
    seen = []

    def statistic(pair, _):
        left, right = np.divmod(pair.astype(int), 100)
        seen.append((left, right))
        return pair.mean()

    stats.bootstrap_items(numbered, y, statistic, cluster=construct, draws=40)
    everything = sorted(zip(*(part.tolist() for part in seen.pop()), strict=True))
    assert everything == [(i, j) for i in range(48) for j in range(i + 1, 48)]
    for left, right in seen:
        within = construct[left] == construct[right]
        # A construct drawn c times brings its 6 pairs c times, and none across its copies.
        assert within.sum() == 12 * 6
        pairs_of = np.bincount(construct[left[within]], minlength=12)
        assert (pairs_of % 6 == 0).all()


def test_where_chooses_the_pairs_that_count():
    x, y, construct = constructs(np.random.default_rng(0))
    same = np.equal.outer(construct, construct)
    within = stats.bootstrap_items(x, y, cluster=construct, where=same)
    chosen = stats.pairs(same)
    expected = stats.correlation(stats.pairs(x)[chosen], stats.pairs(y)[chosen])
    assert within.value == pytest.approx(expected) and within.low < expected < within.high
    everywhere = stats.bootstrap_items(x, y, where=np.ones_like(same))
    assert everywhere == stats.bootstrap_items(x, y)


def test_a_reference_is_compared_on_the_same_items():
    x, y, construct = constructs(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    noise = symmetric(rng, len(x)) * x.std()
    better = stats.bootstrap_items(x, y, reference=x + noise, cluster=construct)
    alone = [stats.bootstrap_items(measure, y, cluster=construct) for measure in (x, x + noise)]
    assert better.value == pytest.approx(alone[0].value - alone[1].value) and better.low > 0
    apart = np.hypot(*(estimate.high - estimate.low for estimate in alone))
    assert better.high - better.low < 0.8 * apart
    same = stats.bootstrap_items(x, y, reference=x)
    assert same == (0, 0, 0)


def test_a_matrix_that_is_not_symmetric_is_refused():
    x, y, _ = constructs(np.random.default_rng(0))
    with pytest.raises(ValueError, match="y: the matrix is not symmetric"):
        stats.bootstrap_items(x, np.triu(y))
    with pytest.raises(ValueError, match=r"x: a square matrix is needed.*\(2, 48\)"):
        stats.bootstrap_items(x[:2], y[:2])


@pytest.mark.parametrize("r", [1.2, -1.0, -2])
def test_what_is_no_reliability_is_not_stepped_up(r):
    with pytest.raises(ValueError, match=f"{r}"):
        stats.spearman_brown(r)


@st.composite
def distributions(draw, several=2):
    k = draw(st.integers(2, 9))
    weights = st.lists(st.integers(0, 50), min_size=k, max_size=k).filter(any)
    return [np.array(draw(weights)) / 1.0 for _ in range(several)]


@given(distributions(3))
def test_distances_of_distributions_obey_the_laws_of_a_distance(vectors):
    p, q, r = (vector / vector.sum() for vector in vectors)
    for distance in (stats.total_variation, stats.wasserstein):
        assert distance(p, p) == 0
        assert distance(p, q) == pytest.approx(distance(q, p))
        assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-9
    # Nobody moves further than from one end of the scale to the other, or less than one step.
    moved = stats.wasserstein(p, q)
    assert stats.total_variation(p, q) - 1e-9 <= moved
    assert moved <= (len(p) - 1) * stats.total_variation(p, q) + 1e-9


@given(distributions())
def test_wasserstein_is_the_area_between_the_cumulative_distributions(vectors):
    p, q = (vector / vector.sum() for vector in vectors)
    assert stats.wasserstein(p, q) == pytest.approx(np.abs(np.cumsum(p - q)).sum())
    values = np.cumsum(1 + np.arange(len(p)))
    area = np.abs(np.cumsum(p - q))[:-1] @ np.diff(values)
    assert stats.wasserstein(p, q, values) == pytest.approx(area)


def test_wasserstein_knows_the_order_of_the_options_and_total_variation_does_not():
    low, next_to_it, high = np.eye(7)[[0, 1, 6]]
    assert stats.total_variation(low, next_to_it) == stats.total_variation(low, high) == 1
    assert (stats.wasserstein(low, next_to_it), stats.wasserstein(low, high)) == (1, 6)


def one_hot(answers, values):
    """People's answers as a table with a 1 for the option chosen."""
    table = pd.DataFrame(np.equal.outer(answers, values).astype(float), columns=values)
    return table.set_axis([f"person {i}" for i in range(len(table))])


def test_simulated_samples_stand_beside_the_people_they_simulate():
    values = [0, 1, 5]
    humans = one_hot([0, 0, 1, 5], values)
    alike = humans * 0 + 1 / 3
    few = one_hot([5, 5, 5, 5], values)
    few.loc[["person 1", "person 2"]] = np.nan
    table = stats.compare_samples({"alike": alike, "few": few, "none": alike * np.nan}, humans)
    assert table.index.tolist() == ["humans", "alike", "few", "none"]
    assert table["people"].tolist() == [4, 4, 2, 0] and table.loc["none"].iloc[1:].isna().all()
    assert table["mean answer"].tolist()[:3] == pytest.approx([1.5, 2, 5])
    variances = [np.var([0, 0, 1, 5]), np.var([0, 1, 5])]
    assert table["variance ratio"].tolist()[:3] == pytest.approx(
        [1, variances[1] / variances[0], 0]
    )
    # Of the two people in `few`, one said 5 and the other, who said 0, is five points away.
    assert table["total variation"].tolist()[:3] == pytest.approx([0, 1 / 6, 1 / 2])
    assert table.loc["few", "Wasserstein"] == pytest.approx(5 / 2)
    floor = stats.sampling_floor(humans.mean(), 4, lambda p, q: stats.wasserstein(p, q, values))
    assert table.loc["alike", "Wasserstein, floor"] == floor
    assert table.loc["alike", "total variation, floor"] == stats.sampling_floor(humans.mean(), 4)


@pytest.mark.parametrize(
    "sample", [one_hot([0, 1], [0, 1, 2]), one_hot([0, 1, 1], [0, 1])], ids=["options", "people"]
)
def test_a_sample_of_other_people_or_options_is_refused(sample):
    with pytest.raises(ValueError, match="mine: the people or the options are not those"):
        stats.compare_samples({"mine": sample}, one_hot([0, 1], [0, 1]))


def test_sampling_floor_is_the_mean_distance_of_perfect_samples():
    """With two options, |share - p| has the mean sqrt(2 p (1 - p) / (pi n)) for large n."""
    expected = np.sqrt(2 * 0.3 * 0.7 / (np.pi * 400))
    assert stats.sampling_floor([0.3, 0.7], 400) == pytest.approx(expected, rel=0.05)
    floor = stats.sampling_floor([0.3, 0.7], 400, stats.wasserstein)
    assert floor == pytest.approx(expected, rel=0.05)  # two options are one step apart
    seven = np.full(7, 1 / 7)
    assert stats.sampling_floor(seven, 100) > 2.9 * stats.sampling_floor(seven, 1000)
    assert stats.sampling_floor([0, 1, 0], 10) == 0


def test_a_distance_reaches_as_far_as_samples_of_people_lie_from_their_population():
    humans = one_hot(np.repeat([0, 1], [30, 70]), [0, 1])
    away = [abs(k / 100 - 0.304) for k in range(101)]  # half an answer is added to each option
    weight = scipy_stats.binom.pmf(range(101), 100, 30.5 / 101)
    order = np.argsort(away)
    reach = np.array(away)[order][np.searchsorted(np.cumsum(weight[order]), 0.95)]
    sample = humans * 0 + [0.6, 0.4]
    value, low, high = stats.sample_distance(sample, humans, draws=20_000)
    assert value == pytest.approx(0.3)
    assert [value - low, high - value] == pytest.approx([reach, reach], abs=0.012)
    apart = stats.sample_distance(sample, humans, stats.wasserstein, draws=2000)
    assert tuple(apart) == pytest.approx((value, low, high), abs=0.012)  # one step apart


def test_a_sample_that_cannot_be_told_from_a_perfect_one_has_0_in_its_interval():
    humans = one_hot(np.tile([0, 1, 2], 10), [0, 1, 2])
    assert stats.sample_distance(humans, humans)[:2] == (0, 0)
    far = humans * 0 + [1, 0, 0]
    found = stats.sample_distance(far, humans.iloc[::-1].reindex(far.index))
    assert found.low > 0.4 and found.high < 1
    everybody = one_hot(np.zeros(30, dtype=int), [0, 1, 2])
    assert stats.sample_distance(humans * 0 + [0, 0, 1], everybody).high == 1  # and no more
    one, two = (stats.sample_distance(far, humans, seed=seed) for seed in (1, 1))
    assert one == two


def test_a_distance_of_other_people_or_other_options_is_refused():
    humans = one_hot([0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="the options differ"):
        stats.sample_distance(humans[[1, 0]], humans)
    with pytest.raises(ValueError, match="the numbers of options differ"):
        stats.sample_distance(np.full((3, 3), 1 / 3), humans)
    with pytest.raises(ValueError, match="sample: each row must hold probabilities"):
        stats.sample_distance(humans * 2, humans)
    with pytest.raises(ValueError, match="humans"):
        stats.sample_distance(humans, humans.iloc[::-1])


@pytest.mark.parametrize(
    "p, message",
    [
        ([0.5, 0.6], "p: probabilities that sum to 1"),
        ([1.2, -0.2], "p: probabilities that sum to 1"),
        ([1.0], "equal length"),
        ([[0.5], [0.5]], "p: 1-dimensional"),
    ],
)
def test_what_is_no_distribution_of_the_same_options_is_refused(p, message):
    for distance in (stats.total_variation, stats.wasserstein):
        with pytest.raises(ValueError, match=message):
            distance(p, [0.5, 0.5])


def labelled_sentences():
    """Gold labels, predictions and a covariate of 100 cases; predictions and covariate of 1,900."""
    counts = {(0, 0, 0): 30, (0, 0, 1): 22, (0, 1, 0): 6, (0, 1, 1): 14}
    counts |= {(1, 0, 0): 3, (1, 0, 1): 4, (1, 1, 0): 9, (1, 1, 1): 12}
    gold, predicted, x = np.repeat(list(counts), list(counts.values()), axis=0).T
    kinds = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rest, x_rest = np.repeat(kinds, [640, 410, 290, 560], axis=0).T
    return gold, predicted, rest, x, x_rest


def standard_error(estimate):
    return (estimate.high - estimate.low) / (2 * scipy_stats.norm.isf(0.025))


# By ppi-python 0.2.3 for labelled_sentences(): ppi_mean_ci and, coord=1, ppi_ols_ci, alpha=.05.
MEAN_CI = 0.21380446, 0.37354375
SLOPE_CI = -0.07665538, 0.24606104


def test_the_prediction_powered_mean_is_that_of_its_authors_package():
    estimate = stats.prediction_powered(*labelled_sentences()[:3])
    assert estimate[1:] == pytest.approx(MEAN_CI, abs=1e-3)
    assert estimate.value == pytest.approx(np.mean(MEAN_CI), abs=1e-3)


def test_the_prediction_powered_slope_is_that_of_its_authors_package():
    """Theirs inverts the pooled design, ours each part's own: equal but for sampling error."""
    estimate = stats.prediction_powered(*labelled_sentences())
    error = np.diff(SLOPE_CI)[0] / (2 * scipy_stats.norm.isf(0.025))
    assert standard_error(estimate) == pytest.approx(error, rel=0.02)
    assert abs(estimate.value - np.mean(SLOPE_CI)) < 0.1 * error


def test_what_is_written_here_of_the_authors_package_is_what_it_gives():
    ppi = pytest.importorskip("ppi_py")
    gold, predicted, rest, x, x_rest = (column * 1.0 for column in labelled_sentences())
    found = ppi.ppi_mean_ci(gold, predicted, rest, alpha=0.05)
    assert np.ravel(found) == pytest.approx(MEAN_CI, abs=1e-4)
    designs = [np.column_stack([np.ones(len(column)), column]) for column in (x, x_rest)]
    found = ppi.ppi_ols_ci(designs[0], gold, predicted, designs[1], rest, alpha=0.05, coord=1)
    assert [bound[1] for bound in found] == pytest.approx(SLOPE_CI, abs=1e-4)


def test_predictions_that_say_nothing_leave_the_estimate_of_the_gold_labels():
    gold, _, rest, x, x_rest = labelled_sentences()
    nothing, none_either = np.ones(len(gold)), np.ones(len(rest))
    mean = stats.prediction_powered(gold, nothing, none_either)
    assert mean.value == pytest.approx(gold.mean())
    assert standard_error(mean) == pytest.approx(gold.std() / np.sqrt(len(gold)))
    slope = stats.prediction_powered(gold, nothing, none_either, x, x_rest)
    fit = OLS(gold, add_constant(x)).fit(cov_type="HC0")
    assert slope.value == pytest.approx(fit.params[1])
    assert standard_error(slope) == pytest.approx(fit.bse[1])


def test_perfect_predictions_count_like_gold_labels():
    kinds = [(0, 0), (0, 1), (1, 0), (1, 1)]  # label and covariate, as frequent in both parts
    gold, x = np.repeat(kinds, [30, 26, 20, 24], axis=0).T
    rest, x_rest = np.repeat(kinds, [570, 494, 380, 456], axis=0).T
    everything, covariate = np.concatenate([gold, rest]), np.concatenate([x, x_rest])
    mean = stats.prediction_powered(gold, gold, rest)
    assert mean.value == pytest.approx(everything.mean(), abs=0.002)
    assert standard_error(mean) == pytest.approx(everything.std() / 2000**0.5, rel=0.02)
    slope = stats.prediction_powered(gold, gold, rest, x, x_rest)
    fit = OLS(everything, add_constant(covariate)).fit(cov_type="HC0")
    assert standard_error(slope) == pytest.approx(fit.bse[1], rel=0.02)


def test_a_control_changes_the_slope_as_it_does_in_a_regression():
    gold, _, rest, x, x_rest = labelled_sentences()
    rng = np.random.default_rng(0)
    both = np.column_stack([x, x + rng.normal(size=100)])
    both_rest = np.column_stack([x_rest, x_rest + rng.normal(size=1900)])
    flat = np.zeros(100), np.zeros(1900)
    slope = stats.prediction_powered(gold, *flat, both, both_rest)
    assert slope.value == pytest.approx(OLS(gold, add_constant(both)).fit().params[1])


def test_prediction_powered_intervals_keep_their_promise_with_a_biased_classifier():
    rng, right = np.random.default_rng(0), []
    for _ in range(400):
        x = rng.random(2000) < 0.5
        y = rng.random(2000) < 0.3
        flag = np.where(y, rng.random(2000) < 0.8, rng.random(2000) < 0.1 + 0.4 * x)
        gold, rest = slice(200), slice(200, None)
        mean = stats.prediction_powered(y[gold], flag[gold], flag[rest])
        slope = stats.prediction_powered(y[gold], flag[gold], flag[rest], x[gold], x[rest])
        right.append([mean.low <= 0.3 <= mean.high, slope.low <= 0 <= slope.high])
    # 400 repetitions: a standard error of .011 around .95.
    assert ((np.mean(right, axis=0) > 0.915) & (np.mean(right, axis=0) < 0.985)).all()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda g, p, r, x, z: (g, p[1:], r), "gold has 100 rows, predicted has 99 rows"),
        (lambda g, p, r, x, z: (g[:9], p[:9], r), "gold: 20 or more"),
        (lambda g, p, r, x, z: (g, p, r[:0]), "rest: 20 or more"),
        (lambda g, p, r, x, z: (g, p, r, x), "give x and x_rest, or neither"),
        (lambda g, p, r, x, z: (g, p, r, x * 0 + 1, z), "x: a covariate is constant"),
    ],
)
def test_prediction_powered_names_what_it_cannot_use(change, message):
    with pytest.raises(ValueError, match=message):
        stats.prediction_powered(*change(*labelled_sentences()))
