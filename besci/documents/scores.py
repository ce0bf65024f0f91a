"""Answers beside their gold answers: the same words, the same numbers, the right page."""

import re
import string
from collections import Counter

import numpy as np
import pandas as pd

from besci.inputs import plain
from besci.numbers import numbers_in


def _normalised(text):
    """The words of a text as SQuAD compares them: lower case, no punctuation, no articles."""
    text = "".join(c for c in plain(text).lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def exact_match(answer, gold):
    """Whether two answers are the same but for case, punctuation, articles and white space.

    Source: Rajpurkar et al. (2016), https://doi.org/10.18653/v1/D16-1264, and its script. For
    numbers take `number_match`: without punctuation -.34 is 34.
    """
    return _normalised(answer) == _normalised(gold)


def token_f1(answer, gold):
    """Harmonic mean of precision and recall of the words of an answer, from 0 to 1.

    Words as in `exact_match`, each counted as often as it stands in both. Source: Rajpurkar et al.
    (2016), https://doi.org/10.18653/v1/D16-1264.
    """
    answer, gold = _normalised(answer), _normalised(gold)
    shared = (Counter(answer) & Counter(gold)).total()
    if not answer or not gold:
        return float(answer == gold)
    return 2 * shared / (len(answer) + len(gold))


def number_match(answer, gold):
    """Whether the numbers in an answer are those of the gold answer, no more and no fewer.

    Numbers are read as `besci.numbers.numbers_in` does and count by value (.34 is 0.34, 1,200 is
    1200), in any order, each once. Raises ValueError if the gold answer has no number.
    """
    wanted = _values(gold)
    if not wanted:
        raise ValueError(f"The gold answer {gold!r} holds no number; compare it as text.")
    return _values(answer) == wanted


def _values(text):
    return {number for number in numbers_in(text) if not np.isnan(number)}


def page_hit(pages, gold):
    """Whether one of the pages on which quotes were found is the gold page (or one of several)."""
    wanted = set(np.atleast_1d(gold).tolist())
    return bool(wanted & {page for page in pages if page is not None})


def score(answers, gold):
    """Answers beside their gold answers: DataFrame, a row per answer, in their order.

    answers: as from `ask`. gold: DataFrame whose index holds that of `answers`, with columns
    answer, page, numeric (whether the answer is a number) and answerable.

    Columns: answerable; abstained; right: `number_match` or `exact_match`, and for a question
    that cannot be answered whether the model abstained; f1 and page_hit: `token_f1` and `page_hit`,
    missing for those; quoted: whether the answer has a quotation; verified: whether it has, and
    all are exact. Raises KeyError for an answer or a column that gold lacks.
    """
    rows = []
    gold = gold.loc[answers.index, ["answer", "page", "numeric", "answerable"]]
    for said, true in zip(answers.itertuples(), gold.itertuples(), strict=True):
        match = number_match if true.numeric else exact_match
        known = bool(true.answerable)
        rows.append(
            {
                "answerable": known,
                "abstained": said.abstained,
                "right": match(said.answer, true.answer) if known else said.abstained,
                "f1": token_f1(said.answer, true.answer) if known else np.nan,
                "page_hit": float(page_hit(said.pages, true.page)) if known else np.nan,
                "quoted": len(said.verdicts) > 0,
                "verified": set(said.verdicts) == {"exact"},
            }
        )
    return pd.DataFrame(rows, index=answers.index)
