"""How notebooks are shaped: how much code, text, pictures and links, and what breaks the style.

    python tools/notebook_shape.py            (also part of make readme)
    python tools/notebook_shape.py FILE ...

Without files, writes benchmarks/results/notebook_shape.md: the notebooks before they were re-cut
and now, beside notebooks of other courses. What these were is kept in notebook_shape.json beside
it. With files, prints their measures as JSON.

Measures of a notebook: the median and the largest number of lines of code in a cell, words of text,
pictures, links. A line of code is one that is neither empty nor only a comment. Left out are the
setup, the solutions, and cells that only show a ready-made picture or a quiz: without them, nothing
can be shortened by adding cells. Pictures are those in the text and cells that draw; badges are
neither pictures nor links.
"""

import ast
import json
import re
import statistics
import sys
from pathlib import Path

import nbformat

from besci.files import write_whole

COURSE = Path(__file__).resolve().parent.parent
KEPT = COURSE / "benchmarks/results/notebook_shape.json"
MEDIAN, LONGEST = 6, 12  # lines; a longer cell states its reason in its metadata
ASIDE = {"setup", "solution"}
READY = re.compile(r"(?:plots\.picture|besci\.quiz)\([^()\n]*\)\s*(?:#.*)?")
BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)|!\[[^\]]*badge[^\]]*\]\([^)]*\)", re.I)
IMAGE = re.compile(r"!\[([^\]]*)\]\([^)]*\)|<img\b[^>]*>")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])+\]\([^)]*\)|<a\b[^>]*>|<https?://[^>]*>")
DRAWS = re.compile(r"\bplots\.\w+\(|\b(?:plt|sns)\.\w+|\.plot(?:\.\w+)?\(|\.hist\(|Display\.from_")
OWN_FIGURE = re.compile(r"\bplt\.|\.plot(?:\.\w+)?\(|\bax=")
YEAR = r"(?:19|20)\d\d[a-z]?\)"
NAME = r"[A-Z][\w’'-]+"
CITED = re.compile(
    rf"{NAME}(?: et al\.| (?:&|and) {NAME})?(?: \({YEAR}|, {YEAR})|\b10\.\d{{4,}}/\S+|https?://\S+"
)
SILENT = {"add", "append", "extend", "insert", "seed", "set_option", "set_seed", "sort", "update"}


# --- Measures ------------------------------------------------------------------------------------


def tags(cell):
    return set(cell.metadata.get("tags", []))


def code_lines(source):
    """How many lines of code a cell has: neither empty nor only a comment."""
    lines = [line.strip() for line in source.splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def counted(notebook):
    """The code cells that a reader has to read: neither setup nor solution nor ready-made."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and code_lines(c.source)]
    return [c for c in cells if not tags(c) & ASIDE and not READY.fullmatch(c.source.strip())]


def text(notebook):
    """The Markdown of a notebook without code and badges."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    joined = re.sub(r"^(```|~~~).*?^\1", "", "\n\n".join(cells), flags=re.M | re.S)
    return BADGE.sub("", joined)


def words(markdown):
    """The words of a text as it is read: of a link what is clicked, of a picture nothing."""
    plain = IMAGE.sub("", markdown)
    plain = re.sub(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\([^)]*\)", r"\1", plain)
    return re.findall(r"[^\W_][\w’'-]*", re.sub(r"<[^>]+>", " ", plain))


def measure(notebook):
    """The measures of a notebook as a dict of whole numbers and a median."""
    lines = [code_lines(cell.source) for cell in counted(notebook)]
    read = text(notebook)
    drawn = [cell for cell in notebook.cells if cell.cell_type == "code" and not tags(cell) & ASIDE]
    return {
        "code_cells": len(lines),
        "median": statistics.median(lines) if lines else 0,
        "longest": max(lines, default=0),
        "words": len(words(read)),
        "pictures": len(IMAGE.findall(read)) + sum(bool(DRAWS.search(c.source)) for c in drawn),
        "links": len(LINK.findall(IMAGE.sub("", read))),
    }


# --- What breaks the style -----------------------------------------------------------------------


def faults(notebook):
    """What breaks the style of the course in a notebook, a sentence each, with the cell's id."""
    found = []
    lines = [code_lines(cell.source) for cell in counted(notebook)]
    if lines and statistics.median(lines) > MEDIAN:
        found.append(f"the median cell has {statistics.median(lines)} lines, more than {MEDIAN}")
    waiting = None  # the cell whose result was shown last, until a sentence follows it
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found += [f"cell {cell.id} {fault}" for fault in faults_of_text(cell.source)]
            waiting = None if has_sentence(cell.source) else waiting
        elif cell.cell_type == "code":
            found += [f"cell {cell.id} {fault}" for fault in faults_of_code(cell)]
            if not tags(cell) & ASIDE and shown(cell.source)[0]:
                if waiting:
                    found.append(f"no sentence stands between cells {waiting} and {cell.id}")
                waiting = cell.id
    return found


def faults_of_code(cell):
    count, reason = code_lines(cell.source), cell.metadata.get("besci", {}).get("long", "")
    long = count > LONGEST and not tags(cell) & ASIDE
    if long and len(reason.split()) < 4:
        yield f'has {count} lines; shorten it, or state a reason: metadata "besci": {{"long": …}}'
    if reason and not long:
        yield "states a reason for its length and is not long"
    if re.search(r"#\s*fmt:", cell.source):
        yield "is not formatted (fmt:)"
    if OWN_FIGURE.search(cell.source) and "besci.show(" not in cell.source:
        yield "draws a figure without a caption: besci.show(figure, caption)"
    if not tags(cell) & ASIDE and shown(cell.source)[1] > 1:
        yield "shows more than one table, figure or value"


def faults_of_text(source):
    for alternative in IMAGE.findall(BADGE.sub("", source)):
        if len(alternative) < 10:
            yield "has a picture without a text alternative"
    plain = LINK.sub("", IMAGE.sub("", BADGE.sub("", source)))
    for reference in CITED.findall(re.sub(r"`[^`]*`", "", plain)):
        yield f"names {reference} without a link"


def has_sentence(source):
    """Whether a text says something: five words in a row, outside headings, pictures and tables."""
    lines = [line for line in source.splitlines() if not re.match(r"\s*(#|\||!\[)", line)]
    prose = IMAGE.sub("", BADGE.sub("", "\n".join(lines)))
    return any(len(words(part)) >= 5 for part in re.split(r"[.!?]\s|\n\s*\n", prose))


def shown(source):
    """(whether a cell shows anything, how many tables, figures and values it shows)."""
    tree = ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M))
    printed, values = False, 0
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
        names = [ast.unparse(call.func) for call in calls]
        printed |= any(n in ("print", "besci.quiz") or n.startswith("check.") for n in names)
        drawn = [
            call
            for call, name in zip(calls, names, strict=True)
            if name == "display"
            or name.startswith("plots.")
            and not any(keyword.arg == "ax" for keyword in call.keywords)
        ]
        values += len(drawn)
        if node is tree.body[-1] and isinstance(node, ast.Expr) and not drawn:
            silent = names and (names[0] == "print" or names[0].split(".")[-1] in SILENT)
            told = names and (names[0] == "besci.quiz" or names[0].startswith("check."))
            values += not (silent or told or source.rstrip().endswith(";"))
    return printed or values > 0, values


# --- The table -----------------------------------------------------------------------------------


def read(file):
    return nbformat.read(file, as_version=4)


def number(x):
    return f"{x:g}" if x % 1 else f"{x:,.0f}"


def table(kept, now):
    """Markdown: the notebooks before and now, beside those of other courses.

    kept: what the JSON file holds. now: {path: measures}.
    """
    names = ["median", "longest", "words", "pictures", "links"]
    heads = ["lines of code, median cell", "longest cell", "words", "pictures", "links"]
    rows = [["notebook", *heads], ["---", *["--:" for _ in names]]]
    for path, measures in now.items():
        old = kept["before"]["notebooks"].get(path)
        cells = [
            f"{number(old[n])} → {number(measures[n])}" if old else number(measures[n])
            for n in names
        ]
        rows.append([path.removesuffix(".ipynb"), *cells])
    for anchor in kept["anchors"]:
        name = f"{anchor['repository']}: {Path(anchor['path']).stem}"
        rows.append([name, *[number(anchor[n]) for n in names]])
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        "# How the notebooks are shaped\n\n"
        f"Before (commit {kept['before']['commit'][:7]}) → now, and notebooks of three other "
        "courses, all measured by `tools/notebook_shape.py`, which says what counts as a line, a "
        f"picture and a link.\n\n{lines}\n\n"
        "The notebooks of the Hugging Face course hold its code; its text stands on web pages.\n"
    )


def current(course=COURSE):
    """{path: measures} of the course's notebooks as they are now."""
    files = sorted(course.glob("day_*/*.ipynb"))
    return {file.relative_to(course).as_posix(): measure(read(file)) for file in files}


def main(files):
    if files:
        print(json.dumps({file: measure(read(file)) for file in files}, indent=1))
        return
    kept = json.loads(KEPT.read_text("utf-8"))
    write_whole(KEPT.with_suffix(".md"), table(kept, current()).encode())
    print(f"written: {KEPT.with_suffix('.md').relative_to(COURSE)}")


if __name__ == "__main__":
    main(sys.argv[1:])
