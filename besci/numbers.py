"""The number that an answer in words gives, or none.

Reading answers is measurement: one that cannot be read without guessing is left unread (NaN), to
be counted and reported, for a misread one would be taken for the model's error or success.
"""

import math
import re

# After one of these the answer follows; models trained on mathematics write \boxed{12}.
_MARKER = re.compile(r"\banswer\b(?:\s+is\b|\W{0,3}[:=])|\\boxed\{", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\{([0-9.,]+)\}\{([0-9.,]+)\}")
_FINISHED = re.compile(r".*(?:[.;!?]\s|\n)", re.DOTALL)  # to the last end of a sentence or line
_STEP = re.compile(r"^\W*(?:step\s+)?[0-9]+[.:)]\W*\s\W*\w", re.IGNORECASE | re.MULTILINE)
_THIN = "\u00a0\u2009\u202f"  # spaces that hold the digits of a number together
# Digits with whatever may stand between them, after letters if they belong to a name (COVID-19).
_DIGITS = rf"(?:[0-9]|\.(?=[0-9]))(?:[0-9]|[.,/{_THIN}](?=[0-9]))*"
_NUMBER = re.compile(rf"([^\W\d]+-?)?((?<!\w)[-−])?({_DIGITS})")
_ENGLISH = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_CONTINENTAL = re.compile(
    rf"[1-9][0-9]{{0,2}}(?:(?:\.[0-9]{{3}})+,[0-9]+|(?:\.[0-9]{{3}}){{2,}}|"
    rf"(?:[{_THIN}][0-9]{{3}})+(?:[.,][0-9]+)?)"
)
_PLAIN = re.compile(r"[0-9]+(?:[.,][0-9]+)?|\.[0-9]+")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
# What makes the digits alone another number than the one that is meant.
_BOUND = re.compile(r"(?:[<>≤≥±~]|\b(?:than|least|most|over|under))\s*$", re.IGNORECASE)
_SCALE = re.compile(
    r"\s?(?:k|m|bn|hundred|thousand|million|billion|trillion|dozen|percentile)s?\b|"
    r"\s?(?:\^|\*\*\s?[0-9]|!|‰|[¹²³⁰-⁹])|[eE][-+−]?[0-9]",
    re.IGNORECASE,
)


def numbers_in(text):
    """All numbers of a text in their order, as a list of floats; NaN where one cannot be read.

    "1,234" and "1.234.567" have separated thousands, "0,5" a decimal comma, "3/4" is a fraction;
    "35%" is 35, for the unit is a matter of the question. NaN stand for "3 million", "10^3", "< 5"
    or "1.2.3". Numbers in words and digits in names ("twenty", "B12", "3rd") are no numbers.
    """
    text = _FRACTION.sub(r" \1/\2", text.replace("{,}", ","))
    found = []
    for match in _NUMBER.finditer(text):
        after = text[match.end() :]
        if match[1] or _ORDINAL.match(after):
            continue
        meant = not _SCALE.match(after) and not _BOUND.search(text[: match.start()])
        value = _quotient(match[3]) if meant else math.nan
        found.append(-value if match[2] else value)
    return found


def read_number(text, cut_off=False):
    """The number that an answer gives, as a float; NaN if it gives none, or more than one.

    Where the text says "Answer:" or "the answer is", what follows the last of these counts, to the
    end of the sentence and line; in an equation, what follows the last "=". Otherwise the whole
    text has to hold exactly one number, and no numbered steps. "5 to 10", "12 or 15" and "twenty"
    are not read. cut_off: the text was not written to its end (`answer.truncated`): then what
    follows its last whole sentence does not count, and an answer has to be marked as one.
    """
    if cut_off:
        whole = _FINISHED.match(text)
        text = whole[0] if whole else ""
    *_, marker = [None, *_MARKER.finditer(text)]
    if marker:
        lines = [line for line in text[marker.end() :].splitlines() if re.search(r"\w", line)]
        sentence = re.split(r"[.;!?](?=\s|\*|$)", lines[0])[0] if lines else ""
        *before, text = re.split(r"[=≈]", sentence)
        if re.search(r",\s|\band\b|\bor\b", " ".join(before)):  # several equations, or answers
            return math.nan
    elif cut_off or _STEP.search(text):  # the one number may be a step on the way
        return math.nan
    found = numbers_in(text)
    return found[0] if len(found) == 1 else math.nan


def _quotient(digits):
    """The value of digits that may hold one fraction bar, or NaN."""
    top, *bottom = map(_value, digits.split("/"))
    if not bottom:
        return top
    return top / bottom[0] if len(bottom) == 1 and bottom[0] else math.nan


def _value(digits):
    if _ENGLISH.fullmatch(digits):
        return float(digits.replace(",", ""))
    if _CONTINENTAL.fullmatch(digits):
        return float(re.sub(rf"[{_THIN}]|\.(?=[0-9]{{3}}(?:[.,]|$))", "", digits).replace(",", "."))
    return float(digits.replace(",", ".")) if _PLAIN.fullmatch(digits) else math.nan
