"""Self-checks of day 3: media bias. What is right is computed, never typed."""

import numpy as np

from besci.checks.task import NotYet, near, number, task
from besci.data import load_data
from besci.embeddings import embed

# Answers of models, the label that a careful reader gives them, and what misreads them.
ANSWERS = {
    "Slanted.": ("slanted", "Compare in lower case: text.lower()."),
    "neutral": ("neutral", "One word, and nothing around it."),
    "The sentence is NEUTRAL, as it reports.": ("neutral", "Compare in lower case: text.lower()."),
    "The sentence is not neutral or slanted.": (None, "Both words occur, and one is denied."),
    "It is not slanted": (None, 'A label right after "not" is denied.'),
    "Neither neutral nor slanted": (None, 'A label right after "neither" is denied.'),
    "neutral and slanted": (None, "Both words occur. Are they in a set? Then count it."),
    "It is neutralised by the quotation": (None, r"Whole words only: \b is the edge of a word."),
    "It is unslanted.": (None, r"Whole words only: \b is the edge of a word."),
    "I cannot tell": (None, "No label occurs."),
    "It is neither slanted nor anything else": (None, 'A label right after "neither" is denied.'),
    "": (None, "There is no word in it."),
    "Neutral. It does not take a side.": ("neutral", 'This "not" denies something else.'),
    "I do not know why, but it is slanted": ("slanted", 'This "not" denies something else.'),
    "Neither side is favoured: neutral": ("neutral", 'This "neither" denies something else.'),
}


@task("the standard error is sqrt(p * (1 - p) / n); set 1.96 of them to .05 and solve for n.")
def task_1_1(answer):
    value, variance = number(answer), 0.7 * 0.3
    right = 1.96**2 * variance / 0.05**2
    if abs(value - right) <= 3:
        return "right. Half the interval costs four times the sentences."
    if near(value, 1.96**2 * 0.25 / 0.05**2, 3):
        raise NotYet("this is for an accuracy of .50, the widest case. Put .70 into p * (1 - p).")
    if near(value, 1.96**2 * variance / 0.025**2, 8):
        raise NotYet("your interval is 5 points wide in all; 5 points to *either side* are asked.")
    if near(value, variance / 0.05**2, 3):
        raise NotYet("this is one standard error. The interval reaches 1.96 of them.")
    if near(value, 1.96 * variance / 0.05**2, 3):
        raise NotYet("1.96 has to be squared too: n stands below a square root.")
    raise NotYet("the value is another. Hint: n = (1.96 / .05) ** 2 * .70 * .30.")


@task(r"re.findall(r'\b(neutral|slanted)\b', answer.lower()) gives the labels that are named.")
def task_1_2(answer):
    if not callable(answer):
        raise NotYet("a function is asked for: give its name without brackets, answer = my_parser.")
    for text, (label, hint) in ANSWERS.items():
        try:
            given = answer(text)
        except Exception as error:
            raise NotYet(
                f"for {text!r} your function stops with {type(error).__name__}: {error}. {hint}"
            ) from None
        if given != label:
            raise NotYet(
                f"for {text!r} your function gives {given!r}; {label!r} is expected. {hint}"
            )
    return "right. A strict parser costs answers, a lax one costs truth; report how many it left."


@task("hits[first_half].mean() and hits[~first_half].mean(); .idxmax() of one, looked up in both.")
def task_1_3(answer, hits, first_half):
    first_half = np.asarray(first_half, dtype=bool)
    halves = [hits[half].mean().to_numpy() for half in (first_half, ~first_half)]
    # Where prompts share the first place, each of them is a right choice.
    leads = [
        {a - b for a, b in zip(one, other, strict=True) if a == one.max()}
        for one, other in (halves, halves[::-1])
    ]
    right = [(a + b) / 2 for a in leads[0] for b in leads[1]]
    value, whole = number(answer), hits.mean()
    if any(near(value, one, 0.001) for one in right):
        return (
            "right. The halves are an accident, so this is a rough number, and it may even lie "
            "below zero; many random halves, in the next cell, make it a good one."
        )
    if any(near(value, -one, 0.001) for one in right):
        raise NotYet("the sign is turned: where it was chosen minus where it was not.")
    if any(near(value, 100 * one, 0.1) for one in right):
        raise NotYet("this is in points; as a share it is a hundred times smaller.")
    if any(near(value, one, 0.001) for lead in leads for one in lead):
        raise NotYet("this is the difference of one direction. Let the halves change places too.")
    if any(near(value, 2 * one, 0.001) for one in right):
        raise NotYet("this is the sum of both differences; their mean is asked for.")
    if near(value, whole.max() - whole.mean(), 0.001):
        raise NotYet(
            "this is best minus mean, on the sentences that chose. Part of it is real: prompts "
            "differ. Choose in one half, and look the same prompt up in the other."
        )
    if near(value, np.mean([one.max() for one in halves]) - whole.mean(), 0.001):
        raise NotYet("you compared with the mean of all prompts; take the *same* prompt.")
    if near(value, np.mean([one.max() for one in halves]), 0.001):
        raise NotYet("this is the accuracy where it was chosen. Subtract that in the other half.")
    if near(abs(value), abs(halves[0].max() - halves[1].max()), 0.001):
        raise NotYet("you took the best of each half. Look the *same* prompt up in both halves.")
    raise NotYet(
        "the value is another. Hint: best = hits[first_half].mean().idxmax(), then the mean of "
        "hits[best] in both halves."
    )


@task("cross_val_score(features, vectors, is_slanted, cv=..., groups=train['event_id']).mean()")
def task_2_1(answer, features):
    from sklearn.model_selection import GroupKFold, KFold, cross_val_score

    train = load_data("media_bias_train")
    x, y = embed(train["text"], progress=False), (train["label"] == "slanted").to_numpy()
    groups, shuffled = train["event_id"], KFold(5, shuffle=True, random_state=0)
    grouped = cross_val_score(features, x, y, cv=GroupKFold(5), groups=groups).mean()
    ungrouped = cross_val_score(features, x, y, cv=shuffled).mean()
    value, right = number(answer), grouped - ungrouped
    if near(value, right, 0.004):
        return (
            "right. Without groups, siblings of a test sentence are in training: they share its "
            "topic and facts, and two of the three carry the *other* label, so here they can even "
            "mislead. Where groups share a label, the same leak flatters. A difference this small "
            "may also be chance."
        )
    if near(value, -right, 0.004):
        raise NotYet("the sign is turned round: grouped *minus* ungrouped.")
    if near(value, grouped) or near(value, ungrouped):
        raise NotYet("that is one of the two accuracies; subtract the other.")
    raise NotYet(
        f"{value:.3f} does not fit. Hint: 5 folds each, mean over folds, random_state=0 for KFold."
    )


@task('called[test["direction"] == "for"].mean() is the rate of one side.')
def task_2_2(answer, called):
    direction = load_data("media_bias_test")["direction"].to_numpy()
    called = np.asarray(called, dtype=bool)
    rate = {side: called[direction == side].mean() for side in ("for", "against")}
    value, right = number(answer), rate["for"] - rate["against"]
    if near(value, right):
        return "right. A difference is less certain than either rate: see its interval, by event."
    if near(value, -right):
        raise NotYet("the sign is turned round: *for* minus *against*.")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in percentage points; give the difference of the two shares.")
    if any(near(value, share) for share in rate.values()):
        raise NotYet("that is the rate of one side; subtract that of the other.")
    raise NotYet(f"{value:.3f} does not fit. Hint: use only slanted sentences, by direction.")


@task("a random word of a sentence is loaded with probability loaded / words; average over rows.")
def task_2_3(answer, occluded):
    value, share = number(answer), occluded["loaded"] / occluded["words"]
    if near(value, share.mean()):
        return "right. Without this baseline any share of hits looks meaningful."
    if near(value, occluded["hit"].mean()):
        raise NotYet("that is the share of hits of the classifier; chance is asked for.")
    if near(value, occluded["loaded"].sum() / occluded["words"].sum()):
        raise NotYet(
            "you divided sums, so long sentences count more. One word is picked per sentence: "
            "divide within each row, then take the mean."
        )
    raise NotYet(f"{value:.3f} does not fit. Hint: (loaded / words) for each row, then mean().")


@task("flagged and slanted: base_rate * sensitivity; flagged but neutral: what is left, how often?")
def task_3_1(answer, base_rate, sensitivity, specificity):
    hits, alarms = base_rate * sensitivity, (1 - base_rate) * (1 - specificity)
    value, right = number(answer), hits / (hits + alarms)
    if near(value, right):
        balanced = sensitivity / (sensitivity + 1 - specificity)
        return f"right. On balanced test sentences the same classifier would have {balanced:.2f}."
    if near(value, sensitivity / (sensitivity + 1 - specificity)):
        raise NotYet("that is the precision where half are slanted. Weight by the base rate.")
    if near(value, sensitivity):
        raise NotYet("that is how many slanted sentences are flagged; turn the question round.")
    if near(value, 1 - right):
        raise NotYet("that is the share of false alarms among the flagged; the rest is asked for.")
    if near(value, hits):
        raise NotYet("that is a share of *all* sentences. Divide it by the share that is flagged.")
    if near(value, hits + alarms):
        raise NotYet("that is the share that is flagged. Which part of it is slanted?")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: hits / (hits + false alarms), both of all.")


@task("take 1 - specificity from both sides, collect what stands beside prevalence, and divide.")
def task_3_2(answer, flagged, sensitivity, specificity):
    gain = sensitivity + specificity - 1
    value, right = number(answer), (flagged + specificity - 1) / gain
    if near(value, right):
        return "right. It rests on two rates measured elsewhere; the next cell asks what if."
    if near(value, flagged):
        raise NotYet("that is the share that is flagged, which is where we start from.")
    if near(value, flagged + specificity - 1):
        raise NotYet("false alarms are gone, misses are not. Divide by what a unit more adds.")
    if near(value, (flagged + specificity - 1) / sensitivity):
        raise NotYet("more slanted sentences also mean fewer neutral ones: look at the divisor.")
    if near(value, flagged / sensitivity):
        raise NotYet("misses are corrected, false alarms are not.")
    if near(value, 100 * right, 0.5):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: (flagged - (1 - specificity)) / a difference.")


@task("mean of the predictions in `rest`, plus the mean of (slanted - flagged) in `gold`.")
def task_3_3(answer, gold, rest):
    error, start = (gold["slanted"] - gold["flagged"]).mean(), rest["flagged"].mean()
    value, right = number(answer), start + error
    if near(value, right, 0.0005):
        return "right. Whatever the classifier does wrong, on average the correction undoes it."
    if near(value, start - error, 0.0005):
        raise NotYet("the sign is turned round: add what gold says *more* than the prediction.")
    if near(value, start, 0.0005):
        raise NotYet("that is the uncorrected share. Add the mean error on the gold sentences.")
    if near(value, gold["slanted"].mean(), 0.0005):
        raise NotYet("that uses the gold labels only; the predictions for the rest are missing.")
    if near(value, error, 0.0005):
        raise NotYet("that is the correction alone. Add it to the share that is flagged in `rest`.")
    if near(value, 100 * right, 0.05):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: one mean over `rest`, one mean over `gold`.")


@task("flagged share of an outlet = hits + false alarms; subtract that of outlet 0 from that of 1.")
def task_3_4(answer, base_rate, sensitivity, specificity):
    first, second = specificity
    value, right = number(answer), (1 - base_rate) * (first - second)
    if near(value, right, 0.002):
        return "right. Nothing but false alarms, and a study would call it a finding."
    if near(value, -right, 0.002):
        raise NotYet("the sign is turned round: outlet 1 minus outlet 0.")
    if near(value, first - second, 0.002):
        raise NotYet("only neutral sentences can be false alarms: weight by how many there are.")
    if near(value, base_rate * (first - second), 0.002):
        raise NotYet("you weighted by the slanted share; false alarms happen to the neutral one.")
    if near(value, 0, 0.002):
        raise NotYet("that is the true difference. What would the flags show?")
    if near(value, 100 * right, 0.2):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: both outlets have the same hits.")
