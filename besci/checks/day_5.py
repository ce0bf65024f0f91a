"""Self-checks of day 5: articles, and interviews. What is right is computed, never typed.

Where an answer depends on the model that ran, the check is handed what the model returned.
"""

import numpy as np

from besci.checks.task import NotYet, near, number, task

NUMBERS_IN_TEXTS = [  # value, text, whether it stands there
    (1204, "The survey reached 1,204 adults.", True),
    (96, "All 96 were analysed.", True),
    (150, "Of the older pupils (n=150), half took part.", True),
    (12, "We asked 120 adults.", False),
    (12, "It rose by 12.5 points among 204 adults.", False),
    (204, "It rose by 12.5 points among 1,204 adults.", False),
    (19, "During COVID-19, 48 nurses kept diaries.", False),
    (48, "During COVID-19, 48 nurses kept diaries.", True),
    (4, "Nobody was counted.", False),
]

PSEUDONYMS = {"Rose": "[P1]", "Rose Miller": "[P1]", "Al": "[P2]", "St. John": "[P3]"}
PSEUDONYMISED = {
    "Rose told Al.": "[P1] told [P2].",
    "Rose Miller told me.": "[P1] told me.",
    "Alan met Al, and also Rosemary.": "Alan met [P2], and also Rosemary.",
    "It was Al's desk.": "It was [P2]'s desk.",
    "She rose early.": "She rose early.",
    "St. John and Stu John left.": "[P3] and Stu John left.",
    "Nobody came.": "Nobody came.",
}


@task("1 / ranks turns each rank into its reciprocal; then take the mean.")
def task_1_1(answer, ranks):
    ranks, value = np.asarray(ranks, dtype=float), number(answer)
    right = (1 / ranks).mean()
    if near(value, right):
        return (
            "right. Unlike recall at 3 it sees the difference between first and third place, and "
            "what lies far down hardly counts."
        )
    if near(value, 1 / ranks.mean()):
        raise NotYet("you took the mean first: one bad rank would spoil all. Reciprocals first.")
    if near(value, ranks.mean()):
        raise NotYet("that is the mean rank. Take the reciprocal of each rank before the mean.")
    if near(value, np.median(ranks)):
        raise NotYet("that is the median rank. The mean of the reciprocals is asked for.")
    if near(value, (ranks == 1).mean()):
        raise NotYet("that is recall at 1: second places count nothing. Here they count a half.")
    raise NotYet(f"{value:.3f} does not fit. Hint: rank 1 counts 1, rank 2 a half, rank 3 a third.")


@task("change one word or number of a true sentence and put it in quotation marks: '\"…\"'.")
def task_1_2(answer, document):
    from besci.documents import verify_quotes

    if not isinstance(answer, str):
        raise NotYet(f"a text is asked for, yours is of type {type(answer).__name__}.")
    found = verify_quotes(answer, document)
    if len(found) != 1:
        raise NotYet(
            f"your text has {len(found)} quotations; one is asked for. Hint: '\"…\"', with single "
            "quotation marks around the Python text and double ones in it."
        )
    (quote,) = found.itertuples()
    if quote.verdict == "exact":
        raise NotYet(f"this is true: it stands on page {quote.page}. Now make it false.")
    if quote.verdict == "absent":
        raise NotYet("this is called absent. Begin with a true sentence and change less of it.")
    if not any(kind in quote.differs for kind in ("number:", "negation:")):
        raise NotYet(
            f"near, but does it say something else? It differs in this: {quote.differs}. Hint: "
            "change a number, or take out a “not”."
        )
    return (
        f"right. Similarity {quote.score:.0f} of 100, page {quote.page}, and the opposite or "
        f"another value: {quote.differs}. Read the differences of every near quote."
    )


@task("told[told['answerable']]['abstained'].mean() is the share that abstains needlessly.")
def task_1_3(answer, scores):
    answerable = np.asarray(scores["answerable"], dtype=bool)
    abstained = np.asarray(scores["abstained"], dtype=bool)
    rightly, needlessly = abstained[~answerable].mean(), abstained[answerable].mean()
    right, value = (rightly + 1 - needlessly) / 2, number(answer)
    if near(value, right):
        return (
            "right. Always abstaining and never abstaining both get .50, whatever the mix of "
            "questions."
        )
    if near(value, 1 - right):
        raise NotYet("the sign is turned round: abstaining is right where there is no answer.")
    if near(value, (abstained != answerable).mean()):
        raise NotYet(
            "that is the plain share of right decisions, which depends on the mix. Hint: a share "
            "for each kind of question, then the mean of the two."
        )
    if near(value, rightly):
        raise NotYet("that is the share for unanswerable questions only; add the other kind.")
    if near(value, 1 - needlessly):
        raise NotYet("that is the share for answerable questions only; add the other kind.")
    if near(value, rightly + 1 - needlessly):
        raise NotYet("that is the sum of the two shares; their mean is asked for.")
    raise NotYet(f"{value:.3f} does not fit. Hint: (abstains rightly + answers rightly) / 2.")


@task("numbers_in(text) lists the numbers of a text as values; is yours among them?")
def task_1_4(answer):
    if not callable(answer):
        raise NotYet("a function is asked for: give its name without brackets, answer = stands_in.")
    for value, text, expected in NUMBERS_IN_TEXTS:
        found = answer(value, text)
        if bool(found) != expected:
            raise NotYet(
                f"for {value} and {text!r} your function gives {found!r}, and {expected} was "
                "expected. Hint: compare numbers, not characters."
            )
    return "right. It proves that the number stands there, not that it is the sample size."


@task(r"longest names first: sorted(names, key=len, reverse=True); then rf'\b{re.escape(name)}\b'.")
def task_2_1(answer):
    if not callable(answer):
        raise NotYet("a function is asked for: give its name without brackets, answer = my_name.")
    for text, right in PSEUDONYMISED.items():
        found = answer(text, dict(PSEUDONYMS))
        if found is None:
            raise NotYet("your function gives back nothing. Hint: it ends with `return text`.")
        if found != right:
            raise NotYet(f"{text!r} became {found!r}, and {right!r} was expected.")
    return (
        "right. It finds the names it is given, spelled as given; a nickname, a village, a rare "
        "illness only a reader finds."
    )


@task("expected = both yes + both no = p * q + (1 - p) * (1 - q), p and q the two shares of yes.")
def task_2_2(answer, one, two):
    one, two = np.asarray(one, dtype=bool), np.asarray(two, dtype=bool)
    p, q, observed = one.mean(), two.mean(), (one == two).mean()
    expected = p * q + (1 - p) * (1 - q)
    value, right = number(answer), (observed - expected) / (1 - expected)
    if near(value, right):
        return "right. The rarer a code, the more of the plain agreement is agreement on nothing."
    if near(value, observed):
        raise NotYet("that is the observed agreement. Take off what chance would give.")
    if near(value, expected):
        raise NotYet("that is the expected agreement alone; it goes into both parts of kappa.")
    if near(value, observed - expected):
        raise NotYet("that is the gain over chance. Divide it by the largest gain, 1 - expected.")
    if near(value, (observed - p * q) / (1 - p * q)):
        raise NotYet("you expected both to say yes; independent coders also agree by saying no.")
    if near(value, (observed - 0.5) / 0.5):
        raise NotYet("chance is one half only if both give the code to half of the turns.")
    raise NotYet(f"{value:.3f} does not fit. Hint: (one == two).mean() is the observed agreement.")


@task("never == relation is right wherever the code is not given; kappa takes off all of that.")
def task_2_3(answer, relation):
    share = 1 - np.asarray(relation, dtype=bool).mean()
    values = np.asarray(answer, dtype=float)
    if values.shape != (2,):
        raise NotYet("two numbers are asked for: [accuracy, kappa].")
    accuracy, kappa = values
    if np.isnan(kappa):
        raise NotYet("kappa is missing (NaN): were both columns compared, over all turns?")
    if near(accuracy, share) and near(kappa, 0):
        return (
            "right. Who reads nothing reaches the vendor's figure. Kappa with an interval, and how "
            "many turns have the code, should have been reported."
        )
    if near(accuracy, 1 - share):
        raise NotYet("“never” is right where the code is *not* given; you counted the others.")
    if near(accuracy, 0) and near(kappa, share):
        raise NotYet("the order is [accuracy, kappa]; yours is turned round.")
    if not near(accuracy, share):
        raise NotYet(
            f"an accuracy of {accuracy:.3f} does not fit. Hint: (never == relation).mean()"
        )
    raise NotYet(
        f"the accuracy is right; a kappa of {kappa:.3f} is not. Hint: what would chance give to a "
        "coder who always says no?"
    )


@task("adjusted_rand_score(one grouping, another grouping), each with a label for every turn.")
def task_2_4(answer, themes, groups):
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, rand_score

    value, right = number(answer), adjusted_rand_score(groups, themes)
    if near(value, right):
        return (
            "right. Near 0 is what one hopes for here: the clusters go across people. It does not "
            "make them themes."
        )
    if near(value, rand_score(groups, themes)):
        raise NotYet("that is the plain Rand index, high even by chance. Take the adjusted one.")
    if near(value, normalized_mutual_info_score(groups, themes)):
        raise NotYet("that is the mutual information, which is not 0 by chance. Adjusted Rand!")
    if near(value, 1):
        raise NotYet("you compared a grouping with itself. Themes with interviews is asked for.")
    raise NotYet(f"{value:.3f} does not fit. Hint: adjusted_rand_score(groups, themes).")


@task("solve .05 = 1.96 * sqrt(.8 * .2 / n) for n, and round up: np.ceil(...).")
def task_3_1(answer):
    def needed(p, half, z=1.96):
        return z**2 * p * (1 - p) / half**2

    value, exact = number(answer), needed(0.8, 0.05)
    if value == np.ceil(exact):
        return (
            "right. Half the width costs four times the texts. With few texts or shares near 0 or "
            "1 the Wilson interval (besci.stats.accuracy) is the better one; for planning, this is."
        )
    if near(value, exact) or value == np.floor(exact):
        raise NotYet("almost: a fraction of a text cannot be labelled. Round up.")
    if near(value, needed(0.8, 0.025), 1):
        raise NotYet("± .05 is the half-width; you took it for the whole width of the interval.")
    if near(value, needed(0.5, 0.05), 1):
        raise NotYet("that is for p = .50, the worst case. Safe, but .80 was asked for.")
    if near(value, needed(0.8, 0.05, 1), 1):
        raise NotYet("that is for ± one standard error. A 95 % interval takes 1.96 of them.")
    if near(value, np.sqrt(exact), 1):
        raise NotYet("that is the root of the right number: the half-width enters squared.")
    raise NotYet(f"{value:g} does not fit. Hint: n = 1.96**2 * p * (1 - p) / half**2.")


@task("two equations, once + 10 * each = 14 and once + 20 * each = 22, give once and each.")
def task_3_2(answer):
    each = (22 - 14) / (20 - 10)
    once, value = 14 - 10 * each, number(answer)
    if near(value, once + 10_000 * each, 0.5):
        return "right. Time two sizes, not one: the difference is free of what happens only once."
    if near(value, 10_000 * 22 / 20, 0.5) or near(value, 10_000 * 14 / 10, 0.5):
        raise NotYet("that multiplies what happens only once by 10,000 too. Subtract first.")
    if near(value, 10_000 * each, 0.5):
        raise NotYet("that is the 10,000 texts alone; add what is spent once.")
    if near(value, (once + 10_000 * each) / 60, 0.5) or near(value, (once + 10_000 * each) / 3600):
        raise NotYet("the right time in another unit: seconds are asked for.")
    raise NotYet(f"{value:g} does not fit. Hint: ten more texts took 22 - 14 seconds more.")


@task("start from project.methods(chosen, prompt=PROMPT, seed=SEED) and add what it cannot know.")
def task_3_3(answer, chosen, prompt, seed, validate, results):
    from besci.llm import provenance_of

    if not isinstance(answer, str):
        raise NotYet(f"a text is asked for, yours is of type {type(answer).__name__}.")
    source, text = provenance_of(chosen), " ".join(answer.split())
    own = next(e for name, e in results.items() if name.startswith("A · prompt"))
    needed = {
        "the model's name": source["model"],
        "its commit": str(source["commit"])[:7],
        "the prompt, word for word": " ".join(prompt.split()),
        **{f"the version of {name}": v for name, v in source["versions"].items()},
        "the seed": f"seed {seed}",
        "how many texts were validated": str(len(validate)),
        "the accuracy": f"{own.value:.2f}",
        "the lower end of its interval": f"{own.low:.2f}",
        "its upper end": f"{own.high:.2f}",
        "the baseline": "majority",
        "the accuracy of the baseline": f"{results['A · majority'].value:.2f}",
    }
    lacking = [what for what, words in needed.items() if words not in text]
    if lacking:
        raise NotYet(f"a stranger would still ask for {', '.join(lacking)}.")
    return (
        "right: it can be repeated. What no record can supply is why these texts, this codebook "
        "and this model were chosen."
    )
