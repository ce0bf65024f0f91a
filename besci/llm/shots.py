"""Solved examples in front of a text: the few-shot prompt of a chat model."""

import pandas as pd

from besci.inputs import check_text, require


def few_shot(instruction, text, examples, name="Sentence"):
    """A conversation in which solved examples stand before the text to judge.

    instruction: what to do; it stands before the first example, so that models without a system
    message take it too, and is read once for all texts after the same examples. text: what is to
    be judged. examples: pairs (text, answer), in the order in which they are shown; none is
    zero-shot. name: what stands before each text. Returns a list of messages, each a dict with
    "role" and "content", as chat templates and `LLM` take them. Raises TypeError for what is no
    text, naming the example, and for a table in place of pairs; ValueError for an example that is
    no pair.

        besci.few_shot(codebook, "The vote was 7 to 2.", [("At last, a yes.", "slanted")])
    """
    if isinstance(examples, pd.DataFrame):
        raise TypeError(
            "The examples are a table; pairs are asked for. Name the two columns: "
            'table[["text", "label"]].to_numpy().'
        )
    check_text(instruction, "The instruction")
    check_text(text, "The text")
    turns = [{"role": "user", "content": f"{instruction.strip()}\n\n{name}: "}]
    for i, example in enumerate(examples):
        require(
            not isinstance(example, str) and len(example) == 2,
            f"Example {i} is no pair (text, answer): {example!r}",
        )
        for part, what in zip(example, ("text", "answer"), strict=True):
            check_text(part, f"The {what} of example {i}")
        turns[-1]["content"] += example[0]
        turns.append({"role": "assistant", "content": example[1]})
        turns.append({"role": "user", "content": f"{name}: "})
    turns[-1]["content"] += text
    return turns
