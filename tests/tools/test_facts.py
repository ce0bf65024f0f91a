"""course.toml, and all that follows from it: written by a tool, or by hand and compared here."""

import base64
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import facts
import generate
import nbformat
import pytest
from conftest import COURSE, FACTS, NOTEBOOKS, notebook_id

needs_all_days = pytest.mark.skipif(
    len(FACTS.days) < 5, reason="a version with fewer days; make readme lists what is left over"
)


def line_of(text, place):
    return text.count("\n", 0, place) + 1


# What a tool writes: the course as it is committed follows from its facts.


def differences(folder):
    """Where the files of a course say something else than follows from its facts."""
    found = []
    for path, content in generate.new_files(folder).items():
        there = (folder / path).read_text("utf-8").splitlines()
        wanted = content.decode().splitlines()
        match = difflib.SequenceMatcher(None, there, wanted, autojunk=False)
        for kind, start, end, first, last in match.get_opcodes():
            if kind != "equal":
                say = " / ".join(there[start:end]), " / ".join(wanted[first:last])
                found.append(f"{path}:{start + 1} says {say[0]!r}; make readme writes {say[1]!r}")
    return found


def test_pages_and_notebooks_say_what_follows_from_the_facts():
    assert differences(COURSE) == [], "change course.toml instead, then: make readme"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=map(notebook_id, NOTEBOOKS))
def test_a_notebooks_tasks_leave_time_to_read(file):
    (notebook,) = [n for n in FACTS.notebooks if COURSE / n.path == file]
    source = "".join(cell.source for cell in nbformat.read(file, 4).cells)
    tasks = sum(map(int, re.findall(r"\*\*Task \d\.\d+\*\* \((\d+) min\)", source)))
    assert 0 < tasks <= 0.7 * notebook.minutes


def test_every_notebook_has_been_measured():
    measured = json.loads((COURSE / "course_measured.json").read_text("utf-8"))
    missing = [notebook.path for notebook in FACTS.notebooks if notebook.path not in measured]
    assert missing == [], "make run NB= each of them, then make readme"


def test_a_picture_of_results_is_shown_and_described():
    words = re.search(r"!\[(.+)\]\(picture\.png\)", (COURSE / "README.md").read_text("utf-8"))[1]
    assert len(words) > 60 and (COURSE / "picture.png").read_bytes().startswith(b"\x89PNG")


# What people write: it repeats a fact, and these tests name the line to change.


@pytest.mark.parametrize(
    "file, pattern",
    [
        ("CITATION.cff", r'^title: "(.+?)[":]'),
        ("CITATION.cff", r"The authors of ([\w ]+)"),
        ("pyproject.toml", r"course (.+)\""),
        ("tools/site/conf.py", r'^project = "(.+)"'),
    ],
)
def test_the_courses_title_is_the_same_everywhere(file, pattern):
    text = (COURSE / file).read_text("utf-8")
    found = re.search(pattern, text, re.M)
    assert found[1] == FACTS.title, f"{file}:{line_of(text, found.start(1))}"


@pytest.mark.parametrize("day", FACTS.days, ids=lambda day: day.folder)
def test_slides_name_the_days_title_notebooks_and_clock_times(day):
    text = (COURSE / day.folder / "slides.md").read_text("utf-8")
    # Notes may name a moment within a slot; what the room sees may not. Lines keep their numbers.
    text = re.sub(r"<!--.*?-->", lambda note: "\n" * note[0].count("\n"), text, flags=re.S)
    wrong = []
    times = [time for time, _ in generate.timed(FACTS.start, day.schedule)]
    files = [notebook.file for notebook in day.notebooks]
    for pattern, right in (
        (r"^title: (.+)$", [f"Day {day.number} · {day.title}"]),
        (r"\b(\d\d:\d\d)\b", times),
        (r"\b(\d_[a-z]\w+)", files),
    ):
        found = list(re.finditer(pattern, text, re.M))
        assert found, f"{day.folder}/slides.md has nothing like {pattern}"
        wrong += [
            f"{day.folder}/slides.md:{line_of(text, f.start(1))}: {f[1]!r} is none of {right}"
            for f in found
            if f[1] not in right
        ]
    assert wrong == []


@needs_all_days
def test_nothing_speaks_of_a_day_that_is_not_listed():
    assert generate.leftovers(COURSE) == []


# The tool, on a course of three days with four notebooks.

TOML = """
title = "Small"
start = "09:00"
publication = { repository = "not_published/course", ref = "main" }
large_model = { gigabytes = 7.6, t4_minutes = 3 }

[[days]]
number = 1
title = "First"
goals = ["see", "do"]
notebooks = [{ file = "1_a", title = "A title", t4_minutes = 0.5 }]
schedule = [
  { kind = "talk", minutes = 45, what = "why" },
  { kind = "exercise", minutes = 30, what = "Exercise, to 1.2", notebook = "1_a", late = "skip" },
  { kind = "break", minutes = 15 },
  { kind = "exercise", minutes = 15, what = "Exercise, the rest", notebook = "1_a" },
  { kind = "discussion", minutes = 5, what = "Pitches", page = "pitch.md" },
]

[[days]]
number = 2
title = "Second"
goals = ["ask"]
notebooks = [
  { file = "1_b", title = "Is B big?", t4_minutes = 24, large_model = true },
  { file = "2_c", title = "C", t4_minutes = 1, bonus = true, minutes = 20 },
]
schedule = [
  { kind = "talk", minutes = 10, what = "how" },
  { kind = "exercise", minutes = 60, notebook = "1_b" },
  { kind = "bonus", minutes = 10, notebook = "2_c" },
]

[[days]]
number = 3
title = "Third"
goals = ["end"]
notebooks = [{ file = "1_d", title = "D", t4_minutes = 2, large_model = true }]
schedule = [{ kind = "exercise", minutes = 20, notebook = "1_d" }]

[[routes]]
title = "Short"
whom = "for the quick"
days = [[
  { kind = "exercise", minutes = 20, notebook = "day_1/1_a", what = "half of it" },
  { kind = "exercise", minutes = 20, one_of = ["day_2/1_b", "day_3/1_d"] },
]]
"""
ALL = ["day_1/1_a", "day_2/1_b", "day_2/2_c", "day_3/1_d"]


def without(text, *numbers):
    """course.toml without the days of these numbers."""
    parts = re.split(r"^(?=\[\[days\]\]|# Shorter routes|\[\[routes\]\])", text, flags=re.M)
    heads = tuple(f"[[days]]\nnumber = {number}\n" for number in numbers)
    kept = [part for part in parts if not part.startswith(heads)]
    assert len(parts) - len(kept) == len(numbers)
    return "".join(kept)


def new_notebook(file, *cells):
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(nbformat.writes(notebook) + "\n", "utf-8")


def text_cell(source):
    return nbformat.v4.new_markdown_cell(source)


def code_cell(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def block(name):
    return f"<!-- {name}: make readme -->\n<!-- end of {name} -->\n"


@pytest.fixture
def small(tmp_path):
    """The small course before the tool has run."""
    (tmp_path / "course.toml").write_text(TOML)
    (tmp_path / "README.md").write_text(
        f"# Old\n\n![old](picture.png)\n\n{block('notebooks')}The Colab links wait.\nrest\n"
    )
    sections = "\n".join(f"## Day {n}\n\n{block(f'day {n}')}\nmistakes {n}\n" for n in (1, 2, 3))
    (tmp_path / "INSTRUCTORS.md").write_text(f"# Teach\n\n{sections}\n{block('routes')}")
    (tmp_path / "CITATION.cff").write_text("title: Small\n")
    for n in (1, 2, 3):
        page = tmp_path / f"day_{n}/README.md"
        page.parent.mkdir()
        page.write_text(
            f"# Day 0 · Old\n\n{block('goals')}\n{block('schedule')}\n"
            "- Open the notebooks in Colab: none\n\nlast\n"
        )
    for path in ALL:
        first = text_cell("**You will** see.\n\n**Needs** no GPU.\n\nMore.")
        parameters = code_cell("import besci", "parameters")
        new_notebook(tmp_path / f"{path}.ipynb", first, code_cell("old setup", "setup"), parameters)
    return tmp_path


def change(folder, old, new, file="course.toml"):
    text = (folder / file).read_text("utf-8")
    assert text.count(old) == 1, old
    (folder / file).write_text(text.replace(old, new), "utf-8")


def cells(folder, path):
    notebook = nbformat.read(folder / f"{path}.ipynb", as_version=4)
    nbformat.validate(notebook)
    return notebook.cells


def ran(folder, *rows):
    """The folder of a `make run` with these (notebook, seconds, error)."""
    build = folder / "_build"
    build.mkdir(exist_ok=True)
    keys = ("notebook", "seconds", "error")
    runs = [{**dict(zip(keys, row, strict=True)), "peak_mb": 1536} for row in rows]
    (build / "run.json").write_text(json.dumps(runs))
    return build


def snapshot(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_second_run_changes_nothing_and_hand_written_text_stays(small):
    assert set(generate.write(small)) >= {"README.md", "INSTRUCTORS.md", "day_3/README.md"}
    assert generate.write(small) == []
    assert (small / "README.md").read_text().endswith("rest\n")
    assert (small / "INSTRUCTORS.md").read_text().count("\nmistakes ") == 3
    assert (small / "day_1/README.md").read_text().endswith("\n\nlast\n")
    assert cells(small, "day_1/1_a")[0].source.endswith("\n\n**Needs** no GPU.\n\nMore.")


def test_the_front_page_states_what_each_notebook_takes(small):
    generate.write(small, ran(small, ("day_1/1_a.ipynb", 41, ""), ("day_2/1_b.ipynb", 200, "")))
    text = (small / "README.md").read_text()
    assert text.startswith("# Small\n")
    link = "https://colab.research.google.com/github/not_published/course/blob/main/day_1/1_a.ipynb"
    row = (
        f"| [1 A title](day_1/1_a.ipynb) | [1_a on Colab]({link}) | 45 min | 40 s | 30 s | 1.5 GB |"
    )
    assert row in text
    assert "| **[Day 1 · First](day_1/README.md)** | | | 40 s | 30 s | |" in text
    assert "| 60 min | 3 min | 27 min | 1.5 GB |" in text  # 24 minutes and 3 to fetch the model
    assert "[2 C (bonus)](day_2/2_c.ipynb)" in text
    assert "| 20 min | not measured | 1 min | not measured |" in text
    assert "| **[Day 2 · Second](day_2/README.md)** | | | not measured | 28 min | |" in text
    assert "All together: 34 min." in text and "estimates, which nobody has measured" in text


def test_a_day_page_has_title_goals_clock_times_and_links(small):
    generate.write(small)
    text = (small / "day_1/README.md").read_text()
    assert text.startswith("# Day 1 · First\n") and "\n1. see;\n2. do.\n" in text
    rows = [
        "| 09:00 | Welcome; talk: why | |",
        "| 09:45 | Exercise, to 1.2 | [A title](1_a.ipynb) |",
        "| 10:15 | Break | |",
        "| 10:30 | Exercise, the rest | [A title](1_a.ipynb) |",
        "| 10:45 | Pitches | [pitch](pitch.md) |",
        "| 10:50 | End | |",
    ]
    assert "\n".join(rows) in text
    assert "- Open the notebooks in Colab: [1_a](https://colab.research.google.com/" in text
    assert "| 09:00 | Recap of day 1; talk: how | |" in (small / "day_2/README.md").read_text()
    assert "| 09:00 | Recap of day 2; exercise |" in (small / "day_3/README.md").read_text()


def test_instructors_get_run_sheets_minutes_of_computing_and_routes(small):
    generate.write(small, ran(small, ("day_1/1_a.ipynb", 88, "")))
    text = (small / "INSTRUCTORS.md").read_text()
    assert (
        "| 09:45 | 30 | Exercise, to 1.2: [A title](day_1/1_a.ipynb) | skip |\n"
        "| 10:15 | 15 | Break | |\n" in text
    )
    assert "| 10:45 | 5 | Pitches: [pitch](day_1/pitch.md) | |\n| 10:50 | | End | |\n" in text
    assert "about a minute and a half on a CPU (measured), about half a minute on a T4 (est" in text
    assert "not measured on a CPU, about 28 minutes on a T4 (estimated; three minutes of" in text
    assert "**Short**, for the quick:" in text
    assert "| 09:00 | 20 | [A title](day_1/1_a.ipynb), half of it |" in text
    assert "| 09:20 | 20 | one of [Is B big?](day_2/1_b.ipynb), [D](day_3/1_d.ipynb) |" in text
    assert "Bonus notebooks ([C](day_2/2_c.ipynb)) are for" in text


def test_a_notebook_opens_with_title_badge_time_and_neighbours(small):
    generate.write(small, ran(small, ("day_2/1_b.ipynb", 200, "")))
    first, top, *_, bottom = cells(small, "day_2/1_b")
    heading, badge, you_will, time, *_ = first.source.split("\n\n")
    assert (heading, you_will) == ("# Day 2 · 1 · Is B big?", "**You will** see.")
    assert badge.endswith("/github/not_published/course/blob/main/day_2/1_b.ipynb)")
    assert time == (
        "**Time** 60 minutes in class. Computing: about three minutes without a graphics card "
        "(measured), about 27 minutes on Colab's T4 (estimated; three minutes of them fetch the "
        "model, in each session anew)."
    )
    assert "a time not yet measured without a graphics card, ab" in cells(small, ALL[0])[0].source
    assert (
        top.source
        == bottom.source
        == (
            "← [A title](../day_1/1_a.ipynb) · [Day 2](README.md) · [Data](../data/README.md) · "
            "[Slides](slides.md) · [C](2_c.ipynb) →"
        )
    )
    assert (top.id, bottom.id) == ("navigation-top", "navigation-bottom")
    assert top.metadata.tags == bottom.metadata.tags == ["navigation"]
    assert "←" not in cells(small, "day_1/1_a")[1].source
    assert "→" not in cells(small, "day_3/1_d")[1].source


def test_links_in_a_published_course_lead_to_github_and_colab(small):
    change(small, "not_published/course", "lab/open-llms")
    change(small, 'ref = "main"', 'ref = "v1"')
    generate.write(small)
    at = "https://github.com/lab/open-llms/blob/v1"
    colab = "https://colab.research.google.com/github/lab/open-llms/blob/v1"
    first, top, *_ = cells(small, "day_2/1_b")
    assert top.source == (
        f"← [A title]({colab}/day_1/1_a.ipynb) · [Day 2]({at}/day_2/README.md) · "
        f"[Data]({at}/data/README.md) · [Slides]({at}/day_2/slides.md) · "
        f"[C]({colab}/day_2/2_c.ipynb) →"
    )
    assert f"({colab}/day_2/1_b.ipynb)" in first.source
    (setup,) = [c for c in cells(small, "day_2/1_b") if "setup" in c.metadata.get("tags", [])]
    assert '"besci @ https://github.com/lab/open-llms/archive/v1.zip"' in setup.source
    front = (small / "README.md").read_text()
    assert "[lab/open-llms, v1](https://github.com/lab/open-llms/tree/v1)" in front
    everything = b"".join(snapshot(small).values()).decode()
    assert "not_published" not in everything


def quizzes(folder):
    """{notebook: [the quizzes it asks]} of those that ask one."""
    asked = {
        path: [cell.source for cell in cells(folder, path) if "besci.quiz(" in cell.source]
        for path in ALL
    }
    return {path: sources for path, sources in asked.items() if sources}


def test_a_day_opens_with_questions_on_the_day_that_is_listed_before(small):
    generate.write(small)
    opened = quizzes(small)
    assert set(opened) == {"day_2/1_b", "day_3/1_d"}
    assert opened["day_2/1_b"][0].startswith("besci.quiz(1, recap=True)  # what stayed of day 1?")
    ids = [cell.id for cell in cells(small, "day_2/1_b")]
    assert ids == ["c0", "navigation-top", "c1", "c2", "recap", "navigation-bottom"]

    (small / "course.toml").write_text(without(TOML, 2))
    generate.write(small)
    assert quizzes(small)["day_3/1_d"][0].startswith("besci.quiz(1, recap=True)")
    (small / "course.toml").write_text(without(TOML, 1, 2))
    generate.write(small)
    assert "day_3/1_d" not in quizzes(small)


def test_what_failed_or_was_not_run_keeps_what_was_measured_before(small):
    a, b = "day_1/1_a.ipynb", "day_2/1_b.ipynb"
    generate.write(small, ran(small, (a, 41, ""), (b, 200, "")))
    generate.write(small, ran(small, (b, 900, "ValueError")))
    kept = json.loads((small / "course_measured.json").read_text())
    assert kept == {a: {"seconds": 41, "peak_mb": 1536}, b: {"seconds": 200, "peak_mb": 1536}}
    generate.write(small, ran(small, (b, 300, ""), ("elsewhere.ipynb", 1, "")))
    kept = json.loads((small / "course_measured.json").read_text())
    assert set(kept) == {a, b} and kept[b]["seconds"] == 300


def test_a_damaged_file_of_measurements_is_named(small):
    build = ran(small)
    (build / "run.json").write_text('[{"notebook"')
    with pytest.raises(ValueError, match=r"run\.json cannot be read .*delete it, or run again"):
        generate.write(small, build)


def test_the_picture_and_its_words_come_from_the_tagged_cell(small):
    cell = code_cell("draw()", "picture")
    png = base64.b64encode(b"\x89PNG new").decode()
    drawn = {"image/png": png, "text/plain": "Figure: A rises with b."}
    cell.outputs = [
        nbformat.v4.new_output("stream", text="before\n"),
        nbformat.v4.new_output("display_data", data=drawn),
    ]
    new_notebook(small / "_build/notebooks/day_2/1_b.ipynb", cell)
    generate.write(small, small / "_build")
    assert "\n![A rises with b.](picture.png)\n" in (small / "README.md").read_text()
    assert (small / "picture.png").read_bytes() == b"\x89PNG new"


def test_a_picture_without_words_is_not_taken(small):
    cell = code_cell("draw()", "picture")
    png = base64.b64encode(b"\x89PNG new").decode()
    drawn = {"image/png": png, "text/plain": "<Figure size 640x480 with 1 Axes>"}
    cell.outputs = [nbformat.v4.new_output("display_data", data=drawn)]
    new_notebook(small / "_build/notebooks/day_2/1_b.ipynb", cell)
    before = (small / "README.md").read_text()
    with pytest.raises(ValueError, match=r"1_b\.ipynb: its picture has no caption"):
        generate.write(small, small / "_build")
    assert (small / "README.md").read_text() == before


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('title = "First"', 'titel = "First"', 'day 1: "titel" is not known; known are number, ti'),
        ('title = "First"\n', "", 'day 1: "title" is missing'),
        ('start = "09:00"', 'start = "9 am"', 'should look like "09:15"'),
        ('"see", "do"', "1", "day 1: goals"),
        (
            "t4_minutes = 0.5",
            't4_minutes = "half"',
            "day 1: t4_minutes = 'half' should be a number",
        ),
        (
            '{ file = "1_a", title = "A title", t4_minutes = 0.5 }',
            '"1_a"',
            "a table { name = value }",
        ),
        ("number = 2", 'number = "two"', "number = 'two' should be a whole number"),
        ("number = 2", "number = 1", "each number once"),
        ("minutes = 45, what", "minutes = 0, what", "day 1, slot 1: minutes = 0 should be more"),
        ('kind = "talk", minutes = 45', 'kind = "tolk", minutes = 45', 'kind "tolk" should be one'),
        (', what = "why"', "", "slot 1: a talk needs what = its subject"),
        ('minutes = 60, notebook = "1_b"', 'minutes = 60, notebook = "1_x"', 'no notebook "1_x"'),
        ('minutes = 60, notebook = "1_b"', "minutes = 60", "an exercise needs notebook = its file"),
        ('file = "1_a"', 'file = "a"', "day 1, a: a file is called 4_new_name, without .ipynb"),
        ("bonus = true, minutes = 20", "bonus = true", "a bonus notebook states its minutes"),
        ("t4_minutes = 0.5", "t4_minutes = 0.5, minutes = 9", 'slots of the kind "exercise"'),
        ('notebook = "day_1/1_a"', 'notebook = "day_1/1_z"', 'no notebook "day_1/1_z"'),
        ("[[routes]]", "[[routes", "course.toml: "),
        ("large_model = { gigabytes = 7.6, t4_minutes = 3 }", "large_model = 3", "a table"),
    ],
)
def test_a_slip_in_course_toml_is_named_and_nothing_is_written(small, old, new, message):
    change(small, old, new)
    before = snapshot(small)
    with pytest.raises(ValueError, match=r"^course\.toml: ") as error:
        generate.write(small)
    assert message in str(error.value) and snapshot(small) == before


def test_a_notebook_that_is_not_listed_or_not_there_is_named(small):
    (small / "day_3/1_d.ipynb").rename(small / "day_3/2_new.ipynb")
    before = snapshot(small)
    with pytest.raises(ValueError) as error:
        generate.write(small)
    missing, unlisted = str(error.value).splitlines()
    assert missing.startswith("day_3/1_d.ipynb is listed in course.toml and does not exist")
    assert unlisted.startswith("day_3/2_new.ipynb is not listed in course.toml")
    assert snapshot(small) == before


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        ("README.md", "<!-- end of notebooks -->\n", "", "<!-- notebooks: make readme -->\n<!-- e"),
        ("INSTRUCTORS.md", "<!-- day 2: make readme -->\n", "", "INSTRUCTORS.md: these two lines"),
        ("day_1/README.md", "- Open the", "Open the", 'begin with "- Open the notebooks in C'),
        ("day_2/1_b.ipynb", "**You will** see", "You see", "day_2/1_b.ipynb: the first cell"),
        ("day_2/1_b.ipynb", "**You", "# Title\\nand this\\n\\n**You", "the first cell"),
        ("day_2/1_b.ipynb", '"parameters"', '"other"', 'tagged "parameters"'),
        ("day_2/1_b.ipynb", '"setup"', '"other"', 'tagged "setup"'),
    ],
)  # fmt: skip
def test_a_place_that_the_tool_needs_is_named_and_nothing_is_written(
    small, file, old, new, message
):
    change(small, old, new, file)
    before = snapshot(small)
    with pytest.raises(ValueError) as error:
        generate.write(small)
    assert file in str(error.value) and message in str(error.value)
    assert snapshot(small) == before


def test_a_file_is_replaced_whole_or_stays(small, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    before = (small / "README.md").read_text()
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError):
        generate.write(small)
    assert (small / "README.md").read_text() == before


def test_a_line_that_was_changed_by_hand_is_named(small):
    generate.write(small)
    assert differences(small) == []
    change(small, "1. see;", "1. look;", "day_1/README.md")
    change(small, "| 45 min |", "| 25 min |", "README.md")
    page, front = sorted(differences(small), reverse=True)
    assert page.startswith("day_1/README.md:4 says '1. look;'; make readme writes '1. see;'")
    assert re.match(r"README.md:\d+ says", front) and "| 25 min |" in front


def test_what_still_speaks_of_a_day_that_is_gone_is_listed(small):
    (small / "day_3/slides.md").write_text("# Slides\n\nWhat stayed of day 2? `besci.quiz(2)`\n")
    generate.write(small)
    assert generate.leftovers(small) == []
    (small / "course.toml").write_text(without(TOML, 2))
    generate.write(small)
    heading, *slides = generate.leftovers(small)
    assert re.match(r"INSTRUCTORS\.md:\d+: … ## Day 2 …", heading)
    assert slides[0] == "day_3/slides.md:3: … What stayed of day 2? `besci.quiz(2)` …"
    assert [words.split(": ")[0] for words in slides] == 2 * ["day_3/slides.md:3"]


@pytest.mark.parametrize(
    "minutes, words",
    [
        (0.1, "a quarter of a minute"),
        (0.45, "half a minute"),
        (1.1, "a minute"),
        (1.6, "a minute and a half"),
        (2.3, "two minutes"),
        (12.4, "twelve minutes"),
        (27, "27 minutes"),
    ],
)
def test_minutes_in_words(minutes, words):
    assert generate.in_words(minutes) == words


# The real course with fewer days.


def version(folder, *gone, delete=False):
    """A copy of the course without these days, as an edit of course.toml and `make readme` give."""
    hidden = shutil.ignore_patterns(".venv*", "_build", ".git", "__pycache__", ".*_cache", "node_*")
    course = Path(shutil.copytree(COURSE, folder, ignore=hidden))
    file = course / "course.toml"
    file.write_text(without(file.read_text("utf-8"), *gone), "utf-8")
    for number in gone if delete else ():
        shutil.rmtree(course / f"day_{number}")
    command = [sys.executable, course / "tools/generate.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=course)
    assert done.returncode == 0, done.stderr
    return course


@needs_all_days
@pytest.mark.parametrize("gone", [(2, 4), (1, 3), (4, 5), (5,), (1,)], ids=str)
def test_everything_follows_when_days_are_left_out(gone, tmp_path):
    course = version(tmp_path / "course", *gone)
    assert generate.write(course) == []
    digits = "".join(map(str, gone))
    left = facts.load(course)
    assert [day.number for day in left.days] == [n for n in range(1, 6) if n not in gone]
    for page in ("README.md", "INSTRUCTORS.md", *(f"{day.folder}/README.md" for day in left.days)):
        text = (course / page).read_text("utf-8")
        assert not re.findall(rf"\]\([^)]*day_[{digits}]/[^)]*\.ipynb\)", text), page
    for before, notebook in zip([None, *left.notebooks], left.notebooks, strict=False):
        content = nbformat.read(course / notebook.path, as_version=4)
        nbformat.validate(content)
        source = "\n".join(cell.source for cell in content.cells)
        assert not re.findall(rf"besci\.quiz\([{digits}]|day_[{digits}]/\w+\.ipynb", source)
        if before:
            assert f"← [{before.title}](" in content.cells[1].source
        else:
            assert "←" not in content.cells[1].source and "recap=True" not in source


@needs_all_days
@pytest.mark.parametrize("gone, delete", [((2, 4), False), ((1, 3), True)], ids=str)
def test_tests_of_the_rest_pass_when_days_are_left_out(gone, delete, tmp_path):
    course = version(tmp_path / "a course", *gone, delete=delete)
    names = ("notebooks", "pages", "facts", "quizzes", "slides")
    files = [next((course / "tests").rglob(f"test_{name}.py")) for name in names]
    command = [sys.executable, "-m", "pytest", "-x", "-m", "not notebook", *files]
    environment = {**os.environ, "PYTHONPATH": str(course)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=course, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
