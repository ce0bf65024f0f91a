"""What the benchmarks ask: news sentences, survey personas, problems, a long text with questions.

The prompts of days 3 and 4 are those of the notebooks.
"""

import itertools

import pandas as pd

import besci
from besci import survey

# The codebook and the question of day 3, as its first notebook puts them to a model.
INSTRUCTION = besci.path("media_bias_codebook.txt").read_text("utf-8") + "\nSentence: {}"
LABELS = ["neutral", "slanted"]
# How day 4 has problems answered.
DIRECT, STEPS = (
    f"\n\n{how} End with a line of this form:\nAnswer: NUMBER"
    for how in (
        "Give only the answer.",
        "Think step by step in as few words as you can, then give the answer.",
    )
)


def sentences(n):
    """n different news sentences: the course's media-bias data, or made of parts without them."""
    try:
        texts = pd.concat([besci.load_data("media_bias_test"), besci.load_data("media_bias_train")])
        texts = list(dict.fromkeys(texts["text"]))
    except (FileNotFoundError, besci.DataError):
        texts = []
    return (texts + _made())[:n]


def shortest(n):
    """The n shortest news sentences, by characters."""
    return sorted(sentences(1000), key=len)[:n]


def few_shot(texts):
    """The prompts of zero_shot, each after the same ten answered examples, none of `texts`."""
    others = [text for text in sentences(len(texts) + 10) if text not in set(texts)][:10]
    examples = "\n\n".join(
        f"Sentence: {text}\nAnswer: {LABELS[i % 2]}" for i, text in enumerate(others)
    )
    head = INSTRUCTION.removesuffix("Sentence: {}")
    return [f"{head}{examples}\n\nSentence: {text}\nAnswer:" for text in texts]


def zero_shot(texts):
    return [INSTRUCTION.format(text) for text in texts]


def dialogues(n, shots=16):
    """n test sentences, each at the end of a conversation about the same examples, as on day 3."""
    asked = besci.load_data("media_bias_test")["text"].head(n)
    train = besci.load_data("media_bias_train").sample(frac=1, random_state=0)
    drawn = train.drop_duplicates("event_id").groupby("label").head(shots // 2)
    examples, head = drawn[["text", "label"]].to_numpy(), INSTRUCTION.removesuffix("Sentence: {}")
    return [besci.few_shot(head, text, examples) for text in asked]


def problems(n, form=DIRECT):
    """n problems of statistical numeracy, of each family in turn."""
    table = besci.load_data("numeracy").sort_values("variant", kind="stable")
    return [question + form for question in table["question"].head(n)]


def placement(everyone):
    """Day 4's question to personas; everyone: the table "survey"."""
    scale = everyone.set_index("self_placement")["self_placement_label"].to_dict()
    return survey.Question(
        "Political views can be ordered from extremely liberal to extremely conservative. "
        "Where would you place yourself?",
        dict(sorted(scale.items())),
    )


def voters(n):
    """(prompts, options) of day 4: the question put to n different personas of 1996."""
    everyone = besci.load_data("survey")
    question = placement(everyone)
    people = everyone["persona_party"].drop_duplicates().head(n)
    return list(people.map(question.prompt)), list(question.label_of.values())


def personas():
    """944 respondents of the American National Election Study 1996, as they would be described."""
    from statsmodels.datasets import anes96

    people = anes96.load_pandas().data
    schooling = ["eighth grade", "some high school", "high school", "some college"]
    schooling += ["an associate degree", "a college degree", "a graduate degree"]
    return [
        f"You are {10 * int(p.age // 10)} to {10 * int(p.age // 10) + 9} years old, you finished "
        f"{schooling[int(p.educ) - 1]} and you vote "
        f"{'Republican' if p.vote else 'Democratic'}. On a scale from 1 (extremely liberal) to 7 "
        "(extremely conservative), where would you place yourself? Answer with a number."
        for p in people.itertuples()
    ]


def article(llm, tokens):
    """About so many tokens of running text."""
    text = " ".join(sentences(1000))
    ids = llm.tokenizer(text * (1 + tokens // 10_000)).input_ids[:tokens]
    return llm.tokenizer.decode(ids)


def questions():
    """20 questions about it."""
    asked = ["Who", "What", "Where", "When", "Why"]
    about = ["is the first decision about", "is criticised", "happens at the end", "was reported"]
    return [f"{a} {b}? Answer in one or two sentences." for a, b in itertools.product(asked, about)]


def _made():
    who = ["The senator", "The city council", "A group of parents", "The transport minister"]
    who += [
        "The union",
        "The governor",
        "A federal judge",
        "The school board",
        "The mayor",
        "Police",
    ]
    did = ["announced", "criticised", "approved", "postponed", "rejected"]
    did += ["defended", "reviewed", "published", "questioned", "praised"]
    what = ["a new budget for roads", "the plan to close two clinics", "a report on rising rents"]
    what += ["the tax on sugar", "a ban on night flights", "the hiring of 40 nurses"]
    what += ["a shameless gift to its friends", "yet another reckless experiment on our children"]
    what += ["the long overdue rescue of the river", "a limit on campaign donations"]
    return [
        f"{a} {b} {c}, after weeks of debate in which residents spoke for and against it."
        for a, b, c in itertools.product(who, did, what)
    ]
