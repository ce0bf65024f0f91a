"""Self-checks of day 4: generation, numeracy, synthetic samples. What is right is computed.

Where an answer depends on the model that ran, the check is handed what the model returned.
"""

import json
import re

import numpy as np

from besci import stats
from besci.checks.task import NotYet, near, number, open_task, task
from besci.data import load_data
from besci.inputs import plain
from besci.numbers import numbers_in

# ---- notebook 1


@task(
    "for each row of `new`: is there no stop token in it? torch.isin(new, torch.tensor(stop)) "
    "marks them."
)
def task_1_1(answer, new, stop):
    ended = np.isin(np.asarray(new), np.asarray(stop))
    right, given = ~ended.any(axis=1), _truths(answer, len(ended))
    if (given == right).all():
        return (
            "right. Count them and report them: what a reply would have said after its end is "
            "missing, and not at random."
        )
    if (given == ~right).all():
        raise NotYet("the sign is turned: these are the replies that came to their own end.")
    if (given == ~ended[:, -1]).all() or (given == ended[:, -1]).all():
        raise NotYet(
            "you looked at the last token only. A reply that ended early is filled up behind its "
            "stop token. Hint: .any(dim=1) looks at the whole row."
        )
    row = int(np.flatnonzero(given != right)[0])
    has = "a stop token" if ended[row].any() else "no stop token"
    raise NotYet(f"look at reply {row} again: there is {has} in its row of `new`.")


def _truths(answer, n):
    """The answer as n truth values, or NotYet if it is something else."""
    try:
        given = np.asarray(answer)
    except (TypeError, ValueError, RuntimeError):
        given = np.asarray(None)
    if given.dtype.kind not in "bif" or not np.isin(given, [0, 1]).all():
        raise NotYet(f"True or False is asked for, for each of the {n} replies.")
    if given.shape != (n,):
        raise NotYet(f"{n} values are asked for, one for each reply; yours are {given.size}.")
    return given.astype(bool)


# What `generate` does where neither the call nor the model's own settings say anything else.
LIBRARY = {
    "do_sample": False,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "min_p": None,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}
OFF = {name: (None, 1, 1.0) for name in ("temperature", "top_p", "typical_p", "repetition_penalty")}
OFF |= {"min_p": (None, 0, 0.0), "no_repeat_ngram_size": (None, 0)}


@task('a dict such as {"do_sample": True, "temperature": 1.0, ...}, with all that could cut off.')
def task_1_2(answer, own, vocabulary):
    if not isinstance(answer, dict):
        kind = type(answer).__name__
        raise NotYet(f'settings in a dict are asked for, {{"name": value}}; yours is a {kind}.')
    if unknown := sorted(map(str, answer.keys() - LIBRARY.keys() - own.keys())):
        raise NotYet(f"`generate` has no setting of this name: {', '.join(unknown)}.")
    written = {name: value for name, value in own.items() if value is not None}
    used = LIBRARY | written | answer
    if used["do_sample"] is not True:
        raise NotYet("nothing is drawn: without do_sample=True, `generate` decodes greedily.")
    for name, fine in OFF.items():
        if used[name] not in fine:
            where = "your dict says so" if name in answer else "the model's own settings say so"
            raise NotYet(f"{name} is {used[name]}, for {where}: that is another distribution.")
    if used["top_k"] is not None and 0 < used["top_k"] < vocabulary:
        where = "your dict says so"
        if "top_k" not in answer:
            where = "the model says so" if "top_k" in written else "that is the library's default"
        raise NotYet(
            f"top_k is {used['top_k']} ({where}), so only so many tokens can be drawn. Hint: 0 "
            "switches it off."
        )
    silent = [name for name in ("temperature", "top_p", "repetition_penalty") if name not in answer]
    if silent:
        raise NotYet(
            f"with this model it works, but {' and '.join(silent)} would be taken from the "
            "settings of the next one. Say it yourself."
        )
    return "right. Each token is drawn with the probability that the model gives it, in any model."


@task("""a text between quotation marks, such as answer = '{"hours": 6, "coffee": false}'.""")
def task_1_3(answer, hours, coffee):
    if isinstance(answer, dict):
        raise NotYet("this is a dict of Python; a reply is a text. Put quotation marks around it.")
    if not isinstance(answer, str):
        raise NotYet(f"a text is asked for, yours is of type {type(answer).__name__}.")
    record = _record(answer)
    if not isinstance(record, dict) or record.keys() != {"hours", "coffee"}:
        raise NotYet('the record needs the two fields "hours" and "coffee", and no other.')
    length, drank = record["hours"], record["coffee"]
    if not isinstance(drank, bool):
        raise NotYet("coffee is true or false, without quotation marks.")
    if length is not None and (isinstance(length, bool) or not isinstance(length, (int, float))):
        raise NotYet("hours is a number or null, without quotation marks.")
    if length is not None and not 0 <= length <= 24:
        raise NotYet(f"a day has 24 hours, and {length} is refused: the form rules that out.")
    if (length, drank) == (hours, coffee):
        raise NotYet("that record is valid *and* true. Make it false, and leave it valid.")
    return (
        "right. It passes every check of form, and it is false. A model can write it as easily as "
        "you did."
    )


def _record(reply):
    """The record in a reply, or NotYet with what is wrong with its JSON."""
    text = plain(reply)
    start = text.find("{")
    if start < 0:
        raise NotYet('a JSON record begins with {, as in {"hours": 6, "coffee": false}.')
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0]
    except (json.JSONDecodeError, RecursionError) as error:
        why = f"json cannot read it ({error})."
        if "'" in text:
            why = "JSON takes double quotation marks: write '{\"hours\": …}', with ' outside."
        elif re.search(r"\b(True|False|None)\b", text):
            why = "JSON writes true, false and null, where Python writes True, False and None."
        raise NotYet(why) from error


@task("among the entries whose hours are missing: the share with a number in `read`.")
def task_1_4(answer, table):
    silent, read = table["hours"].isna(), table["read"].notna()
    invented, value = silent & read, number(answer)
    right = invented.sum() / silent.sum()
    if near(value, right) and not read.any():
        return (
            "right, since no number could be read at all: a model that misses the form invents "
            "nothing, and says nothing."
        )
    if near(value, right):
        return (
            "right. The form is as it should be, and none of these numbers stands in its entry. "
            "Only texts whose content you know can tell."
            if right
            else "right. It invented nothing here; only texts whose content you know can tell."
        )
    if near(value, invented.mean()):
        raise NotYet("this is the share among all entries. Divide by those that state no hours.")
    if near(value, 1 - right):
        raise NotYet("this is the share without a number; those *with* one are asked for.")
    if near(value, (~silent & read).sum() / (~silent).sum()) or near(value, read.mean()):
        raise NotYet("keep only the entries that state no hours: table['hours'].isna().")
    if read.any() and near(value, invented.sum() / read.sum()):
        raise NotYet("this is the share of the numbers read that were invented; turn it round.")
    if near(value, invented.sum()):
        raise NotYet("this is a number of entries. Divide it by those that state no hours.")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: table.loc[table['hours'].isna(), 'read'].")


# ---- notebook 2

VOTES = [
    ([3, 8, 3, 5], {3}),
    ([np.nan, 4, np.nan, np.nan], {4}),  # the unread do not vote
    ([12.5, np.nan, 12.5, 40, np.nan, np.nan], {12.5}),
    ([2, 9, 9, 2], {2, 9}),
    ([np.nan, np.nan], set()),
]


@task("the effect of the budget, long minus short, with steps; minus the same without steps.")
def task_2_1(answer, read):
    with_steps = read["step by step", "long"] - read["step by step", "short"]
    directly = read["direct", "long"] - read["direct", "short"]
    right, value = with_steps - directly, number(answer)
    if near(value, right):
        return "right. What a budget does depends on the prompt: neither has *an* effect by itself."
    if near(value, -right):
        raise NotYet("the sign is turned round: with steps *minus* direct.")
    if near(value, read["step by step", "long"] - read["direct", "short"]):
        raise NotYet("that changes prompt and budget at once, so it cannot tell which one counts.")
    if near(value, with_steps) or near(value, directly):
        raise NotYet("that is the effect of the budget for one prompt; subtract that of the other.")
    if near(value, (with_steps + directly) / 2):
        raise NotYet("that is the budget's mean effect. The interaction is a *difference*.")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in percentage points; give the difference of shares.")
    raise NotYet(f"{value:.3f} does not fit. Hint: a difference of two differences in `read`.")


@task("drop what is NaN, count the rest, take the most frequent; NaN if nothing is left.")
def task_2_2(answer):
    if not callable(answer):
        raise NotYet("a function is asked for: give its name without brackets, answer = my_vote.")
    for votes, winners in VOTES:
        try:
            voted = np.asarray(answer(list(votes)), dtype=float).reshape(-1)
        except Exception as error:
            raise NotYet(
                f"for {votes} your function stops, or gives no number ({type(error).__name__}: "
                f"{error})."
            ) from None
        if len(voted) != 1:
            raise NotYet(f"for {votes} your function gives {len(voted)} numbers; one is asked for.")
        if not winners and not np.isnan(voted[0]):
            raise NotYet(f"where nothing was read, your function gives {voted[0]:g}, not NaN.")
        if winners and voted[0] not in winners:
            raise NotYet(f"for {votes} your function gives {voted[0]:g}, not {min(winners):g}.")
    return "right. The unread have no vote, so report beside a vote how many took part in it."


@task("(one == two).mean() is the share of pairs; a missing number never equals another.")
def task_2_3(answer, one, two):
    one, two = np.asarray(one, dtype=float), np.asarray(two, dtype=float)
    same, both = one == two, np.isfinite(one) & np.isfinite(two)
    value, right = number(answer), same.mean()
    if near(value, right):
        return (
            "right. All these pairs have two different answers: such a pair was not solved, "
            "whatever the number came from."
        )
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    if near(value, same.sum()):
        raise NotYet("that is the number of pairs. Divide it by the number of all pairs.")
    if both.any() and near(value, same.sum() / both.sum()):
        raise NotYet("that is the share of pairs in which both were read; all pairs are asked for.")
    if near(value, 1 - right):
        raise NotYet("that is the share in which the two numbers differ, or one is missing.")
    raise NotYet(f"{value:.3f} does not fit. Hint: compare the two columns pair by pair.")


@task("np.isclose(numbers_in(question), lure).mean() for each item; then the mean over items.")
def task_2_4(answer, items):
    stated = [np.isclose(numbers_in(x.question), x.lure) for x in items.itertuples()]
    value, right = number(answer), np.mean([lures.mean() for lures in stated])
    if near(value, right):
        return "right. Who copies falls into lures too; only a share above this is a sign of more."
    if near(value, np.mean([lures.any() for lures in stated])):
        raise NotYet(
            "that is the share of items that state their lure. Only one number is copied from each."
        )
    if near(value, np.concatenate(stated).mean()):
        raise NotYet("you pooled all numbers, so long questions count more. Divide within items.")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: numbers_in(question) lists what can be copied.")


# ---- notebook 3


def _tempered(shares, temperature):
    """Rows of shares (n, k) at another temperature."""
    powered = shares ** (1 / temperature)
    return powered / powered.sum(axis=1, keepdims=True)


@task("powered = simulated ** (1 / T); divide each row by its sum; then take the mean() of rows.")
def task_3_1(answer, simulated):
    rows = simulated.to_numpy()
    right, value = _tempered(rows, 0.5).mean(axis=0), np.asarray(answer, dtype=float)
    if value.shape != right.shape:
        raise NotYet(
            f"{len(right)} shares are asked for, one for each option; yours has the shape "
            f"{value.shape}. Hint: .mean() of a table is the mean of each column."
        )

    def like(other):
        # Shares may have been rounded to two decimals.
        return np.allclose(value, other, atol=0.002) or np.array_equal(value, np.round(other, 2))

    if like(right):
        return "right. Temperature sharpens each person's distribution; what it knows, it keeps."
    if like(_tempered(rows.mean(axis=0, keepdims=True), 0.5)[0]):
        raise NotYet(
            "you took the mean first. Each person answers at temperature 0.5; the mean comes last."
        )
    if like(_tempered(rows, 2).mean(axis=0)):
        raise NotYet("this is temperature 2. Hint: the exponent is 1 / T, which is 2 here.")
    if like((rows**2).mean(axis=0)):
        raise NotYet("these shares do not sum to 1. Hint: divide each row by its sum.")
    if like(rows.mean(axis=0)):
        raise NotYet("this is temperature 1, the distribution as it was.")
    if like(100 * right):
        raise NotYet("these are percentages; shares are a hundred times smaller.")
    if like(right[::-1]):
        raise NotYet("these are the right shares from the last option to the first. Turn them.")
    if not near(value.sum(), 1):
        raise NotYet(f"shares sum to 1; yours sum to {value.sum():.2f}.")
    raise NotYet("the shares are others. Hint: table.div(table.sum(axis=1), axis=0) divides rows.")


@task("the floor falls with 1 / sqrt(n): half the floor takes four times as many people.")
def task_3_2(answer):
    p = load_data("survey")["self_placement"].value_counts(normalize=True).sort_index()
    at_100 = stats.sampling_floor(p, 100)
    right, value = 100 * (at_100 / 0.02) ** 2, number(answer)
    if abs(value / right - 1) <= 0.1:
        return (
            "right. With fewer people even a perfect simulation lies farther away than that, on "
            "average, and a model judged by small samples looks worse than it is."
        )
    if abs(value / (100 * at_100 / 0.02) - 1) <= 0.1:
        raise NotYet("the floor does not fall with 1/n but with 1/sqrt(n). Hint: square the ratio.")
    if value < 1:
        raise NotYet("a number of people is asked for, not the floor itself.")
    if value > 1e9:
        raise NotYet("that is more than there are. Hint: the floor falls with 1/sqrt(n).")
    floor = stats.sampling_floor(p, int(value))
    raise NotYet(f"with {value:,.0f} people the floor is {floor:.3f}; 0.020 is the aim.")


@task("(given[1] - turned[1]) is the gain of option 1 from being first; (turned[7] - given[7]) …")
def task_3_3(answer, given, turned):
    one, seven = given[1] - turned[1], turned[7] - given[7]
    right, value = (one + seven) / 2, number(answer)
    if near(value, right, 0.002):
        return (
            "right. Comparing an option with itself removes what it says; place and label remain."
        )
    if near(value, -right, 0.002):
        raise NotYet("the sign is turned: shown first minus shown last.")
    if near(value, one + seven, 0.002):
        raise NotYet("this is the sum over both ends. Hint: their mean.")
    if near(value, one, 0.002) or near(value, seven, 0.002):
        raise NotYet("this is one end only. Average over both.")
    if near(value, given[1] - given[7], 0.002):
        raise NotYet(
            "you compared two different options in one order; what they say is mixed in. Hint: the "
            "same option in both orders."
        )
    if near(value, ((given[1] - turned[1]) + (given[7] - turned[7])) / 2, 0.002):
        raise NotYet("option 7 is shown first in the *reversed* order: turned[7] - given[7].")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in percentage points; give the difference of shares.")
    raise NotYet("the value is another. Hint: option 1 is first in `given`, option 7 in `turned`.")


@task(
    'halves["second"][halves["first"].idxmin()] - halves["first"].min(); and the other way round.'
)
def task_3_4(answer, halves):
    first, second = halves["first"], halves["second"]
    there = second[first.idxmin()], first[second.idxmin()]
    here = first.min(), second.min()
    one, other = there[0] - here[0], there[1] - here[1]
    right, value = (one + other) / 2, number(answer)
    if near(value, right, 0.001):
        return (
            "right. That much of the smallest distance was luck with the people on whom it was "
            "chosen; on one split, this estimate is rough itself."
        )
    if near(value, -right, 0.001):
        raise NotYet("the sign is turned: on the other half minus where it was chosen.")
    if near(value, one, 0.001) or near(value, other, 0.001):
        raise NotYet("this is one way only. Choose in the second half too, and average.")
    if near(value, one + other, 0.001):
        raise NotYet("this is the sum of both ways. Hint: their mean.")
    if near(value, np.mean(there), 0.001) or near(value, np.mean(here), 0.001):
        raise NotYet("this is a distance; by how much it is larger on the other half is asked for.")
    if near(value, abs(here[1] - here[0]), 0.001):
        raise NotYet(
            "you compared the smallest distances of the two halves, which may be those of two "
            "specifications. Follow one specification from half to half."
        )
    if near(value, abs((second - first).mean()), 0.001):
        raise NotYet("this is the mean over all specifications. Only the chosen one is asked for.")
    if near(value, 100 * right, 0.1):
        raise NotYet("that is in percentage points; give the difference of distances.")
    raise NotYet('the value is another. Hint: row = halves["first"].idxmin(), then both columns.')


@task("compare the numbers in the table, sentence by sentence; e is about what an interval says.")
def task_3_5(answer, shown, floors, steered, moved, slopes):
    if not isinstance(answer, str):
        raise NotYet(
            f"letters are asked for, such as 'bd'; yours is of type {type(answer).__name__}."
        )
    given = set(plain(answer).lower()) - set(" ,;.")
    if given - set("abcdef"):
        raise NotYet("the letters are a, b, c, d, e and f.")
    exact, uniform = shown["model, exact"].value, shown["all options alike"].value
    floor, turned = floors["model, exact"], moved["numbers, reversed"]
    regression, model = (e.value for name, e in steered.items() if "party" in name)
    claims = {
        "a": (exact <= floor, f"the distance is {exact:.2f}, the floor {floor:.2f}"),
        "b": (exact < uniform, f"the distance is {exact:.2f}, that of equal shares {uniform:.2f}"),
        "c": (model > regression, f"r is {model:.2f} and {regression:.2f} for the regression"),
        "d": (turned <= floor, f"{turned:.2f} of the answers move, and the floor is {floor:.2f}"),
        "e": (
            False,
            "more simulated people narrow the interval around the model's slopes; they do not move "
            "them towards anybody",
        ),
        "f": (min(slopes) > 0, f"the lowest slope is {min(slopes):.2f}"),
    }
    wrong = [letter for letter, (holds, _) in claims.items() if holds != (letter in given)]
    if wrong:
        raise NotYet(f"look at {wrong[0]} again: {claims[wrong[0]][1]}.")
    return (
        "right. Claim what was tested against people, with its frame; the rest is a property of "
        "this model, asked in this way."
    )


task_3_6 = open_task(
    "3.6",
    "It names the model with its commit, and how the answers are read (read-out, temperature).",
    "It fixes wording, personas and labels, and shows the options in both orders.",
    "It says what happens to answers that cannot be read, and how many are too many.",
    "It names one criterion, and what that is held against: a floor, a baseline of the people's.",
    "It keeps some people aside, on whom nothing is chosen.",
    "It says which result would count as a failure, and that it would be reported.",
)
