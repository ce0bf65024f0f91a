"""From lines to paragraphs, and from paragraphs to text without hyphens at the ends of lines."""

import re
from collections import Counter
from itertools import pairwise
from statistics import median

_LETTERS = r"[^\W\d_]+"
_CAPTION = re.compile(r"(Table|Figure|Fig\.|Note)\b")
_END = re.compile(r"([.!?:;])[\"'”’»)\]⁰-⁹¹²³]*$")


def paragraphs(all_lines):
    """Lines in reading order as paragraphs, each a list of lines.

    A sentence that a footnote, a table or the end of a column interrupts goes on in the same
    paragraph.
    """
    gaps = [(a.y - b.y) / a.size for a, b in pairwise(all_lines) if a.column == b.column]
    leading = median(gaps) if gaps else 0
    blocks = []
    for line in all_lines:
        if (
            blocks
            and not _is_heading(blocks[-1], line)
            and _same_paragraph(blocks[-1][-1], line, leading)
        ):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    i = 0
    while i < len(blocks):
        later = _continuation(blocks, i)
        if later is None:
            i += 1
        else:
            blocks[i] += blocks.pop(later)
    return blocks


def _is_heading(block, line):
    """Whether a block is a short line of its own, above one that begins with a capital."""
    a = block[0]
    short = a.x1 - a.x0 < 0.75 * (a.right - a.x0)
    return (
        len(block) == 1 and short and _open(a) and a.text[-1] not in ",-" and line.text[0].isupper()
    )


def _same_paragraph(a, b, leading):
    if a.column != b.column or not 1 / 1.1 < a.size / b.size < 1.1:
        return False
    if a.y - b.y > 1.25 * leading * a.size or b.text[0] in "•▪◦‣":
        return False
    indented, short = b.x0 > a.x0 + 0.7 * b.size, a.x1 < a.right - 2 * a.size
    goes_on = _open(a) or a.row or b.row or b.text[0].islower()
    return goes_on or not (indented or short)


def _open(line):
    """Whether the sentence goes on after this line."""
    return not line.row and not _END.search(line.text)


def _full(line):
    return line.x1 > line.right - line.size


def _continuation(blocks, i):
    """Index of the paragraph in which the last sentence of paragraph i goes on, or None."""
    last = blocks[i][-1]
    end = _END.search(last.text)
    if last.row or end and end[1] in ".!?":
        return None
    for j in range(i + 1, min(i + 9, len(blocks))):
        first = blocks[j][0]
        if first.page > last.page + 1:
            return None
        if first.row or not 0.95 < first.size / last.size < 1.05 or _CAPTION.match(first.text):
            continue
        if first.column != last.column:
            if first.text[0].islower() or _full(last) and last.text[-1] == "-":
                return j
            if j == i + 1 and _full(last) and len(blocks[i]) > 1 and not end:
                return j
        return None
    return None


def flow(blocks):
    """Paragraphs as pieces (page, text) that joined make the whole text."""
    known = _vocabulary(line for block in blocks for line in block)
    pieces = []
    for block in blocks:
        if pieces:
            pieces.append((pieces[-1][0], "\n\n"))
        for before, line in zip([None, *block], block, strict=False):
            if before is not None:
                page, text = pieces.pop()
                pieces.append((page, _seam(text, before, line, known)))
            pieces.append((line.page, line.text))
    return pieces


def _vocabulary(all_lines):
    """How often the document has each word, those at a line's broken end aside."""
    words, broken = Counter(), False
    for line in all_lines:
        text = line.text.lower()
        text = re.sub(r"^\S+", "", text) if broken else text
        broken = text.endswith("-")
        text = re.sub(r"\S+-$", "", text)
        words.update(re.findall(_LETTERS, text))
        words.update(re.findall(rf"{_LETTERS}(?:-{_LETTERS})+", text))
    return words


def _seam(text, before, line, known):
    """A line's text with what stands between it and the next: nothing, a space, a new line."""
    if before.row or line.row:
        return text + "\n"
    left = re.search(rf"(-?)({_LETTERS})-$", text)
    right = re.match(_LETTERS, line.text)
    if not left or not right:
        return text if re.search(r"\w[-–]$", text) else text + " "
    if right[0] in ("and", "or", "to"):  # pre- and post-test
        return text + " "
    first, second = left[2].lower(), right[0].lower()
    whole, compound = known[first + second], known[f"{first}-{second}"]
    if whole or compound:
        return text[:-1] if whole >= compound else text
    words = len(first) > 2 and known[first] and (known[second] or left[1])
    return text if words or first in ("self", "well") or right[0][0].isupper() else text[:-1]
