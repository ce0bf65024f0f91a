"""Whether what an answer puts in quotation marks stands in the document, word for word."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from besci.inputs import check_text

NEAR = 85  # smallest rapidfuzz ratio, of 100, that still counts as near

_LETTER = r"(?:[^\W\d_][\u0300-\u036f]*)"
_WORD = re.compile(
    rf"(?:(?<![\w)\]])[-+−–‐‑])?(?:(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?|\.\d+)"  # numbers
    rf"|{_LETTER}+(?:(?:['’]|[-–‐‑\u00ad]\s*){_LETTER}+)*"  # words, their hyphens not counted
    r"|\.\.\.|[^\s\"“”„«»'‘’‚‹›\u00ad\u200b-\u200d\ufeff]"  # other signs, one by one
)
_DASHES = str.maketrans(dict.fromkeys("−–—―‐‑‒", "-") | {"’": "'", "…": "..."})
_ELLIPSIS = re.compile(r"\s*[\[(]\s*(?:\.\.\.|…)\s*[\])]\s*|\s*(?:\.\.\.|…)\s*")
_NEGATIONS = set(
    "no not never none nobody nothing nowhere neither nor without cannot hardly scarcely".split()
)
_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "a")


class Token(NamedTuple):
    """A word, number or sign as it is compared, and where it stands."""

    form: str
    start: int
    end: int


def verify_quotes(answer, document):
    """Look up every quotation of an answer in a document: DataFrame, a row for each.

    Quotations are what stands between quotation marks of any kind, nested ones too, or in a block
    quote (lines that begin with >). An opening mark that is never closed reaches to the end of its
    paragraph.

    Columns: quote; verdict: "exact" (word for word; white space, hyphens within words, the shape
    of quotation marks and dashes, punctuation at either end and the first letter's case aside),
    "near" (three words or more, and a passage with a rapidfuzz ratio of 85 or more, or one from
    which the quote leaves words out by "...") or "absent"; score: 100, that ratio, or missing;
    page and offset: where it begins first; found: the document's own words; differs: what a near
    quote changes, numbers and negations named as such. Raises TypeError or ValueError for an
    answer that is no text and ImportError if rapidfuzz is missing.
    """
    check_text(answer, "answer")
    index = _index(document.text)
    rows = []
    for quote in quoted_spans(answer):
        verdict, score, span, differs = _look_up(quote, index)
        start = span[0] if span else None
        page = document.page(start) if span else None
        found = document.text[slice(*span)] if span else ""
        rows.append((quote, verdict, score, page, start, found, differs))
    columns = ["quote", "verdict", "score", "page", "offset", "found", "differs"]
    types = dict.fromkeys(columns, object) | {"score": float, "page": "Int64", "offset": "Int64"}
    return pd.DataFrame(rows, columns=columns).astype(types)


# ---- the quotations of an answer --------------------------------------------------------------


def quoted_spans(answer):
    """The quotations in a text, in the order in which they begin: list of texts."""
    doubles, blocks = _double_quoted(answer), []
    for block in re.finditer(r"(?:^[ \t]*>.*(?:\n|\Z))+", answer, re.M):
        a, b = block.span()
        if not any(a <= c and d <= b and d - c > (b - a) / 2 for c, d in doubles):
            blocks.append((a, b))
    spans = sorted({*doubles, *_single_quoted(answer), *blocks}, key=lambda s: (s[0], -s[1]))
    quotes = [_unmarked(answer[a:b]) for a, b in spans]
    return [quote for quote in quotes if re.search(r"\w", quote)]


def _double_quoted(answer):
    """Spans between double marks, which open before a word and close after one in any language."""
    spans, open_at = [], []
    for mark in re.finditer('["“”„«»]', answer):
        i = mark.start()
        before, after = answer[:i][-1:].strip(), answer[i + 1 : i + 2].strip()
        opens = after not in ",.;:!?)]}" and (not before or before in "([{<—–-/:=,;“„«‘‚‹'\"*_>")
        closes = bool(before) and not after.isalnum()
        if opens == closes:
            opens = mark[0] in "“„«" or mark[0] == '"' and not open_at
        if opens:
            open_at.append(i)
        elif open_at:
            spans.append((open_at.pop() + 1, i))
    return spans + [(i + 1, _paragraph_end(answer, i)) for i in open_at]


def _single_quoted(answer):
    """Spans between single marks; an apostrophe opens nothing, a possessive closes nothing."""
    spans = []
    opening = re.compile(r"(?<!\w)['‘‚‹](?=[\w([]|[-−.]\d)")
    for mark in opening.finditer(answer):
        start = mark.end()
        following = opening.search(answer, start)
        end = min(_paragraph_end(answer, start), following.start() if following else len(answer))
        closing = [m.start() for m in re.finditer(r"(?<=\S)['’‘›](?!\w)", answer[start:end])]
        sure = [i for i in closing if not re.match(r"s['’] [a-z]", answer[start + i - 1 :])]
        if closing:
            spans.append((start, start + (sure or closing)[0]))
    return spans


def _paragraph_end(text, i):
    end = text.find("\n\n", i)
    return len(text) if end < 0 else end


def _unmarked(quote):
    """A quotation without the marks of a block quote and what they often end with, a source."""
    quote = re.sub(r"^[ \t]*>[ \t]?", "", quote, flags=re.M).strip()
    quote = re.sub(r"\n\s*(?:—|–|--)[^\n]*$", "", quote)
    return re.sub(r"\s*\(pp?\.[^()]*\)\.?$", "", quote)


# ---- looking one up ---------------------------------------------------------------------------


def _tokens(text):
    found = []
    for match in _WORD.finditer(text):
        form = unicodedata.normalize("NFC", match[0])
        if form[0].isalpha():
            form = unicodedata.normalize("NFKC", re.sub(r"[-–‐‑\u00ad]\s*", "", form))
        found.append(Token(form.translate(_DASHES), *match.span()))
    return found


def _key(tokens):
    return f" {' '.join(token.form for token in tokens)} "


@lru_cache(maxsize=4)
def _index(text):
    """(text, its tokens, their forms as one text) of a document."""
    tokens = _tokens(text)
    return text, tokens, _key(tokens)


def _look_up(quote, index):
    """(verdict, score, span in the document or None, what differs) of a quotation."""
    text, tokens, key = index
    quote = re.sub(r"\[(\w)\]", r"\1", quote)  # [T]he
    wanted = _trimmed(_tokens(quote))
    if place := _find(wanted, key):
        return "exact", 100.0, (tokens[place[0]].start, tokens[place[1] - 1].end), ""
    parts = [_trimmed(_tokens(part)) for part in _ELLIPSIS.split(quote)]
    parts = [part for part in parts if part]
    place = _find_parts(parts, key) if len(parts) > 1 else None
    wanted = [token for part in parts for token in part] if place else wanted
    place = place or _nearest(wanted, tokens, key)
    if place is None:
        return "absent", float("nan"), None, ""
    found = tokens[slice(*place)]
    differs = _differences(wanted, found, quote, text)
    return "near", _ratio(wanted, found), (found[0].start, found[-1].end), differs


def _trimmed(tokens):
    """Without the punctuation at both ends."""
    words = [i for i, token in enumerate(tokens) if re.search(r"\w", token.form)]
    return tokens[words[0] : words[-1] + 1] if words else []


def _find(wanted, key, start=0):
    """(first, last + 1) of the tokens that are the wanted ones, or None."""
    first = wanted[0].form
    for variant in (first, first[0].swapcase() + first[1:]):
        place = key.find(_key([wanted[0]._replace(form=variant), *wanted[1:]]), start)
        if place >= 0:
            begin = key.count(" ", 0, place)
            return begin, begin + len(wanted)
    return None


def _find_parts(parts, key, reach=1000):
    """Where all parts of a quote stand one after the other, `reach` characters apart at most."""
    starts = [m.start() for m in re.finditer(re.escape(_key(parts[0])), key)]
    for start in starts:
        end = start + len(_key(parts[0])) - 1
        for part in parts[1:]:
            place = key.find(_key(part), end, end + reach)
            if place < 0:
                break
            end = place + len(_key(part)) - 1
        else:
            return key.count(" ", 0, start), key.count(" ", 0, end)
    return None


def _fuzz():
    try:
        from rapidfuzz import fuzz
    except ImportError as error:
        raise ImportError(
            "Looking up quotes needs the package rapidfuzz. Install it: %pip install rapidfuzz"
        ) from error
    return fuzz


def _ratio(one, two):
    return _fuzz().ratio(_key(one).strip(), _key(two).strip())


def _nearest(wanted, tokens, key):
    """(first, last + 1) of the tokens most like the wanted ones, or None if none are near."""
    fuzz, sought = _fuzz(), _key(wanted).strip().lower()
    if len(wanted) < 3 or len(sought) > len(key):
        return None
    # A window of the quote's own length may hide up to so much of what the best one has.
    rough = fuzz.partial_ratio_alignment(sought, key.lower(), score_cutoff=NEAR - 15)
    if rough is None:
        return None
    slack = 3 + len(wanted) // 6
    first, last = (key.count(" ", 0, i) for i in (rough.dest_start, rough.dest_end))
    best, place = 0, None
    for a in range(max(first - slack, 0), min(first + slack, len(tokens))):
        for b in range(max(last - slack, a + 1), min(last + slack, len(tokens)) + 1):
            score = fuzz.ratio(sought, _key(tokens[a:b]).strip().lower())
            if score > best:
                best, place = score, (a, b)
    return _with_what_counts(*place, wanted, tokens) if best >= NEAR else None


def _with_what_counts(first, last, wanted, tokens):
    """The place with the number or the negation in it that a quote changes at its beginning or end.

    By letters a passage is nearer without it: "26-20" is more like "26-" than like "26-19", and
    "played him" is more like "played" than like "played without him".
    """
    a, b = first, last
    for kind, start, end, *_ in _opcodes(wanted, tokens[first:last]):
        if kind != "delete":
            continue
        added, size = wanted[start:end], end - start
        if start == 0:
            a = max(first - _reach(added, tokens[max(first - size - 1, 0) : first][::-1]), 0)
        elif end == len(wanted):
            b = min(last + _reach(added, tokens[last : last + size + 1]), len(tokens))
    return (a, b) if _ratio(wanted, tokens[a:b]) >= NEAR else (first, last)


def _reach(added, beside):
    """How many tokens beside a place belong to what a quote has there: 0 if nothing counts."""
    if _has_digit(added) and _has_digit(beside[: len(added)]):
        return len(added)
    others = [token.form for token in beside if not _denies(token.form.lower())]
    same = sorted(others) == sorted(token.form for token in added)
    return len(beside) if same and len(others) < len(beside) else 0


def _denies(form):
    return form in _NEGATIONS or form.endswith("n't")


def _has_digit(tokens):
    return any(re.search(r"\d", token.form) for token in tokens)


def _opcodes(wanted, found):
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.opcodes(*([token.form for token in tokens] for tokens in (wanted, found)))


def _differences(wanted, found, quote, text):
    """What a quote changes, in words: "number: "34" for "43"; left out: "very"; ..."."""
    changes = []
    for kind, a, b, c, d in _opcodes(wanted, found):
        if kind == "equal":
            continue
        mine = quote[wanted[a].start : wanted[b - 1].end] if a < b else ""
        own = text[found[c].start : found[d - 1].end] if c < d else ""
        what = f'"{mine}" for "{own}"' if mine and own else ""
        what = what or (f'added "{mine}"' if mine else f'left out "{own}"')
        changes.append(_meaning(wanted[a:b], found[c:d]) + what)
    return "; ".join(changes)


def _meaning(mine, own):
    """ "number: " or "negation: " if that is what differs."""
    if _has_digit(mine + own):
        return "number: "
    mine, own = ({token.form.lower() for token in tokens} for tokens in (mine, own))
    denials = [form for form in mine ^ own if _denies(form)]
    affixed = any(
        a == prefix + b or b == prefix + a for prefix in _PREFIXES for a in mine for b in own
    )
    return "negation: " if denials or affixed else ""
