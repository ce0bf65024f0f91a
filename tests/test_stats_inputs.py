"""What every public statistic does with the columns it is given: all of them at once."""

import inspect
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from besci import stats

RNG = np.random.default_rng(0)
ROWS = 24
FEW = {"draws": 20, "seed": 1}


class Column(NamedTuple):
    """An argument: what kind of values it takes, and an example."""

    kind: str
    values: np.ndarray


CLUSTER = np.repeat([f"event {k}" for k in range(12)], 2)
CLUSTERED = {"cluster": Column("label", CLUSTER)}


def numbers(*shape):
    return Column("number", RNG.normal(size=shape or ROWS).round(2))


def truths(*shape):
    return Column("truth", RNG.random(shape or ROWS) < 0.6)


def labels(values=("neutral", "slanted")):
    return Column("label", RNG.choice(list(values), size=ROWS))


def shares(*shape):
    return Column("number", RNG.dirichlet(np.ones(shape[-1]), size=shape[:-1] or None))


def items(kind="number"):
    matrix = RNG.normal(size=(12, 12)) if kind == "number" else RNG.random((12, 12)) < 0.8
    return Column(kind, np.where(np.tri(12), matrix, matrix.T))


class Call(NamedTuple):
    """How a statistic is called, its columns, and which of them belong together row by row.

    run: function of the columns and, where it has one, of the level. columns: {name that errors
    call it: Column}.
    """

    run: Callable
    columns: dict
    together: tuple = ()


def call(function, together=None, fixed=None, **columns):
    """The call of a function by the names of its arguments; all belong together unless said so."""
    fixed, together = fixed or {}, (tuple(columns),) if together is None else together
    return Call(lambda **given: function(**given, **fixed), columns, together)


def of_columns(statistic):
    """The call of `bootstrap`, which takes its columns without names."""

    def run(cluster, level=0.95, **columns):
        return stats.bootstrap(statistic, *columns.values(), cluster=cluster, level=level, **FEW)

    columns = {"column 1": Column("any", numbers().values), "column 2": Column("any", CLUSTER)}
    return Call(run, columns | CLUSTERED, ((*columns, "cluster"),))


def of_methods():
    """The call of `selected_on_one_half`, which takes its columns in a table."""

    def run(cluster, level=0.95, **columns):
        scores = {name.split("'")[1]: column for name, column in columns.items()}
        return stats.selected_on_one_half(scores, cluster=cluster, level=level, **FEW)

    columns = {"method 'one'": numbers(), "method 'two'": numbers()}
    return Call(run, columns | CLUSTERED, ((*columns, "cluster"),))


def of_samples():
    """The call of `compare_samples`, which puts the people of its tables in order by itself."""

    def people(values):
        return values if isinstance(values, pd.DataFrame) else indexed(values)

    def run(humans, sample):
        return stats.compare_samples({"sample": people(sample)}, people(humans))

    return Call(run, {"humans": shares(ROWS, 4), "sample": shares(ROWS, 4)})


BY_ITEM = {"cluster": Column("label", np.array([f"construct {k}" for k in [0, *range(11)]]))}
CODED = {"gold": labels(), "predicted": labels()}
SURE = {"probability": Column("number", RNG.random(ROWS).round(1))}
PARTS = (("gold", "predicted", "x"), ("rest", "x_rest"))
CALLS = {
    "correlation": call(stats.correlation, x=numbers(), y=numbers()),
    "spearman_brown": call(stats.spearman_brown, r=Column("number", RNG.random(ROWS))),
    "split_half": call(
        stats.split_half,
        together=(),
        responses=numbers(ROWS, 6),
        keying=Column("number", np.array([1, -1, 1, 1, -1, 1])),
    ),
    "bootstrap_items": call(
        stats.bootstrap_items,
        fixed=FEW,
        x=items(),
        y=items(),
        reference=items(),
        where=items("truth"),
        **BY_ITEM,
    ),
    "mantel": call(stats.mantel, fixed={"permutations": 9}, x=items(), y=items()),
    "bootstrap": of_columns(lambda x, y: x[y == y[0]].mean()),
    "over_draws": call(stats.over_draws, fixed=FEW, values=numbers(ROWS, 5), **CLUSTERED),
    "accuracy": call(stats.accuracy, correct=truths(), **CLUSTERED),
    "paired_difference": call(
        stats.paired_difference, correct=truths(), reference=truths(), **CLUSTERED
    ),
    "selected_on_one_half": of_methods(),
    "confusion": call(stats.confusion, **CODED),
    "kappa": call(stats.kappa, fixed=FEW, one=labels("abc"), two=labels("abc"), **CLUSTERED),
    "mcc": call(stats.mcc, fixed=FEW, **CODED, **CLUSTERED),
    "f1": call(
        stats.f1,
        fixed={"positive": "slanted"},
        gold=Column("label", np.repeat(["slanted", "neutral"], [20, 4])),
        predicted=labels(),
        **CLUSTERED,
    ),
    "kappa_by_code": call(stats.kappa_by_code, one=truths(ROWS, 3), two=truths(ROWS, 3)),
    "calibration_error": call(
        stats.calibration_error, fixed=FEW, **SURE, outcome=truths(), **CLUSTERED
    ),
    "calibration_floor": call(stats.calibration_floor, fixed=FEW, **SURE),
    "prediction_powered": call(
        stats.prediction_powered,
        together=PARTS,
        gold=numbers(),
        predicted=numbers(),
        rest=numbers(30),
        x=numbers(),
        x_rest=numbers(30),
    ),
    "total_variation": call(stats.total_variation, p=shares(5), q=shares(5)),
    "wasserstein": call(stats.wasserstein, p=shares(5), q=shares(5), values=numbers(5)),
    "sampling_floor": call(stats.sampling_floor, fixed={"n": 9, "draws": 20}, p=shares(5)),
    "sample_distance": call(
        stats.sample_distance, fixed=FEW, sample=shares(ROWS, 4), humans=shares(ROWS, 4)
    ),
    "compare_samples": of_samples(),
}
REARRANGED = {"pairs"}  # takes any matrix apart, and computes nothing
ARGUMENTS = [(name, argument) for name, call in CALLS.items() for argument in call.columns]
GROUPS = [
    (name, group[0], other)
    for name, call in CALLS.items()
    for group in call.together
    for other in group[1:]
]
CLUSTERING = [name for name, call in CALLS.items() if "cluster" in call.columns]


def own(function):
    return inspect.isfunction(function) and function.__module__ == "besci.stats"


def test_every_public_statistic_is_in_the_table():
    public = [name for name, _ in inspect.getmembers(stats, own) if not name.startswith("_")]
    assert sorted(public) == sorted([*CALLS, *REARRANGED])
    for name, tried in CALLS.items():
        known = inspect.signature(getattr(stats, name)).parameters
        assert ("cluster" in known) == ("cluster" in tried.columns), name


def examples(name, **changed):
    return {argument: c.values for argument, c in CALLS[name].columns.items()} | changed


def named(length, what="case"):
    return [f"{what} {k}" for k in range(length)]


def indexed(values, index=None):
    """Values as a Series or DataFrame with labels of its own."""
    index = named(len(values)) if index is None else index
    if np.ndim(values) == 1:
        return pd.Series(values, index)
    square = len(values) == np.shape(values)[1]
    return pd.DataFrame(values, index, index if square else range(np.shape(values)[1]))


CONTAINERS = {
    "list": lambda values: values.tolist(),
    "array": np.asarray,
    "objects": lambda values: values.astype(object),
    "table": indexed,
}


def plain(result):
    """All numbers and names of a result in one list, to be compared with another's."""
    if isinstance(result, (pd.DataFrame, pd.Series, np.ndarray)):
        return np.ravel(result).tolist()
    if isinstance(result, tuple):
        return [value for part in result for value in plain(part)]
    return [result]


@pytest.mark.parametrize("name", CALLS)
def test_it_makes_no_difference_what_holds_the_columns(name):
    tried = CALLS[name]
    expected = plain(tried.run(**examples(name)))
    for container, holding in CONTAINERS.items():
        held = {argument: holding(column.values) for argument, column in tried.columns.items()}
        assert plain(tried.run(**held)) == pytest.approx(expected, nan_ok=True), container


MISSING = [np.nan, None, pd.NA, pd.NaT]
FAULTS = {
    "number": [*MISSING, np.inf, -np.inf, "1.5", "yes", "nan"],
    "truth": [*MISSING, np.inf, "True", "False", "yes", "", 0.5, 2, -1],
    "label": [*MISSING, np.inf, 1, 0.5, True],
    "any": [*MISSING, np.inf],
}


@pytest.mark.parametrize("name, argument", ARGUMENTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_value_that_cannot_be_used_is_refused_and_its_place_named(name, argument, data):
    kind, values = CALLS[name].columns[argument]
    at = tuple(data.draw(st.integers(0, size - 1)) for size in values.shape)
    if len(at) == 2 and values.shape[0] == values.shape[1] and at[0] == at[1]:
        return  # the diagonal of items by items is in no pair
    spoiled = values.astype(object)
    spoiled[at] = data.draw(st.sampled_from(FAULTS[kind]))
    held = ["table"] if name == "compare_samples" else ["list", "objects", "table"]
    container = data.draw(st.sampled_from(held))
    with pytest.raises(ValueError) as refused:
        CALLS[name].run(**examples(name, **{argument: CONTAINERS[container](spoiled)}))
    message = str(refused.value)
    assert argument in message
    if len(at) == 1:
        place = f"index 'case {at[0]}'" if container == "table" else f"position {at[0]}"
    elif container == "table":
        table = indexed(values)
        place = f"index {table.index[at[0]]!r}, column {table.columns[at[1]]!r}"
    else:
        place = f"row {at[0]}, column {at[1]}"
    assert place in message


@pytest.mark.parametrize("name, first, other", GROUPS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_columns_in_another_order_or_of_other_cases_are_refused(name, first, other, data):
    columns = CALLS[name].columns
    index = named(len(columns[first].values))
    changed = data.draw(st.permutations(index).filter(lambda labels: labels != index))
    advice = "in another order"
    if data.draw(st.booleans()):
        changed, advice = [*index[:-1], "somebody else"], "drop both indexes"
    given_both = {
        first: indexed(columns[first].values, index),
        other: indexed(columns[other].values, changed),
    }
    with pytest.raises(ValueError) as refused:
        CALLS[name].run(**examples(name, **given_both))
    row = next(k for k in range(len(index)) if index[k] != changed[k])
    for part in (first, other, advice, f"row {row} is {index[row]!r}", repr(changed[row])):
        assert part in str(refused.value)


@pytest.mark.parametrize("name, first, other", GROUPS)
def test_columns_of_other_lengths_are_refused(name, first, other):
    values = CALLS[name].columns[other].values
    shorter = values[:-1, :-1] if values.ndim == 2 and len(values) == len(values.T) else values[:-1]
    with pytest.raises(ValueError, match="equal length") as refused:
        CALLS[name].run(**examples(name, **{other: shorter}))
    for argument in (first, other):
        assert f"{argument} has {len(examples(name, **{other: shorter})[argument])} rows" in str(
            refused.value
        )


@pytest.mark.parametrize("name, argument", ARGUMENTS)
@pytest.mark.parametrize("column", ["a text", None, 3.5, {"a": 1}, {1, 2}], ids=repr)
def test_what_is_no_column_is_refused(name, argument, column):
    optional = inspect.signature(getattr(stats, name)).parameters.get(argument)
    if name == "compare_samples" or (column is None and optional and optional.default is None):
        pytest.skip("a table is asked for, or nothing may be given")
    if argument == "r" and column == 3.5:
        pytest.skip("a single number is one of its forms")
    with pytest.raises(ValueError):
        CALLS[name].run(**examples(name, **{argument: column}))


TRUTHS = [
    (name, argument)
    for name, argument in ARGUMENTS
    if CALLS[name].columns[argument].kind == "truth"
]


@pytest.mark.parametrize("name, argument", TRUTHS)
@pytest.mark.parametrize("kind", [int, float, object])
def test_truth_values_may_be_written_as_0_and_1(name, argument, kind):
    expected = plain(CALLS[name].run(**examples(name)))
    values = CALLS[name].columns[argument].values.astype(kind)
    found = CALLS[name].run(**examples(name, **{argument: values}))
    assert plain(found) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("name", CLUSTERING)
def test_few_clusters_are_said_to_be_few(name):
    rows = len(CALLS[name].columns["cluster"].values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CALLS[name].run(**examples(name, cluster=np.arange(rows) % stats.FEW_CLUSTERS))
    few = np.arange(rows) % (stats.FEW_CLUSTERS - 1)
    with pytest.warns(UserWarning, match=f"only {stats.FEW_CLUSTERS - 1} clusters") as noted:
        CALLS[name].run(**examples(name, cluster=few))
    assert noted[0].filename == __file__  # the line of whoever called, not one of besci's own
    with pytest.raises(ValueError, match="all rows belong to one cluster"):
        CALLS[name].run(**examples(name, cluster=["one"] * rows))


LEVELS = [name for name in CALLS if "level" in inspect.signature(getattr(stats, name)).parameters]


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("level", [95, 0, 1, "0.95", None])
def test_a_level_that_is_no_share_is_refused(name, level):
    with pytest.raises(ValueError, match=f"level must lie between 0 and 1.* not {level!r}"):
        CALLS[name].run(**examples(name, level=level))


@pytest.mark.parametrize("name", LEVELS)
def test_an_interval_of_a_higher_level_is_wider(name):
    def intervals(level):
        found = CALLS[name].run(**examples(name, level=level))
        return found.honest if name == "selected_on_one_half" else found

    wide, narrow = intervals(0.99), intervals(0.5)
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert wide.high - wide.low > narrow.high - narrow.low


def test_missing_labels_that_numpy_has_turned_into_text_are_seen():
    with pytest.raises(ValueError, match="one: 'nan' at position 1 is missing"):
        stats.kappa(np.array(["a", np.nan, "b"]), ["a", "b", "b"])


def test_columns_of_a_table_count_as_tables():
    """Rows and columns of an item-by-item matrix bear the same labels."""
    matrix = indexed(items().values)
    turned = matrix.set_axis(matrix.columns[::-1], axis=1)
    with pytest.raises(ValueError, match="the rows of x and the columns of x have different"):
        stats.mantel(turned, matrix)
