"""Every page and notebook can be read by everyone, and no link leads nowhere."""

import re
import unicodedata
from urllib.parse import unquote

import nbformat
import pytest
from conftest import COURSE, DAYS, NOTEBOOKS

PAGES = sorted(
    file
    for pattern in ("*.md", "*/*.md", ".github/**/*.md")
    for file in COURSE.glob(pattern)
    if not file.parent.name.startswith((".venv", "_build", ".pytest"))
    and not (re.fullmatch(r"day_\d+", file.parent.name) and int(file.parent.name[4:]) not in DAYS)
)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]*(?:\([^()]*\))?[^()\s]*)\)")


def text_of(file):
    """The Markdown of a page or notebook, without code."""
    if file.suffix == ".ipynb":
        cells = nbformat.read(file, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = file.read_text("utf-8")
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(file):
    """The fragments that a page's headings answer to, made as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.M):
        heading = LINK.sub(r"\2", heading).lower().replace("`", "")
        kept = (c for c in heading if c in " -_" or unicodedata.category(c)[0] in "LN")
        found.add("".join(kept).replace(" ", "-"))
    return found


def each_text():
    files = [*PAGES, *NOTEBOOKS]
    return pytest.mark.parametrize(
        "file", files, ids=[file.relative_to(COURSE).as_posix() for file in files]
    )


@each_text()
def test_no_link_within_the_course_is_dead(file):
    for _, _, target in LINK.findall(text_of(file)):
        path, _, fragment = unquote(target).partition("#")
        if re.match(r"[a-z]+:", target):
            assert target.startswith(("https://", "mailto:")), target
            continue
        other = (file.parent / path).resolve() if path else file
        assert other.exists() and other.is_relative_to(COURSE), target
        if fragment and other.suffix == ".md":
            assert fragment in anchors(other), target


@each_text()
def test_link_texts_say_where_they_lead_and_pictures_what_they_show(file):
    for picture, words, target in LINK.findall(text_of(file)):
        if picture:
            assert len(words) >= 10, f"{target} needs a text alternative"
        elif not words.startswith("!["):  # a badge: its picture's text counts
            vague = {
                "here",
                "this",
                "link",
                "click here",
                "click",
                "more",
                "read more",
                "this page",
            }
            assert words.strip() and words.strip().lower() not in vague, target
    for tag in re.findall(r"<img\b[^>]*>", text_of(file)):
        assert re.search(r'\balt="[^"]{10,}"', tag), tag


@pytest.mark.parametrize("file", PAGES, ids=[p.relative_to(COURSE).as_posix() for p in PAGES])
def test_headings_of_pages_go_down_one_level_at_a_time(file):
    if file.name == "slides.md":
        pytest.skip("each slide is a page of its own: see test_slides.py")
    text = re.sub(r"^(```|~~~).*?^\1", "", file.read_text("utf-8"), flags=re.M | re.S)
    levels = [len(mark) for mark in re.findall(r"^(#+) ", text, re.M)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in zip(levels, levels[1:], strict=False))


def own_text():
    """What the package, the setup cell, the tools and the Makefile can print, in one piece."""
    files = [*COURSE.glob("besci/**/*.py"), *COURSE.glob("tools/*.py"), COURSE / "Makefile"]
    joined = "\n".join(file.read_text("utf-8") for file in files)
    return re.sub(r'"\s*\n\s*f?"', "", joined)  # literals that Python puts together


def test_troubleshooting_quotes_messages_that_are_still_the_courses_own():
    section = (COURSE / "README.md").read_text("utf-8").split("## If something goes wrong")[1]
    rows = re.findall(r"^\| (`.+?) \|", section.split("\n## ")[0], re.M)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    assert len(messages) >= 12
    messages.remove("No module named 'besci'")  # Python's own: see tests/tools/test_installed.py
    text = own_text()
    assert [message for message in messages if message not in text] == []
    assert "no such message" not in text  # the search can fail


def test_a_report_of_a_problem_asks_for_what_the_doctor_says():
    template = (COURSE / ".github/ISSUE_TEMPLATE/bug.yml").read_text("utf-8")
    assert "python -m besci.doctor" in template
    assert "python -m besci.doctor" in (COURSE / "CONTRIBUTING.md").read_text("utf-8")


@pytest.mark.parametrize("day", DAYS)
def test_a_day_has_goals_schedule_discussion_and_links(day):
    text = (COURSE / f"day_{day}" / "README.md").read_text("utf-8")
    parts = re.findall(r"^## (.+)$", text, re.M)
    wanted = ["Goals", "Schedule", "Discussion", "Data", "Links", "Goals, tasks and quiz"]
    assert [part for part in parts if part in wanted] == wanted
    assert "A good discussion touches" in text
    goals = re.findall(r"^\d\. (\w+)", text.split("## Schedule")[0], re.M)
    assert len(goals) >= 5 and all(goal.islower() for goal in goals), "goals begin with verbs"
