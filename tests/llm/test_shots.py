"""Solved examples before a text: what the conversation says, and what is refused."""

import pandas as pd
import pytest

import besci

PAIRS = [("At last, a yes.", "slanted"), ("The vote was 7 to 2.", "neutral")]


def test_examples_are_turns_that_were_answered_and_the_text_stands_last():
    turns = besci.few_shot("Code it.\n", "It rained.", PAIRS)
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("user", "Code it.\n\nSentence: At last, a yes."),
        ("assistant", "slanted"),
        ("user", "Sentence: The vote was 7 to 2."),
        ("assistant", "neutral"),
        ("user", "Sentence: It rained."),
    ]


def test_without_examples_the_text_follows_the_instruction():
    turns = besci.few_shot("Code it.", "It rained.", [], name="Post")
    assert turns == [{"role": "user", "content": "Code it.\n\nPost: It rained."}]


def test_pairs_may_come_as_an_array_or_one_by_one():
    table = pd.DataFrame(PAIRS, columns=["text", "label"])
    wanted = besci.few_shot("Code it.", "It rained.", PAIRS)
    for pairs in (table.to_numpy(), zip(table["text"], table["label"], strict=True)):
        assert besci.few_shot("Code it.", "It rained.", pairs) == wanted


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"examples": pd.DataFrame(PAIRS)}, TypeError, r'table\[\["text", "label"\]\]\.to_numpy'),
        ({"examples": ["a sentence"]}, ValueError, "Example 0 is no pair"),
        ({"examples": [*PAIRS, ("one",)]}, ValueError, "Example 2 is no pair"),
        ({"examples": [("a", None)]}, TypeError, "The answer of example 0"),
        ({"examples": [PAIRS[0], (float("nan"), "b")]}, TypeError, "The text of example 1"),
        ({"text": 5}, TypeError, "The text"),
        ({"instruction": ["Code it."]}, TypeError, "The instruction"),
    ],
)
def test_what_is_no_text_or_no_pair_is_refused_by_name(change, error, message):
    given = {"instruction": "Code it.", "text": "It rained.", "examples": PAIRS} | change
    with pytest.raises(error, match=message):
        besci.few_shot(**given)
