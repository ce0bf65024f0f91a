"""Self-checks: stubs get a polite hint, likely mistakes their own message, none ever raises."""

import pytest

from besci import checks
from besci.checks import NotYet, task


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
