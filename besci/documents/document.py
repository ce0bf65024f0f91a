"""Documents that remember on which page each character stands, read from PDF or plain text."""

import codecs
import re
import warnings
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import pandas as pd

from besci.documents.paragraphs import flow, paragraphs
from besci.documents.pdf import Page, columns, lines, read_page, without_running_heads
from besci.inputs import check_count, check_text


@dataclass(frozen=True, repr=False)
class Document:
    """A text that knows its pages.

    text: the whole. starts, pages: from character starts[i] on, the text stands on page pages[i].
    removed: running heads and feet, which are not part of the text.
    """

    name: str
    text: str
    starts: tuple = (0,)
    pages: tuple = (1,)
    removed: tuple = ()

    def __repr__(self):
        words = len(self.text.split())
        return f"{self.name} · pages {min(self.pages)} to {max(self.pages)} · {words:,} words"

    def page(self, offset):
        """The page, counted from 1, on which the character at this offset stands."""
        return self.pages[bisect_right(self.starts, offset) - 1]

    def passages(self, size=100):
        """The text in passages of whole sentences: DataFrame with columns page, offset, text.

        size: words and punctuation marks in a passage, at most; 100 is well within what the
        course's embedding model reads. text[offset : offset + len(passage)] is the passage.
        Raises ValueError for a size that is no whole number above 0.
        """
        check_count(size, "size")
        rows = [
            (self.page(start), start, self.text[start:end])
            for start, end in _passages(self.text, size)
        ]
        return pd.DataFrame(rows, columns=["page", "offset", "text"])


def _passages(text, size):
    """(start, end) of passages: sentences gathered up to `size`, a new one after a full paragraph.

    A sentence longer than that is cut between words.
    """
    words = [m.start() for m in re.finditer(r"\w+|[^\w\s]", text)]
    ends = re.finditer(r"[.!?…][\"'”’»)\]]*\s+(?=[^\sa-z])|\n+", text)
    cuts = [0, *(bisect_left(words, end.end()) for end in ends), len(words)]
    found, first = [], 0
    for a, b in pairwise(cuts):
        full = a - first > size / 2 and text.endswith("\n\n", 0, words[a] if b > a else 0)
        if a > first and (b - first > size or full):
            found.append((first, a))
            first = a
        while b - first > size:
            found.append((first, first + size))
            first += size
    found.append((first, len(words)))
    starts = [*words, len(text)]
    spans = [(starts[a], starts[b]) for a, b in found if a < b]
    return [(a, a + len(text[a:b].rstrip())) for a, b in spans]


# ---- reading ----------------------------------------------------------------------------------


def read_pdf(path, password=None, max_pages=500):
    """Read a PDF as a Document.

    Columns are read one after the other; hyphens at the ends of lines are removed unless they
    belong to the word; running heads, feet and page numbers are left out (and kept in `.removed`);
    ligatures become letters, raised digits superscripts; the cells of a table are set apart by
    tabs. Page numbers count the file's pages from 1, whatever is printed on them.

    Warns about pages without text and about fonts that do not say which letters they show. Raises
    FileNotFoundError; ValueError for a file that is no PDF, is damaged, needs a (or another)
    password, has no text at all, or more than max_pages; ImportError if pypdfium2 is missing.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise ImportError(
            "Reading a PDF needs the package pypdfium2. Install it: %pip install pypdfium2"
        ) from error
    path = _file(path)
    with open(path, "rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise ValueError(f"{path.name} is no PDF: it does not begin with %PDF. {_OTHER}")
    try:
        pdf = pypdfium2.PdfDocument(path, password=password)
    except pypdfium2.PdfiumError as error:
        raise ValueError(f"{path.name} {_refusal(error, password)}") from error
    with pdf:
        if len(pdf) > max_pages:
            raise ValueError(
                f"{path.name} has {len(pdf):,} pages, more than max_pages={max_pages:,}. Take the "
                "part you need, or read it all with a larger max_pages."
            )
        read, damaged = [], []
        for number in range(len(pdf)):
            try:
                read.append(read_page(pdf[number]))
            except pypdfium2.PdfiumError:
                read.append(Page([], []))
                damaged.append(number + 1)
    _report(path.name, read, damaged)
    upright, removed = without_running_heads(read)
    numbers, gutters, in_order = count(), [], []
    for page, runs in enumerate(upright, 1):
        for column in columns(runs, gutters):
            in_order += lines(column, page, next(numbers))
    pieces = flow(paragraphs(in_order))
    for number, page in enumerate(read, 1):
        for text in page.angled:
            pieces += [(number, "\n\n" if pieces else ""), (number, text)]
    return _document(path.name, pieces, tuple(removed))


_OTHER = "For plain text use read_text; save other formats as PDF or as text first."


def _refusal(error, password):
    """Why pdfium does not open a file."""
    if "password" in str(error).lower():
        need = "another password than the one given" if password else "a password"
        return f'needs {need}: read_pdf(path, password="..."), or save it without one.'
    if "security" in str(error).lower():
        return "is encrypted in a way that cannot be read. Save it without protection."
    return (
        f"is damaged and cannot be read ({error}). Fetch it again, or open it in a PDF viewer and "
        "print it to a new PDF."
    )


def _report(name, read, damaged):
    """Say which pages have no text that can be used; raise ValueError if none has."""
    empty = [number for number, page in enumerate(read, 1) if not page.size]
    if damaged:
        warnings.warn(f"{name}: damaged, and so not read: {_pages(damaged)}.", stacklevel=3)
    if len(empty) == len(read):
        raise ValueError(
            f"{name} holds no text on any page ({len(read)} in all): it is blank, or a scan. Run a "
            "text recognition over a scan first (for example ocrmypdf), and check what that makes."
        )
    empty = sorted({*empty} - {*damaged})
    if empty:
        warnings.warn(
            f"{name}: no text on {_pages(empty)}: blank, a picture, or a scan that needs text "
            "recognition.",
            stacklevel=3,
        )
    doubtful = [n for n, page in enumerate(read, 1) if page.garbled > 0.05 * page.size]
    if doubtful:
        warnings.warn(
            f"{name}: the fonts on {_pages(doubtful)} do not say which letters they show, so the "
            "text may be garbled. Look at it, or run a text recognition over the file.",
            stacklevel=3,
        )


def _pages(numbers):
    shown = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown} ({len(numbers)} in all)"


def read_text(source):
    """Read plain text as a Document: a .txt or .md file, or a text as it stands.

    source: a Path, the name of a file, or the text itself. The text is not changed; form feeds,
    as pdftotext writes them, begin new pages. Raises FileNotFoundError for a line that ends like a
    file's name (.txt) and is none, and TypeError or ValueError for what is no text, or empty.
    """
    name, text = "text", source
    named = isinstance(source, str) and re.fullmatch(r"[^\n]{1,250}\.[a-z]\w{0,4}", source, re.I)
    if named or isinstance(source, Path):
        name, text = Path(source).name, _decoded(_file(source))
    check_text(text, name, blank=False)
    return _document(name, enumerate(re.split("(?<=\f)", text), 1))


def _decoded(path):
    data = path.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "is a PDF: use read_pdf" if data.startswith(b"%PDF-") else "is not UTF-8 text"
        raise ValueError(
            f"{path.name} {kind} (byte {error.start:,}). Save text as UTF-8, other formats as PDF."
        ) from error
    if "\0" in text:
        raise ValueError(f"{path.name} is no text: it holds zero bytes. {_OTHER}")
    return text.replace("\r\n", "\n")


def _file(path):
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {what}; the working folder is {Path.cwd()}.")
    return path


def _document(name, pieces, removed=()):
    pieces, starts, pages, offset = list(pieces), [], [], 0
    for page, text in pieces:
        if text and (not pages or page != pages[-1]):
            starts.append(offset)
            pages.append(page)
        offset += len(text)
    text = "".join(text for _, text in pieces)
    return Document(name, text, tuple(starts), tuple(pages), removed)
