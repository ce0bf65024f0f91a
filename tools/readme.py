"""Write into README.md the table of notebooks and the picture of results.

    python tools/readme.py

Titles and minutes come from the notebooks, computing time and memory from the last `make run`, the
picture and its text alternative from the cell tagged "picture" of a notebook as it was run. What
was not run keeps what README.md states. Files are replaced whole. Running the course does not do
this by itself: learners run it too, and would find a file of the repository changed.
"""

import base64
import json
import os
import re
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- notebooks: make readme -->\n", "<!-- end of notebooks -->\n"
PICTURE = re.compile(r"!\[.*\]\(picture\.png\)\n")
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


def picture(out):
    """(png, text alternative) of the cell tagged "picture" in the notebooks run last, or None."""
    for file in sorted(out.glob("notebooks/day_*/*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            outputs = cell.get("outputs", [])
            pngs = [o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {})]
            if "picture" in cell["metadata"].get("tags", []) and pngs:
                printed = "".join("".join(o.get("text", "")) for o in outputs)
                words = re.search(r"^Figure: (.+)$", printed, re.M)[1]
                return base64.b64decode(pngs[0]), words[0].upper() + words[1:]
    return None


def replace(file, content):
    draft = file.with_name(file.name + ".new")
    draft.write_bytes(content)
    os.replace(draft, file)


def main(course=COURSE):
    readme, out = course / "README.md", course / "_build"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    runs = out / "run.json"
    runs = json.loads(runs.read_text(encoding="utf-8")) if runs.is_file() else []
    new = table(sorted(course.glob("day_*/*.ipynb")), measured(old, runs))
    if drawn := picture(out):
        replace(course / "picture.png", drawn[0])
        before = PICTURE.sub(lambda _: f"![{drawn[1]}](picture.png)\n", before)
    replace(readme, (before + BEGIN + new + END + after).encode())


if __name__ == "__main__":
    sys.exit(main())
