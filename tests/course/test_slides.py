"""The slides: in time, with notes, and with figures that are drawn, used and described."""

import re
import sys
from xml.etree import ElementTree

import pytest
from conftest import COURSE, DAYS

DECKS = [COURSE / day.folder / "slides.md" for day in DAYS.values()]
NOTE = re.compile(r"<!--\s*(\d+(?:\.5)?) min\. (.+?)-->", re.DOTALL)
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
each_deck = pytest.mark.parametrize("deck", DECKS, ids=[d.parent.name for d in DECKS])


def slides(deck):
    """The slides of a deck as text, without its front matter."""
    _, head, body = deck.read_text("utf-8").split("---\n", 2)
    assert "marp: true" in head and "theme: course" in head and "lang: en-GB" in head
    return re.split(r"\n---\n", body)


def kind(slide):
    found = re.search(r"_class: (\w+)", slide)
    return found[1] if found else None


def title(slide):
    return re.search(r"^##? (.+)$", slide, re.M)[1]


def minutes(slide):
    return float(NOTE.search(slide)[1])


def talks(deck):
    """[(title, minutes)] of a deck's talks: from a title slide to the next hand-over or title."""
    found = []
    for slide in slides(deck):
        if kind(slide) == "talk":
            found.append([title(slide), 0])
        found[-1][1] += minutes(slide)
    return [tuple(talk) for talk in found]


def scheduled(day):
    """[(title, minutes)] of the talks in the schedule of a day, as course.toml has it."""
    slots = [slot for slot in day.schedule if slot.kind == "talk"]
    return [(slot.what[0].upper() + slot.what[1:], slot.minutes) for slot in slots]


@pytest.mark.parametrize("day", DAYS.values(), ids=lambda day: day.folder)
def test_talks_last_as_long_as_the_schedule_has_for_them(day):
    assert talks(COURSE / day.folder / "slides.md") == scheduled(day)


@each_deck
def test_a_day_has_25_to_45_slides_each_with_a_title_of_its_own_and_one_note(deck):
    found = slides(deck)
    assert 25 <= len(found) <= 45
    assert len({title(slide) for slide in found}) == len(found)
    for slide in found:
        assert len(re.findall(r"^#{1,6} ", re.sub(r"```.*?```", "", slide, flags=re.S), re.M)) == 1
        notes = [c for c in COMMENT.findall(slide) if not re.match(r"\s*_?\w+: ", c)]
        assert len(notes) == 1 and NOTE.search(slide), title(slide)
        assert len(NOTE.search(slide)[2].split()) >= 12, title(slide)
        handed_over = kind(slide) == "pause" or (minutes(slide) == 0 and kind(slide) == "question")
        assert (minutes(slide) == 0) == handed_over, title(slide)


@each_deck
def test_slides_are_not_walls_of_text(deck):
    for slide in slides(deck):
        text = re.sub(
            r"```.*?```|<!--.*?-->|^\|.*$|!\[.*?\)|\$\$.*?\$\$", "", slide, flags=re.S | re.M
        )
        assert len(text.split()) <= 100, title(slide)


@each_deck
def test_figures_are_drawn_by_code_used_and_described(deck):
    used = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", deck.read_text("utf-8"))
    drawn = set(
        re.findall(r"^@figure\ndef (\w+)", (deck.parent / "figures/draw.py").read_text(), re.M)
    )
    files = {file.stem for file in (deck.parent / "figures").glob("*.svg")}
    assert {file.split("/")[-1].removesuffix(".svg") for _, file in used} == drawn == files
    assert len(drawn) >= 8
    for words, file in used:
        assert file.startswith("figures/") and (deck.parent / file).is_file()
        plain = re.sub(r"^(?:(?:bg|[wh]:\d+|right|left|fit)(?::\d+%)?\s+)+", "", words)
        assert len(plain) >= 40, file
        drawing = ElementTree.parse(deck.parent / file).getroot()
        assert drawing.find("{http://www.w3.org/2000/svg}title").text == plain, file


@each_deck
def test_slides_ask_nothing_from_elsewhere(deck):
    text = deck.read_text("utf-8")
    assert not re.search(r"\]\(https?:|<img|<script|<style", text)
    for file in (deck.parent / "figures").glob("*.svg"):
        drawing = file.read_text("utf-8")
        drawing = re.sub(
            r'(xmlns(:\w+)?="|<!DOCTYPE[^>]*|rdf:about="|rdf:resource=")http[^">]*', "", drawing
        )
        assert "http" not in drawing and len(drawing) < 250_000, file.name


@pytest.fixture
def build():
    sys.path.insert(0, str(COURSE / "tools" / "slides"))
    import build

    yield build
    sys.path.remove(str(COURSE / "tools" / "slides"))
    del sys.modules["build"]


def test_a_page_holds_its_pictures_and_no_address(build, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.svg").write_text("<svg/>")
    page = '/*! see https://example.org/x.LICENSE.txt */<img src="figures/a.svg" alt="b">'
    assert build.inline(page, tmp_path) == '<img src="data:image/svg+xml;base64,PHN2Zy8+" alt="b">'
    with pytest.raises(FileNotFoundError):
        build.inline('<img src="figures/missing.svg">', tmp_path)


needs_marp = pytest.mark.skipif(
    not (COURSE / "tools/slides/node_modules/.ready").is_file(),
    reason="Marp is not installed: make slides installs it",
)


@needs_marp
def test_a_slide_that_is_too_full_is_named(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "OUT", tmp_path)
    monkeypatch.setattr(build, "COURSE", tmp_path)
    (tmp_path / "day_8/figures").mkdir(parents=True)
    (tmp_path / "day_8/figures/draw.py").write_text("")
    lines = "\n".join(f"- line {k}" for k in range(20))
    head = "---\nmarp: true\ntheme: course\n---\n"
    (tmp_path / "day_8/slides.md").write_text(f"{head}# Fine\n\n---\n## Full\n\n{lines}\n")
    assert build.build("day_8") is False
    (tmp_path / "day_8/slides.md").write_text(f"{head}# Fine\n\n---\n## Not full\n\n- one\n")
    assert build.build("day_8") is True
    page = (tmp_path / "day_8.html").read_text("utf-8")
    assert "Not full" in page and not re.findall(r"https?://(?!www\.w3\.org)", page)
    assert (tmp_path / "day_8.pdf").read_bytes().startswith(b"%PDF")


def test_places_are_rounded_and_scales_are_not():
    sys.path.insert(0, str(COURSE / "tools" / "slides"))
    try:
        from drawing import rounded
    finally:
        sys.path.remove(str(COURSE / "tools" / "slides"))
    drawn = (
        '<path d="M 1.23456 -7.5 L 12.3449 3"/><g transform="translate({} 2.5) scale(0.015625)"/>'
    )
    expected = drawn.replace("1.23456", "1.23").replace("12.3449", "12.34").format("1.01")
    assert rounded(drawn.format("1.006")) == expected
