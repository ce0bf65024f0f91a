"""The lines of a PDF in reading order, without running heads.

A PDF holds characters and their places, not text. Characters become runs, runs become columns,
and columns become lines.
"""

import ctypes
import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# Ligatures and mathematical letters mean the letters they are drawn from; older TeX fonts give
# only the places of their signs.
_TEX = dict(enumerate("“”„«»–—", 0x10)) | dict(enumerate("ff fi fl ffi ffl".split(), 0x1B))
_DRAWN = [*range(0xFB00, 0xFB07), *range(0x1D400, 0x1D800)]
_PLAIN = {code: unicodedata.normalize("NFKC", chr(code)) for code in _DRAWN}
_PLAIN |= _TEX | {0x88: "•", 0xA0: " "}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Character(NamedTuple):
    """A character: quarters it is turned clockwise, its edges, its baseline, its font's size
    (points), what it is, and whether that is known."""

    turn: int
    x0: float
    x1: float
    y: float
    size: float
    char: str
    known: bool


class Run(NamedTuple):
    """Characters next to one another: text, its edges, its baseline, its font's size (points)."""

    text: str
    x0: float
    x1: float
    y: float
    size: float


class Page(NamedTuple):
    """A page: its runs, texts that stand at an angle, its lower and upper edge, and how many
    characters it has, and how many of unknown meaning."""

    runs: list
    angled: list
    low: float = 0
    high: float = 0
    size: int = 0
    garbled: int = 0


@dataclass
class Line:
    """A line of a column: text, place, the column's right edge, whether it is a table's row."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    page: int
    column: int
    right: float
    row: bool


def read_page(page):
    """The characters of a pdfium page as a Page, turned so that most of them stand upright."""
    pieces, turns, garbled, last = [], Counter(), 0, None
    for character in _characters(page):
        if character is None:
            if last:
                pieces[-1][-1].append(" ")
            continue
        turn, x0, x1, y, size, char, known = character
        turns[turn] += 1
        garbled += not known
        if (
            last is None
            or turn != last.turn
            or abs(y - last.y) > 0.05 * size
            or not -size < x0 - last.x1 < 0.9 * size
        ):
            pieces.append([turn, x0, x1, y, size, []])
        pieces[-1][2] = x1
        pieces[-1][-1].append(char)
        last = character
    upright = max(turns, key=turns.get, default=0)
    runs, angled = [], []
    for turn, x0, x1, y, size, chars in pieces:
        text = _clean("".join(chars))
        if turn != upright:
            angled.append(text.strip())
        elif text.strip():
            runs.append(Run(text, x0, x1, y, size))
    left, bottom, right, top = page.get_bbox()
    edges = sorted(_turned(*corner, upright)[1] for corner in ((left, bottom), (right, top)))
    return Page(runs, angled, *edges, turns.total(), garbled)


def _characters(page):
    """Each Character of a pdfium page in the order of the file, None for white space."""
    import pypdfium2.raw as pdfium

    textpage = page.get_textpage()
    raw, box, matrix = textpage.raw, pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    x, y, left, right, bottom, top = (ctypes.c_double() for _ in range(6))
    for i in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(raw, i)
        char = "-" if pdfium.FPDFText_IsHyphen(raw, i) == 1 else chr(code)
        if pdfium.FPDFText_IsGenerated(raw, i) or char.isspace() and code not in _TEX:
            yield None
            continue
        turn = round(pdfium.FPDFText_GetCharAngle(raw, i) / (math.pi / 2)) % 4
        pdfium.FPDFText_GetLooseCharBox(raw, i, box)
        pdfium.FPDFText_GetCharOrigin(raw, i, x, y)
        pdfium.FPDFText_GetMatrix(raw, i, matrix)
        corners = _turned(box.left, box.bottom, turn), _turned(box.right, box.top, turn)
        (x0, _), (x1, _) = sorted(corners)
        baseline = _turned(x.value, y.value, turn)[1]
        size = pdfium.FPDFText_GetFontSize(raw, i) * math.hypot(matrix.c, matrix.d) or 1
        if char.isdigit() and turn == 0:
            pdfium.FPDFText_GetCharBox(raw, i, left, right, bottom, top)
            if bottom.value - baseline > 0.2 * size:
                char = char.translate(_RAISED)
        unknown = unicodedata.category(char) in ("Cc", "Co") or char == "\ufffd"
        yield Character(turn, x0, x1, baseline, size, char, not unknown or code in _PLAIN)


def _turned(x, y, turn):
    """A place as it would be if the text, turned clockwise by quarters, stood upright."""
    return ((x, y), (-y, x), (-x, -y), (y, -x))[turn]


def _clean(text):
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(_PLAIN)
    text = re.sub(r"\s+", " ", re.sub(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200d\ufeff]", "", text))
    return re.sub(r"\u00ad(?=\s*$)", "-", text).replace("\u00ad", "")


# ---- running heads ----------------------------------------------------------------------------


def without_running_heads(pages):
    """(the runs of each Page without its running heads and feet, the texts of those).

    From the edge of a page inwards, though no further than a seventh of it, a row goes if other
    pages have the same at that height, digits aside: twice in a short document, else three times.
    """
    rows = [_rows(page.runs) for page in pages]
    seen = Counter(key for page in rows for key in {_mask(row) for row in page})
    enough = 2 if len(pages) < 6 else 3
    kept, removed = [], []
    for page, left in zip(pages, rows, strict=True):
        margin = (page.high - page.low) / 7
        for _ in ("top", "bottom"):
            while len(left) > 1:
                inner = page.low + margin < left[0][0].y < page.high - margin
                if inner or sum(seen[_mask(left[0], shift)] for shift in (-1, 0, 1)) < enough:
                    break
                removed.append(_joined(left.pop(0)))
            left = left[::-1]
        kept.append([run for row in left for run in row])
    return kept, list(dict.fromkeys(removed))


def _mask(row, shift=0):
    text = re.sub(r"\d+", "#", _joined(row))
    height = round(max(run.y for run in row) / 4) + shift
    return ("#" if re.fullmatch("[ivxlc]+", text) else text), height


def _rows(runs):
    """Runs on one baseline, give or take a raised digit; from the top down, left to right."""
    rows = []
    for run in sorted(runs, key=lambda run: -run.y):
        if rows and max(rows[-1], key=lambda r: r.size).y - run.y < 0.45 * run.size:
            rows[-1].append(run)
        else:
            rows.append([run])
    return [sorted(row, key=lambda run: run.x0) for row in rows]


def _joined(row):
    """The text of a row; a tab stands for a gap as between the cells of a table."""
    base = max(row, key=lambda run: (round(run.size), len(run.text)))
    text = ""
    for before, run in zip([None, *row], row, strict=False):
        raised = run.y - base.y > 0.2 * base.size and run.text.strip().isdigit()
        piece = run.text.translate(_RAISED) if raised else run.text
        gap = run.x0 - before.x1 if before else 0
        text += ("\t" if gap > 0.9 * base.size else " " if gap > 0.15 * base.size else "") + piece
    return re.sub(r" *\t *", "\t", re.sub(" +", " ", text)).strip()


# ---- columns ----------------------------------------------------------------------------------


def columns(runs, gutters):
    """The runs of a page as a list of columns in reading order, each a list of runs.

    Bands of the page that share a gutter with prose on both sides are read column by column;
    the rest, tables among it, row by row. gutters: a list of those found so far, which is added
    to; where one was before, prose on one side is enough.
    """
    bands = _bands(runs)
    found, single, i = [], [], 0
    while i < len(bands):
        n, gutter = _gutter(bands[i:], gutters)
        if n:
            found, single = [*found, single], []
            inside = [run for band in bands[i : i + n] for run in band]
            gutters.append(gutter)
            found += columns([run for run in inside if run.x0 < gutter], gutters)
            found += columns([run for run in inside if run.x0 >= gutter], gutters)
        else:
            single, n = single + bands[i], 1
        i += n
    return [column for column in [*found, single] if column]


def _bands(runs):
    """Runs whose heights overlap, from the top down."""
    bands, floor = [], 0.0
    for run in sorted(runs, key=lambda run: -run.y):
        if bands and run.y + 0.6 * run.size > floor:
            bands[-1].append(run)
            floor = min(floor, run.y - 0.1 * run.size)
        else:
            bands.append([run])
            floor = run.y - 0.1 * run.size
    return bands


def _gutter(bands, known):
    """(how many of the first bands stand in two columns, middle of the gap), or (0, None)."""
    size = median(run.size for band in bands for run in band)
    free, states, floor = [(-1e9, 1e9)], [], None
    for n, band in enumerate(bands, 1):
        if floor is not None and floor - max(run.y for run in band) > 2.5 * size:
            break
        floor = min(run.y for run in band)
        for run in band:
            sides = [side for a, b in free for side in ((a, min(b, run.x0)), (max(a, run.x1), b))]
            free = [(a, b) for a, b in sides if b - a > 0.8 * size]
        inner = [(a, b) for a, b in free if a > -1e9 and b < 1e9]
        if not free or (not inner and states):
            break
        if inner:
            states.append((n, inner))
        elif len(band) > 1:
            break
    for n, inner in reversed(states):
        for a, b in inner:
            sides = (-1e9, a), (b, 1e9)
            enough = any if any(a < gutter < b for gutter in known) else all
            table = any(_numbers(side, bands[:n]) for side in sides)
            if not table and enough(_is_prose(side, bands[:n]) for side in sides):
                return n, (a + b) / 2
    return 0, None


def _numbers(side, bands):
    """Whether much of what lies between two edges has no letters, as in a table."""
    inside = [r for band in bands for r in band if side[0] <= r.x0 and r.x1 <= side[1]]
    return sum(not re.search("[^\\W\\d_]", run.text) for run in inside) > 0.4 * len(inside)


def _is_prose(side, bands):
    """Whether what lies between two edges is a column of text, not a column of a table."""
    inside = [[r for r in band if side[0] <= r.x0 and r.x1 <= side[1]] for band in bands]
    inside = [row for row in inside if row]
    if len(inside) < 3:
        return False
    edges = [run for row in inside for run in row]
    width = max(run.x1 for run in edges) - min(run.x0 for run in edges)
    whole = [run for band in bands for run in band]
    extent = max(run.x1 for run in whole) - min(run.x0 for run in whole)
    rows = sum(map(len, map(_rows, inside)))
    filled = sum(run.x1 - run.x0 for run in edges) / (rows * width)
    letters = sum(len(run.text) for run in edges) / rows
    return width > 0.2 * extent and filled > 0.5 and letters > 15


def lines(column, page, number):
    """The lines of a column, from the top down."""
    right = max(run.x1 for run in column)
    found = []
    for row in _rows(column):
        text = _joined(row)
        base = max(row, key=lambda run: len(run.text))
        x1 = max(run.x1 for run in row)
        # A line set to a column's width may have one gap as wide as between two cells.
        wide = max((b.x0 - a.x1 for a, b in pairwise(row)), default=0) > 1.5 * base.size
        cells = "\t" in text and (wide or text.count("\t") > 1)
        found.append(Line(text, row[0].x0, x1, base.y, base.size, page, number, right, cells))
    return found
