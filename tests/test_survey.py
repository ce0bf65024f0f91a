"""Personas read grammatically, questions are shown as asked, and read-outs are distributions."""

import importlib
import itertools
import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from conftest import DATA
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from besci import load_data
from besci.inputs import plain
from besci.llm import LLM, Answer
from besci.survey import (
    Question,
    article,
    exact,
    observed,
    personas,
    read_answer,
    read_percentages,
    sampled,
    verbalised,
)

torch.set_num_threads(1)
PEOPLE = pd.DataFrame(
    {"age": [36, 18, None], "degree": ["a PhD", None, " "], "party": [0, 6, 3]}, index=["a", "b", 7]
)
SCALE = ["very liberal", "liberal", "moderate", "conservative", "very conservative"]
ASKED = Question("Where would you place yourself?", SCALE)


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "chat"
    return LLM(
        tiny.save(folder, tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.qwen3()), device="cpu"
    )


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    """A model whose vocabulary is little more than the labels, each of them in one token only."""
    tokenizer = tiny.letter_tokenizer("12345ABCDE \n:")
    folder = tmp_path_factory.mktemp("tiny") / "answering"
    return LLM(tiny.save(folder, tokenizer, tiny.llama(), ends=[0, 1, 2]), device="cpu")


# The people of the course


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(DATA / "build"))
    try:
        yield importlib.import_module("survey")
    finally:
        sys.path.remove(str(DATA / "build"))


@pytest.fixture(scope="module")
def people():
    return load_data("survey")


def test_the_survey_is_rebuilt_byte_for_byte(build, tmp_path):
    build.build(tmp_path)
    assert (tmp_path / "survey.csv").read_bytes() == (DATA / "survey.csv").read_bytes()


def test_codes_and_labels_are_those_of_the_source(build, people):
    """Against the note that comes with the data, but for education, where the card says why."""
    from statsmodels.datasets import anes96

    source = anes96.load_pandas().data
    columns = {"age": "age", "education": "educ", "income": "income", "party": "PID"}
    for ours, theirs in (columns | {"self_placement": "selfLR", "vote": "vote"}).items():
        assert (people[ours] == source[theirs]).all()
    note = anes96.NOTE
    bounds = re.findall(r"^\s+(\d+)\s+- .*?\$([\d,]+)", note, re.M)
    income = people.drop_duplicates("income").set_index("income")["income_label"]
    assert [int(code) for code, _ in bounds] == list(range(1, 25))
    assert income[1] == "less than $3,000" and income[24] == "$105,000 or more"
    for code, lowest in bounds[1:-1]:
        assert income[int(code)].startswith(f"between ${lowest} and $")
    for code in range(2, 24):  # each bracket ends a dollar before the next one begins
        end, start = (
            int(re.findall(r"\$([\d,]+)", income[c])[i].replace(",", ""))
            for c, i in ((code, -1), (code + 1, 0))
        )
        assert end == start - 1
    placed = re.findall(r"(\d) - (\w+ ?\w* ?)$", note.split("all take the values:")[1], re.M)
    assert {int(k): words.strip().lower() for k, words in placed} == build.SELF_PLACEMENT
    votes = dict(re.findall(r"(\d) - (Clinton|Dole)", note))
    assert {int(k): name for k, name in votes.items()} == build.VOTE
    parties = re.findall(r"(\d) - ((?:Strong|Weak|Independent).*)$", note, re.M)
    for code, words in parties:
        ours = build.PARTY[int(code)]
        assert words.split("-")[0].split()[0].lower() == ours.split(",")[0].split()[0]
        end = words.split("-")[-1].split()[-1]
        assert end[:8].lower() in ours.lower() or "neither" in ours
    assert len(parties) == 7
    for name in ("education", "income", "party", "self_placement", "vote"):
        assert (people.groupby(name)[f"{name}_label"].nunique() == 1).all()
        assert people[name].nunique() == people[f"{name}_label"].nunique()


WHO = r"You are (a|an) (\d\d)-year-old person living in the United States in 1996\."
EDUCATED = (
    r" You (left school after the eighth grade or earlier|went to high school but did not finish it"
    r"|have a high school diploma|went to college but have no degree"
    r"|have an associate degree|have a bachelor's degree|have a postgraduate degree)\."
)
EARNS = (
    r" The yearly income of your household is (less than \$3,000"
    r"|between \$[\d,]{5,6} and \$[\d,]{5,7}|\$105,000 or more)\."
)
VOTES = (
    r" In politics, you are (a strong (Democrat|Republican)"
    r"|a (Democrat|Republican), but not a strong one"
    r"|an independent who leans towards (neither party|the (Democratic|Republican) Party))\."
)
GRAMMAR = {
    "persona_age_education": WHO + EDUCATED,
    "persona_income": WHO + EDUCATED + EARNS,
    "persona_party": WHO + EDUCATED + EARNS + VOTES,
}


def reads_well(text, grammar):
    parts = re.fullmatch(grammar, text)
    assert parts, text
    age = int(parts[2])
    assert parts[1] == ("an" if age in (18, *range(80, 90)) else "a"), text


@pytest.mark.parametrize("column", GRAMMAR)
def test_every_persona_of_the_survey_reads_grammatically(column, people):
    for text in people[column]:
        reads_well(text, GRAMMAR[column])


def test_every_possible_persona_reads_grammatically(build):
    """All categories in all combinations, and all ages from 18 to 91."""
    codes = itertools.product(build.SCHOOLING, build.brackets(), build.IDENTITY)
    everyone = pd.DataFrame(codes, columns=["education", "income", "party"])
    everyone["age"] = 18 + np.arange(len(everyone)) % 74
    words = dict(education=build.SCHOOLING, income=build.brackets(), party=build.IDENTITY)
    texts = personas(everyone, build.WITH_PARTY, words)
    for text in texts:
        reads_well(text, GRAMMAR["persona_party"])
    assert texts.is_unique and set(everyone["age"]) == set(range(18, 92))


def test_personas_tell_what_their_row_says_and_nothing_of_the_answer(build, people):
    for row in people.itertuples():
        assert f" {row.age}-year-old " in row.persona_party
        assert build.SCHOOLING[row.education] in row.persona_party
        assert row.income_label in row.persona_party
        assert build.IDENTITY[row.party] in row.persona_party
        assert row.persona_party.startswith(row.persona_income[:-1])
        assert row.persona_income.startswith(row.persona_age_education[:-1])
        for answer in ("liberal", "conservative", "moderate", "Clinton", "Dole"):
            assert answer not in row.persona_party


def test_the_numbers_of_the_data_card_are_those_of_the_survey(people):
    cards = (DATA / "README.md").read_text(encoding="utf-8")
    r = np.corrcoef(people["party"], people["self_placement"])[0, 1]
    for words in [
        f"Party identification and self-placement correlate {r:.2f}".replace("0.", "."),
        f"With {(people['education'] == 7).sum()} of {len(people)} people in code 7",
        f"{100 * (people['education'] >= 6).mean():.1f} % have a bachelor's or postgraduate degree",
        f"{100 * (people['vote'] == 0).mean():.1f} % expected to vote for Clinton",
        f"whether {people['age'].max()}, the highest",
    ]:
        assert words in cards, words


# Personas from any table


@pytest.mark.parametrize(
    "text",
    ["a 36", "an 18", "an 11", "an 8", "an 81", "a 110", "an 11,000", "a 1,800", "an 18,500",
     "an associate degree", "a bachelor's degree", "an unemployed", "a union member",
     "a US citizen", "an MA", "a PhD", "an MBA", "a European", "an hour", "an honest",
     "a one-off", "an owner", "a university", "an uninsured", "a used",
     "an ugly", "a household", "an independent"],
)  # fmt: skip
def test_the_article_follows_the_sound(text):
    word, rest = text.split(" ", 1)
    assert article(rest) == word


def test_a_template_is_filled_and_what_is_missing_is_left_out():
    texts = personas(
        PEOPLE,
        "You are {a age}-year-old person[ with {degree}], and {party}.[ Your degree: {degree}!]"
        .replace("{a age}", "{party}"),
        {"party": {0: "a Democrat", 6: "a Republican", 3: "an independent"}},
    )  # fmt: skip
    assert texts.tolist() == [
        "You are a Democrat-year-old person with a PhD, and a Democrat. Your degree: a PhD!",
        "You are a Republican-year-old person, and a Republican.",
        "You are an independent-year-old person, and an independent.",
    ]
    assert list(texts.index) == ["a", "b", 7]


def test_whole_numbers_stay_whole_beside_missing_ones_and_sentences_keep_their_distance():
    texts = personas(PEOPLE, "[You are {a age}-year-old.] [You have {degree}.] You vote.")
    assert texts.tolist() == [
        "You are a 36-year-old. You have a PhD. You vote.",
        "You are an 18-year-old. You vote.",
        "You vote.",
    ]


def test_a_category_can_be_put_in_words_or_treated_as_missing():
    words = {"party": {0: "for the Democrats", 6: "for the Republicans", 3: None}}
    texts = personas(PEOPLE, "You vote[ {party}].", words)
    assert texts.tolist() == [
        "You vote for the Democrats.",
        "You vote for the Republicans.",
        "You vote.",
    ]


@pytest.mark.parametrize(
    "template, words, message",
    [
        ("{agee}", None, r'no column "agee"\. Did you mean "age"\? It has: age, degree'),
        ("{x}", None, r'no column "x"\. It has: age, degree, party'),
        ("{age}", {"sex": {}}, 'no column "sex"'),
        ("{age} {degree}", None, "Row 'b', column \"degree\": the cell is empty. Fill it, drop"),
        ("{party}", {"party": {0: "x"}}, "Row 'b', column \"party\": `words` has no phrase for 6,"),
        ("[{age}", None, "bracket without its partner"),
        ("{age", None, "bracket without its partner"),
        ("{}", None, "an empty pair"),
    ],
)
def test_what_a_template_lacks_is_named_by_row_and_column(template, words, message):
    with pytest.raises(ValueError, match=message):
        personas(PEOPLE, template, words)


def test_personas_need_a_table():
    with pytest.raises(TypeError, match="Give a table"):
        personas([1, 2], "x")


# Questions


def test_the_constant_part_comes_first_and_the_persona_after_it_unless_asked_otherwise():
    one, two = ASKED.prompt("You are A."), ASKED.prompt("You are B.")
    before, after = one.split("You are A.")
    assert two == f"{before}You are B.{after}" and len(before) > 3 * len(after)
    assert "5: very conservative" in before and after.startswith("\n\nAnswer with the number")
    first = replace(ASKED, persona_first=True).prompt("You are A.")
    assert first == "You are A.\n\n" + before.removesuffix("\n\n") + after


@pytest.mark.parametrize(
    "labels, order, shown",
    [
        ("numbers", "given", ["1: very liberal", "2: liberal", "5: very conservative"]),
        ("numbers", "reversed", ["5: very conservative", "4: conservative", "1: very liberal"]),
        (
            "numbers",
            np.array([3, 1, 2, 4, 5]),
            ["3: moderate", "1: very liberal", "5: very conservative"],
        ),
        ("letters", "given", ["A: very liberal", "B: liberal", "E: very conservative"]),
        ("letters", "reversed", ["A: very conservative", "B: conservative", "E: very liberal"]),
        ("words", "reversed", ["- very conservative", "- conservative", "- very liberal"]),
    ],
)
def test_order_and_labels_are_shown_as_asked(labels, order, shown):
    lines = replace(ASKED, labels=labels, order=order).prompt("P").splitlines()
    options = [line for line in lines if line.endswith(("liberal", "moderate", "conservative"))]
    assert len(options) == 5
    assert [options[0], options[1], options[-1]] == shown


def test_a_scale_can_have_its_own_values():
    party = Question("Party?", {-1: "left", 0: "none", 1: "right"}, order=[0, 1, -1])
    assert "0: none\n1: right\n-1: left" in party.prompt("P")
    assert observed(pd.Series([1, -1, 1.0]), party).mean().to_dict() == {-1: 1 / 3, 0: 0, 1: 2 / 3}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"options": ["yes"]}, "At least two options"),
        ({"options": ["yes", "yes"]}, "'yes' and 'yes'"),
        ({"options": {1: "yes", 2: "yes\u200b"}}, r"'yes' and 'yes\\u200b'"),
        ({"labels": "roman"}, "labels must be one of numbers, letters, words, not 'roman'"),
        ({"order": [1, 2, 3]}, r"order must be .* the values \[1, 2, 3, 4, 5\]"),
        ({"order": "random"}, "order must be"),
    ],
)
def test_a_question_that_cannot_be_shown_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(ASKED, **change)


def test_an_answer_that_is_missing_or_off_the_scale_is_named_by_its_row():
    with pytest.raises(
        ValueError, match=r'Row 1, column "trust": the answer is missing; the scale'
    ):
        observed(pd.Series([1, None], name="trust"), ASKED)
    with pytest.raises(ValueError, match="Row 'x', column \"trust\": the answer is 9"):
        observed(pd.Series([1, 9], index=["w", "x"], name="trust"), ASKED)


# Reading answers

NUMBERS, WORDS = [str(i) for i in range(1, 12)], ["liberal", "very liberal", "moderate"]


@pytest.mark.parametrize(
    "text, labels, label",
    [
        ("1", NUMBERS, "1"),
        (" 7\n", NUMBERS, "7"),
        ("7 = strongly agree on a 1-7 scale", NUMBERS, "7"),
        ("10", NUMBERS, "10"),
        ("11.", NUMBERS, "11"),
        ("10", NUMBERS[:7], None),
        ("1.5", NUMBERS, None),
        ("3-4", NUMBERS, None),
        ("3rd", NUMBERS, None),
        ("I would say 3", NUMBERS, None),
        ("A", list("ABC"), "A"),
        ("A: liberal", list("ABC"), "A"),
        ("As a person", list("ABC"), None),
        ("liberal", WORDS, "liberal"),
        ("very liberal.", WORDS, "very liberal"),
        ("very", WORDS, None),
        ("liberally", WORDS, None),
        ("illiberal", WORDS, None),
        ("", WORDS, None),
    ],
)
def test_an_answer_counts_only_where_it_begins_with_a_whole_label(text, labels, label):
    assert read_answer(text, labels) == label


@given(st.text(max_size=12), st.sampled_from([NUMBERS, WORDS, list("ABC")]))
def test_whatever_is_read_is_a_label_the_answer_begins_with(text, labels):
    label = read_answer(text, labels)
    assert label is None or (label in labels and plain(text).startswith(label))


UNSEEN = ["rather\u00a0often ", "rather of\u00adten", "\ufeffrather often\u200b", "rather  often\n"]


@pytest.mark.parametrize("label", UNSEEN, ids=ascii)
def test_what_cannot_be_seen_in_a_label_or_an_answer_makes_no_difference(label, llm):
    assert read_answer("rather often.", ["never", label]) == label
    assert read_answer(f"{label}", ["never", "rather often"]) == "rather often"
    assert read_percentages("never: 20%\nrather often: 80%", ["never", label]) == [0.2, 0.8]
    assert read_percentages(f"never:\u00a020\u00a0%\n{label.strip()}: 80%", WAYS) == [0.2, 0.8]
    question = Question("How often?", ["never", label], labels="words")
    assert question == Question("How often?", WAYS, labels="words")
    scripted = Scripted(llm.count_tokens, ["rather often", f"{label}, I think", "never"])
    assert sampled(scripted, ["You are A."], question, draws=3).loc[0].tolist() == [1 / 3, 2 / 3]


WAYS = ["never", "rather often"]


@pytest.mark.parametrize(
    "text, shares",
    [
        ("1: 10%\n2: 20%\n3: 70%", [0.1, 0.2, 0.7]),
        ("Here it is:\n- 1: 33 %\n**2: 33%**\n3 = 33%\n\nHope this helps.", [1 / 3, 1 / 3, 1 / 3]),
        ("3: 70%\n1: 10.5%\n2: 19.5%", [0.105, 0.195, 0.7]),
        ("1: 50%\n2: 50%", "an option without a percentage"),
        ("1: 10\n2: 20\n3: 70", "an option without a percentage"),
        ("1: 10%\n2: 20%\n3: 70%\n1: 20%", "an option twice"),
        ("1: 50%\n2: 50%\n3: 50%", "the percentages do not add up to 100"),
        ("11: 10%\n2: 20%\n3: 70%", "an option without a percentage"),
        ("", "an option without a percentage"),
    ],
)
def test_percentages_are_read_strictly(text, shares):
    read = read_percentages(text, ["1", "2", "3"])
    assert read == (shares if isinstance(shares, str) else pytest.approx(shares))


def test_percentages_of_a_scale_with_values_below_zero_are_told_apart():
    assert read_percentages("-1: 20%\n0: 50%\n- 1: 30%", ["-1", "0", "1"]) == [0.2, 0.5, 0.3]


# Read-outs


@pytest.mark.parametrize("labels", ["numbers", "letters", "words"])
@pytest.mark.parametrize("order", ["given", "reversed", (3, 1, 5, 2, 4)])
def test_exact_is_what_choose_gives_in_the_order_of_the_scale(labels, order, llm):
    people = pd.Series(["You are a Democrat.", "You are a Republican."], index=[4, 9])
    question = replace(ASKED, labels=labels, order=order)
    table = exact(llm, people, question)
    assert list(table.columns) == [1, 2, 3, 4, 5] and list(table.index) == [4, 9]
    assert np.allclose(table.sum(axis=1), 1)
    for label, text in people.items():
        names = {
            "numbers": {value: str(value) for value in range(1, 6)},
            "letters": {value: "ABCDE"[question.shown.index(value)] for value in range(1, 6)},
            "words": dict(enumerate(SCALE, start=1)),
        }[labels]
        chosen = llm.choose(question.prompt(text), list(names.values()))
        for value, name in names.items():
            assert table.loc[label, value] == pytest.approx(chosen[name].iloc[0], abs=1e-6)


@pytest.mark.parametrize("labels, order", [("numbers", "given"), ("letters", "reversed")])
def test_exact_probabilities_are_the_frequencies_of_20_000_samples(labels, order, answering):
    """Among the answers that count by chi-square, and how many count by the binomial test.

    Two such tests in two cases at the level .001 each: together they would wrongly fail one time
    in 250, and with the seed fixed they do so always or never.
    """
    question = replace(ASKED, labels=labels, order=order)
    people = pd.Series(["You are a Democrat."])
    p = exact(answering, people, question)
    drawn = sampled(
        answering, people, question, draws=20_000, max_new_tokens=1, seed=7, progress=False
    )
    count = 20_000 * drawn.attrs["valid"][0]
    frequencies, expected = drawn.iloc[0] * count, p.iloc[0] * count
    assert expected.min() >= 5  # else chi-square would be no good approximation
    assert scipy_stats.chisquare(frequencies, expected).pvalue > 0.001
    mass = p.attrs["valid"][0]
    assert scipy_stats.binomtest(round(count), 20_000, mass).pvalue > 0.001
    # The test can fail: it sees a distribution that is a few points off.
    shifted = expected.sample(frac=1, random_state=1).to_numpy()
    assert scipy_stats.chisquare(frequencies, shifted).pvalue < 0.001


@pytest.mark.filterwarnings("ignore:.*cut off at max_new_tokens")
def test_options_of_several_tokens_have_the_frequencies_of_20_000_samples(tmp_path):
    """Answers of a model with seven tokens, read with the rule: the longest option they begin."""
    tokenizer = tiny.letter_tokenizer()
    folder = tiny.save(tmp_path / "letters", tokenizer, tiny.llama(), ends=[0, 1, 2])
    llm = LLM(folder, device="cpu")  # its control tokens end an answer, as a chat model's do
    options = ["ab", "a1", "1", "10", "b"]
    p = llm.choose("ab10", options)
    answers = llm.chat(["ab10"] * 20_000, max_new_tokens=2, temperature=1, seed=3, progress=False)
    longest = sorted(options, key=len, reverse=True)
    read = [next((o for o in longest if text.startswith(o)), "none") for text in answers]
    count = pd.Series(read).value_counts().reindex([*options, "none"], fill_value=0)
    mass = p.attrs["mass"][0]
    expected = [*(p.iloc[0] * mass * 20_000), (1 - mass) * 20_000]
    assert min(expected) >= 5
    assert scipy_stats.chisquare(count, expected).pvalue > 0.001


def test_temperature_is_an_exact_operation_on_options_of_one_token(answering):
    people = pd.Series(["You are a Republican."])
    p = exact(answering, people, ASKED) ** (1 / 2)
    p = p.div(p.sum(axis=1), axis=0)
    drawn = sampled(
        answering,
        people,
        ASKED,
        draws=20_000,
        temperature=2,
        max_new_tokens=1,
        seed=1,
        progress=False,
    )
    count = 20_000 * drawn.attrs["valid"][0]
    assert (p.iloc[0] * count).min() >= 5
    assert scipy_stats.chisquare(drawn.iloc[0] * count, p.iloc[0] * count).pvalue > 0.001


class Scripted:
    """In place of a model: gives the answers it is handed, in turn."""

    def __init__(self, count_tokens, answers):
        self.count_tokens, self.answers = count_tokens, list(map(Answer, answers))

    def chat(self, prompts, **settings):
        assert len(prompts) == len(self.answers)
        self.prompts = prompts
        for answer in self.answers:
            answer.provenance = {}
        return self.answers


def test_draws_that_are_no_answer_are_counted_and_kept(llm):
    people = pd.Series(["You are A.", "You are B."], index=["a", "b"])
    answers = ["1", "2: liberal", "10", "well", "no", "As an AI", "", "12"]
    table = sampled(Scripted(llm.count_tokens, answers), people, ASKED, draws=4)
    assert table.loc["a"].tolist() == [0.5, 0.5, 0, 0, 0] and table.loc["b"].isna().all()
    assert table.attrs["valid"] == (0.5, 0.0)
    assert table.attrs["answers"] == (tuple(answers[:4]), tuple(answers[4:]))


def test_statements_that_cannot_be_read_are_counted_by_what_is_wrong(llm):
    good = "1: 10%\n2: 20%\n3: 40%\n4: 20%\n5: 10%"
    scripted = Scripted(llm.count_tokens, [good, "I cannot say.", good.replace("40", "90"), good])
    table = verbalised(scripted, ["A", "B", "C", "D"], ASKED)
    assert table.loc[0].tolist() == pytest.approx([0.1, 0.2, 0.4, 0.2, 0.1])
    assert table.isna().all(axis=1).tolist() == [False, True, True, False]
    assert table.attrs["valid"] == (1, 0, 0, 1)
    assert table.attrs["failures"] == {
        "an option without a percentage": 1,
        "the percentages do not add up to 100": 1,
    }
    assert "1: …%\n2: …%" in scripted.prompts[0]


def test_samples_repeat_with_the_seed_and_equal_people_get_draws_of_their_own(llm):
    people = ["You are A."] * 2
    question = replace(ASKED, labels="letters")
    settings = dict(draws=200, max_new_tokens=1, progress=False)
    one, two = (sampled(llm, people, question, seed=s, **settings) for s in (1, 2))
    again = sampled(llm, people, question, seed=1, **settings)
    assert one.attrs["answers"] == again.attrs["answers"] != two.attrs["answers"]
    assert one.attrs["answers"][0] != one.attrs["answers"][1]


def test_read_outs_say_where_they_are_from_and_do_not_warn_of_cut_off_answers(llm, recwarn):
    for read_out in (exact, sampled, verbalised):
        table = read_out(llm, "You are A.", ASKED, progress=False)
        assert table.attrs["provenance"]["model"] == llm.name
        assert table.attrs["question"]["text"] == ASKED.text
        assert len(table.attrs["valid"]) == 1
    assert not [warning for warning in recwarn if "cut off" in str(warning.message)]


def test_a_survey_of_ones_own_goes_from_csv_to_distributions(llm, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("id,age,job,trust\n1,18,,2\n2,45,nurse,1\n3,81,engineer,3\n", encoding="utf-8")
    mine = pd.read_csv(file, index_col="id")
    template = "You are {a age}-year-old in Canada in 2021.[ You work as {a job}.]"
    people = personas(mine, template)
    assert people[1] == "You are an 18-year-old in Canada in 2021."
    assert people[3].endswith("You work as an engineer.")
    question = Question("How much do you trust the news?", ["not at all", "somewhat", "fully"])
    model, humans = exact(llm, people, question), observed(mine["trust"], question)
    assert model.shape == humans.shape == (3, 3) and (model.index == humans.index).all()
    assert humans.mean().tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
