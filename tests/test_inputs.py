"""Whatever users hand in is checked alike everywhere, and what cannot be seen does no harm."""

import itertools
import unicodedata

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

import besci
from besci import documents, project, survey
from besci.inputs import plain
from besci.llm import LLM

torch.set_num_threads(1)
ARTICLE = documents.read_text("People: 412 took part. The scale had nine items.")
QUESTION = survey.Question("How often do you vote?", ["never", "sometimes", "always"])
MESSAGE = {"role": "user", "content": "a"}

# Everything that takes several texts: (call, what it calls one of them).
SEVERAL = {
    "chat": (lambda llm, x: llm.chat(x), "Prompt"),
    "choose": (lambda llm, x: llm.choose(x, ["yes", "no"]), "Prompt"),
    "calibrate": (
        lambda llm, x: llm.choose("a", ["yes", "no"], calibrate=x),
        "Calibration input",
    ),
    "perplexity": (lambda llm, x: llm.perplexity(x), "Text"),
    "count_tokens": (lambda llm, x: llm.count_tokens(x), "Text"),
    "next_tokens": (lambda llm, x: llm.next_tokens(x), "Text"),
    "embed": (lambda llm, x: besci.embed(x), "Text"),
    "exact": (lambda llm, x: survey.exact(llm, x, QUESTION), "Persona"),
    "sampled": (lambda llm, x: survey.sampled(llm, x, QUESTION), "Persona"),
    "verbalised": (lambda llm, x: survey.verbalised(llm, x, QUESTION), "Persona"),
    "ask": (lambda llm, x: documents.ask(llm, ARTICLE, x), "Question"),
    "options": (lambda llm, x: llm.choose("a", x), "Option"),
    "scale": (lambda llm, x: survey.Question("How often?", x), "Option"),
}
# Everything that takes one: (call, what it calls it).
ONE = {
    "system": (lambda llm, x: llm.chat("a", system=x), "system"),
    "system of choose": (lambda llm, x: llm.choose("a", ["yes", "no"], system=x), "system"),
    "message": (
        lambda llm, x: llm.chat([[MESSAGE, {"role": "user", "content": x}]]),
        "Prompt 0 has a message, 1, whose content",
    ),
    "retrieve": (lambda llm, x: documents.retrieve(x, ARTICLE), "question"),
    "read_text": (lambda llm, x: documents.read_text(x), "text"),
    "verify_quotes": (lambda llm, x: documents.verify_quotes(x, ARTICLE), "answer"),
    "question": (lambda llm, x: survey.Question(x, ["yes", "no"]), "The question"),
    "instruction": (
        lambda llm, x: survey.Question("How?", ["yes", "no"], instruction=x),
        "The instruction",
    ),
    "personas": (lambda llm, x: survey.personas(pd.DataFrame({"a": [1]}), x), "template"),
}
NO_LISTS = {
    "table": (pd.DataFrame({"item": ["a", "b"], "n": [1, 2]}), r"not DataFrame.*df\['item'\]"),
    "dict": ({"q1": "a", "q2": "b"}, r"not dict.*list\(d\.values\(\)\)"),
    "set": ({"a", "b"}, r"not set.*sorted\(s\)"),
    "frozenset": (frozenset({"a"}), "not frozenset.*in no order"),
    "bytes": (b"ab", "not bytes.*decode"),
    "number": (7, "not int"),
    "missing": (float("nan"), "not float"),
    "pandas' missing": (pd.NA, "not NAType"),
    "array of two dimensions": (np.array([["a", "b"]]), "not ndarray"),
    "array of none": (np.array("a"), "not ndarray"),
    "model": (torch.nn.Linear(1, 1), "not Linear"),
}
NO_TEXTS = {
    "None": (None, TypeError, r"is a missing value \(None\).*dropna"),
    "nan": (float("nan"), TypeError, r"is a missing value \(nan\).*dropna"),
    "numpy's nan": (np.float32("nan"), TypeError, "is a missing value"),
    "NA": (pd.NA, TypeError, r"is a missing value \(<NA>\).*dropna"),
    "NaT": (pd.NaT, TypeError, r"is a missing value \(NaT\).*dropna"),
    "number": (3.5, TypeError, r"is 3.5 \(float\), not a text.*astype\(str\)"),
    "truth": (True, TypeError, r"is True \(bool\), not a text"),
    "bytes": (b"abc", TypeError, "is bytes, not a text. Decode it"),
    "tuple": (("a", "b"), TypeError, "is of type tuple; it should be a text"),
    "series": (pd.Series(["a"]), TypeError, "is of type Series; it should be a text"),
    "half an emoji": (
        "Well \ud83d",
        ValueError,
        r"holds half a character \('\\ud83d'\) at place 5",
    ),
    "the other half": (
        "\ude00 well",
        ValueError,
        r"holds half a character \('\\ude00'\) at place 0.*emoji",
    ),
    "no letter": (
        "M\udcfcller",
        ValueError,
        r"holds half a character \('\\udcfc'\) .*UTF-8.*replace",
    ),
}


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "chat"
    return LLM(
        tiny.save(folder, tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.qwen3()), device="cpu"
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "base"
    return LLM(tiny.save(folder, tiny.byte_tokenizer(), tiny.gpt2()), device="cpu")


# ---- texts ------------------------------------------------------------------------------------


def test_every_method_of_llm_is_among_those_tried_here():
    methods = {name for name, what in vars(LLM).items() if name[0] != "_" and callable(what)}
    assert methods == methods & set(SEVERAL)


@pytest.mark.parametrize(
    "name, kind",
    [
        pair
        for pair in itertools.product(SEVERAL, NO_LISTS)
        if pair != ("scale", "dict")  # a scale with values of its own
    ],
)
def test_what_is_no_list_is_refused_and_how_to_make_one_is_said(llm, name, kind):
    inputs, message = NO_LISTS[kind]
    with pytest.raises(
        TypeError, match=rf"A list of {SEVERAL[name][1].lower()}s is needed, {message}"
    ):
        SEVERAL[name][0](llm, inputs)


@pytest.mark.parametrize("name", [name for name in SEVERAL if name != "calibrate"])
def test_none_at_all_is_refused(llm, name):
    with pytest.raises(TypeError, match="is needed, not NoneType"):
        SEVERAL[name][0](llm, None)


@pytest.mark.parametrize("name", SEVERAL)
def test_an_empty_list_is_refused(llm, name):
    with pytest.raises(ValueError, match=f"The list of {SEVERAL[name][1].lower()}s is empty"):
        SEVERAL[name][0](llm, [])


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("kind", NO_TEXTS)
def test_an_item_that_is_no_text_is_named_by_its_number(llm, name, kind):
    value, error, message = NO_TEXTS[kind]
    with pytest.raises(error, match=f"^{SEVERAL[name][1]} 1 {message}"):
        SEVERAL[name][0](llm, ["good", value, "better"])


@pytest.mark.parametrize("name", ["chat", "choose", "embed", "perplexity", "exact", "ask"])
@pytest.mark.parametrize("rows, row", [(["x", "y", "z"], "'y'"), ([30, 17, 5], "17")])
def test_in_a_series_it_is_named_by_its_row_too(llm, name, rows, row):
    texts = pd.Series(["good", pd.NA, "better"], index=rows, dtype="string")
    with pytest.raises(TypeError, match=rf"^{SEVERAL[name][1]} 1 \(row {row}\) is a missing value"):
        SEVERAL[name][0](llm, texts)


def test_a_conversation_may_be_a_series_and_is_one(llm):
    assert llm.choose(pd.Series([MESSAGE], index=[7]), ["yes", "no"]).index.tolist() == [0]


@pytest.mark.parametrize("name", ["embed", "exact", "ask", "options", "scale"])
@pytest.mark.parametrize("blank", ["", " \n\t", "\u00a0\u200b\ufeff"], ids=ascii)
def test_a_text_in_which_nothing_can_be_seen_is_refused_where_it_has_no_meaning(llm, name, blank):
    with pytest.raises(ValueError, match=f"^{SEVERAL[name][1]} 1 is empty"):
        SEVERAL[name][0](llm, ["good", blank])


@pytest.mark.parametrize(
    "name, kind",
    [
        (name, kind)
        for name, kind in itertools.product(ONE, NO_TEXTS)
        if not (name.startswith("system") and kind == "None")  # then none is given
    ],
)
def test_a_single_text_is_checked_by_the_same_rules(llm, name, kind):
    value, error, message = NO_TEXTS[kind]
    with pytest.raises(error, match=f"^{ONE[name][1]} {message}"):
        ONE[name][0](llm, value)


@pytest.mark.parametrize(
    "prompt, error, message",
    [
        ([], TypeError, "it should be a text, or a list of messages"),
        (["a"], TypeError, "it should be a text, or a list of messages"),
        ([MESSAGE, "a"], TypeError, "it should be a text, or a list of messages"),
        ([{"role": "judge", "content": "a"}], TypeError, "a message, 0, without one of the roles"),
        ([{"content": "a"}], TypeError, "without one of the roles system, user and assistant"),
        ([{"role": "user"}], TypeError, "a message, 0, whose content is a missing value"),
        (
            [MESSAGE, {"role": "assistant", "content": "a"}],
            ValueError,
            "the last one is the user's",
        ),
    ],
)
def test_a_conversation_that_is_none_is_named_by_its_number(llm, prompt, error, message):
    for name in ("chat", "choose", "count_tokens"):
        with pytest.raises(error, match=rf"^{SEVERAL[name][1]} 1 .*{message}"):
            SEVERAL[name][0](llm, ["good", prompt])


def test_only_one_text_has_next_tokens(llm):
    with pytest.raises(TypeError, match="one text or one conversation"):
        llm.next_tokens(["a", "b"])


def test_what_the_messages_advise_helps(llm):
    half = "Well \ud83d"
    repaired = half.encode("utf-8", "replace").decode()
    table = pd.DataFrame({"item": [repaired, "a"]})
    assert len(llm.choose(table["item"], ["yes", "no"])) == 2
    assert llm.count_tokens(sorted({"a", "b"})) == [1, 1]
    assert llm.count_tokens([MESSAGE]) > 1
    assert project.look(["Nothing is wrong here.", half]).loc["half a character", "first"] == 1


@pytest.mark.parametrize("name", ["look", "estimate"])
@pytest.mark.parametrize("kind", NO_LISTS)
def test_a_look_at_what_is_no_list_is_refused_alike(name, kind):
    inputs, message = NO_LISTS[kind]
    calls = {"look": project.look, "estimate": lambda x: project.estimate(len, x)}
    with pytest.raises(TypeError, match=message):
        calls[name](inputs)


# ---- what cannot be seen ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("agree\u200b", "agree"),
        ("\ufeff agree\u00a0", "agree"),
        ("rather\u00a0disagree", "rather disagree"),
        ("rather \u2009\t disagree", "rather disagree"),
        ("dis\u00adagree", "disagree"),
        ("\u2060a\u2060 b\u200e", "a b"),
        ("ha\u0308ufig", "häufig"),
        ("one\r\ntwo", "one \ntwo"),
        ("می\u200cشود", "می\u200cشود"),  # a joiner that is spelling
        ("نامه\u200c", "نامه"),
        ("👩\u200d🎓", "👩\u200d🎓"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("\u3000是\u3000", "是"),
        (" \n", ""),
    ],
    ids=ascii,
)
def test_a_text_is_made_plain(text, expected):
    assert plain(text) == expected
    assert plain(expected) == expected


@given(st.text(max_size=30))
def test_making_plain_changes_nothing_that_is_plain_and_nothing_that_can_be_seen(text):
    once = plain(text)
    assert plain(once) == once

    def seen(text):
        characters = [c for c in text if not c.isspace() and unicodedata.category(c) != "Cf"]
        return unicodedata.normalize("NFC", "".join(characters))

    assert seen(once) == seen(text)


UNSEEN = ["agree\u200b", "\ufeffagree", "agree\u00a0", " agree\n", "ag\u00adree", "\u2060agree"]


@pytest.mark.parametrize("option", UNSEEN, ids=ascii)
def test_an_option_is_scored_as_it_looks_and_named_as_it_was_given(llm, base, option):
    for model in (llm, base):
        lead = " " if option[0] == " " and model is base else ""
        clean = model.choose("Do you agree? ", [f"{lead}agree", "rather not"])
        found = model.choose("Do you agree? ", [option, "rather\u00a0not\u200b"])
        assert list(found.columns) == [option, "rather\u00a0not\u200b"]
        np.testing.assert_allclose(found, clean.to_numpy(), atol=1e-6)
        assert found.attrs["mass"] == pytest.approx(clean.attrs["mass"])


def test_to_a_base_model_a_space_before_an_option_counts(base):
    with_space = base.choose("Answer:", [" yes", " no"])
    without = base.choose("Answer:", ["yes", "no"])
    assert not np.allclose(with_space, without.to_numpy(), atol=1e-6)
    found = base.choose("Answer:", ["\u00a0yes\u200b", "\ufeff  no "])
    np.testing.assert_allclose(found, with_space.to_numpy(), atol=1e-6)
    both = base.choose("Answer:", [" yes", "yes"])
    assert both.shape == (1, 2)


@pytest.mark.parametrize(
    "options, shown",
    [
        (["yes", "yes"], r"'yes' and 'yes'"),
        (["yes", "no", "yes "], r"'yes' and 'yes '"),
        (["yes\u200b", "yes"], r"'yes\\u200b' and 'yes'"),
        (["a\u00a0b", "a b"], r"'a\\xa0b' and 'a b'"),
        ([1, "1 "], r"1 and '1 '"),
    ],
    ids=ascii,
)
def test_options_that_look_alike_are_refused_by_name(llm, options, shown):
    with pytest.raises(ValueError, match=f"the same text, what cannot be seen aside: {shown}"):
        llm.choose("a", options)
    with pytest.raises(ValueError, match=f"the same text, what cannot be seen aside: {shown}"):
        survey.Question("How often?", options)


def test_an_option_is_a_text_or_a_whole_number(llm):
    assert list(llm.choose("a", np.array([1, 2])).columns) == [1, 2]
    assert list(llm.choose("a", range(1, 3)).columns) == [1, 2]
