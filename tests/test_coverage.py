"""The table of how often intervals hold the truth: whole, up to date, and not absurd."""

import json

import pytest
from conftest import COURSE
from test_stats_inputs import CALLS, CLUSTERING, examples

from benchmarks import coverage
from besci import stats

RESULTS = COURSE / "benchmarks" / "results"
CASES = coverage.all_cases()


def worlds(rows):
    return [(row["function"], row["world"], row["ignored"]) for row in rows]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """What a run of few simulations writes: (coverage.json, coverage.md)."""
    folder = tmp_path_factory.mktemp("coverage") / "results"
    coverage.main(["--simulations", "12", "--results", str(folder)])
    written = json.loads((folder / "coverage.json").read_text("utf-8"))
    return written, (folder / "coverage.md").read_text("utf-8")


def test_a_run_writes_a_row_for_each_world(few):
    result, page = few
    assert worlds(result["cases"]) == [(c.function, c.world, c.ignored) for c in CASES]
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(CASES) and {row.count("|") for row in rows} == {9}


def test_no_interval_is_absurd(few):
    for row in few[0]["cases"]:
        assert 0 < row["width"] < 3, row
        assert row["holds"][0] + row["below"] + row["above"] == pytest.approx(1), row
        if not row["ignored"]:
            assert row["holds"][0] > 0.5, row


def test_the_draws_of_a_world_depend_on_its_name_alone(few):
    last = coverage.simulate(CASES[-1], 12)
    assert json.loads(json.dumps(last)) == few[0]["cases"][-1]


def test_every_function_that_gives_an_interval_is_in_the_table():
    """Of split_half the page says why it is not."""
    intervals = (stats.Estimate, stats.Selection)
    giving = {n for n, call in CALLS.items() if isinstance(call.run(**examples(n)), intervals)}
    assert {case.function for case in CASES} == giving - {"split_half"}
    clustered = {case.function for case in CASES if "clusters of" in case.world}
    assert clustered == set(CLUSTERING) - {"calibration_error"}


def test_the_table_in_the_repository_is_of_these_worlds():
    result = json.loads((RESULTS / "coverage.json").read_text("utf-8"))
    assert result["simulations"] >= coverage.SIMULATIONS
    assert worlds(result["cases"]) == [(c.function, c.world, c.ignored) for c in CASES]
    assert (RESULTS / "coverage.md").read_text("utf-8") == coverage.page(result)
    for row in result["cases"]:
        assert row["ignored"] or row["holds"][0] > 0.85, row


def test_rows_that_are_alike_need_to_be_named():
    """In each world where the interval ignores that rows are alike, it holds the truth less."""
    result = json.loads((RESULTS / "coverage.json").read_text("utf-8"))
    holds = dict(zip(worlds(result["cases"]), (r["holds"] for r in result["cases"]), strict=True))
    for function, world, ignored in holds:
        if ignored:
            assert holds[function, world, True][2] < holds[function, world, False][1]
