"""Self-checks of day 3: media bias. What is right is computed, never typed."""

import numpy as np

from besci.checks.task import NotYet, near, number, open_task, task
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


# ---- notebook 1


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


# ---- notebook 2


@task("cross_val_score(regression, vectors, is_slanted, groups=event, cv=GroupKFold(5)).mean()")
def task_2_1(answer, model):
    from sklearn.model_selection import GroupKFold, KFold, cross_val_score

    train = load_data("media_bias_train")
    x, y = embed(train["text"], progress=False), (train["label"] == "slanted").to_numpy()
    groups, shuffled = train["event_id"], KFold(5, shuffle=True, random_state=0)
    grouped = cross_val_score(model, x, y, cv=GroupKFold(5), groups=groups).mean()
    ungrouped = cross_val_score(model, x, y, cv=shuffled).mean()
    value, right = number(answer), grouped - ungrouped
    if near(value, right, 0.004):
        return (
            "right. Without groups, siblings of a scored sentence are in training: they share its "
            "topic and facts, and two of the three carry the *other* label, so here they mislead. "
            "Where groups share a label, the same leak flatters. Either way the number answers a "
            "question that nobody has asked."
        )
    if near(value, -right, 0.004):
        raise NotYet("the sign is turned round: grouped *minus* ungrouped.")
    if near(value, grouped) or near(value, ungrouped):
        raise NotYet("this is one of the two accuracies; subtract the other.")
    if near(value, 100 * right, 0.4):
        raise NotYet("this is in percentage points; as a share it is a hundred times smaller.")
    raise NotYet(
        f"{value:.3f} does not fit. Hint: 5 folds each, mean over folds, random_state=0 for KFold."
    )


@task('points = 100 * (curve["features", 120].value - curve["features", 60].value); then per hour.')
def task_2_2(answer, curve):
    value = number(answer)
    accuracy = {size: number(curve["features", size]) for size in (15, 60, 120, 240)}
    hours, gain = 60 * 8 / 60, accuracy[120] - accuracy[60]
    right = 100 * gain / hours
    if near(value, right, 0.01):
        return (
            "right. Compare it with the same step at the left end, and with its interval: a gain "
            "that one draw of events shows may be gone with the next."
        )
    counts = number(curve["word counts", 120]) - number(curve["word counts", 60])
    mistakes = [
        (gain / hours, 0.0005, "this is a share an hour; in percentage points it is 100 times as"),
        (100 * gain, 0.05, "these are the points of the whole step; divide them by its hours."),
        (100 * gain / 60, 0.003, "you divided by the 60 events; their coding takes 8 hours."),
        (100 * gain / 480, 0.0005, "this is per minute; an hour has 60 of them."),
        (100 * gain / 16, 0.003, "you divided by the hours of all 120 events; 60 were added."),
        (100 * gain / 32, 0.002, "eight minutes are for an event, not for each sentence."),
        (100 * counts / hours, 0.01, 'this is the step of the word counts. Hint: "features".'),
        (-right, 0.01, "the sign is turned: accuracy with 120 events minus that with 60."),
    ]
    for mistake, tolerance, message in mistakes:
        if abs(value - mistake) <= tolerance:
            raise NotYet(message + (" much." if message.endswith("as") else ""))
    raise NotYet(f"{value:.3f} does not fit. Hint: 100 * (difference) / (60 events * 8 / 60).")


@task(
    "keep the neutral sentences, called[quotes & ~is_slanted]; .mean() is the share called slanted."
)
def task_2_3(answer, called):
    train = load_data("media_bias_train")
    called, neutral = np.asarray(called, dtype=bool), (train["label"] == "neutral").to_numpy()
    quotes = (train["device"] == "attributed quotation").to_numpy()
    quoting, plain = called[neutral & quotes].mean(), called[neutral & ~quotes].mean()
    value, right = number(answer), quoting - plain
    if near(value, right):
        return (
            "right. A newspaper that quotes more would seem more slanted by this much times its "
            "additional share of quotations, whatever its own voice does."
        )
    mistakes = [
        (-right, "the sign is turned round: with a quotation *minus* plain."),
        (100 * right, "this is in percentage points; give the difference of the two shares."),
        (quoting, "this is the share of those with a quotation; subtract that of the plain ones."),
        (plain, "this is the share of the plain ones; subtract it from that of the quoting ones."),
        (
            called[quotes].mean() - called[~quotes].mean(),
            "slanted sentences are in there. Hint: & ~is_slanted.",
        ),
        (
            called[neutral & quotes].sum() - called[neutral & ~quotes].sum(),
            "these are numbers of sentences; the shares are asked for: .mean(), not .sum().",
        ),
    ]
    for mistake, message in mistakes:
        if near(value, mistake, 0.001):
            raise NotYet(message)
    raise NotYet(
        f"{value:.3f} does not fit. Hint: called[quotes & ~is_slanted].mean() is one part."
    )


task_2_4 = open_task(
    "2.4",
    "It codes texts of the corpus itself by hand, drawn at random, not picked.",
    "It says how many, with a reason (an interval, or the size of a difference that matters).",
    "Two people code blind, by a codebook; their agreement is the ceiling.",
    "What belongs together (an article, an author) stays on one side of every split.",
    "It looks at false alarms and misses of each newspaper, since they are to be compared.",
    "It asks what the flags are worth where slant is rare.",
)


# ---- notebook 3


@task("MCC = (TP * TN - FP * FN) / sqrt((TP + FP) * (TP + FN) * (TN + FP) * (TN + FN))")
def task_3_1(answer, matrix):
    (tn, fp), (fn, tp) = np.asarray(matrix, dtype=float)
    value, above = number(answer), tp * tn - fp * fn
    root = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    n = tn + fp + fn + tp
    right = above / root if root else 0.0
    if near(value, right):
        return "right. It is the correlation (phi) of two columns of zeros and ones."
    mistakes = [
        (-right, "the sign is turned round: hits and correct rejections come first."),
        ((tp + tn) / n, "this is the accuracy."),
        (2 * tp / (2 * tp + fp + fn), "this is F1; it ignores the true neutral ones."),
        (2 * tn / (2 * tn + fp + fn), "this is the F1 of the neutral sentences."),
        (above / root**2 if root else None, "you forgot the square root in the divisor."),
        (above, "this is the numerator; divide it by the root of the four sums multiplied."),
        (above / n**2, "you divided by n²; the divisor is the root of the four sums multiplied."),
        (tp / (tp + fn), "this is the share of the slanted that is found (recall)."),
        (tp / (tp + fp), "this is the share of the flags that is right (precision)."),
    ]
    for mistake, message in mistakes:
        if mistake is not None and near(value, mistake, 0.002):
            raise NotYet(message)
    raise NotYet(f'{value:.3f} does not fit. Hint: matrix.loc["slanted", "slanted"] is TP.')


@task("sides holds a row for each event: the mean of one column minus the mean of the other.")
def task_3_2(answer, sides):
    left, right_side = (np.asarray(sides[side], dtype=float).mean() for side in ("left", "right"))
    value, right = number(answer), left - right_side
    if near(value, right):
        return (
            "right. Now its interval: the difference is less certain than either rate, and one "
            "that includes zero does not say that there is none."
        )
    mistakes = [
        (-right, "the sign is turned round: *left* minus *right*."),
        (100 * right, "this is in percentage points; give the difference of the two shares."),
        (left, "this is the rate of one side; subtract that of the other."),
        (right_side, "this is the rate of one side; subtract it from that of the other."),
        (
            np.asarray(sides["left"], dtype=float).sum() - np.asarray(sides["right"], float).sum(),
            "these are numbers of sentences; the shares are asked for: .mean(), not .sum().",
        ),
    ]
    for mistake, message in mistakes:
        if near(value, mistake, 0.001):
            raise NotYet(message)
    raise NotYet(f'{value:.3f} does not fit. Hint: sides["left"].mean() is one of the two rates.')


@task("both have the same false alarms; what differs is slanted share times detection.")
def task_3_3(answer, difference):
    value, difference = number(answer), number(difference)
    right = 0.3 * difference
    if near(value, right, 0.002):
        return (
            "right. Nothing but the classifier, and a study would call it a finding. Put the ends "
            "of the interval in the place of the difference before you trust the sign."
        )
    mistakes = [
        (-right, "the sign is turned round: the paper slanted to the left minus the other one."),
        (difference, "only slanted sentences are detected: weight by how many there are."),
        (0.7 * difference, "you weighted by the neutral share; detection is about slanted ones."),
        (100 * right, "this is in percentage points; as a share it is a hundred times smaller."),
        (2 * right, "each paper has slant on one side only, so the difference counts once."),
        (0.0, "this is the true difference. What do the flags show?"),
    ]
    for mistake, message in mistakes:
        if abs(value - mistake) <= 0.002:
            raise NotYet(message)
    raise NotYet(f"{value:.3f} does not fit. Hint: flagged = slanted * detection + false alarms.")


@task("a random word of a sentence is loaded with probability loaded / words; average over rows.")
def task_3_4(answer, occluded):
    value, share = number(answer), occluded["loaded"] / occluded["words"]
    if near(value, share.mean()):
        return "right. Without this baseline any share of hits looks meaningful."
    if near(value, occluded["hit"].mean()):
        raise NotYet("this is the share of hits of the classifier; chance is asked for.")
    if near(value, occluded["loaded"].sum() / occluded["words"].sum()):
        raise NotYet(
            "you divided sums, so long sentences count more. One word is picked per sentence: "
            "divide within each row, then take the mean."
        )
    if near(value, (1 / occluded["words"]).mean()):
        raise NotYet("this is the chance of one given word; several of a sentence may be loaded.")
    if near(value, 100 * share.mean(), 0.5):
        raise NotYet("this is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: (loaded / words) for each row, then mean().")


# ---- notebook 4


@task("(student == teacher).mean() is the agreement; the accuracy compares with gold.")
def task_4_1(answer, student, teacher, gold):
    student, teacher, gold = (np.asarray(labels) for labels in (student, teacher, gold))
    agreement, accuracy = (student == teacher).mean(), (student == gold).mean()
    value, right = number(answer), agreement - accuracy
    if near(value, right, 0.001):
        return (
            "right. A student can agree with its teacher and be wrong with it. Only labels that "
            "neither of them gave tell how good it is."
        )
    if near(value, -right, 0.001):
        raise NotYet("the sign is turned round: agreement *minus* accuracy.")
    if near(value, 100 * right, 0.1):
        raise NotYet("that is in points; as a share it is a hundred times smaller.")
    if near(value, agreement, 0.001):
        raise NotYet("that is the agreement with the teacher. Subtract the accuracy.")
    if near(value, accuracy, 0.001):
        raise NotYet("that is the accuracy of the student. Subtract it from the agreement.")
    if near(value, agreement - (teacher == gold).mean(), 0.001):
        raise NotYet("you subtracted the accuracy of the *teacher*; that of the student is asked.")
    raise NotYet(
        f"{value:.3f} does not fit. Hint: two means of ==, one with teacher, one with gold."
    )


@task("flagged and slanted: base_rate * sensitivity; flagged but neutral: what is left, how often?")
def task_4_2(answer, base_rate, sensitivity, specificity):
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
def task_4_3(answer, flagged, sensitivity, specificity):
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


@task("mean of the predictions in `rest`, plus the mean of (slanted - flagged) in `sample`.")
def task_4_4(answer, sample, rest):
    error, start = (sample["slanted"] - sample["flagged"]).mean(), rest["flagged"].mean()
    value, right = number(answer), start + error
    if near(value, right, 0.0005):
        return "right. Whatever the classifier does wrong, on average the correction undoes it."
    if near(value, start - error, 0.0005):
        raise NotYet("the sign is turned round: add what gold says *more* than the prediction.")
    if near(value, start, 0.0005):
        raise NotYet("that is the uncorrected share. Add the mean error on the gold sentences.")
    if near(value, sample["slanted"].mean(), 0.0005):
        raise NotYet("that uses the gold labels only; the predictions for the rest are missing.")
    if near(value, error, 0.0005):
        raise NotYet("that is the correction alone. Add it to the share that is flagged in `rest`.")
    if near(value, 100 * right, 0.05):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: one mean over `rest`, one mean over `sample`.")


@task("flagged share of an outlet = hits + false alarms; subtract that of outlet 0 from that of 1.")
def task_4_5(answer, base_rate, sensitivity, specificity):
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


@task("prediction + weight * (label - prediction), for each sentence; then the mean of all.")
def task_4_6(answer, prediction, label, weight):
    prediction, label, weight = (np.asarray(x, float) for x in (prediction, label, weight))
    error, chosen = weight * (label - prediction), weight > 0
    value, right = number(answer), (prediction + error).mean()
    if near(value, right, 0.0005):
        return "right. Each labelled sentence stands for as many as its weight says."
    if near(value, (prediction - error).mean(), 0.0005):
        raise NotYet("the sign is turned round: the label *minus* the prediction is added.")
    if near(value, prediction.mean(), 0.0005):
        raise NotYet("those are the predictions alone. Add the weighted errors.")
    if near(value, error.mean(), 0.0005):
        raise NotYet("that is the correction alone. Add the mean of the predictions.")
    if near(value, label[chosen].mean(), 0.0005):
        raise NotYet("that is the plain mean of the labels: as if they had been drawn at random.")
    if near(value, prediction.mean() + (label - prediction)[chosen].mean(), 0.0005):
        raise NotYet("the errors count without weights here. Multiply each by its weight.")
    if near(value, prediction.mean() + error[chosen].mean(), 0.0005):
        raise NotYet("the mean is over *all* sentences; those that nobody labelled add a zero.")
    if near(value, (prediction + label - prediction).mean(), 0.0005):
        raise NotYet("that uses the labels of all sentences. Those with weight 0 are not known.")
    if near(value, 100 * right, 0.05):
        raise NotYet("that is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(f"{value:.3f} does not fit. Hint: (prediction + weight * (…)).mean().")


@task("twice the precision takes four times the labels: GOLD times the squared ratio.")
def task_4_7(answer, labels, half, smallest):
    value, ratio = number(answer), half / smallest
    right = labels * ratio**2
    if abs(value - right) <= max(1, 0.01 * right):
        return "right. A plan that cannot pay for that asks for a larger effect, or another study."
    mistakes = {
        labels * ratio: "the width falls with the *square root* of the number: square the ratio.",
        labels / ratio**2: "the ratio is turned round: half of the width by the smallest effect.",
        labels / ratio: "the ratio is turned round, and it has to be squared.",
        4 * right: "you took the whole width; `half` is what counts to either side.",
        right / 4: "you halved the half. `half` is already the reach to one side.",
        ratio**2: "that is how many times more labels. Multiply by those that there were.",
        right - labels: "that is how many *more* labels; the whole number is asked for.",
    }
    for mistake, message in mistakes.items():
        if abs(value - mistake) <= max(0.01, 0.01 * abs(mistake)):
            raise NotYet(message)
    raise NotYet(f"{value:.1f} does not fit. Hint: GOLD * (half / SMALLEST_EFFECT) ** 2.")
