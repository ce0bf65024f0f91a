"""The tests that the self-checks of each day share."""

import pytest


class Forms(tuple):
    """Several forms in which a learner may give the same right answer."""


NONSENSE = [..., None, "nonsense", -99.0, [], [1, 2, 3], float("nan"), {"a": 1}, object()]


def verdict_tests(day, right, wrong, more):
    """Four tests: all tasks are covered, right answers pass, mistakes are named, nonsense fails.

    day: module of besci.checks. right: {task: answer, or Forms of it}. wrong: [(task, answer, part
    of the message)]. more: {task: what the notebook hands over beside the answer}.
    """

    def shown(name, answer, capsys):
        getattr(day, name)(answer, *more.get(name, ()))
        return capsys.readouterr().out

    def all_covered():
        assert right.keys() == {name for name in vars(day) if name.startswith("task_")}

    forms = [
        (name, form)
        for name, answer in right.items()
        for form in (answer if isinstance(answer, Forms) else [answer])
    ]

    @pytest.mark.parametrize("name, answer", forms, ids=lambda value: str(value)[:40])
    def right_passes(name, answer, capsys):
        assert shown(name, answer, capsys)[0] in "✓●"

    @pytest.mark.parametrize("name, answer, message", wrong, ids=lambda v: str(v)[:40])
    def mistake_is_named(name, answer, message, capsys):
        said = shown(name, answer, capsys)
        assert said.startswith("✗") and message in said

    @pytest.mark.parametrize("name", right)
    @pytest.mark.parametrize("answer", NONSENSE, ids=repr)
    def nonsense_fails(name, answer, capsys):
        assert shown(name, answer, capsys)[0] == ("○" if answer is ... else "✗")

    return all_covered, right_passes, mistake_is_named, nonsense_fails
