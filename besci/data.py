"""Read the course's tables, or your own, and refuse what is not as described.

The description is a Table Schema (https://specs.frictionlessdata.io/table-schema/): for the
course's tables the one in data/datapackage.json, for your own table one that you write:

    schema = {"fields": [{"name": "age", "type": "integer", "constraints": {"minimum": 18}}]}
    people = besci.data.read_table("my_people.csv", schema)
"""

import csv
import hashlib
import io
import json
import re
import warnings
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from besci.files import course_folder
from besci.inputs import plain

TYPES = {
    "string": (str, re.compile(r".*", re.DOTALL), "text"),
    "integer": (int, re.compile(r"[+-]?[0-9]{1,18}"), "a whole number"),
    "number": (
        float,
        re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?"),
        "a number",
    ),
}
LIMITS = {"minimum": "at least", "maximum": "at most", "pattern": "of the form"}
CONSTRAINTS = {"required", "unique", "enum", "minimum", "maximum", "pattern"}
GET_AGAIN = "If you did not change the file, get it again from the course's repository."
CUT_SHORT = f"The file was cut short. {GET_AGAIN}"


class DataError(ValueError):
    """A table is not as its description says; the message names file, row and column.

    Rows are counted as a spreadsheet shows them: the header is row 1.
    """


def load_data(name, folder=None):
    """Return a table of the course as a DataFrame, checked against datapackage.json.

    name: such as "personality_items"; a wrong name lists all. folder: where the tables and
    their datapackage.json lie (default: the course's data folder). Types are those of
    `pandas.read_csv`: int64, or float64 with NaN where a number is missing, and text.
    Raises DataError where a file is missing, cut short, or holds a cell that is not as
    described. A valid file that differs from the course's own is loaded with a warning.
    """
    table, same = _load(name, course_folder() / "data" if folder is None else Path(folder))
    if not same:
        warnings.warn(
            f"The table {name} is valid, but not as the course ships it. {GET_AGAIN}", stacklevel=2
        )
    return table


def read_table(path, schema, more_columns=False):
    """Return a CSV file of your own as a DataFrame, checked against a Table Schema.

    schema: a dict with "fields", each with "name", "type" (string, integer or number) and,
    where wanted, "constraints" (required, unique, enum, minimum, maximum, pattern); then, where
    wanted, "primaryKey" and "missingValues" (texts that mean missing; by default the empty cell).
    more_columns: allow columns that the schema does not name; they are kept as text, unchecked.
    Raises DataError where the file is not as described, and ValueError where the schema
    itself names a type or a constraint that does not exist.
    """
    return _table(_read_bytes(Path(path)), schema, Path(path).name, more_columns)


def _load(name, folder):
    """(the table, is it the very file the course ships?)"""
    resources = _resources(folder)
    if name not in resources:
        near = get_close_matches(str(name).removesuffix(".csv"), resources, n=1)
        guess = f'Did you mean "{near[0]}"? ' if near else ""
        raise DataError(f'There is no table "{name}". {guess}There are: {", ".join(resources)}.')
    resource = resources[name]
    file, schema = resource["path"], resource["schema"]
    raw = _read_bytes(folder / file)
    table = _table(raw, schema, file)
    if len(table) < resource["rows"]:
        rows = f"{resource['rows']} rows below the header"
        raise _error(file, len(table) + 2, None, "the end of the file", rows, CUT_SHORT)
    for key in schema.get("foreignKeys", []):
        _check_foreign_key(table, key, file, folder)
    return table, resource["hash"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _resources(folder):
    """The tables of `folder` by name, as its datapackage.json describes them."""
    path = folder / "datapackage.json"
    if not path.is_file():
        raise DataError(
            f"There is no datapackage.json in {folder}, so nothing says what its tables hold. "
            "Leave out `folder` to read the course's own tables; for your own use "
            "besci.data.read_table."
        )
    try:
        package = json.loads(_read_bytes(path))
        return {r["name"]: r for r in package["resources"] if "schema" in r}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{path.name} cannot be understood ({error!r}). {GET_AGAIN}") from None


def _read_bytes(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} in {path.parent.resolve()} cannot be read ({error.strerror}). Check the "
            f"name and the folder. A file of the course you get again from its repository."
        ) from None


def _table(raw, schema, file, more_columns=False):
    header, *rows = _cells(raw, file)
    _check_header(header, [field["name"] for field in schema["fields"]], file, more_columns)
    if not rows:
        raise _error(file, 2, None, "the end of the file", "data", CUT_SHORT)
    for number, row in enumerate(rows, start=2):
        if not any(row):
            raise _error(file, number, None, "an empty row", "data", "Delete the row.")
        if len(row) != len(header):
            column = header[min(len(row), len(header) - 1)]
            advice = CUT_SHORT if number > len(rows) else "Put the missing commas in."
            if len(row) > len(header):
                advice = 'Put a text that holds a comma in double quotes: "a, b".'
            expected = f"{len(header)}, one for each column"
            raise _error(file, number, column, f"{len(row)} cells", expected, advice)
    cells = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    missing = set(schema.get("missingValues", [""]))
    key = _names(schema.get("primaryKey", []))
    keys = [key] if key else []
    values = {}
    for field in schema["fields"]:
        name, rules = field["name"], dict(field.get("constraints", {}))
        rules["required"] = rules.get("required", False) or name in key
        values[name] = _column(cells.pop(name), name, field["type"], rules, missing, file)
        keys += [[name]] if rules.get("unique") else []
    table = pd.DataFrame(values | cells)
    for columns in keys:
        _check_unique(table[columns].dropna(), file)
    return table


def _cells(raw, file):
    """The rows of the file as lists of text, header first."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True):
            rows.append(row)
    except UnicodeDecodeError as error:
        # What comes before is decoded; counting its rows as csv does allows for lines in cells.
        before = io.StringIO(error.object[: error.start].decode() + "?", newline="")
        place = error.start + 1 + len(raw) - len(error.object)  # a byte order mark is cut off
        found = f"byte 0x{error.object[error.start]:02x} (byte {place} of the file)"
        advice = 'In the spreadsheet program, save the file as "CSV UTF-8".'
        number = sum(1 for _ in csv.reader(before))
        raise _error(file, number, None, found, "text in UTF-8", advice) from None
    except csv.Error as error:
        found = f"quotation marks that do not match ({error})"
        advice = f'Inside a quoted text, write a mark twice: "". {GET_AGAIN}'
        raise _error(file, len(rows) + 1, None, found, "pairs of them", advice) from None
    if not rows or not any(rows[0]):
        found = "an empty row" if any(map(any, rows)) else "an empty file"
        raise _error(file, 1, None, found, "the names of the columns", GET_AGAIN)
    return rows


def _check_header(header, names, file, more_columns):
    """Raise DataError where a column is twice there, not there, or not known."""
    missing = [name for name in names if name not in header]
    extra = [name for name in header if name not in names]
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise _error(file, 1, twice[0], "the column twice", "once", "Rename or delete one.")
    if missing:
        close = {name.strip().lower(): name for name in extra}
        near = get_close_matches(missing[0].lower(), close, n=1)
        advice = f"Add the column. {GET_AGAIN}"
        if len(header) == 1 and re.search("[;\t]", header[0]):
            advice = "The cells are parted by semicolons or tabs: save the file with commas."
        elif near:
            advice = f'Rename "{close[near[0]]}" to "{missing[0]}".'
        found = f"the columns {_some(header)} without it"
        raise _error(file, 1, missing[0], found, f"the columns {_some(names)}", advice)
    if extra and not more_columns:
        expected = f"only the columns {_some(names)}"
        raise _error(file, 1, extra[0], "a column not described", expected, "Delete the column.")


def _column(cells, name, kind, rules, missing, file):
    """Texts to values. Each distinct text is looked at once, which makes long tables quick."""
    if kind not in TYPES or rules.keys() - CONSTRAINTS:
        raise ValueError(
            f'Schema, column "{name}": found type {kind} and constraints {_some(rules)}; '
            f"known are the types {_some(TYPES)} and the constraints {_some(CONSTRAINTS)}."
        )
    values = {text: _value(text, kind, rules, missing) for text in dict.fromkeys(cells)}
    wrong = [text for text, value in values.items() if value is None]
    if wrong:
        row, others = cells.index(wrong[0]) + 2, sum(map(cells.count, wrong)) - 1
        advice = _advice(wrong[0], kind, rules, missing)
        more = f" ({others} more cells of this column are wrong.)" if others else ""
        expected = _expected(kind, rules)
        raise _error(file, row, name, f'"{wrong[0]}"', expected, advice + more)
    return [values[text] for text in cells]


def _value(text, kind, rules, missing):
    """The value that the text stands for (NaN: missing), or None where it breaks a rule."""
    if text in missing:
        return None if rules["required"] else float("nan")
    convert, pattern, _ = TYPES[kind]
    if not pattern.fullmatch(text):
        return None
    value = convert(text)
    right = (
        value in rules.get("enum", [value])
        and rules.get("minimum", value) <= value <= rules.get("maximum", value)
        and re.fullmatch(rules.get("pattern", ".*"), text, re.DOTALL)
    )
    return value if right else None


def _expected(kind, rules):
    if "enum" in rules:
        return f"one of {_some(rules['enum'])}"
    limits = [f"{words} {rules[rule]}" for rule, words in LIMITS.items() if rule in rules]
    return " ".join([TYPES[kind][2], " and ".join(limits)]).strip()


def _advice(text, kind, rules, missing):
    """What to do about a wrong cell: the first repair that would make it right."""
    if text in missing:
        return "Fill the cell, or delete the row."
    near = get_close_matches(text.strip().lower(), map(str, rules.get("enum", [])), n=1)
    repairs = [
        (text.rstrip(), "Remove the trailing space."),
        (text.strip(), "Remove the space before it."),
        (plain(text), "Type it anew: it holds characters that cannot be seen."),
        (text.replace(",", "."), "Write decimals with a point."),
        (re.sub(r"\.0*$", "", text), "Write it without decimals."),
        *((value, f'Did you mean "{value}"?') for value in near),
    ]
    for repaired, advice in repairs:
        if repaired not in missing and _value(repaired, kind, rules, missing) is not None:
            return advice
    return "Correct the cell." if rules["required"] else "Correct the cell, or empty it."


def _check_unique(keys, file):
    """Raise DataError at the first row of `keys` that repeats an earlier one."""
    if keys.duplicated().any():
        row = keys.duplicated().idxmax()
        first = (keys == keys.loc[row]).all(axis=1).idxmax()
        found = f'"{_some(keys.loc[row])}", which row {first + 2} has already'
        advice = "Delete one of the two rows, or correct it."
        raise _error(file, row + 2, _some(keys.columns), found, "each once", advice)


def _check_foreign_key(table, key, file, folder):
    """Raise DataError at the first cell that names no row of the table it refers to."""
    (column,), (target,) = _names(key["fields"]), _names(key["reference"]["fields"])
    name = key["reference"]["resource"]
    known = _load(name, folder)[0][target]
    unknown = ~(table[column].isin(known) | table[column].isna())
    if unknown.any():
        row = unknown.idxmax()
        found = str(table.loc[row, column])
        near = get_close_matches(found, known.astype(str), n=1)
        advice = f'Did you mean "{near[0]}"?' if near else "Correct it, or add it there."
        expected = f'a value of "{target}" in the table {name}'
        raise _error(file, row + 2, column, f'"{found}"', expected, advice)


def _error(file, row, column, found, expected, advice):
    place = f"{file}, row {row}" + (f', column "{column}"' if column else "")
    return DataError(f"{place}: found {found}, expected {expected}. {advice}")


def _names(fields):
    """A key of a schema names one field as a text, or several as a list."""
    return [fields] if isinstance(fields, str) else list(fields)


def _some(values, most=8):
    values = [str(value) for value in values]
    return ", ".join(values[:most]) + f" and {len(values) - most} more" * (len(values) > most)
