"""What users pass in, checked and made plain: each error names what is wrong, where, what to do."""

import re
import unicodedata
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
import pandas as pd

# What shows nothing: soft hyphen, zero-width space, word joiner, byte order mark, marks of writing
# direction. Joiners (U+200C, U+200D) count only between letters, where they are spelling.
_UNSEEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
_ENDS = " \n\u200c\u200d"
_MESSAGE = '{"role": "user", "content": "..."}'


def require(condition, message):
    """Raise ValueError(message) unless the condition holds."""
    if not condition:
        raise ValueError(message)


# ---- texts ------------------------------------------------------------------------------------


def plain(text, lead=False):
    """A text as it is compared and scored: what cannot be seen makes no difference.

    Without invisible characters (zero-width space, byte order mark, soft hyphen, ...) and without
    white space at its ends; spaces of any kind and number are one ASCII space, accents are encoded
    in one way (NFC). Line breaks within it stay, and so do the joiners that Persian and emoji are
    spelled with. lead: whether white space at its beginning stays too.
    """
    text = re.sub(r"[^\S\n]+", " ", unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    return text.rstrip(_ENDS) if lead else text.strip(_ENDS)


def missing(value):
    """Whether it stands for a value that is not there: None, NaN, pandas' NA, NaT."""
    return pd.api.types.is_scalar(value) and pd.isna(value)


def check_text(text, name, blank=True):
    """Raise TypeError or ValueError unless it is a text that a model can read.

    name: what the message calls it. blank: whether it may hold nothing that can be seen.
    """
    if fault := _fault(text, blank):
        raise type(fault)(f"{name} {fault}")


def several(inputs, what):
    """(list, index) of what users give as a list; the index is that of a Series, else None.

    what: what the message calls one of them. Raises TypeError for anything that is no list, or in
    no order, and ValueError for an empty one.
    """
    advice = None
    if isinstance(inputs, pd.DataFrame):
        advice = f"Take one column, such as df[{next(iter(inputs.columns), 'text')!r}]."
    elif isinstance(inputs, Mapping):
        advice = "Take its values, list(d.values()); a message goes into a list, [message]."
    elif isinstance(inputs, (set, frozenset)):
        advice = "A set is in no order: make a list of it, sorted(s)."
    elif isinstance(inputs, (bytes, bytearray)):
        advice = 'Decode it: b.decode("utf-8").'
    elif isinstance(inputs, str):
        advice = f"Put it into a list: [{inputs!r:.40}]."
    elif not hasattr(inputs, "__iter__") or getattr(inputs, "ndim", 1) != 1:
        advice = f"Put each {what} into it as a text."
    if advice:
        raise TypeError(f"A list of {what}s is needed, not {type(inputs).__name__}. {advice}")
    items = list(inputs)
    require(items, f"The list of {what}s is empty.")
    return items, inputs.index if isinstance(inputs, pd.Series) else None


def listed(inputs, what, talk=False, blank=True):
    """(whether it was a single one, list, index) of one or several texts.

    what: what the errors call one. talk: whether each may also be a conversation, a list of
    messages with role and content. blank: whether a text may hold nothing that can be seen. The
    index is that of a Series, else None.

    Raises TypeError or ValueError for what is neither, or empty, and for each item that is missing,
    no text, or cannot be encoded: the message has its number and, in a Series, its row.
    """
    single, index = isinstance(inputs, str), None
    items = [inputs]
    if not single:
        items, index = several(inputs, what)
        if talk and all(isinstance(item, dict) for item in items):
            single, items, index = True, [items], None
    for i, item in enumerate(items):
        in_turns = talk and isinstance(item, list)
        if fault := _fault_in_turns(item) if in_turns else _fault(item, blank, talk):
            row = "" if index is None else f" (row {list(index)[i]!r})"
            raise type(fault)(f"{what.capitalize()} {i}{row} {fault}")
    return single, items, index


def _fault(text, blank=True, talk=False):
    """The error, but for the name of the text, if it is none that a model can read; else None."""
    if not isinstance(text, str):
        return TypeError(_no_text(text, talk))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ValueError(
            f"holds half a character ({text[error.start]!r}) at place {error.start}: a text was "
            "cut within an emoji, or a byte could not be decoded. Read the file again as UTF-8, or "
            'replace it: text.encode("utf-8", "replace").decode().'
        )
    if not blank and not plain(text):
        return ValueError(f"is empty ({text!r:.40}). Leave it out: it has no meaning.")
    return None


def _no_text(value, talk):
    """What to say of what is no text."""
    kind = type(value).__name__
    if isinstance(value, (bytes, bytearray)):
        return f'is {kind}, not a text. Decode it: b.decode("utf-8").'
    if missing(value):
        return (
            f"is a missing value ({value!r}). Leave such rows out (.dropna()), or say what stands "
            "for them (.fillna)."
        )
    if not pd.api.types.is_scalar(value):
        form = f", or a list of messages such as {_MESSAGE}" if talk else ""
        return f"is of type {kind}; it should be a text{form}."
    return f"is {value!r:.60} ({kind}), not a text. Make it one: str(x), or column.astype(str)."


def _fault_in_turns(messages):
    """The error, but for the name of the prompt, if a list is no conversation; else None."""
    if not messages or not all(isinstance(message, dict) for message in messages):
        return TypeError(_no_text(messages, talk=True))
    for i, message in enumerate(messages):
        if message.get("role") not in ("system", "user", "assistant"):
            return TypeError(
                f"has a message, {i}, without one of the roles system, user and assistant; it "
                f"should be such as {_MESSAGE}."
            )
        if fault := _fault(message.get("content")):
            return type(fault)(f"has a message, {i}, whose content {fault}")
    last = messages[-1]["role"]
    if last != "user":
        return ValueError(f"ends with a message of the {last}; the last one is the user's.")
    return None


def conversations(prompts, system=None):
    """Prompts as conversations: a tuple of (role, content) for each, a system message first.

    prompts: texts or conversations, as `listed` returns them. system: a text that comes before
    each. Raises ValueError for a prompt that has a system message of its own beside `system`, and
    TypeError or ValueError for a `system` that is no text.
    """
    found = [
        (("user", prompt),)
        if isinstance(prompt, str)
        else tuple((message["role"], message["content"]) for message in prompt)
        for prompt in prompts
    ]
    if system is None:
        return found
    check_text(system, "system")
    for i, turns in enumerate(found):
        require(
            turns[0][0] != "system",
            f"Prompt {i} has a system message of its own, and `system` was given too.",
        )
    return [(("system", system), *turns) for turns in found]


# ---- options, and numbers ---------------------------------------------------------------------


def named_options(options, lead=False):
    """(list of options as given, list of their texts as they are scored, see `plain`).

    lead: whether a space at an option's beginning counts, as it does where nothing stands between
    a prompt and its answer. Raises TypeError or ValueError for options that are no texts or whole
    numbers, hold nothing that can be seen, or differ in nothing that can be seen.
    """
    given = [o.item() if isinstance(o, np.generic) else o for o in several(options, "option")[0]]
    texts = {}
    for i, option in enumerate(given):
        if not isinstance(option, int) or isinstance(option, bool):
            check_text(option, f"Option {i}", blank=False)
        text = plain(str(option), lead)
        require(
            text not in texts,
            f"Two options are the same text, what cannot be seen aside: {texts.get(text)!r} and "
            f"{option!r}.",
        )
        texts[text] = option
    return given, list(texts)


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


# ---- columns of values: what statistics are computed from ---------------------------------------


def aligned(**columns):
    """Raise ValueError unless columns have one length and the indexes of those that have one agree.

    columns: by the name that errors call them; one that is None is passed over. Two Series of the
    same cases in different order would be compared row by row, each case with another one.
    """
    given = {name: column for name, column in columns.items() if column is not None}
    lengths = {}
    for name, column in given.items():
        try:
            lengths[name] = len(column)
        except TypeError:
            raise ValueError(f"{name}: a column of values is needed, not {column!r:.60}") from None
    if len(set(lengths.values())) > 1:
        rows = ", ".join(f"{name} has {length} rows" for name, length in lengths.items())
        raise ValueError(f"columns of equal length are needed, row by row: {rows}")
    tables = [name for name, c in given.items() if isinstance(c, (pd.Series, pd.DataFrame))]
    for name in tables[1:]:
        same_index(tables[0], given[tables[0]].index, name, given[name].index)


def same_index(first, index, name, other):
    """Raise ValueError unless two indexes, of what is called `first` and `name`, are equal."""
    if index.equals(other):
        return
    one, two = index.tolist(), other.tolist()
    row = next((k for k, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), 0)
    reordered = sorted(map(repr, one)) == sorted(map(repr, two))
    raise ValueError(
        f"{first} and {name} have different indexes: row {row} is {one[row]!r} in {first} and "
        f"{two[row]!r} in {name}. "
        + (
            f"The labels are the same, in another order: {name}.loc[{first}.index] has that of "
            f"{first}."
            if reordered
            else "Select the same rows of both; or, if they belong together as they stand, drop "
            "both indexes: reset_index(drop=True)."
        )
    )


def values(column, name, dimensions=(1,)):
    """A column (or matrix) as an array, none of its values missing or infinite.

    dimensions: how many it may have. Raises ValueError that names the column and the place.
    """
    if isinstance(column, (str, bytes, dict, set)) or not hasattr(column, "__iter__"):
        raise ValueError(f"{name}: a column of values is needed, not {column!r:.60}")
    array = as_array(column)
    if array.ndim not in dimensions:
        needed = " or ".join(map(str, dimensions))
        raise ValueError(
            f"{name}: {needed}-dimensional values are needed, these have the shape {array.shape}"
        )
    kind = array.dtype.kind
    if kind not in "biu" and not (kind == "f" and np.isfinite(array).all()):
        missing = array == "nan" if kind == "U" else pd.isna(array)
        _refuse(missing, array, column, name, "missing. Leave such cases out of all columns")
        infinite = [_is_number(value) and abs(value) == np.inf for value in array.flat]
        _refuse(infinite, array, column, name, "infinite. No statistic can be made of it")
    return array


def as_array(column):
    """A column as an array: of numbers, or of texts, or of objects where they are mixed.

    numpy alone would turn a missing value beside texts into the text "nan", and numbers into texts.
    """
    array = np.asarray(column, dtype=None if hasattr(column, "__array__") else object)
    if array.dtype == object:
        cells = array.ravel().tolist()
        if all(map(_is_number, cells)) or all(isinstance(cell, str) for cell in cells):
            return np.array(array.tolist())
    return array


def numbers(column, name, dimensions=(1,)):
    """A column (or matrix) as floats; True and False count as 1 and 0.

    Raises ValueError as `values` does, and for texts.
    """
    array = values(column, name, dimensions)
    if array.dtype.kind not in "biuf":
        _refuse([not _is_number(value) for value in array.flat], array, column, name, "no number")
    return array.astype(float, copy=False)


def truths(column, name, dimensions=(1,)):
    """A column (or matrix) as True and False, which may be written as 1 and 0.

    Raises ValueError as `values` does, and for other numbers and texts: to Python every text is
    true, "no" and "False" as well.
    """
    array = values(column, name, dimensions)
    if array.dtype.kind != "b":
        wrong = [not _is_number(value) or value not in (0, 1) for value in array.flat]
        why = "neither True nor False. A comparison makes it so, such as predicted == gold"
        _refuse(wrong, array, column, name, why)
    return array.astype(bool)


def labels(**columns):
    """Columns of labels as arrays of objects, in a list; texts are made `plain`.

    Raises ValueError as `aligned` and `values` do, and where texts stand beside numbers: the label
    1 is never equal to the label "1".
    """
    aligned(**columns)
    seen = np.frompyfunc(lambda value: plain(value) if isinstance(value, str) else value, 1, 1)
    arrays = [seen(values(column, name).astype(object)) for name, column in columns.items()]
    cells = [
        (isinstance(value, str), f"{value!r} at {_place(columns[name], (row,))} of {name}")
        for name, array in zip(columns, arrays, strict=True)
        for row, value in enumerate(array)
    ]
    for text, cell in cells:
        if text != cells[0][0]:
            texts, others = (cell, cells[0][1]) if text else (cells[0][1], cell)
            raise ValueError(f"{texts} is a text, {others} is not. Write all labels in one way.")
    return arrays


def _is_number(value):
    return isinstance(value, (Real, np.bool_))


def _refuse(wrong, array, column, name, why):
    """Raise ValueError for the first of the values that are marked as wrong."""
    wrong = np.reshape(wrong, array.shape)
    if wrong.any():
        at = np.unravel_index(wrong.argmax(), array.shape)
        value = array[at].item() if isinstance(array[at], np.generic) else array[at]
        raise ValueError(f"{name}: {value!r:.60} at {_place(column, at)} is {why}.")


def _place(column, at):
    """Where a value stands: by the labels of a table, else by position."""
    words = ["position"] if len(at) == 1 else ["row", "column"]
    if isinstance(column, (pd.Series, pd.DataFrame)):
        words = ["index", "column"]
        at = [repr(axis.tolist()[k]) for axis, k in zip(column.axes, at, strict=True)]
    return ", ".join(f"{word} {k}" for word, k in zip(words, at, strict=False))
