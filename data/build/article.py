"""The research note article.pdf and its questions.

`numbers()` computes everything the note reports from the course's data, rounded as printed;
article_numbers.json holds the result. `build` sets the note (article.typ) from that file, and reads
the questions (article_questions.toml), their pages and their evidence back from the finished PDF.

    python data/build/article.py     # compute article_numbers.json anew
"""

import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from _table import write_table

HERE = Path(__file__).resolve().parent
NUMBERS = HERE / "article_numbers.json"
sys.path.insert(0, str(HERE.parents[1]))  # besci need not be installed

DRAWS = 1000
GROUPS = 10  # groups of pairs in the figure


def numbers():
    """Everything the note reports: {name: text, or list for the figure}."""
    m = material()
    parts = (sample, agreement, scales, assignment, figure, robustness)
    return {name: value for part in parts for name, value in part(m).items()}


def material():
    """What all parts of the note are computed from."""
    from besci import embed, load_data, stats

    items, constructs = load_data("personality_items"), load_data("constructs")
    people = load_data("personality_responses")
    answers, keying = people[items["item_id"]], items["keying"].to_numpy()
    names = constructs["construct"].to_numpy()
    truth = items["construct"].map({name: k for k, name in enumerate(names)}).to_numpy()
    observed, signs = answers.corr().to_numpy(), np.outer(keying, keying)
    vectors, words = embed(items["text"], progress=False), overlap(items["text"])
    same = truth[:, None] == truth[None, :]
    return SimpleNamespace(
        stats=stats,
        items=items,
        people=people,
        answers=answers,
        keying=keying,
        names=names,
        truth=truth,
        observed=observed,
        signs=signs,
        keyed=observed * signs,
        turned=(answers * keying + (keying < 0) * 7).to_numpy(dtype=float),
        vectors=vectors,
        labels=embed(constructs["construct"], progress=False),
        definitions=embed(constructs["definition"], progress=False),
        cosine=vectors @ vectors.T,
        words=words,
        same=same,
        within=stats.pairs(same),
    )


def sample(m):
    """People, items, and means within and between constructs."""
    pairs, within = m.stats.pairs, m.within
    equal = pairs(np.equal.outer(m.keying, m.keying))
    length = m.items["text"].str.split().str.len()
    return {
        "people": f"{len(m.people):,}",
        "items": str(len(m.items)),
        "constructs": str(len(m.names)),
        "pairs": f"{len(within):,}",
        "pairs_within": str(within.sum()),
        "pairs_between": f"{(~within).sum():,}",
        "reversed": str((m.keying < 0).sum()),
        "median_age": f"{m.people['age'].median():.0f}",
        "youngest": str(m.people["age"].min()),
        "women": f"{100 * (m.people['sex'].dropna() == 'female').mean():.0f}",
        "sex_missing": str(m.people["sex"].isna().sum()),
        "words_mean": f"{length.mean():.1f}",
        "words_longest": str(length.max()),
        "dimensions": str(m.vectors.shape[1]),
        "draws": f"{DRAWS:,}",
        "ceiling": two(m.stats.split_half(m.answers).value),
        "cosine_within": two(pairs(m.cosine)[within].mean()),
        "cosine_between": two(pairs(m.cosine)[~within].mean()),
        "cosine_equal": two(pairs(m.cosine)[within & equal].mean()),
        "cosine_opposite": two(pairs(m.cosine)[within & ~equal].mean()),
        "r_within": two(np.abs(pairs(m.observed))[within].mean()),
        "r_between": two(np.abs(pairs(m.observed))[~within].mean()),
        "no_shared_word": f"{100 * (pairs(m.words) == 0).mean():.0f}",
    }


def agreement(m):
    """How wording and answers agree over pairs of items."""
    found, over_items = {}, m.stats.bootstrap_items
    targets = {"raw": m.observed, "unsigned": np.abs(m.observed), "keyed": m.keyed}
    for source, similarity in {"minilm": m.cosine, "tfidf": m.words}.items():
        for target, matrix in targets.items():
            found |= interval(f"{source}_{target}", over_items(similarity, matrix))
        found |= interval(f"{source}_auc", over_items(similarity, m.same * 1.0, area))
    found |= interval("people_auc", over_items(np.abs(m.observed), m.same * 1.0, area))
    test = m.stats.mantel(m.cosine, m.keyed)
    return found | {"mantel_p": f"{test.p:.3f}", "shuffles": str(len(test.null))}


def scales(m):
    """The same over pairs of constructs, and the pair that is near in words alone."""
    each = range(len(m.names))
    centres = np.stack([unit(m.vectors[m.truth == k].mean(axis=0)) for k in each])
    scores = np.stack([m.turned[:, m.truth == k].mean(axis=1) for k in each])
    scale_r, cosine = np.corrcoef(scores), centres @ centres.T
    odd = np.argmin(np.where(cosine > 0.6, scale_r, 1) + np.eye(len(m.names)))
    a, b = sorted(divmod(odd, len(m.names)))
    over_items = m.stats.bootstrap_items
    return {
        "construct_pairs": str(len(m.stats.pairs(scale_r))),
        **interval("construct_signed", over_items(cosine, scale_r)),
        **interval("construct_unsigned", over_items(cosine, np.abs(scale_r))),
        "odd_one": m.names[a],
        "odd_other": m.names[b],
        "odd_cosine": two(cosine[a, b]),
        "odd_r": two(scale_r[a, b]),
    }


def assignment(m):
    """Items assigned to constructs in five ways, and the table of the appendix."""
    guesses = {
        "label": m.vectors @ m.labels.T,
        "definition": m.vectors @ m.definitions.T,
        "others": left_out(m.vectors, m.truth),
        "tfidf": left_out(words_vectors(m.items["text"]), m.truth),
        "answers": answers_left_out(m.turned, m.truth),
    }
    n = len(m.names)
    found = {"chance": two(1 / n), "chance_3": two(3 / n)}
    for method, scores in guesses.items():
        order = np.argsort(-scores, axis=1)
        found |= interval(f"first_{method}", m.stats.accuracy(order[:, 0] == m.truth))
        found[f"three_{method}"] = two((order[:, :3] == m.truth[:, None]).any(axis=1).mean())
    first = {method: scores.argmax(1) for method, scores in guesses.items()}
    gain = (first["others"] == m.truth) * 1.0 - (first["tfidf"] == m.truth)
    found |= interval("gain", m.stats.bootstrap(np.mean, gain, draws=DRAWS))
    hits = {
        method: np.bincount(m.truth[first[method] == m.truth], minlength=n)
        for method in ("label", "definition", "others")
    }
    found["all_five"] = str((hits["others"] == 5).sum())
    found["none"] = str((hits["others"] == 0).sum())
    found["appendix"] = []
    for k, name in enumerate(m.names):
        own = m.truth == k
        taken = np.bincount(first["others"][own & (first["others"] != k)], minlength=n)
        row = [name, (m.keying[own] < 0).sum(), *(counts[k] for counts in hits.values())]
        found[f"definition_{name}"] = str(hits["definition"][k])
        other = m.names[taken.argmax()] if taken.any() else "none"
        found["appendix"].append([*map(str, row), other])
    return found | {f"row_{row[0]}": " ".join(row) for row in found["appendix"]}


def figure(m):
    """The points of the figure: means of ten groups of pairs by their cosine."""
    groups = np.array_split(np.argsort(m.stats.pairs(m.cosine), kind="stable"), GROUPS)
    drawn = [m.stats.pairs(matrix) for matrix in (m.cosine, m.keyed, np.abs(m.observed))]
    return {"figure": [[round(float(v[group].mean()), 3) for v in drawn] for group in groups]}


def robustness(m):
    """The main result among other people, other pairs, and in ranks."""
    found, over_items = {}, m.stats.bootstrap_items
    people = {
        "adults": m.answers[m.people["age"] >= 18],
        "women": m.answers[m.people["sex"] == "female"],
        "men": m.answers[m.people["sex"] == "male"],
    }
    for name, part in people.items():
        found[name if name == "adults" else f"{name}_n"] = f"{len(part):,}"
    for name, part in people.items():
        keyed = part.corr().to_numpy() * m.signs
        found |= interval(f"robust_{name}", over_items(m.cosine, keyed))
    for name, kept in {"no_word": m.words == 0, "one_end": m.signs > 0}.items():
        found |= interval(f"robust_{name}", over_items(m.cosine, m.keyed, where=kept))
        found[f"robust_{name}_pairs"] = f"{m.stats.pairs(kept).sum():,}"
    return found | interval("robust_ranks", over_items(m.cosine, m.keyed, ranks))


def two(value):
    """A number with two decimals and a real minus sign."""
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


def interval(name, estimate):
    """The value and its 95 % interval, as two entries."""
    return {name: two(estimate.value), f"{name}_ci": f"{two(estimate.low)}, {two(estimate.high)}"}


def ranks(x, y):
    from scipy.stats import spearmanr

    return spearmanr(x, y).statistic


def unit(vector):
    return vector / np.linalg.norm(vector)


def area(similarity, same):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(same, similarity)


def words_vectors(texts):
    """(n, words) unit-length TF-IDF vectors of the items' words, function words left out."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(stop_words="english").fit_transform(texts).toarray()


def overlap(texts):
    """(n, n) cosine of the items' TF-IDF vectors."""
    vectors = words_vectors(texts)
    return vectors @ vectors.T


def left_out(vectors, truth):
    """(n, constructs) cosine of each item with each construct's other items."""
    membership = np.eye(truth.max() + 1)[truth]
    found = np.empty(membership.shape)
    for k in range(len(truth)):
        weights = membership.copy()
        weights[k] = 0
        centres = weights.T @ vectors
        found[k] = centres @ vectors[k] / np.maximum(np.linalg.norm(centres, axis=1), 1e-12)
    return found


def answers_left_out(turned, truth):
    """(n, constructs) absolute correlation of each item with the scale of the other items."""
    found = np.empty((len(truth), truth.max() + 1))
    for k in range(len(truth)):
        others = np.arange(len(truth)) != k
        scales = [turned[:, others & (truth == c)].mean(axis=1) for c in range(truth.max() + 1)]
        found[k] = np.abs(np.corrcoef(turned[:, k], np.stack(scales))[0, 1:])
    return found


def questions(found):
    """The rows of article_questions.csv, without page; {name} is filled in from the numbers."""
    words = {name: text for name, text in found.items() if isinstance(text, str)}
    listed = tomllib.loads((HERE / "article_questions.toml").read_text(encoding="utf-8"))
    for k, entry in enumerate(listed["question"], start=1):
        yield {
            "question_id": f"q{k:02d}",
            "question": entry["text"],
            "type": entry["type"],
            "answerable": "yes" if "answer" in entry else "no",
            "answer": entry.get("answer", "").format(**words),
            "evidence": entry.get("evidence", "").format(**words),
        }


def build(folder):
    """Write article.pdf and article_questions.csv into `folder`."""
    import typst

    from besci.documents import read_pdf, verify_quotes

    # Fonts of this computer are left aside: the note looks the same everywhere.
    part = folder / "article.pdf.part"
    try:
        part.write_bytes(typst.compile(str(HERE / "article.typ"), ignore_system_fonts=True))
        part.replace(folder / "article.pdf")
    finally:
        part.unlink(missing_ok=True)
    note = read_pdf(folder / "article.pdf")
    rows = pd.DataFrame(questions(json.loads(NUMBERS.read_text(encoding="utf-8"))))
    pages = []
    for row in rows.itertuples():
        found = verify_quotes(f"“{row.evidence}”", note) if row.evidence else None
        if found is not None and (len(found) != 1 or found["verdict"][0] != "exact"):
            raise ValueError(
                f"article_questions.toml, {row.question_id}: the evidence {row.evidence!r} does "
                "not stand in the note word for word. Correct it, or the note."
            )
        pages.append("" if found is None else found["page"][0])
    rows.insert(5, "page", pages)
    write_table(rows, folder / "article_questions.csv")


if __name__ == "__main__":
    NUMBERS.write_text(
        json.dumps(numbers(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
    )
