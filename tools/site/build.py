"""Build the course's site from its pages and its executed notebooks.

    python tools/site/build.py

Reads what `make run` left in _build/notebooks and runs what has changed since. Writes the pages
to _build/site/html, ready for any web server, and nothing outside _build.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
OUT = COURSE / "_build"
SITE, SLIDES = OUT / "site", OUT / "slides"
PAGES = ["README.md", "INSTRUCTORS.md", "CONTRIBUTING.md", "data/README.md", "benchmarks/README.md"]
BADGE = re.compile(r"\[!\[[^\]]*\]\([^)]*\)\]\(([^)]*)\)")  # an image from another host, as a link


def code(notebook):
    """The code cells of a notebook's dict."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def with_outputs(file, copy):
    """The notebook `file` as a dict with the outputs of its executed copy, or None.

    None where there is no copy, or where it ran other code. Text may have changed since.
    """
    if not copy.is_file():
        return None
    notebook, run = (json.loads(f.read_text(encoding="utf-8")) for f in (file, copy))
    if ["".join(c["source"]) for c in code(run)] != ["".join(c["source"]) for c in code(notebook)]:
        return None
    for cell, done in zip(code(notebook), code(run), strict=True):
        cell["outputs"], cell["execution_count"] = done["outputs"], done["execution_count"]
    return notebook


def executed(course=COURSE, out=OUT):
    """{file: notebook with outputs}; runs those of which there is no copy, or one of other code."""
    found = {}
    for file in sorted(course.glob("day_*/*.ipynb")):
        name = file.relative_to(course)
        copy = out / "notebooks" / name
        found[file] = with_outputs(file, copy)
        if not found[file]:
            print(f"{name} has not been run as it is now", flush=True)
            run = [str(course / ".venv/bin/python"), str(course / "tools/run_notebooks.py")]
            subprocess.run([*run, "--out", str(out), str(file)], check=True)
            found[file] = with_outputs(file, copy)
    return found


def local(text):
    """Markdown whose badge (an image from another host) is a link in words."""
    return BADGE.sub(r"[Open in Colab](\1)", text)


def contents(pages, days):
    """The table of contents that Sphinx wants at the end of the first page."""
    parts = [("Days", days), ("More", pages)]
    lists = ["\n".join(f"/{Path(p).with_suffix('').as_posix()}" for p in part) for _, part in parts]
    blocks = [
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```"
        for (caption, _), entries in zip(parts, lists, strict=True)
    ]
    return "\n\n" + "\n\n".join(blocks) + "\n"


def assemble(folder, course=COURSE, out=OUT):
    """Copy everything the site shows into `folder`, laid out as in the course."""
    shutil.rmtree(folder, ignore_errors=True)
    for file, notebook in executed(course, out).items():
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = local("".join(cell["source"]))
            tags = cell["metadata"].get("tags", [])
            if "solution" in tags:  # its output is folded too
                cell["metadata"]["tags"] = [*(set(tags) - {"hide-input"}), "hide-cell"]
        write(folder / file.relative_to(course), json.dumps(notebook))
    days = []
    for readme in sorted(course.glob("day_*/README.md")):
        day = readme.parent.name
        pages = [*readme.parent.glob("*.ipynb"), *readme.parent.glob("*.md")]
        names = sorted(f.stem for f in pages if f.name not in ("README.md", "slides.md"))
        toctree = "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
        slides = [f for f in (SLIDES / f"{day}.html", SLIDES / f"{day}.pdf") if f.is_file()]
        links = [
            f'<a href="../slides/{file.name}">Slides of the day ({file.suffix[1:]})</a>'
            for file in slides
        ]
        text = "\n\n".join([local(readme.read_text("utf-8")), " · ".join(links), toctree])
        write(folder / day / "README.md", text)
        days.append(f"{day}/README.md")
    pages = [page for page in PAGES if (course / page).is_file()]
    for page in pages:
        text = local((course / page).read_text("utf-8"))
        if page == "README.md":
            text += contents(pages[1:], days)
        write(folder / page, text)
    for file in [
        "LICENSE.txt",
        "CITATION.cff",
        "picture.png",
        *course.glob("day_*/*.md"),
        *course.glob("*/*.pdf"),
    ]:
        target = folder / (course / file).relative_to(course)
        if not target.exists() and target.name != "slides.md":
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(course / file, target)
    (folder / "_static").mkdir()
    for file in ("course.css", "favicon.svg"):
        shutil.copy(course / "tools/site" / file, folder / "_static")
    shutil.copy(course / "tools/site/conf.py", folder)


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def main():
    assemble(SITE / "source")
    shutil.rmtree(SITE / "html", ignore_errors=True)
    quiet = ["-q", "-j", "auto", "-d", str(SITE / "cache"), "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *quiet, str(SITE / "source"), str(SITE / "html")]
    done = subprocess.run(command)
    if done.returncode == 0:
        shutil.copy(SITE / "html/README.html", SITE / "html/index.html")
        if SLIDES.is_dir():
            shutil.copytree(SLIDES, SITE / "html" / "slides")
        print(f"The site stands in {SITE / 'html'}; open index.html there.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
