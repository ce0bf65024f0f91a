"""Self-checks of day 1: pipelines, and inside a language model. What is right is computed.

Where an answer depends on the model that ran, the check is handed what the model returned.
"""

import math

import numpy as np

from besci.checks.task import NotYet, near, number, open_task, task
from besci.models import entry

_GIB = 2**30
_USABLE = 14.5 * _GIB  # bytes of a T4


@task("divide the sum of products, a @ b, by both lengths; np.linalg.norm(a) is the length of a.")
def task_1_1(answer, a, b):
    value, product = number(answer), float(a @ b)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if near(value, product / lengths):
        return (
            "right. Who comforts whom, which is the point of both sentences, leaves little trace."
        )
    if near(value, product):
        raise NotYet("this is the sum of products. Hint: divide it by the length of a and of b.")
    if near(value, 1 - product / lengths):
        raise NotYet("this is the cosine distance, 1 − cosine. The similarity is asked for.")
    if near(value, product / float(a @ a)) or near(value, product / float(b @ b)):
        raise NotYet("you divided by one length twice. Hint: one length of a, one of b.")
    if near(value, product / math.sqrt(lengths)):
        raise NotYet("you took a root too many: np.linalg.norm is the length already.")
    raise NotYet("the value is another. Hint: (a @ b) / (length of a * length of b).")


@task("clear = (p < 0.25) | (p > 0.75) is True or False for each; clear.mean() is their share.")
def task_1_2(answer, p):
    p = np.asarray(p)
    low, high = (p < 0.25).mean(), (p > 0.75).mean()
    value = number(answer)
    if near(value, low + high):
        return (
            "right. With two labels only, no sentence can be called neither: see where they fall."
        )
    if value > 1 and near(value, (low + high) * len(p)):
        raise NotYet(f"this is how many; divide by the number of sentences, {len(p)}.")
    if value > 1 and near(value, 100 * (low + high), 0.5):
        raise NotYet("this is per cent. As a share it is a hundred times smaller.")
    if value == 0:
        raise NotYet('no score is below 0.25 and above 0.75 at once. Hint: "or" is |, "and" is &.')
    if near(value, 1 - low - high):
        raise NotYet("this is the share without a clear verdict. The others are asked for.")
    if near(value, high) or near(value, low):
        raise NotYet("you counted one side only. Hint: below 0.25 or above 0.75.")
    if near(value, p.mean()):
        raise NotYet("this is the mean score; scores near 0 and 1 cancel out in it.")
    raise NotYet("the value is another. Hint: a share is the mean of True and False.")


@task("(usable - weights) // (1000 * cache), with cache = 2 * 32 * 32 * 96 numbers of 2 bytes.")
def task_1_3(answer):
    phi = entry("phi-3-mini")
    weights, cache = 2 * phi["parameters"], 1000 * phi["kv_bytes"]
    value = number(answer)
    right = (_USABLE - weights) / cache
    if value == math.floor(right):
        return (
            "right. Take fewer in practice: the answers need cache too, and so do interim results."
        )
    if near(value, right):
        raise NotYet("there is no such thing as a part of a prompt. Hint: round down, with //.")
    if value == math.ceil(right):
        raise NotYet("rounded up: the last of these prompts does not fit.")
    mistakes = {
        "the weights are missing: they must be in memory too.": _USABLE / cache,
        "this takes 4 bytes for each weight; in 16 bits it is 2.": (_USABLE - 2 * weights) / cache,
        "half of the cache is missing: keys and values, 2 bytes for each number.": 2 * right,
        "this is for one layer of 32.": 32 * right,
        "this is the number of tokens; a prompt has 1,000.": 1000 * right,
        "14.5 GiB are 14.5 * 1024**3 bytes, not 14.5e9.": (14.5e9 - weights) / cache,
    }
    for message, wrong in mistakes.items():
        if value == math.floor(wrong) or near(value, wrong):
            raise NotYet(message)
    raise NotYet("the number is another. Hint: bytes left beside the weights / bytes per prompt.")


task_1_4 = open_task(
    "1.4",
    "It asks first what is allowed: the texts are confidential, so nothing leaves the laptop.",
    "It looks at the licence.",
    "It asks for a model that has learned German.",
    "It asks whether weights and cache fit into the laptop's memory, and how long it takes.",
    "It leaves rankings aside, or uses them only to find candidates.",
    "It has people code some of these answers, before anybody sees the model's labels.",
    "It compares model and people as people are compared with each other, with an interval.",
)


@task("(next_logits / 2).softmax(-1) are probabilities at temperature 2; .max() is the largest.")
def task_2_1(answer, logits):
    logits = np.asarray(logits, dtype=float)
    value = number(answer)

    def top(scaled):
        p = np.exp(scaled - scaled.max())
        return p.max() / p.sum()

    plain = top(logits)
    close = 0.02 * top(logits / 2)
    if near(value, top(logits / 2), close):
        return (
            f"right. At temperature 1 it has {plain:.2f}. A higher temperature adds no ideas: it "
            "takes from the probable tokens and gives to all the others, silly ones included."
        )
    if near(value, top(logits * 2), 0.01):
        raise NotYet("you multiplied the logits; that is temperature 0.5. Divide them by 2.")
    if near(value, plain / 2, 0.002):
        raise NotYet("you halved the probability. Divide the logits, before the softmax.")
    if near(value, plain, 0.002):
        raise NotYet("this is the probability at temperature 1. Hint: divide before the softmax.")
    if near(value, math.sqrt(plain), 0.002):
        raise NotYet("the root is a start, but now the probabilities do not add up to 1.")
    if near(value, (logits / 2).max(), 0.01):
        raise NotYet("this is a logit. Hint: softmax turns logits into probabilities.")
    raise NotYet("the value is another. Hint: (next_logits / 2).softmax(-1).max().")


@task("for seed in range(5): call set_seed(seed), then append drawn_text() to a list.")
def task_2_2(answer, drawn_text):
    from transformers import set_seed

    if isinstance(answer, str) or not all(isinstance(text, str) for text in answer):
        raise NotYet("a list of five texts is asked for, one for each of the seeds 0 to 4.")
    texts = list(answer)
    if len(texts) != 5:
        raise NotYet(f"a text for each of the seeds 0 to 4 makes five; yours are {len(texts)}.")
    if len(set(texts)) == 1:
        raise NotYet(
            "all five texts are the same. Hint: set_seed(seed) with the seed of the loop, and a "
            "new draw for each."
        )
    again = []
    for seed in range(6):
        set_seed(seed)
        again.append(drawn_text())
    back = [text == other for text, other in zip(texts, again, strict=False)]
    if all(back):
        return (
            "right: drawn once more, all five come back. With other hardware or versions they may "
            "not: keep the texts, not only the seeds."
        )
    if texts == again[1:]:
        raise NotYet("these are the seeds 1 to 5. range(5) counts 0, 1, 2, 3, 4.")
    if back == [True, False, False, False, False]:
        raise NotYet(
            "only the text of seed 0 comes back. Hint: set_seed(seed) inside the loop, before each "
            "text, not once before all of them."
        )
    raise NotYet(
        f"drawn once more with the seeds 0 to 4, {sum(back)} of 5 texts come back. Hint: "
        "set_seed(seed) just before each drawn_text()."
    )


@task("the logarithms differ by (shuffled - natural).mean(); np.exp turns this into a factor.")
def task_2_3(answer, natural, shuffled):
    natural, shuffled = np.asarray(natural, dtype=float), np.asarray(shuffled, dtype=float)
    difference = (shuffled - natural).mean()
    value, close = number(answer), 0.005 * np.exp(abs(difference))
    if near(value, np.exp(difference), close):
        return "right. A difference of logarithms is a factor, as with odds ratios."
    if near(value, difference):
        raise NotYet("this is the difference of the logarithms. Hint: np.exp of it is a factor.")
    if near(value, np.exp(-difference)):
        raise NotYet("turned round: shuffled divided by natural is asked for.")
    if near(value, np.exp(shuffled).mean() / np.exp(natural).mean(), close):
        raise NotYet(
            "this is a ratio of mean perplexities, which one odd sentence can decide. "
            "Hint: average the logarithms first."
        )
    if near(value, np.exp(shuffled - natural).mean(), close):
        raise NotYet("you averaged the factors. Hint: mean of the differences first, then np.exp.")
    if near(value, shuffled.mean() / natural.mean()):
        raise NotYet("you divided logarithms. Their difference is the logarithm of the ratio.")
    if near(value, 2**difference):
        raise NotYet("these are natural logarithms: np.exp, not a power of 2.")
    raise NotYet("the value is another. Hint: np.exp((shuffled - natural).mean()).")


task_2_4 = open_task(
    "2.4",
    "It says what perplexity measures: how unlike the training text a text is, for any reason.",
    "It names the words as a rival: rare words, names, an unusual topic.",
    "It names the person as a rival: dialect, first language, education.",
    "It names the transcript as a rival: its length, pauses, punctuation, typing errors.",
    "It proposes a comparison, such as the same picture described by all, or a transcript beside "
    "its own words in random order.",
    "It says which of the rivals this comparison rules out, and which it leaves.",
)
