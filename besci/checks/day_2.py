"""Self-checks of day 2: embeddings and personality. What is right is computed, never typed."""

from functools import cache

import numpy as np

from besci import stats
from besci.checks.task import NotYet, near, number, task
from besci.data import load_data
from besci.embeddings import embed
from besci.inputs import plain


@cache
def _items():
    return load_data("personality_items")


@cache
def _vectors():
    return embed(_items()["text"], progress=False)


@cache
def _answers():
    """(4000, 135) answers and the same with reverse-keyed items turned round."""
    answers = load_data("personality_responses")[_items()["item_id"]].to_numpy(dtype=float)
    keying = _items()["keying"].to_numpy()
    return answers, np.where(keying > 0, answers, 7 - answers)


@cache
def _truth():
    """The constructs in the data's order, and each item's position among them."""
    names = load_data("constructs")["construct"].tolist()
    return np.array(names), np.array([names.index(name) for name in _items()["construct"]])


@cache
def _centroid_accuracy(leave_out):
    names, truth = _truth()
    right = 0
    for k in range(len(truth)):
        weights = np.eye(len(names))[truth]
        weights[k] *= not leave_out
        centroids = weights.T @ _vectors()
        right += (centroids @ _vectors()[k] / np.linalg.norm(centroids, axis=1)).argmax() == truth[
            k
        ]
    return right / len(truth)


@task("divide the sum of products by the two lengths: np.sqrt((a**2).sum()) is the length of a.")
def task_1_1(answer):
    a, b = (
        vector.astype(float) for vector in embed(["Worry about things.", "Fear for the worst."])
    )
    value, right = number(answer), float(a @ b)
    if near(value, right):
        return "right. Stretching a vector changes its length, not its direction."
    if near(value, 3 * right):
        raise NotYet(
            "this is the sum of products alone, three times too large because `a` is three times "
            "as long as the embedding. Hint: divide by the length of `a` and by the length of `b`."
        )
    if near(value, right / 3):
        raise NotYet(
            "you divided by the squared length of `a`. Hint: the length is the square root."
        )
    if near(value, 1 - right):
        raise NotYet("this is the cosine distance, 1 − cosine. The similarity is asked for.")
    raise NotYet(
        "the value is another. Hint: multiply element by element, sum, divide by both lengths."
    )


@task(
    "besci.embed(new_sentence) gives one point; item_vectors @ point gives 135 cosines; argmax()."
)
def task_1_2(answer):
    similarity = _vectors() @ embed("I never know what to say to new people.")
    texts = _items()["text"]
    if isinstance(answer, (int, np.integer)) and answer == similarity.argmax():
        raise NotYet('this is the right position; its text is items["text"].iloc[position].')
    if not isinstance(answer, str):
        raise NotYet(
            f"the text of one item is asked for, yours is of type {type(answer).__name__}."
        )
    answer = plain(answer)
    if answer == texts[int(similarity.argmax())]:
        return (
            "right. It shares words with your sentence. Does it share the trait, or its direction?"
        )
    if answer == texts[int(similarity.argmin())]:
        raise NotYet("this is the item farthest away. Hint: argmax, not argmin.")
    if answer in set(texts):
        place = int((similarity > similarity[texts.tolist().index(answer)]).sum())
        raise NotYet(f"{place} items are nearer. Hint: take the largest cosine.")
    raise NotYet("no item has this text. Copy it exactly, with its full stop.")


@task("same = construct[i] == construct[j]; equal = keying[i] == keying[j]; combine with &.")
def task_1_3(answer):
    i, j = np.triu_indices(len(_items()), k=1)
    cosine = (_vectors() @ _vectors().T)[i, j]
    construct, keying = (_items()[name].to_numpy() for name in ("construct", "keying"))
    same, equal = construct[i] == construct[j], keying[i] == keying[j]
    right = cosine[same & equal].mean() - cosine[same & ~equal].mean()
    value = number(answer)
    if near(value, right, 0.0005):
        return (
            "right. Compare it with the range of cosines: the end of the trait that an item asks "
            "about, which decides how people answer, hardly moves its point."
        )
    if near(value, -right):
        raise NotYet("the sign is turned: equal pairs minus opposite pairs.")
    if near(value, cosine[equal].mean() - cosine[~equal].mean()):
        raise NotYet("you compared all pairs. Hint: only pairs of the same construct, `& same`.")
    if near(value, cosine[same & equal].mean()) or near(value, cosine[same & ~equal].mean()):
        raise NotYet("this is one of the two means; the difference of both is asked for.")
    raise NotYet("the value is another. Hint: keep pairs with construct[i] == construct[j] first.")


@task('give two sentences in a list: answer = ["…", "…"].')
def task_1_4(answer):
    if isinstance(answer, str) or len(answer) != 2:
        raise NotYet('two sentences in a list are asked for: ["…", "…"].')
    one, two = answer
    cosine = float(embed(one) @ embed(two))
    if cosine < 0.30:
        return f"cosine {cosine:.2f}. Whether they are opposites, you must judge: the model cannot."
    shared = set(one.lower().strip(".!?").split()) & set(two.lower().strip(".!?").split())
    hint = f" Both contain: {', '.join(sorted(shared))}." if shared else ""
    raise NotYet(f"cosine {cosine:.2f}, still above 0.30. Hint: share fewer words.{hint}")


@task("stats.pairs(np.outer(keying, keying)) is +1 or −1 for each pair; multiply r by it.")
def task_2_1(answer):
    keying = _items()["keying"].to_numpy()
    cosine = stats.pairs(_vectors() @ _vectors().T)
    r = stats.pairs(np.corrcoef(_answers()[0].T))
    signs = stats.pairs(np.outer(keying, keying))
    value = number(answer)
    if near(value, stats.correlation(cosine, r * signs)):
        return (
            "right. Keys repair the direction within constructs, and that is all they can repair."
        )
    if near(value, stats.correlation(cosine, r)):
        raise NotYet(
            "your value equals the unkeyed correlation. Hint: the sign of a pair is "
            "keying[i] * keying[j]."
        )
    if near(value, stats.correlation(cosine, np.abs(r))) or near(
        value, stats.correlation(np.abs(cosine), np.abs(r))
    ):
        raise NotYet("this is the correlation with absolute values. Multiply by the signs instead.")
    if near(value, stats.correlation(cosine * signs, r * signs)) or near(
        value, stats.correlation(cosine * signs, r)
    ):
        raise NotYet(
            "you turned the cosines. Only the answers are keyed; leave the wording as it is."
        )
    raise NotYet("the value is another. Hint: r * signs, with signs from stats.pairs(np.outer(…)).")


@task("np.arctanh(value) ± 1.96 / np.sqrt(n - 3), back with np.tanh; then width by width.")
def task_2_2(answer, estimate):
    keyed_pairs = len(_items()) * (len(_items()) - 1) // 2
    z, step = np.arctanh(estimate.value), 1.96 / np.sqrt(keyed_pairs - 3)
    naive = np.tanh(z + step) - np.tanh(z - step)
    wide = estimate.high - estimate.low
    value = number(answer)
    if near(value, wide / naive, 0.05 * wide / naive):
        return (
            "right. Whoever counts pairs as people, or items, claims a precision that is not there."
        )
    if near(value, naive / wide, 0.05 * naive / wide):
        raise NotYet("turned round: the bootstrap's width divided by the naive width is asked for.")
    if near(value, wide) or near(value, naive, 0.002):
        raise NotYet("this is a width; the ratio of the two widths is asked for.")
    step = 1.96 / np.sqrt(len(_items()) - 3)
    if near(value, wide / (np.tanh(z + step) - np.tanh(z - step)), 0.05):
        raise NotYet("you took the number of items for n. The naive researcher takes all pairs.")
    raise NotYet(
        "the value is another. Hint: (high − low) of the bootstrap / (high − low) of Fisher."
    )


@task("build a table of a, b, cosine, r; .nlargest(35, 'cosine').nsmallest(1, 'r').")
def task_2_3(answer):
    names = np.array(sorted(set(_items()["construct"])))
    own = np.array([np.flatnonzero(names == name)[0] for name in _items()["construct"]])
    centroids = np.stack([_vectors()[own == k].mean(axis=0) for k in range(len(names))])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    scores = np.stack([_answers()[1][:, own == k].mean(axis=1) for k in range(len(names))])
    cosine, r = stats.pairs(centroids @ centroids.T), stats.pairs(np.corrcoef(scores))
    a, b = np.triu_indices(len(names), k=1)
    top = np.argsort(-cosine)[:35]
    given = {plain(str(name)) for name in answer}
    if isinstance(answer, str) or len(answer) != 2 or not given <= set(names):
        raise NotYet('the names of two constructs are asked for, as in names: ["…", "…"].')

    def pair(k):
        return {str(names[a[k]]), str(names[b[k]])}

    if given == pair(top[r[top].argmin()]):
        return "right. Two ends of one theme: near in wording, opposite in people."
    if given == pair(r.argmin()):
        raise NotYet(
            "this pair has the lowest correlation of all, but is not among the 35 nearest."
        )
    if given == pair(cosine.argmax()):
        raise NotYet("this is the nearest pair. Among the 35 nearest, find the lowest correlation.")
    raise NotYet(
        "another pair has a lower correlation among the 35 nearest. Hint: nsmallest(1, 'r')."
    )


@task("np.argsort(-cosines, axis=1)[:, :3] are the three nearest constructs of each item.")
def task_3_1(answer):
    names, truth = _truth()
    cosines = _vectors() @ embed(names).T
    ranks = (cosines > cosines[np.arange(len(truth)), truth][:, None]).sum(axis=1)
    if np.ndim(answer) == 0 or len(answer) != 2:
        raise NotYet("two numbers are asked for: [top-3 accuracy, chance].")
    top_3, chance = number(answer[0]), number(answer[1])
    if near(top_3, (ranks < 1).mean()):
        raise NotYet("the first number is the top-1 accuracy. Hint: take three columns, [:, :3].")
    if near(chance, 1 / len(names), 0.0005):
        raise NotYet("chance grows with the number of guesses: three of 27 constructs.")
    if near(chance, 100 * 3 / len(names), 0.05):
        raise NotYet("chance is given in per cent; as a share it is a hundred times smaller.")
    if near(top_3, (ranks < 3).mean()) and near(chance, 3 / len(names), 0.0005):
        return "right. Three guesses help, and chance triples with them: compare like with like."
    if not near(top_3, (ranks < 3).mean()):
        raise NotYet(
            "the first number is another. Hint: (top_3 == truth[:, None]).any(axis=1).mean()."
        )
    raise NotYet("the second number is another. Hint: three guesses among 27 equally likely ones.")


@task("centroid_cosines(leave_out=False).argmax(axis=1), compare with truth, take the mean.")
def task_3_2(answer):
    kept, left_out = _centroid_accuracy(False), _centroid_accuracy(True)
    value = number(answer)
    if near(value, kept - left_out):
        return "right. One fifth of each centroid was the very item to be judged: that is leakage."
    if near(value, left_out - kept):
        raise NotYet("the sign is turned: with the item minus without it.")
    if near(value, kept) or near(value, left_out):
        raise NotYet("this is one of the two accuracies; their difference is asked for.")
    raise NotYet("the value is another. Hint: accuracy is (assigned == truth).mean().")


@task('turned[:, items["construct"] == "Anxiety"].mean(axis=1) are the scale scores of Anxiety.')
def task_3_3(answer):
    construct = _items()["construct"].to_numpy()
    answers, turned = _answers()

    def r(data):
        return stats.correlation(
            *(
                data[:, construct == name].mean(axis=1)
                for name in ("Anxiety", "Emotional stability")
            )
        )

    value = number(answer)
    if near(value, r(turned)):
        return (
            "right. The sign fits two ends of one thing, and short scales understate the size; yet "
            "it is far from −1. Names alone do not make one construct."
        )
    if near(value, -r(turned)):
        raise NotYet("the size is right, the sign is not: high Anxiety goes with low stability.")
    if near(value, r(answers)):
        raise NotYet("you used the raw answers. Reverse-keyed items are turned round in `turned`.")
    raise NotYet(
        "the value is another. Hint: mean of the five columns for each person, then correlate."
    )


@task("a fair pair has both items in held_out: k items make k * (k - 1) / 2 pairs.")
def task_4_1(answer, held_out):
    k, n = int(np.sum(held_out)), len(held_out)
    value = number(answer)
    if near(value, k * (k - 1) / 2):
        return "right. The fair test is much smaller than the flattering one, and worth far more."
    if near(value, k * (k - 1)):
        raise NotYet("each pair is counted twice: A with B is the same pair as B with A.")
    if near(value, k * k):
        raise NotYet("this counts items with themselves, and each pair twice.")
    if near(value, k * (n - k)) or near(value, k * (k - 1) / 2 + k * (n - k)):
        raise NotYet("pairs of a held-out with a training item are in there; one item was seen.")
    if near(value, (n - k) * (n - k - 1) / 2):
        raise NotYet("these are the pairs used for training. Hint: both items must be held out.")
    if near(value, k):
        raise NotYet("this is the number of held-out items; pairs are asked for.")
    raise NotYet("the value is another. Hint: stats.pairs(observed[np.ix_(held_out, held_out)]).")


@task("what was gained, divided by what was missing: (after - before) / (ceiling - before).")
def task_4_2(answer, before, after, ceiling):
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
    value = number(answer)
    if near(value, below["negation"]):
        return (
            f"right. Among the antonyms the share is {below['antonym']:.2f}, and among sentences "
            f"that have nothing to do with each other {below['unrelated']:.2f}. That is the "
            "baseline; twelve sentences of each kind are few."
        )
    if near(value, below["antonym"]):
        raise NotYet("this is the share among the antonyms. Hint: relation == 'negation'.")
    if near(value, (probes["after"] < 0).mean()):
        raise NotYet("this is the share among all probes. Hint: relation == 'negation'.")
    if near(value, (probes.loc[probes["relation"] == "negation", "before"] < 0).mean()):
        raise NotYet("this is the share before training. Hint: the column `after`.")
    if near(value, (probes["after"] < 0)[probes["relation"] == "negation"].sum()):
        raise NotYet("this is a number of sentences; the share is asked for: .mean(), not .sum().")
    raise NotYet(
        "the value is another. Hint: (probes['after'] < 0) for the negations, then .mean()."
    )
