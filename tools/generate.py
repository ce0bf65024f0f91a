"""Write everything that follows from course.toml into pages and notebooks.

    python tools/generate.py        (make readme)

Computing times and memory are taken from the last `make run` and kept in course_measured.json; what
was not run, or failed, keeps what stands there. Everything is worked out before the first file is
written, each file is replaced whole, and a second run changes nothing. Running the course does not
do this by itself: learners run it too, and would find files of the repository changed.
"""

import base64
import json
import posixpath
import re
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
from facts import COURSE, KINDS, Notebook, Slot, load, misplaced

from besci.files import write_whole

UNPUBLISHED = "not_published/course"  # nobody's account: those hold no underscore
COLAB = "https://colab.research.google.com"
MEASURED = "course_measured.json"
MARK = re.compile(r"^<!-- (.+): make readme -->$", re.M)


# --- What was measured ---------------------------------------------------------------------------


def measured(course, folder, build):
    """{path: {"seconds", "peak_mb"}} of the listed notebooks: of the last run, else as before."""

    def content(file, default):
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else default
        except ValueError as error:
            raise ValueError(f"{file} cannot be read ({error}): delete it, or run again.") from None

    old = content(folder / MEASURED, {})
    for row in content(build / "run.json", []) if build else []:
        if not row["error"]:
            old[row["notebook"]] = {"seconds": row["seconds"], "peak_mb": row["peak_mb"]}
    return {n.path: old[n.path] for n in course.notebooks if n.path in old}


def picture(course, build):
    """(png, text alternative) of the cell tagged "picture" in the notebooks run last, or None."""
    for notebook in course.notebooks if build else []:
        file = build / "notebooks" / notebook.path
        for cell in nbformat.read(file, as_version=4).cells if file.is_file() else []:
            shown = [output.get("data", {}) for output in cell.get("outputs", [])]
            drawn = [data for data in shown if "image/png" in data]
            if "picture" in cell.metadata.get("tags", []) and drawn:
                start, found, words = drawn[0]["text/plain"].partition("Figure: ")
                if start or not found:
                    raise ValueError(
                        f"{file}: its picture has no caption to stand for it in words."
                    )
                return base64.b64decode(drawn[0]["image/png"]), words
    return None


# --- Words and links -----------------------------------------------------------------------------

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()


def in_words(minutes):
    """Minutes as people say them: "half a minute", "two minutes", "27 minutes"."""
    parts = {0.25: "a quarter of a minute", 0.5: "half a minute", 1: "a minute"}
    parts[1.5] = "a minute and a half"
    near = min([*parts, 2], key=lambda known: abs(known - minutes))
    if near in parts:
        return parts[near]
    whole = round(minutes)
    return f"{NUMBERS[whole] if whole < len(NUMBERS) else whole} minutes"


def in_short(seconds):
    """Seconds for a table: "20 s", "5 min"."""
    tens = max(10 * round(seconds / 10), 10)
    return f"{tens} s" if tens < 120 and tens != 60 else f"{seconds / 60:.0f} min"


def in_colab(course, notebook):
    address = course.publication
    return f"{COLAB}/github/{address.repository}/blob/{address.ref}/{notebook.path}"


def from_notebook(course, path, notebook):
    """Address of the page `path`, or of a Notebook, for a link in a notebook."""
    address = course.publication
    published = address.repository != UNPUBLISHED
    if isinstance(path, Notebook):
        if published:
            return in_colab(course, path)
        path = path.path
    if published:
        return f"https://github.com/{address.repository}/blob/{address.ref}/{path}"
    return posixpath.relpath(path, posixpath.dirname(notebook.path))


def title(notebook):
    return notebook.title + (" (bonus)" if notebook.bonus else "")


def timed(start, slots):
    """[(clock time, slot)], the end as a last slot of no minutes."""
    hour, minute = map(int, start.split(":"))
    now, found = 60 * hour + minute, []
    for slot in [*slots, Slot("end", 0, "End")]:
        found.append((f"{now // 60:02}:{now % 60:02}", slot))
        now += slot.minutes
    return found


def shown(slot):
    """What a schedule says of a slot."""
    return f"Talk: {slot.what}" if slot.kind == "talk" else slot.what or KINDS[slot.kind]


def day_rows(course, day):
    """[(clock time, slot, what it says)] of a day, which opens with questions on the day before."""
    before = course.before(day)
    rows = [(time, slot, shown(slot)) for time, slot in timed(course.start, day.schedule)]
    time, slot, what = rows[0]
    opening = f"Recap of day {before.number}" if before else "Welcome"
    return [(time, slot, f"{opening}; {what[0].lower()}{what[1:]}"), *rows[1:]]


def table(head, *rows):
    """A Markdown table; a heading that ends with ":" has its column set to the right."""
    marks = ["--:" if name.endswith(":") else "---" for name in head]
    lines = [[name.removesuffix(":") for name in head], marks, *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n".replace("|  ", "| ") for line in lines)


def on_cpu(notebooks, measures):
    """Seconds measured for all of these notebooks, or None if one has not been measured."""
    if any(notebook.path not in measures for notebook in notebooks):
        return None
    return sum(measures[notebook.path]["seconds"] for notebook in notebooks)


# --- Pages ---------------------------------------------------------------------------------------


def block(text, name, content, file):
    """The text with `content` between the two lines that mark the block."""
    begin, end = f"<!-- {name}: make readme -->\n", f"<!-- end of {name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(
            f"{file}: these two lines have to stand there once, in this order, for the tool to "
            f"write between them:\n{begin}{end}"
        )
    return text.split(begin)[0] + begin + content + end + text.split(end)[1]


def line(text, opening, content, file):
    """The text with `content` for its one line that begins with `opening`."""
    found = re.findall(rf"^{re.escape(opening)}.*$", text, re.M)
    if len(found) != 1:
        raise ValueError(f'{file}: one line has to begin with "{opening}"; {len(found)} do.')
    return text.replace(found[0], content, 1)


def front_table(course, measures):
    """README.md: every notebook with what it takes, and the sums of each day."""

    def takes(notebooks):
        cpu = on_cpu(notebooks, measures)
        t4 = in_short(60 * course.t4_minutes(notebooks))
        return ["not measured" if cpu is None else in_short(cpu), t4]

    head = ["notebook", "on Colab", "in class:", "on a CPU:", "on a T4, estimated:", "memory:"]
    rows = []
    for day in course.days:
        name = f"**[Day {day.number} · {day.title}]({day.folder}/README.md)**"
        rows.append([name, "", "", *takes(day.notebooks), ""])
        for notebook in day.notebooks:
            found = measures.get(notebook.path)
            rows.append(
                [
                    f"[{notebook.number} {title(notebook)}]({notebook.path})",
                    f"[{notebook.file} on Colab]({in_colab(course, notebook)})",
                    f"{notebook.minutes} min",
                    *takes([notebook]),
                    f"{found['peak_mb'] / 1024:.1f} GB" if found else "not measured",
                ]
            )
    cpu, t4 = takes(course.notebooks)
    model, first = course.large_model, course.notebooks[0]
    return table(head, *rows) + (
        "\nOn a CPU: computing time and memory of the whole notebook, measured without a graphics "
        f"card on two processor cores. All notebooks together: {cpu}.\n\n"
        "On a T4, the graphics card that Colab lends: estimates, which nobody has measured; the "
        f"notebooks take larger models and more texts there. All together: {t4}. Where a notebook "
        f"takes the large model, {in_words(model.t4_minutes)} of them are for fetching it "
        f"({model.gigabytes} GB), in each session anew.\n\n"
        f"New to all this? Open [{first.title}]({first.path}) and run one cell after the other "
        "with shift-enter.\n"
    )


def place(day, slot, folder=""):
    """Link to the notebook or page of a slot, or nothing; `folder` leads to the day's folder."""
    if slot.page:
        return f"[{Path(slot.page).stem}]({folder}{slot.page})"
    found = [notebook for notebook in day.notebooks if notebook.file == slot.notebook]
    return f"[{title(found[0])}]({folder}{found[0].file}.ipynb)" if found else ""


def day_page(text, course, day):
    """The text of a day's README.md with title, goals, schedule and Colab links as they follow."""
    file = f"{day.folder}/README.md"
    text = line(text, "# Day", f"# Day {day.number} · {day.title}", file)
    goals = [f"{number}. {goal}" for number, goal in enumerate(day.goals, start=1)]
    text = block(text, "goals", ";\n".join(goals) + ".\n", file)
    rows = [(time, what, place(day, slot)) for time, slot, what in day_rows(course, day)]
    text = block(text, "schedule", table(["time", "what", "where"], *rows), file)
    links = [f"[{notebook.file}]({in_colab(course, notebook)})" for notebook in day.notebooks]
    start = "- Open the notebooks in Colab:"
    return line(text, start, f"{start} {', '.join(links)}.", file)


def run_sheet(course, day, measures):
    """INSTRUCTORS.md: a day's slots, what to leave out when late, and what computing takes."""
    rows = []
    for time, slot, what in day_rows(course, day):
        where = place(day, slot, f"{day.folder}/")
        rows.append([time, slot.minutes or "", f"{what}: {where}" if where else what, slot.late])
    seconds = on_cpu(day.notebooks, measures)
    cpu = "not measured on a CPU"
    if seconds is not None:
        cpu = f"about {in_words(seconds / 60)} on a CPU (measured)"
    t4 = f"about {in_words(course.t4_minutes(day.notebooks))} on a T4 (estimated"
    if fetching := sum(notebook.large_model for notebook in day.notebooks):
        minutes = in_words(fetching * course.large_model.t4_minutes)
        t4 += f"; {minutes} of them for fetching the large model, once in each session"
    head = ["time", "minutes:", "what", "if you are late"]
    return table(head, *rows) + f"\nComputing, all notebooks of the day: {cpu}, {t4}).\n"


def routes(course):
    """INSTRUCTORS.md: the shorter routes, and what the bonus notebooks are for."""
    known = {notebook.path.removesuffix(".ipynb"): notebook for notebook in course.notebooks}

    def link(name):
        return f"[{known[name].title}]({known[name].path})"

    def what(slot):
        if slot.kind != "exercise":
            return shown(slot)
        several = "one of " + ", ".join(map(link, slot.one_of))
        names = link(slot.notebook) if slot.notebook else several
        return f"{names}, {slot.what}" if slot.what else names

    parts = []
    for route in course.routes:
        for number, slots in enumerate(route.days, start=1):
            several = f", day {number} of {len(route.days)}" if len(route.days) > 1 else ""
            whom = f", {route.whom}" if number == 1 else ""
            rows = [
                (time, slot.minutes or "", what(slot)) for time, slot in timed(course.start, slots)
            ]
            parts.append(f"**{route.title}**{several}{whom}:\n")
            parts.append(table(["time", "minutes:", "what"], *rows))
    if bonus := [name for name, notebook in known.items() if notebook.bonus]:
        names = ", ".join(map(link, bonus))
        parts.append(
            f"Bonus notebooks ({names}) are for those who are done early, and for the evening.\n"
        )
    return "\n".join(parts) or "This version of the course has none.\n"


def instructors(text, course, measures):
    """The text of INSTRUCTORS.md; a day that has a section there and is not listed says so."""
    file = "INSTRUCTORS.md"
    for day in course.days:
        text = block(text, f"day {day.number}", run_sheet(course, day, measures), file)
    listed = {f"day {day.number}" for day in course.days}
    for name in {name for name in MARK.findall(text) if name.startswith("day ")} - listed:
        text = block(text, name, "This version of the course leaves it out.\n", file)
    return block(text, "routes", routes(course), file)


# --- The course's address ------------------------------------------------------------------------

# One text for all notebooks; what it does without besci depends on whether there is an address.
# It has to run on Colab's IPython 7.34.
SETUP = """\
# @title Setup: run this cell first
try:
    import besci
except ImportError:
{otherwise}
session = besci.start()"""
FETCH = """\
    %pip install -q "besci @ https://github.com/{repository}/archive/{ref}.zip"
    import besci"""
NO_ADDRESS = """\
    todo = "On your own computer, open it with `make lab` (README.md). Instructors: `make publish`."
    raise ImportError(f"This copy of the course has no address yet. {todo}") from None"""

LINKS_WAIT = (
    "The Colab links work once the course has an address: `make publish REPOSITORY=owner/name "
    "REF=tag` writes it into every link and setup cell, and says how git publishes it."
)


def setup_cell(repository, ref):
    """The source of every notebook's setup cell."""
    if repository == UNPUBLISHED:
        return SETUP.format(otherwise=NO_ADDRESS)
    return SETUP.format(otherwise=FETCH.format(repository=repository, ref=ref))


def links_sentence(repository, ref):
    """What README.md says of its links to Colab."""
    if repository == UNPUBLISHED:
        return LINKS_WAIT
    link = f"[{repository}, {ref}](https://github.com/{repository}/tree/{ref})"
    return f"The Colab links open the course as it is published: {link}."


def citation(text, repository):
    """CITATION.cff with the address of the repository, if it names one."""
    url = f'repository-code: "https://github.com/{repository}"'
    return re.sub(r"^repository-code:.*$", url, text, flags=re.M)


# --- Notebooks -----------------------------------------------------------------------------------


def first_cell(source, course, notebook, measures):
    """The source of a notebook's first cell: title, badge and time as they follow, the rest kept.

    Raises ValueError unless the rest begins with what one will be able to do.
    """
    made = re.compile(r"(# |\[!\[Open in Colab\]|\*\*Time\*\*).*")  # paragraphs of one line
    kept = [part for part in source.split("\n\n") if not made.fullmatch(part)]
    if not kept or not kept[0].startswith("**You will** "):
        raise ValueError(
            f"{notebook.path}: the first cell has to be text: the title, then a paragraph that "
            "begins with **You will** and says what one will be able to do. Empty lines part them."
        )
    found, model = measures.get(notebook.path), course.large_model
    cpu = f"about {in_words(found['seconds'] / 60)}" if found else "a time not yet measured"
    t4 = f"about {in_words(course.t4_minutes([notebook]))} on Colab's T4 (estimated"
    if notebook.large_model:
        t4 += f"; {in_words(model.t4_minutes)} of them fetch the model, in each session anew"
    how = "without a graphics card" + (" (measured)" if found else "")
    time = f"**Time** {notebook.minutes} minutes in class. Computing: {cpu} {how}, {t4})."
    heading = f"# Day {notebook.day} · {notebook.number} · {title(notebook)}"
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({in_colab(course, notebook)})"
    return "\n\n".join([heading, badge, kept[0], time, *kept[1:]])


def navigation(course, notebook):
    """One line of links: previous · day's page · data · slides · next."""
    order = course.notebooks
    k = order.index(notebook)
    day = course.day_of(notebook)
    pages = {
        f"Day {day.number}": f"{day.folder}/README.md",
        "Data": "data/README.md",
        "Slides": f"{day.folder}/slides.md",
    }
    links = [f"[{text}]({from_notebook(course, page, notebook)})" for text, page in pages.items()]
    if k > 0:
        before = order[k - 1]
        links.insert(0, f"← [{before.title}]({from_notebook(course, before, notebook)})")
    if k + 1 < len(order):
        after = order[k + 1]
        links.append(f"[{after.title}]({from_notebook(course, after, notebook)}) →")
    return " · ".join(links)


def recap(course, day):
    """The cell that opens a day with questions on the day before, or None for the first day."""
    before = course.before(day)
    if not before:
        return None
    number = before.number
    comment = f"# what stayed of day {number}? Click an answer: each is explained"
    source = f"besci.quiz({number}, recap=True)  {comment}"
    return nbformat.v4.new_code_cell(source, id="recap", metadata={"tags": ["recap"]})


def new_notebook(text, course, notebook, measures):
    """The text of a notebook's file with the cells that follow from the facts; ids are fixed."""
    content = nbformat.reads(text, as_version=4)
    made = {"navigation", "recap"}
    cells = [cell for cell in content.cells if not made & set(cell.metadata.get("tags", []))]
    tagged = [k for k, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    if not cells or cells[0].cell_type != "markdown" or len(tagged) != 1:
        raise ValueError(
            f"{notebook.path}: its first cell has to be text, and one cell of code tagged "
            f'"parameters" (empty if there is nothing to set); {len(tagged)} cells are.'
        )
    cells[0].source = first_cell(cells[0].source, course, notebook, measures)
    setups = [cell for cell in cells if "setup" in cell.metadata.get("tags", [])]
    if len(setups) != 1:
        raise ValueError(
            f'{notebook.path}: one cell of code has to be tagged "setup"; {len(setups)} are.'
        )
    setups[0].source = setup_cell(course.publication.repository, course.publication.ref)
    day = course.day_of(notebook)
    if notebook == day.notebooks[0] and (quiz := recap(course, day)):
        cells.insert(tagged[0] + 1, quiz)  # besci is imported by then
    top, bottom = (
        nbformat.v4.new_markdown_cell(
            navigation(course, notebook), id=f"navigation-{end}", metadata={"tags": ["navigation"]}
        )
        for end in ("top", "bottom")
    )
    content.cells = [cells[0], top, *cells[1:], bottom]
    return nbformat.writes(content) + "\n"


# --- Writing -------------------------------------------------------------------------------------


def new_files(folder=COURSE, build=None, publication=None):
    """{path: its content as it follows from the facts} of all files that the tool writes.

    build: folder with the last `make run`, whose times, memory and picture are taken. publication:
    an address in place of the one in course.toml. Raises ValueError that says what to mend, so that
    nothing is written before everything can be.
    """
    course = load(folder)
    course = replace(course, publication=publication or course.publication)
    if wrong := misplaced(course, folder):
        raise ValueError("\n".join(wrong))
    measures, drawn = measured(course, folder, build), picture(course, build)

    def text_of(path):
        file = folder / path
        if not file.is_file():
            raise ValueError(f"{path} is missing: get it again, or copy that of another day.")
        return file.read_text(encoding="utf-8")

    front = line(text_of("README.md"), "# ", f"# {course.title}", "README.md")
    front = block(front, "notebooks", front_table(course, measures), "README.md")
    address = course.publication
    sentence = links_sentence(address.repository, address.ref)
    front = line(front, "The Colab links ", sentence, "README.md")
    new = {MEASURED: json.dumps(measures, indent=1) + "\n"}
    if drawn:
        front = line(front, "![", f"![{drawn[1]}](picture.png)", "README.md")
        new["picture.png"] = drawn[0]
    new["README.md"] = front
    if address.repository != UNPUBLISHED:
        new["CITATION.cff"] = citation(text_of("CITATION.cff"), address.repository)
    new["INSTRUCTORS.md"] = instructors(text_of("INSTRUCTORS.md"), course, measures)
    for day in course.days:
        page = f"{day.folder}/README.md"
        new[page] = day_page(text_of(page), course, day)
    for notebook in course.notebooks:
        new[notebook.path] = new_notebook(text_of(notebook.path), course, notebook, measures)
    return {path: c if isinstance(c, bytes) else c.encode() for path, c in new.items()}


def leftovers(folder=COURSE):
    """Where pages, slides and notebooks still speak of a day that is not listed: nobody but a
    person can write that anew. A list of "file:line: the words"."""
    course = load(folder)
    numbers = {day.number for day in course.days}
    names = ["README.md", "INSTRUCTORS.md", *(notebook.path for notebook in course.notebooks)]
    for day in course.days:
        names += [f"{day.folder}/{file.name}" for file in (folder / day.folder).glob("*.md")]
    found = []
    for name in sorted(names):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        for number, words in enumerate(lines, start=1):
            if words.startswith("<!-- end of ") or MARK.match(words):
                continue
            for mention in re.finditer(r"\b[Dd]ay (\d+)|besci\.quiz\((\d+)", words):
                if int(mention[1] or mention[2]) not in numbers:
                    near = words[max(mention.start() - 40, 0) : mention.end() + 20].strip()
                    found.append(f"{name}:{number}: … {near} …")
    return found


def write_changed(folder, files):
    """Write those of {path: content} that differ, each file whole; returns their paths."""
    changed = []
    for path, content in files.items():
        file = folder / path
        if not file.is_file() or file.read_bytes() != content:
            write_whole(file, content)
            changed.append(path)
    return changed


def write(folder=COURSE, build=None):
    """Write what follows from the facts (see new_files); returns the paths that changed."""
    return write_changed(folder, new_files(folder, build))


def main():
    try:
        changed = write(build=COURSE / "_build")
    except ValueError as error:
        return str(error)
    print("\n".join(["Written:", *changed]) if changed else "Everything follows already.")
    if rest := leftovers():
        print("Please look at these: they speak of a day that course.toml does not list.")
        print("\n".join(rest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
