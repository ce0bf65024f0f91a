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
    from besci import embed, load_data, stats

    items, constructs = load_data("personality_items"), load_data("constructs")
    people = load_data("personality_responses")
    answers, keying = people[items["item_id"]], items["keying"].to_numpy()
    names = constructs["construct"].to_numpy()
    truth = items["construct"].map({name: k for k, name in enumerate(names)}).to_numpy()
    observed = answers.corr().to_numpy()
    keyed = observed * np.outer(keying, keying)
    turned = (answers * keying + (keying < 0) * 7).to_numpy(dtype=float)
    vectors = embed(items["text"], progress=False)
    labels = embed(constructs["construct"], progress=False)
    definitions = embed(constructs["definition"], progress=False)
    cosine, words = vectors @ vectors.T, overlap(items["text"])
    same = truth[:, None] == truth[None, :]
    within = stats.pairs(same)
    equal = stats.pairs(np.equal.outer(keying, keying))
    length = items["text"].str.split().str.len()

    found = {
        "people": f"{len(people):,}",
        "items": str(len(items)),
        "constructs": str(len(names)),
        "pairs": f"{len(within):,}",
        "pairs_within": str(within.sum()),
        "pairs_between": f"{(~within).sum():,}",
        "reversed": str((keying < 0).sum()),
        "median_age": f"{people['age'].median():.0f}",
        "youngest": str(people["age"].min()),
        "women": f"{100 * (people['sex'].dropna() == 'female').mean():.0f}",
        "sex_missing": str(people["sex"].isna().sum()),
        "words_mean": f"{length.mean():.1f}",
        "words_longest": str(length.max()),
        "dimensions": str(vectors.shape[1]),
        "draws": f"{DRAWS:,}",
        "ceiling": two(stats.split_half(answers).value),
        "cosine_within": two(stats.pairs(cosine)[within].mean()),
        "cosine_between": two(stats.pairs(cosine)[~within].mean()),
        "cosine_equal": two(stats.pairs(cosine)[within & equal].mean()),
        "cosine_opposite": two(stats.pairs(cosine)[within & ~equal].mean()),
        "r_within": two(np.abs(stats.pairs(observed))[within].mean()),
        "r_between": two(np.abs(stats.pairs(observed))[~within].mean()),
        "no_shared_word": f"{100 * (stats.pairs(words) == 0).mean():.0f}",
    }
    targets = {"raw": observed, "unsigned": np.abs(observed), "keyed": keyed}
    for source, similarity in {"minilm": cosine, "tfidf": words}.items():
        for target, matrix in targets.items():
            found |= interval(f"{source}_{target}", stats.bootstrap_items(similarity, matrix))
        found |= interval(f"{source}_auc", stats.bootstrap_items(similarity, same * 1.0, area))
    found |= interval("people_auc", stats.bootstrap_items(np.abs(observed), same * 1.0, area))
    test = stats.mantel(cosine, keyed)
    found["mantel_p"], found["shuffles"] = f"{test.p:.3f}", str(len(test.null))

    centres = np.stack([unit(vectors[truth == k].mean(axis=0)) for k in range(len(names))])
    scales = np.stack([turned[:, truth == k].mean(axis=1) for k in range(len(names))])
    scale_r, centre_cosine = np.corrcoef(scales), centres @ centres.T
    found["construct_pairs"] = str(len(stats.pairs(scale_r)))
    found |= interval("construct_signed", stats.bootstrap_items(centre_cosine, scale_r))
    found |= interval("construct_unsigned", stats.bootstrap_items(centre_cosine, np.abs(scale_r)))
    odd = np.argmin(np.where(centre_cosine > 0.6, scale_r, 1) + np.eye(len(names)))
    a, b = sorted(divmod(odd, len(names)))
    found |= {"odd_one": names[a], "odd_other": names[b]}
    found |= {"odd_cosine": two(centre_cosine[a, b]), "odd_r": two(scale_r[a, b])}

    guesses = {
        "label": vectors @ labels.T,
        "definition": vectors @ definitions.T,
        "others": left_out(vectors, truth),
        "tfidf": left_out(words_vectors(items["text"]), truth),
        "answers": answers_left_out(turned, truth),
    }
    found["chance"], found["chance_3"] = two(1 / len(names)), two(3 / len(names))
    for method, scores in guesses.items():
        order = np.argsort(-scores, axis=1)
        found |= interval(f"first_{method}", stats.accuracy(order[:, 0] == truth))
        found[f"three_{method}"] = two((order[:, :3] == truth[:, None]).any(axis=1).mean())
    gain = (guesses["others"].argmax(1) == truth) * 1.0 - (guesses["tfidf"].argmax(1) == truth)
    found |= interval("gain", stats.bootstrap(np.mean, gain, draws=DRAWS))
    by_construct = {
        method: np.bincount(truth[guesses[method].argmax(1) == truth], minlength=len(names))
        for method in ("label", "definition", "others")
    }
    found["all_five"] = str((by_construct["others"] == 5).sum())
    found["none"] = str((by_construct["others"] == 0).sum())
    found["appendix"] = []
    for k, name in enumerate(names):
        own = truth == k
        wrong = guesses["others"].argmax(1)[own & (guesses["others"].argmax(1) != k)]
        taken = np.bincount(wrong, minlength=len(names))
        row = [name, (keying[own] < 0).sum(), *(by_construct[m][k] for m in by_construct)]
        found[f"definition_{name}"] = str(by_construct["definition"][k])
        found["appendix"].append([*map(str, row), names[taken.argmax()] if taken.any() else "none"])

    found |= {f"row_{row[0]}": " ".join(row) for row in found["appendix"]}
    groups = np.array_split(np.argsort(stats.pairs(cosine), kind="stable"), GROUPS)
    drawn = [stats.pairs(matrix) for matrix in (cosine, keyed, np.abs(observed))]
    found["figure"] = [[round(float(v[group].mean()), 3) for v in drawn] for group in groups]

    adults = answers[people["age"] >= 18]
    halves = [answers[people["sex"] == sex] for sex in ("female", "male")]
    found["adults"], found["women_n"], found["men_n"] = (
        f"{len(part):,}" for part in (adults, *halves)
    )
    signs = np.outer(keying, keying)
    for name, part in zip(("adults", "women", "men"), (adults, *halves), strict=True):
        keyed_part = part.corr().to_numpy() * signs
        found |= interval(f"robust_{name}", stats.bootstrap_items(cosine, keyed_part))
    for name, pairs_kept in {"no_word": words == 0, "one_end": signs > 0}.items():
        found |= interval(
            f"robust_{name}",
            stats.bootstrap_items(np.where(pairs_kept, cosine, np.nan), keyed, of_those_kept),
        )
        found[f"robust_{name}_pairs"] = f"{stats.pairs(pairs_kept).sum():,}"
    found |= interval("robust_ranks", stats.bootstrap_items(cosine, keyed, ranks))
    return found


def two(value):
    """A number with two decimals and a real minus sign."""
    return f"{value:.2f}".replace("-", "−").replace("−0.00", "0.00")


def interval(name, estimate):
    """The value and its 95 % interval, as two entries."""
    return {name: two(estimate.value), f"{name}_ci": f"{two(estimate.low)}, {two(estimate.high)}"}


def of_those_kept(x, y):
    """Correlation over the pairs that have a value in x."""
    from besci import stats

    kept = np.isfinite(x)
    return stats.correlation(x[kept], y[kept])


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
