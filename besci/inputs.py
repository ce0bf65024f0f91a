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


def conversations(prompts, system=None):
    """Prompts as conversations: a tuple of (role, content) for each, a system message first.

    prompts: a list of texts or conversations (lists of messages with role and content). system: a
    text that comes before each. Raises TypeError or ValueError naming the prompt and what is wrong.
    """
    require(system is None or isinstance(system, str), "system must be a text.")
    found = []
    for i, prompt in enumerate(prompts):
        try:
            found.append(_conversation(prompt, system))
        except (TypeError, ValueError) as error:
            raise type(error)(f"Prompt {i} {error}") from None
    return found


def _conversation(prompt, system):
    if isinstance(prompt, str):
        turns = [("user", prompt)]
    elif isinstance(prompt, list) and prompt and all(isinstance(m, dict) for m in prompt):
        turns = [(message.get("role"), message.get("content")) for message in prompt]
    else:
        raise TypeError(
            f"is {prompt!r:.60}; it should be a text, or a list of messages such as "
            '{"role": "user", "content": "..."}'
        )
    for role, content in turns:
        if role not in ("system", "user", "assistant") or not isinstance(content, str):
            raise TypeError(
                "has a message that is not of the form "
                '{"role": "system", "user" or "assistant", "content": text}'
            )
    if turns[-1][0] != "user":
        raise ValueError(f"ends with a {turns[-1][0]} message; the last one is the user's")
    if system is not None:
        if turns[0][0] == "system":
            raise ValueError("has a system message of its own, and `system` was given too")
        turns.insert(0, ("system", system))
    return tuple(turns)


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
