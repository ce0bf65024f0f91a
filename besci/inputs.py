"""What users pass in, checked: each error names what is wrong and where."""

from numbers import Integral, Real

import numpy as np
import pandas as pd


def require(condition, message):
    """Raise ValueError(message) unless the condition holds."""
    if not condition:
        raise ValueError(message)


def listed(inputs, what):
    """(whether it was a single one, list, index) of a text, a conversation, or several of either.

    Raises TypeError or ValueError if it is neither, or empty.
    """
    if isinstance(inputs, str):
        return True, [inputs], None
    if isinstance(inputs, (pd.DataFrame, dict)) or not hasattr(inputs, "__iter__"):
        raise TypeError(f"Give a {what} or a list of them, not {type(inputs).__name__}.")
    items = list(inputs)
    require(items, f"The list of {what}s is empty.")
    if all(isinstance(item, dict) for item in items):
        return True, [items], None
    return False, items, inputs.index if isinstance(inputs, pd.Series) else None


def named_options(options):
    """(list of options as given, list of their texts).

    Raises TypeError or ValueError for options that are no texts or whole numbers, or not different.
    """
    if isinstance(options, str) or not hasattr(options, "__iter__"):
        raise TypeError(f"options must be a list such as ['yes', 'no'], not {options!r}.")
    options = [o.item() if isinstance(o, np.generic) else o for o in options]
    require(options, "The list of options is empty.")
    for i, option in enumerate(options):
        if not isinstance(option, (str, int)) or isinstance(option, bool):
            raise TypeError(f"Option {i} is {option!r}; it should be a text or a whole number.")
        require(str(option).strip(), f"Option {i} is empty.")
    texts = [str(option) for option in options]
    for i, text in enumerate(texts):
        require(text not in texts[:i], f"The option {text!r} is there twice.")
    return options, texts


def check_count(number, name):
    """Raise ValueError unless it is a whole number above 0."""
    whole = isinstance(number, Integral) and not isinstance(number, bool)
    require(whole and number > 0, f"{name} must be a whole number above 0, not {number!r}.")


def check_temperature(temperature):
    """Raise ValueError unless it is a finite number from 0 up."""
    number = isinstance(temperature, Real) and not isinstance(temperature, bool)
    require(
        number and 0 <= temperature < np.inf,
        f"temperature must be a number from 0 up, not {temperature!r}.",
    )
