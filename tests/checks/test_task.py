"""Self-checks: stubs get a polite hint, likely mistakes their own message, none ever raises."""

import pytest

from besci import checks
from besci.checks import NotYet, task
from besci.stats import Estimate


@task("do this")
def task_9_9(answer):
    if answer == 1:
        return "one it is."
    if answer == 2:
        raise NotYet("two is too many.")
    return answer.missing_attribute


@pytest.mark.parametrize(
    "answer, shown",
    [
        ((...,), "○ Task 9.9 is open. Hint: do this"),
        ((), "○ Task 9.9 is open. Hint: do this"),
        ((1,), "✓ Task 9.9: one it is."),
        ((2,), "✗ Task 9.9, not yet: two is too many."),
        (("x",), "✗ Task 9.9, not yet: the check could not read your answer, which is of type str"),
    ],
)
def test_a_check_prints_its_verdict_and_never_raises(answer, shown, capsys):
    assert task_9_9(*answer) is None
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize("answer", ["text", [1, 2], None, float("nan"), {"a": 1}])
def test_number_says_what_is_no_single_number(answer):
    with pytest.raises(NotYet):
        checks.number(answer)


@pytest.mark.parametrize("answer", [0.3349, Estimate(0.3349, 0.2, 0.4), [0.3349], ["0.3349"]])
def test_number_takes_every_form_of_one(answer):
    assert checks.number(answer) == 0.3349


@pytest.mark.parametrize(
    "value, target",
    [(27.0, 27.44), (27.4, 27.44), (0.33, 0.3349), (0.3341, 0.3349), (4.2e-5, 4.24e-5), (1, 1)],
)
def test_what_is_rounded_to_two_digits_or_close_is_the_same_number(value, target):
    assert checks.near(value, target)


def test_what_is_rounded_to_two_decimals_is_the_same_number_however_strict():
    assert checks.near(0.03, 0.0275, 0.0001) and not checks.near(0.03, 0.0245, 0.0001)


@pytest.mark.parametrize("value, target", [(28.0, 27.44), (20, 24), (0.3, 0.34), (-0.33, 0.33)])
def test_another_number_is_not_the_same(value, target):
    assert not checks.near(value, target)


def test_an_open_task_shows_its_points_to_whoever_has_written_sentences(capsys):
    check = checks.open_task("9.8", "It says why.", "It says how.")
    for answer, shown in [
        (..., "○ Task 9.8 is open. Hint: write some sentences"),
        (7, "✗ Task 9.8, not yet: a text is asked for"),
        ("Too short.", "✗ Task 9.8, not yet: so few words (2)."),
        (5 * "Words in a row. ", "● Task 9.8: tick what your text says"),
    ]:
        assert check(answer) is None
        printed = capsys.readouterr().out
        assert printed.startswith(shown)
    assert printed.endswith("  ☐ It says why.\n  ☐ It says how.\n")
