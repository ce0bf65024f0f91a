"""Self-checks of day 2: embeddings and personality. What is right is computed, never typed."""

from functools import cache

import numpy as np

from besci import stats
from besci.checks.task import NotYet, near, number, open_task, task
from besci.data import load_data
from besci.embeddings import embed
from besci.inputs import plain


@cache
def _items():
    return load_data("personality_items")


@cache
def _construct():
    return _items()["construct"].to_numpy()


@cache
def _keying():
    return _items()["keying"].to_numpy()


@cache
def _names():
    return load_data("constructs")["construct"].to_numpy()


@cache
def _vectors():
    return embed(_items()["text"], progress=False)


@cache
def _cosine():
    """(9045,) cosines of all pairs of items."""
    return stats.pairs(_vectors() @ _vectors().T)


@cache
def _pairs():
    """(9045,) whether the two items of a pair are of one construct, and whether keyed alike."""
    i, j = np.triu_indices(len(_items()), k=1)
    return _construct()[i] == _construct()[j], _keying()[i] == _keying()[j]


@cache
def _answers():
    """(4000, 135) answers, and the same with reverse-keyed items turned round."""
    answers = load_data("personality_responses")[_items()["item_id"]].to_numpy(dtype=float)
    return answers, np.where(_keying() > 0, answers, 7 - answers)


def _scales(answers, names):
    """(constructs, people) mean answers."""
    return np.stack([answers[:, _construct() == name].mean(axis=1) for name in names])


def _one_text(answer):
    """The text in the answer, or NotYet if it is not a single one."""
    texts = [answer] if isinstance(answer, str) else np.ravel(np.asarray(answer, object)).tolist()
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise NotYet(
            f"the text of one item is asked for, yours is of type {type(answer).__name__}. "
            'Hint: items["text"].iloc[position].'
        )
    return plain(texts[0])


def _texts(answer, count, what):
    """The texts in the answer, or NotYet if they are not `count`."""
    texts = [] if isinstance(answer, (str, dict)) else list(answer)
    if len(texts) != count or not all(isinstance(text, str) for text in texts):
        raise NotYet(what)
    return [plain(text) for text in texts]


# ---- notebook 1


@task("divide the sum of products by the two lengths: np.sqrt((a**2).sum()) is the length of a.")
def task_1_1(answer, a, b):
    a, b = (np.asarray(vector, dtype=float) for vector in (a, b))
    value, product = number(answer), float(a @ b)
    long, wide = np.linalg.norm(a), np.linalg.norm(b)
    right = product / (long * wide)
    if near(value, right):
        return "right. Stretching a vector changes its length, not its direction."
    if near(value, product):
        raise NotYet(
            "this is the sum of products alone. Hint: divide by the length of `a` and by the "
            "length of `b`."
        )
    if near(value, product / long) or near(value, product / wide):
        raise NotYet("you divided by one length only. Hint: by the length of `a` *and* of `b`.")
    if near(value, product / (long * wide) ** 2):
        raise NotYet("you divided by the squared lengths. Hint: the length is the square root.")
    if near(value, 1 - right):
        raise NotYet("this is the cosine distance, 1 − cosine. The similarity is asked for.")
    if near(value, np.arccos(right)) or near(value, np.degrees(np.arccos(right))):
        raise NotYet("this is the angle; its cosine is asked for.")
    raise NotYet(
        "the value is another. Hint: multiply element by element, sum, divide by both lengths."
    )


@task(
    "besci.embed(sentence) gives one point; item_vectors @ point gives 135 cosines; then argmax()."
)
def task_1_2(answer):
    similarity = _vectors() @ embed("I never know what to say to new people.", progress=False)
    texts = _items()["text"].tolist()
    if np.ndim(answer) == 0 and not isinstance(answer, str) and answer == similarity.argmax():
        raise NotYet('this is the right position; its text is items["text"].iloc[position].')
    text = _one_text(answer)
    if text == texts[similarity.argmax()]:
        return (
            "right. It shares words with your sentence. Does it share the trait, or its direction?"
        )
    if text == texts[similarity.argmin()]:
        raise NotYet("this is the item farthest away. Hint: argmax, not argmin.")
    if text in texts:
        place = int((similarity > similarity[texts.index(text)]).sum())
        raise NotYet(f"{place} items are nearer. Hint: take the largest cosine.")
    raise NotYet("no item has this text. Copy it exactly, with its full stop.")


@task('within = pairs[pairs["construct"] != "two constructs"]; then the mean of each group.')
def task_1_3(answer):
    cosine, (same, alike) = _cosine(), _pairs()
    value, right = number(answer), cosine[same & alike].mean() - cosine[same & ~alike].mean()
    if near(value, right, 0.0005) or value == round(right, 2):
        return (
            "right. Beside the gap between items of one construct and of two, it is small: the "
            "direction of an item hardly shows in the cosines of this model."
        )
    if near(value, -right, 0.0005):
        raise NotYet("the sign is turned: the same keying minus different keying.")
    if near(value, cosine[alike].mean() - cosine[~alike].mean(), 0.001):
        raise NotYet("you compared all pairs. Hint: only pairs of the same construct.")
    if near(value, cosine[same & alike].mean()) or near(value, cosine[same & ~alike].mean()):
        raise NotYet("this is one of the two means; the difference of both is asked for.")
    if near(value, cosine[same].mean() - cosine[~same].mean()):
        raise NotYet(
            "this compares pairs of one construct with pairs of two. Hint: keep those of one "
            'construct, then compare by "same keying".'
        )
    raise NotYet(
        'the value is another. Hint: keep the rows of one construct, then group by "same keying".'
    )


@task('give three sentences in a list: answer = ["base", "synonym", "antonym"].')
def task_1_4(answer):
    base, synonym, antonym = _texts(
        answer, 3, 'three sentences in a list are asked for: ["base", "synonym", "antonym"].'
    )
    words = base.split()
    replaced = []
    for name, sentence in (("synonym", synonym), ("antonym", antonym)):
        other = sentence.split()
        if len(other) != len(words):
            raise NotYet(
                f"the sentence with the {name} has {len(other)} words, the base {len(words)}. "
                "Replace one word by one word, so that all three share equally many."
            )
        places = [k for k, (one, two) in enumerate(zip(words, other, strict=True)) if one != two]
        if len(places) != 1:
            raise NotYet(f"the sentence with the {name} changes {len(places)} words, not one.")
        replaced += places
    if replaced[0] != replaced[1]:
        raise NotYet(
            f"the synonym replaces “{words[replaced[0]]}”, the antonym “{words[replaced[1]]}”. "
            "Replace the same word, or the place of the change differs as well."
        )
    points = embed([base, synonym, antonym], progress=False)
    near_by, far = points[1:] @ points[0]
    return (
        f"the form fits. Cosine with the base: synonym {near_by:.2f}, antonym {far:.2f}. Now "
        "compare, point by point: Would a reader take the synonym for the same statement? Is the "
        "antonym its opposite, or only something else? Are both words about equally common? What "
        "would one such probe prove, and how many does your field need?"
    )


# ---- notebook 2


@cache
def _agreements():
    """{what it is: correlation of wording and answers}: the right one, and likely mistakes."""
    from scipy.stats import spearmanr

    cosine, (same, alike) = _cosine(), _pairs()
    r = stats.pairs(np.corrcoef(_answers()[0].T))
    signs = np.where(alike, 1, -1)
    keyed = r * signs
    return {
        "right": stats.correlation(cosine[same], keyed[same]),
        "all": stats.correlation(cosine, keyed),
        "between": stats.correlation(cosine[~same], keyed[~same]),
        "unkeyed": stats.correlation(cosine[same], r[same]),
        "cosines": stats.correlation((cosine * signs)[same], r[same]),
        "both": stats.correlation((cosine * signs)[same], keyed[same]),
        "ranks": float(spearmanr(cosine[same], keyed[same]).statistic),
    }


@task("stats.pairs(keyed) are the keyed correlations of all pairs; [within] keeps some of them.")
def task_2_1(answer):
    value, known = number(answer), _agreements()
    ranks = near(value, known["ranks"], 0.0005) and not near(value, known["right"], 0.0005)
    if near(value, known["right"]) and not ranks:
        return (
            "right. However the scales are named, this number stays. (Within constructs |r| gives "
            "nearly the same, since hardly any keyed correlation is negative there.)"
        )
    mistakes = {
        "all": "this is the correlation over all pairs. Hint: cosine[within], and the same for r.",
        "between": "these are the pairs between constructs. Hint: [within], not [~within].",
        "unkeyed": "your correlations are not keyed. Hint: stats.pairs(keyed), not r.",
        "cosines": "you turned the cosines. Only answers are keyed; leave the wording as it is.",
        "both": "you turned the cosines as well. Only answers are keyed.",
        "ranks": "this is a correlation of ranks; Pearson's is asked for: stats.correlation(x, y).",
    }
    for mistake, message in mistakes.items():
        if near(value, known[mistake], 0.001):
            raise NotYet(message)
    raise NotYet("the value is another. Hint: stats.correlation(cosine[…], stats.pairs(keyed)[…]).")


@task("np.arctanh(value) ± 1.96 / np.sqrt(n - 3), back with np.tanh; then width by width.")
def task_2_2(answer, interval):
    pairs = int((~_pairs()[0]).sum())

    def naive(n):
        z, step = np.arctanh(interval.value), 1.96 / np.sqrt(n - 3)
        return np.tanh(z + step) - np.tanh(z - step)

    wide = interval.high - interval.low
    value, right = number(answer), wide / naive(pairs)
    if near(value, right, 0.03 * right):
        return "right. Whoever counts pairs as cases claims a precision that is not there."
    if near(value, 1 / right, 0.03 / right):
        raise NotYet("turned round: the bootstrap's width divided by the naive width is asked for.")
    if near(value, wide, 0.002) or near(value, naive(pairs), 0.002):
        raise NotYet("this is a width; the ratio of the two widths is asked for.")
    if near(value, 2 * right, 0.03 * right) or near(value, right / 2, 0.03 * right):
        raise NotYet("one of your widths is a half: an interval goes from low to high.")
    if near(value, wide / naive(len(_items())), 0.05):
        raise NotYet("you took the number of items for n. The naive researcher takes all pairs.")
    if near(value, wide / naive(pairs + int(_pairs()[0].sum())), 0.005 * right):
        raise NotYet("n counts the pairs within constructs too; question 4 is about those between.")
    raise NotYet(
        "the value is another. Hint: (high − low) of the bootstrap / (high − low) of Fisher."
    )


@task("build a table of names[a], names[b], cosine, r; .nlargest(35, 'cosine').nsmallest(1, 'r').")
def task_2_3(answer):
    names = np.unique(_construct())
    centroids = np.stack([_vectors()[_construct() == name].mean(axis=0) for name in names])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    cosine = stats.pairs(centroids @ centroids.T)
    r = stats.pairs(np.corrcoef(_scales(_answers()[1], names)))
    a, b = np.triu_indices(len(names), k=1)
    top = np.argsort(-cosine)[:35]
    given = set(_texts(answer, 2, 'the names of two constructs are asked for: ["…", "…"].'))
    if not given <= set(names.tolist()):
        raise NotYet(f"{', '.join(sorted(given - set(names.tolist())))}: no construct is so named.")

    def pair(k):
        return {str(names[a[k]]), str(names[b[k]])}

    if given == pair(top[r[top].argmin()]):
        return (
            "right. Near in wording, opposite in people: which end of a theme an item asks about "
            "decides the answer."
        )
    if given == pair(r.argmin()):
        raise NotYet(
            "this pair has the lowest correlation of all, but is not among the 35 nearest."
        )
    if given == pair(cosine.argmax()):
        raise NotYet("this is the nearest pair. Among the 35 nearest, find the lowest correlation.")
    if given == pair(top[np.abs(r[top]).argmin()]):
        raise NotYet("this correlation is nearest to zero; the lowest is the most negative one.")
    raise NotYet(
        "another pair has a lower correlation among the 35 nearest. Hint: nsmallest(1, 'r')."
    )


# ---- notebook 3


@task("names[np.argsort(-cosines, axis=1)[:, :3]] are the three nearest constructs of each item.")
def task_3_1(answer):
    cosines = _vectors() @ embed(_names(), progress=False).T
    own = cosines[np.arange(len(_items())), [list(_names()).index(c) for c in _construct()]]
    rank = (cosines > own[:, None]).sum(axis=1)
    one = isinstance(answer, (str, dict, stats.Estimate)) or not hasattr(answer, "__len__")
    if one or len(answer) != 2:
        raise NotYet("two numbers are asked for: [top-3 accuracy, chance].")
    accuracy, chance = (number(part) for part in answer)
    if near(accuracy, (rank < 1).mean()):
        raise NotYet("the first number is the top-1 accuracy. Hint: take three columns, [:, :3].")
    if near(accuracy, 100 * (rank < 3).mean(), 0.5):
        raise NotYet("the accuracy is in per cent; as a share it is a hundred times smaller.")
    if not near(accuracy, (rank < 3).mean()):
        raise NotYet(
            "the first number is another. Hint: (nearest == construct[:, None]).any(axis=1).mean()."
        )
    if near(chance, 3 / len(_names())):
        return "right. Three guesses help, and chance triples with them: compare like with like."
    if near(chance, 1 / len(_names())):
        raise NotYet("chance grows with the number of guesses: three of 27 constructs.")
    if near(chance, 300 / len(_names()), 0.5):
        raise NotYet("chance is given in per cent; as a share it is a hundred times smaller.")
    raise NotYet("the second number is another. Hint: three guesses among 27 equally likely ones.")


@cache
def _accuracy_by_other_items(leave_out):
    members = (_construct()[:, None] == _names()).astype(float)
    right = 0
    for k, vector in enumerate(_vectors()):
        weights = members.copy()
        weights[k] *= not leave_out
        means = weights.T @ _vectors()
        nearest = (means @ vector / np.linalg.norm(means, axis=1)).argmax()
        right += _names()[nearest] == _construct()[k]
    return right / len(_items())


@task('by_other_items(vectors["minilm"], leave_out=False) == construct; take the mean.')
def task_3_2(answer):
    kept, left_out = _accuracy_by_other_items(False), _accuracy_by_other_items(True)
    value = number(answer)
    if near(value, kept - left_out):
        return "right. One fifth of each centroid was the very item to be judged: that is leakage."
    if near(value, left_out - kept):
        raise NotYet("the sign is turned: with the item minus without it.")
    if near(value, 100 * (kept - left_out), 0.5):
        raise NotYet("this is in per cent; as a share it is a hundred times smaller.")
    if near(value, kept) or near(value, left_out):
        raise NotYet("this is one of the two accuracies; their difference is asked for.")
    raise NotYet("the value is another. Hint: an accuracy is (assigned == construct).mean().")


@task('turned[:, construct == "Anxiety"].mean(axis=1) are the scale scores of Anxiety.')
def task_3_3(answer):
    answers, turned = (
        stats.correlation(*_scales(data, ["Anxiety", "Emotional stability"])) for data in _answers()
    )
    value = number(answer)
    if near(value, turned):
        return (
            "right. The sign fits two ends of one thing, and short scales understate the size; yet "
            "it is far from −1. Names alone do not make one construct."
        )
    if near(value, -turned):
        raise NotYet("the size is right, the sign is not: high Anxiety goes with low stability.")
    if near(value, answers):
        raise NotYet("you used the raw answers. Reverse-keyed items are turned round in `turned`.")
    if near(value, turned**2):
        raise NotYet("this is the shared variance, r squared; r is asked for, with its sign.")
    raise NotYet(
        "the value is another. Hint: mean of the five columns for each person, then correlate."
    )


task_3_4 = open_task(
    "3.4",
    "It says that the definition was changed while looking at the items it is scored on.",
    "It calls these items training data now, whatever was not computed.",
    "It says what the gain does measure: how well you learned these five items.",
    "It names a way out: items that nobody looked at, or another inventory, scored once.",
)


# ---- notebook 4


@task("a fair pair has both items in held_out: k items make k * (k - 1) / 2 pairs.")
def task_4_1(answer, held_out):
    k, n = int(np.sum(held_out)), len(held_out)
    value = number(answer)
    if value == k * (k - 1) / 2:
        return "right. The fair test is much smaller than the flattering one, and worth far more."
    if value == k * (k - 1):
        raise NotYet("each pair is counted twice: A with B is the same pair as B with A.")
    if value in (k * k, k * k / 2, k * (k + 1) / 2):
        raise NotYet("this counts items with themselves; k items make k * (k - 1) / 2 pairs.")
    if value in (k * (n - k), k * (k - 1) / 2 + k * (n - k)):
        raise NotYet("pairs of a held-out with a training item are in there; one item was seen.")
    if value == (n - k) * (n - k - 1) / 2:
        raise NotYet("these are the pairs used for training. Hint: both items must be held out.")
    if value == k:
        raise NotYet("this is the number of held-out items; pairs are asked for.")
    raise NotYet("the value is another. Hint: k = held_out.sum(), and k * (k - 1) / 2 pairs.")


@task("what was gained, divided by what was missing: (after - before) / (ceiling - before).")
def task_4_2(answer, before, after, ceiling):
    before, after, ceiling = (number(part) for part in (before, after, ceiling))
    value, right = number(answer), (after - before) / (ceiling - before)
    if near(value, right):
        return "right. A gain means little until it is held against what was missing."
    if near(value, 100 * right, 0.5):
        raise NotYet("this is in per cent; as a share it is a hundred times smaller.")
    if near(value, after - before):
        raise NotYet("this is the gain. Divide it by what was missing before: ceiling - before.")
    if near(value, after / ceiling):
        raise NotYet("this is how near the trained model comes to the ceiling, not what it gained.")
    if near(value, 1 - right):
        raise NotYet(
            "this is the share that still remains; the share that was closed is asked for."
        )
    raise NotYet("the value is another. Hint: (after - before) / (ceiling - before).")


@task('(probes["after"] < 0) is True or False; keep the rows of the negations and take the mean.')
def task_4_3(answer, probes):
    below = (probes["after"] < 0).groupby(probes["relation"]).mean()
    negation = probes["relation"] == "negation"
    value = number(answer)
    if near(value, below["negation"]):
        return (
            f"right. Among the antonyms the share is {below['antonym']:.2f}, among the synonyms, "
            f"where it should be 0, {below['synonym']:.2f}, and among sentences that have nothing "
            f"to do with each other {below['unrelated']:.2f}. That is the baseline; "
            f"{negation.sum()} sentences of each kind are few."
        )
    if near(value, (probes.loc[negation, "before"] < 0).mean()):
        raise NotYet("this is the share before training. Hint: the column `after`.")
    if near(value, below["antonym"]):
        raise NotYet("this is the share among the antonyms. Hint: relation == 'negation'.")
    if near(value, (probes["after"] < 0).mean()):
        raise NotYet("this is the share among all probes. Hint: relation == 'negation'.")
    if near(value, (probes["after"] < 0)[negation].sum()):
        raise NotYet("this is a number of sentences; the share is asked for: .mean(), not .sum().")
    if near(value, 100 * below["negation"], 0.5):
        raise NotYet("this is in per cent; as a share it is a hundred times smaller.")
    raise NotYet(
        "the value is another. Hint: (probes['after'] < 0) for the negations, then .mean()."
    )
