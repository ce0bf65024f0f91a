"""Write the table of notebooks in README.md: titles and minutes from the notebooks themselves,
computing time and memory from the last `make run`.

    python tools/readme.py

What was not run keeps the time and memory that the table states. The file is replaced whole.
"""

import json
import os
import re
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- notebooks: make readme -->\n", "<!-- end of notebooks -->\n"
HEAD = """\
| day | notebook | in class | computing | memory | |
|---|---|--:|--:|--:|---|
"""
UNKNOWN = ("not measured", "not measured")


def first_cell(file):
    return "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"])


def measured(text, runs):
    """{notebook: (seconds, memory) in words}, from runs, else as the table in `text` states."""
    stated = re.findall(r"\]\((day_\d/\w+\.ipynb)\) \|[^|]*\| ([^|]*) \| ([^|]*) \|", text)
    found = {notebook: (seconds, memory) for notebook, seconds, memory in stated}
    for run in runs:
        if not run["error"]:
            seconds = max(10 * round(run["seconds"] / 10), 10)
            words = f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"
            found[run["notebook"]] = words, f"{run['peak_mb'] / 1024:.1f} GB"
    return found


def table(files, found):
    """The table's rows; the day's name stands beside its first notebook."""
    rows, before = [], None
    for file in files:
        text, day = first_cell(file), file.parent.name
        title = re.match(r"# Day \d · (\d) · (.+)", text)
        minutes = re.search(r"\*\*Time\*\* (\d+) minutes", text)[1]
        link = re.search(r"\((https://colab\.research\.google\.com/[^)]+)\)\s", text)[1]
        readme = (file.parent / "README.md").read_text(encoding="utf-8")
        name = re.match(r"# Day (\d) · (.+)", readme)
        label = f"[{name[1]} {name[2]}]({day}/README.md)" if day != before else ""
        seconds, memory = found.get(f"{day}/{file.name}", UNKNOWN)
        rows.append(
            f"| {label} | [{title[1]} {title[2]}]({day}/{file.name}) | {minutes} min "
            f"| {seconds} | {memory} | [Open {file.stem} in Colab]({link}) |\n"
        )
        before = day
    return HEAD + "".join(rows)


def main():
    readme, runs = COURSE / "README.md", COURSE / "_build/run.json"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    runs = json.loads(runs.read_text(encoding="utf-8")) if runs.is_file() else []
    new = table(sorted(COURSE.glob("day_*/*.ipynb")), measured(old, runs))
    draft = readme.with_name("README.md.new")
    draft.write_text(before + BEGIN + new + END + after, encoding="utf-8")
    os.replace(draft, readme)


if __name__ == "__main__":
    sys.exit(main())
