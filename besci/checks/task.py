"""What all self-checks are made of.

A check is a function `task_2_1(answer)` (notebook 2 of the day, task 1) that returns one sentence
when the answer is right and raises `NotYet` with the likely mistake and a hint when it is not.
"""

import functools
from decimal import Decimal

import numpy as np

from besci.stats import Estimate


class NotYet(Exception):
    """The answer is not right yet; the message says what was likely missed and gives a hint."""


def task(hint):
    """Turn a function that judges an answer into a check that prints its verdict.

    hint: shown while the answer is still `...`, and when the answer cannot be read at all.
    """

    def decorate(judge):
        number = judge.__name__.removeprefix("task_").replace("_", ".")

        @functools.wraps(judge)
        def check(answer=..., *more):
            if any(isinstance(value, type(...)) for value in (answer, *more)):
                print(f"○ Task {number} is open. Hint: {hint}")
                return
            try:
                print(f"✓ Task {number}: {judge(answer, *more)}")
            except NotYet as verdict:
                print(f"✗ Task {number}, not yet: {verdict}")
            except Exception as error:
                kind = type(answer).__name__
                print(
                    f"✗ Task {number}, not yet: the check could not read your answer, which is of "
                    f"type {kind} ({type(error).__name__}: {error}). Hint: {hint}"
                )

        return check

    return decorate


def open_task(number, *points):
    """A check of a task without one right answer: it lists what a good answer says.

    The learner compares. points: statements, each of which the model answer makes.
    """

    def check(answer=...):
        if answer is ...:
            print(f'○ Task {number} is open. Hint: write some sentences: answer = """…""".')
        elif not isinstance(answer, str):
            kind = type(answer).__name__
            print(
                f'✗ Task {number}, not yet: a text is asked for, """…""", yours is of type {kind}.'
            )
        elif (words := len(answer.split())) < 10:
            print(f"✗ Task {number}, not yet: so few words ({words}). Some sentences say more.")
        else:
            print(f"● Task {number}: tick what your text says, then compare with the solution.")
            print(*(f"  ☐ {point}" for point in points), sep="\n")

    return check


def number(answer):
    """The answer as a float (of an Estimate, its value), or NotYet if it is not a single number."""
    if isinstance(answer, Estimate):
        answer = answer.value
    try:
        value = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(
            f"a single number is asked for, yours is of type {type(answer).__name__}."
        ) from None
    if value.size != 1:
        raise NotYet(f"a single number is asked for, yours has {value.size} values.")
    value = float(value.reshape(()))
    if np.isnan(value):
        raise NotYet("your number is missing (NaN). Was something divided by zero or not aligned?")
    return value


def near(value, target, tolerance=0.005):
    """Whether `value` is `target`, up to what another machine or a learner's rounding changes.

    That is: within `tolerance`, or rounded to at least two significant digits or two decimals.
    """
    _, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    if len(digits) > 1 or exponent <= -2:
        tolerance = max(tolerance, 0.5000001 * 10.0**exponent)
    return bool(abs(value - target) <= tolerance)
