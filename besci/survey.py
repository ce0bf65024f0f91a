"""Survey questions put to a language model in the role of people, and its answers as distributions.

    people = survey.personas(table, "You are {a age}-year-old person. [You have {degree}.]")
    question = survey.Question("How often do you vote?", ["never", "sometimes", "always"])
    answers = survey.exact(llm, people, question)

Every read-out is a table like that of the humans' own answers (`observed`): a row for each person,
a column for each option in the order of the scale, and shares that sum to 1. So `answers.mean()` is
the distribution over all people, and `answers @ answers.columns` each person's mean answer.
"""

import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from besci.inputs import check_text, listed, named_options, plain
from besci.llm import PerRow

ROLE = "Take the role of the person described here, and answer the survey question as they would."
GUESS = "Estimate how people like the one described here answered this survey question."
PERCENTAGES = (
    "How many of 100 such people chose each option? Write the percentages in this form and nothing "
    "else; they add up to 100."
)
ANSWER = {
    "numbers": "Answer with the number of one option and nothing else.",
    "letters": "Answer with the letter of one option and nothing else.",
    "words": "Answer with one of these options, word for word, and nothing else.",
}

FIELD = re.compile(r"\{((?:a )?([^{}]+))\}")  # 'a column', 'column'


def personas(table, template, words=None):
    """A text about each person: Series with the index of `table`.

    table: DataFrame, a row for each person. template: a text in which `{column}` stands for the
    person's value, `{a column}` for the value with its article (a 36, an 18), and what stands in
    square brackets is left out for a person who has no value there: "[You have {degree}.]".
    words: {column: {value: phrase}}; says how to put the values of a column, None to treat one as
    missing. 36.0 is written 36.

    Raises ValueError naming the column that the table does not have, the row and column of an empty
    cell that no brackets allow for, or of a value for which `words` has no phrase.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"Give a table (DataFrame) of people, not {type(table).__name__}.")
    check_text(template, "template")
    parts = re.split(r"\[([^\[\]]*)\]", template)  # every second one stood in brackets
    if re.search(r"[\[\]{}]", FIELD.sub("", "".join(parts))):
        raise ValueError("The template has a bracket without its partner, or an empty pair.")
    named = [[field[1] for field in FIELD.findall(part)] for part in parts]
    words = words or {}
    for name in [*sum(named, []), *words]:
        if name not in table.columns:
            matches = get_close_matches(name, map(str, table.columns), n=1)
            guess = f' Did you mean "{matches[0]}"?' if matches else ""
            columns = ", ".join(map(str, table.columns))
            raise ValueError(f'The table has no column "{name}".{guess} It has: {columns}.')
    columns = {name: _phrases(table[name], words.get(name)) for name in sum(named, [])}
    texts = []
    for row, label in enumerate(table.index):
        person = {name: column[row] for name, column in columns.items()}
        person |= {f"a {name}": f"{article(p)} {p}" for name, p in person.items() if p}
        text = ""
        for place, part in enumerate(parts):
            missing = [name for name in named[place] if person[name] is None]
            if missing and place % 2 == 0:
                raise ValueError(
                    f'Row {label!r}, column "{missing[0]}": the cell is empty. Fill it, drop the '
                    "row, or put what is said of it into square brackets in the template."
                )
            if not missing:
                text += FIELD.sub(lambda field, person=person: person[field[1]], part)
        texts.append(re.sub(r" +(?=[ .,;])", "", text).strip())
    return pd.Series(texts, index=table.index, name="persona", dtype=object)


def article(text):
    """ "a" or "an", by the sound that an English text begins with."""
    digits = re.match(r"\d[\d,]*", text)
    if digits:
        groups = digits[0].split(",")
        an = text[0] == "8" or groups[0] in ("11", "18")
    elif re.match(r"[A-Z]{2,}\b", text):  # an abbreviation is spelled out: an MA, a PhD, a US
        an = text[0] in "AEFHILMNORSX"
    else:
        sounds_like_a = r"eu|ewe|one\b|once\b|uni(?:on|[tvfqcs])|us[aeiu]|ut[ie]"
        an = bool(re.match(rf"(?!{sounds_like_a})[aeiou]|hour|honest|heir|honou?r", text, re.I))
    return "an" if an else "a"


def _phrases(column, words):
    """The values of a column as texts, None where they are missing."""
    phrases = []
    for label, value in column.items():
        if pd.isna(value) or not str(value).strip():
            phrases.append(None)
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if words is not None and value not in words:
            raise ValueError(
                f'Row {label!r}, column "{column.name}": `words` has no phrase for {value!r}, only '
                f"for {', '.join(map(str, words))}. Add one, or None to leave it out."
            )
        phrase = value if words is None else words[value]
        phrases.append(None if phrase is None else str(phrase).strip())
    return phrases


@dataclass(frozen=True)
class Question:
    """A survey question and how it is shown.

    text: the question. options: the words of the options in the order of the scale; a list, whose
    options have the values 1 to k, or {value: words}. labels: "numbers" (an option's value, which
    it keeps in any order), "letters" (A, B, … from the first shown to the last) or "words" (the
    options themselves are the answers). order: "given", "reversed", or the values in the order in
    which to show them. instruction: what comes first; then the question, which is the same for
    everybody, the persona (with persona_first: before both), and the form of the answer.

    `dataclasses.replace(question, order="reversed")` is the same question shown otherwise.
    Raises TypeError or ValueError for options, labels or an order that cannot be shown.
    """

    text: str
    options: dict
    labels: str = "numbers"
    order: str | list = "given"
    instruction: str = ROLE
    persona_first: bool = False

    def __post_init__(self):
        check_text(self.text, "The question")
        check_text(self.instruction, "The instruction")
        given = self.options
        by_value = isinstance(given, Mapping)
        _, words = named_options(given.values() if by_value else given)
        values = given if by_value else range(1, len(words) + 1)
        options = dict(zip(values, words, strict=True))
        object.__setattr__(self, "options", options)
        if not isinstance(self.order, str):
            object.__setattr__(self, "order", list(self.order))
        if len(options) < 2:
            raise ValueError(f"At least two options are needed, not {given!r}.")
        if self.labels not in ANSWER:
            raise ValueError(f"labels must be one of {', '.join(ANSWER)}, not {self.labels!r}.")
        if self.order not in ("given", "reversed") and sorted(self.order) != sorted(options):
            raise ValueError(
                f'order must be "given", "reversed", or a list with the values {list(options)} in '
                f"another order, not {self.order!r}."
            )

    @property
    def shown(self):
        """The values in the order in which they are shown."""
        if self.order == "given":
            return list(self.options)
        return list(self.options)[::-1] if self.order == "reversed" else self.order

    @property
    def label_of(self):
        """{value: the text that stands for it in an answer}, in the order of the scale."""
        if self.labels == "letters":
            return {value: chr(65 + self.shown.index(value)) for value in self.options}
        return self.options if self.labels == "words" else {v: str(v) for v in self.options}

    def prompt(self, persona, guess=False):
        """The prompt for one persona; with guess, the one that asks for percentages."""
        label, words = self.label_of, self.options
        plain = self.labels == "words"
        lines = [f"- {words[v]}" if plain else f"{label[v]}: {words[v]}" for v in self.shown]
        asked = "\n".join([f"Question: {self.text}", *lines])
        constant = [GUESS if guess else self.instruction, asked]
        parts = [persona, *constant] if self.persona_first else [*constant, persona]
        form = "\n".join([PERCENTAGES, *(f"{label[v]}: …%" for v in self.shown)])
        return "\n\n".join([*parts, form if guess else ANSWER[self.labels]])


def observed(answers, question):
    """The answers that people gave, as a table: 1 for the option chosen, 0 for the others.

    answers: Series of values of the question's scale. Raises ValueError naming the row of an
    answer that is missing or not on the scale.
    """
    for label, answer in answers.items():
        if answer not in question.options:
            scale = ", ".join(map(str, question.options))
            what = "the answer is missing" if pd.isna(answer) else f"the answer is {answer!r}"
            raise ValueError(
                f'Row {label!r}, column "{answers.name}": {what}; the scale has {scale}. Correct '
                "it, or drop the row from the table of people too."
            )
    chosen = [[float(answer == value) for value in question.options] for answer in answers]
    return pd.DataFrame(chosen, index=answers.index, columns=list(question.options))


def exact(llm, people, question, **settings):
    """The probability of each option as the model's answer, from `llm.choose`; nothing is drawn.

    people: persona texts. settings: `system`, `normalize`, `calibrate` and `progress` of
    `llm.choose`; `calibrate=question.prompt("N/A")` divides out what the model answers to no one.
    Returns a table (see above). `.attrs["valid"]`: for each person, the probability that an answer
    begins with one of the options at all.
    """
    prompts, labels = _prompts(people, question), list(question.label_of.values())
    chosen = llm.choose(prompts, labels, **settings)
    attrs = chosen.attrs
    return _table(chosen, prompts.index, question, attrs["mass"], provenance=attrs["provenance"])


def sampled(
    llm, people, question, draws=10, temperature=1.0, seed=0, max_new_tokens=None, progress=True
):
    """The share of each option among answers that the model writes, from `llm.chat`.

    draws: answers for each person. An answer counts if it begins with an option's label, in the
    same letters, that is not part of a longer word or number. Answers are cut off two tokens after
    the longest label, or at max_new_tokens. Returns a table (see above) with missing values for a
    person of whose answers none counts. `.attrs["valid"]`: for each person, the share of answers
    that count; `.attrs["answers"]`: all as written.
    """
    prompts, labels = _prompts(people, question), list(question.label_of.values())
    if max_new_tokens is None:
        max_new_tokens = max(llm.count_tokens(labels)) + 2
    with warnings.catch_warnings():  # only the beginning of an answer is read
        warnings.filterwarnings("ignore", message=".*cut off at max_new_tokens")
        answers = llm.chat(
            [prompt for prompt in prompts for _ in range(draws)],
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            progress=progress,
        )
    source = answers[0].provenance
    answers = [list(map(str, answers[i : i + draws])) for i in range(0, len(answers), draws)]
    drawn = [
        Counter(read_answer(text, labels) for text in draws_of_one) for draws_of_one in answers
    ]
    counts = np.array([[count[label] for label in labels] for count in drawn], dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    valid = (total[:, 0] / draws).tolist()
    written = PerRow(map(tuple, answers))
    return _table(share, prompts.index, question, valid, answers=written, provenance=source)


def verbalised(llm, people, question, progress=True):
    """The distribution that the model states for people like each person, from `llm.chat`.

    The model is asked for percentages, a line for each option. A statement counts if it has just
    one percentage for each option and these add up to 100 (give or take 1). Returns a table (see
    above) with missing values where it does not. `.attrs["valid"]`: 1 or 0 for each person;
    `.attrs["answers"]`: all as written; `.attrs["failures"]`: what was wrong, and how often.
    """
    prompts, labels = _prompts(people, question, guess=True), list(question.label_of.values())
    form = llm.count_tokens([f"{label}: 100%\n" for label in labels])
    room = 2 * sum(form)  # for the form, and as much again around it
    with warnings.catch_warnings():  # a statement that is cut off fails, and is counted
        warnings.filterwarnings("ignore", message=".*cut off at max_new_tokens")
        answers = llm.chat(list(prompts), max_new_tokens=room, progress=progress)
    read = [read_percentages(text, labels) for text in answers]
    failures = Counter(result for result in read if isinstance(result, str))
    shares = [[np.nan] * len(labels) if isinstance(r, str) else r for r in read]
    valid = [float(not isinstance(result, str)) for result in read]
    more = {"failures": dict(failures), "provenance": answers[0].provenance}
    written = PerRow(map(str, answers))
    return _table(shares, prompts.index, question, valid, answers=written, **more)


def read_answer(text, labels):
    """The label with which an answer begins, the longest if several do; None without one.

    What cannot be seen in answer or labels makes no difference (see `besci.inputs.plain`).
    """
    label_of = {plain(label): label for label in labels}
    longest_first = "|".join(map(re.escape, sorted(label_of, key=len, reverse=True)))
    match = re.match(rf"({longest_first})(?![^\W_]|[.,/–-]\s?\d)", plain(text))
    return label_of[match[1]] if match else None


def read_percentages(text, labels):
    """The stated shares, one for each label and summing to 1; or a text that says what is wrong."""
    shares, text = [], plain(text)
    for label in map(plain, labels):
        line = rf"^\s*(?:[-*•] +)?\**{re.escape(label)}\s*[:=]\s*(\d+(?:\.\d+)?)\s*%\W*$"
        percentages = re.findall(line, text, re.MULTILINE)
        if len(percentages) != 1:
            return "an option twice" if percentages else "an option without a percentage"
        shares.append(float(percentages[0]))
    if abs(sum(shares) - 100) > 1:
        return "the percentages do not add up to 100"
    return [share / sum(shares) for share in shares]


def _prompts(people, question, guess=False):
    _, texts, index = listed(people, "persona", blank=False)
    return pd.Series([question.prompt(text, guess) for text in texts], index, dtype=object)


def _table(shares, index, question, valid, **attrs):
    table = pd.DataFrame(np.asarray(shares), index=index, columns=list(question.options))
    table.attrs = {"valid": PerRow(valid), "question": asdict(question), **attrs}
    return table
