"""From log-probabilities and logits to choices and draws, and the checks of what users pass in."""

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch


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


def softmax(log_weights):
    """Rows of log-weights (n, k) as probabilities that sum to 1."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def disjoint(log_prob, options):
    """Log-probabilities (k,) of events that exclude one another.

    log_prob: log p that an answer begins with each option. options: their token ids. An answer
    counts for the longest option it begins with, so from each option the probability of those
    that go on from it is taken off.
    """
    event = np.array(log_prob, float)
    for j, option in enumerate(options):
        longer = [i for i, other in enumerate(options) if i != j and _begins(option, other)]
        nearest = [
            i for i in longer if not any(i != m and _begins(options[m], options[i]) for m in longer)
        ]
        if nearest:
            rest = -np.expm1(np.logaddexp.reduce(log_prob[nearest]) - log_prob[j])
            event[j] = log_prob[j] + np.log(max(rest, 1e-7))  # below that float32 knows no more
    return event


def _begins(option, other):
    return other[: len(option)] == option


def draw(logits, chances, temperature, top_p):
    """One token from each row of logits (n, vocabulary), by inverting its distribution function.

    chances: n numbers in [0, 1), which decide the draws. Keeps the fewest tokens with probability
    top_p or more together.
    """
    p = (logits.double() / temperature).softmax(-1)
    tokens = None
    if top_p < 1:
        p, tokens = torch.sort(p, dim=-1, descending=True, stable=True)
        p = p.where(p.cumsum(-1) - p < top_p, 0)
    reached = p.cumsum(-1)
    chance = torch.tensor(chances, dtype=p.dtype, device=p.device)[:, None] * reached[:, -1:]
    place = torch.searchsorted(reached, chance, right=True).clamp(max=p.shape[-1] - 1)
    return (place if tokens is None else tokens.gather(-1, place))[:, 0].tolist()


def bar(total, label, progress):
    """A progress bar that shows itself only after a second."""
    with warnings.catch_warnings():  # tqdm complains where notebook widgets are missing
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        return tqdm(total=total, desc=label, disable=not progress, delay=1, leave=False)
