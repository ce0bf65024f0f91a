"""The media-bias sentences are what their data card says: a controlled stimulus set."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import COURSE, DATA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from besci import embed, load_data, stats

# Real posts for checking, which are no part of the course (columns text and bias).
POSTS = Path(os.environ.get("BESCI_POSTS", COURSE.parent / "shared" / "external"))


@pytest.fixture(scope="module")
def train():
    return load_data("media_bias_train")


@pytest.fixture(scope="module")
def test():
    return load_data("media_bias_test")


@pytest.fixture(scope="module")
def both(train, test):
    return pd.concat([train, test], ignore_index=True)


def test_sizes_and_balance(train, test, both):
    assert len(train) >= 960 and len(test) >= 240
    assert both["event_id"].nunique() >= 300 and both["topic"].nunique() >= 16
    for part in (train, test):
        assert (part["label"] == "slanted").mean() == 0.5
        assert part["topic"].nunique() == both["topic"].nunique()
    event = both.groupby("event_id")
    assert (event.size() == 4).all() and (event["topic"].nunique() == 1).all()
    assert (event["direction"].apply(sorted).str.join(" ") == "against for none none").all()


def test_no_event_stands_in_both_files(train, test):
    assert not set(train["event_id"]) & set(test["event_id"])


@pytest.fixture
def build():
    sys.path.insert(0, str(DATA / "build"))
    try:
        import media_bias

        yield media_bias
    finally:
        sys.path.remove(str(DATA / "build"))


EVENTS = (DATA / "build/media_bias_events.jsonl").read_text("utf-8").splitlines()


def test_another_event_in_place_of_one_changes_its_own_lines_alone(build):
    old = [json.loads(line) for line in EVENTS]
    new = [dict(event) for event in old]
    for k in (7, 90, 211, 399):
        part = old[k]["item_id"].split("_")[0]
        number = 9001 + 4 * k
        new[k] |= {"event_id": f"e{1001 + k}", "item_id": f"{part}_{number}", "N1": f"Text {k}."}
    lines = [[json.dumps(event) for event in events] for events in (old, new)]
    before, after = (pd.concat(build.tables(some)) for some in lines)
    kept = before[~before["event_id"].isin(old[k]["event_id"] for k in (7, 90, 211, 399))]
    same = after[after["item_id"].isin(kept["item_id"])]
    assert len(same) == len(before) - 16 and len(after) == len(before)
    assert same.reset_index(drop=True).equals(kept.reset_index(drop=True))


def test_an_id_used_twice_is_refused(build):
    events = [json.loads(line) for line in EVENTS[:3]]
    events[1]["item_id"] = events[0]["item_id"]
    with pytest.raises(ValueError, match=events[0]["item_id"]):
        build.tables([json.dumps(event) for event in events])


@pytest.mark.parametrize("own", ["nothing", "event_id", "item_id"])
def test_a_new_event_takes_no_number_of_an_event_that_is_gone(build, both, own):
    events = [json.loads(line) for line in EVENTS]
    free = {"event_id": "e9001", "item_id": "train_9001"}
    taken = next(event for event in events if event["item_id"].startswith("train"))
    told = {"N1": "One.", "N2": "Two.", "F": taken["F"] | {"text": "Three."}}

    def check(**changes):
        lines = [json.dumps(event | changes if event is taken else event) for event in events]
        build.check_new(pd.concat(build.tables(lines)), both)

    check(**told)  # one sentence stays: an event that was corrected
    told["C"] = taken["C"] | {"text": "Four."}
    check(**told, **free)
    with pytest.raises(ValueError, match=r"The next free numbers are e\d+, train_\d+ and test_\d+"):
        check(**told, **{name: free[name] for name in free if name == own})


def test_the_tables_are_made_from_the_events(build):
    for name, made in zip(("train", "test"), build.tables(EVENTS), strict=True):
        table = pd.read_csv(DATA / f"media_bias_{name}.csv", dtype=str, keep_default_na=False)
        same = table[build.COLUMNS].equals(made.reset_index(drop=True))
        assert same, f"media_bias_{name}.csv is not up to date: make data DATA=media_bias"


@pytest.fixture
def read(build, tmp_path):
    """A function that writes three readings of the test table, changed, and reads them back."""
    table = build.tables(EVENTS)[1]

    def back(change=lambda rows: rows, files=build.READERS):
        for reader in files:
            rows = table[["item_id", "text", "label"]].sample(frac=1, random_state=len(reader))
            change(rows.reset_index(drop=True)).to_csv(tmp_path / f"{reader}.csv", index=False)
        return table.join(build.readings(table, tmp_path))

    return back


def test_readings_in_any_order_are_put_beside_their_sentences(build, read):
    table = read()
    assert all((table[reader] == table["label"]).all() for reader in build.READERS)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda rows: rows[1:], "has not the items"),
        (lambda rows: pd.concat([rows, rows[:1]]), "more than one label of: test_"),
        (
            lambda rows: rows.assign(item_id=rows["item_id"].replace("test_0001", "test_9")),
            "test_9",
        ),
        (lambda rows: rows.assign(text=rows["text"].str.upper()), "texts have changed"),
        (lambda rows: rows.assign(label="biased"), "neither neutral nor slanted"),
    ],
)
def test_readings_of_other_sentences_or_with_other_labels_are_refused(read, change, message):
    with pytest.raises(ValueError, match=message):
        read(change)


def test_two_readings_are_not_enough_and_none_leaves_the_columns_empty(build, read):
    assert (read(files=[])[build.READERS] == "").all(axis=None)
    with pytest.raises(ValueError, match=r"no reading_3\.csv"):
        read(files=build.READERS[:2])


def test_agreement_is_counted_as_the_package_counts_it(build, read):
    table = read()
    drawn = np.random.default_rng(1).random((len(table), 3)) < 0.1
    for k, reader in enumerate(build.READERS):
        other = table["label"].map({"neutral": "slanted", "slanted": "neutral"})
        table[reader] = table["label"].where(~drawn[:, k], other)
    said = build.agreement(table)
    assert ", ".join(str(n) for n in (~drawn).sum(axis=0)) + " as the writer did" in said
    kappas = [stats.kappa(table["label"], table[reader]).value for reader in build.READERS]
    assert ", ".join(f"{value:.2f}" for value in kappas) in said
    assert f"differ on {(drawn.any(axis=1) & ~drawn.all(axis=1)).sum()} sentences" in said


def test_a_fifth_of_the_events_of_each_topic_are_for_testing(train, test):
    counts = [part.groupby("topic")["event_id"].nunique() for part in (train, test)]
    assert ((counts[1] / (counts[0] + counts[1])).between(0.15, 0.25)).all()


def test_most_slanted_sentences_are_subtle_or_moderate(both):
    slanted = both[both["label"] == "slanted"]
    assert (slanted["intensity"] <= 2).mean() > 0.7 and (slanted["intensity"] == 1).mean() > 0.2
    assert (both.loc[both["label"] == "neutral", "intensity"] == 0).all()


def test_half_of_the_events_have_a_neutral_sentence_that_quotes_slanted_words(both):
    quoted = both[both["device"] == "attributed quotation"]
    assert 0.45 < quoted["event_id"].nunique() / both["event_id"].nunique() < 0.55
    assert (quoted["label"] == "neutral").all() and quoted["text"].str.contains('"').mean() > 0.95


def test_loaded_words_stand_in_the_text(both):
    for row in both[both["label"] == "slanted"].itertuples():
        assert all(words in row.text for words in row.loaded_words.split("; ")), row.item_id


def test_no_two_events_share_six_words_in_a_row(both):
    home = {}
    for row in both.itertuples():
        words = re.findall(r"[\w']+", row.text.lower())
        for k in range(len(words) - 5):
            run = " ".join(words[k : k + 6])
            assert home.setdefault(run, row.event_id) == row.event_id, (row.item_id, run)


def shallow(texts):
    """Length and punctuation of each text."""
    marks = [[text.count(mark) for mark in ",.;:?!\"'-"] for text in texts]
    return np.array([[len(t), len(t.split()), *m] for t, m in zip(texts, marks, strict=True)])


def first_words(texts):
    return np.array([[text.split()[0].lower().strip('"')] for text in texts])


def test_length_punctuation_and_first_word_do_not_give_the_label_away(train, test):
    scaler = StandardScaler().fit(shallow(train["text"]))
    words = OneHotEncoder(handle_unknown="ignore").fit(first_words(train["text"]))

    def cues(part):
        return np.hstack(
            [
                scaler.transform(shallow(part["text"])),
                words.transform(first_words(part["text"])).toarray(),
            ]
        )

    model = LogisticRegression(max_iter=2000).fit(cues(train), train["label"])
    assert model.score(cues(test), test["label"]) < 0.60


def test_words_alone_help_but_do_not_solve_it(train, test):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    accuracy = model.fit(train["text"], train["label"]).score(test["text"], test["label"])
    assert 0.60 <= accuracy <= 0.80


def test_the_card_reports_the_readings_as_they_are(build, test):
    assert test[build.READERS].notna().all(axis=None), "the test sentences have not been read yet"
    card = (COURSE / "data/README.md").read_text("utf-8")
    assert build.agreement(test) in card, f"the card has to say: {build.agreement(test)}"


def test_political_sides_are_balanced_in_both_parts_and_shared_by_an_event(train, test, both):
    assert (both.groupby("event_id")["cause"].nunique() == 1).all()
    for part in (train, test):
        share = part["cause"].value_counts(normalize=True)
        assert share["none"] < 0.3 and abs(share["left"] - share["right"]) < 0.06


def test_contestable_sentences_are_many_but_not_most_and_of_both_labels(train, test, both):
    contestable = both[both["contestable"] == 1]
    assert len(contestable) >= 60 and 0.1 < test["contestable"].mean() < 1 / 3
    for part in (train, test):
        assert (part.loc[part["contestable"] == 1, "label"] == "slanted").mean() == 0.5
    slanted = contestable[contestable["label"] == "slanted"]
    assert (slanted["intensity"] == 1).all()
    for part in (slanted, slanted[slanted["item_id"].str.startswith("test")]):
        assert abs((part["direction"] == "for").mean() - 0.5) <= 0.1
        left = part["cause"].eq("left") == part["direction"].eq("for")  # which way it leans
        assert 0.35 < left[part["cause"] != "none"].mean() < 0.65
    assert contestable["topic"].nunique() == both["topic"].nunique()


def test_people_are_told_what_they_will_read():
    note = "Content note: these sentences imitate slanted news."
    for file in ("data/README.md", "INSTRUCTORS.md"):
        assert note in (COURSE / file).read_text("utf-8")


@pytest.mark.skipif(not (POSTS / "tweets_train.csv").is_file(), reason="the posts are not here")
def test_what_is_learned_here_carries_over_to_real_posts(train):
    files = [pd.read_csv(POSTS / f"tweets_{part}.csv") for part in ("train", "test")]
    posts = pd.concat(files, ignore_index=True)
    ridge = RidgeCV(np.logspace(-1, 3, 9)).fit(embed(train["text"]), train["label"] == "slanted")
    auc = roc_auc_score(posts["bias"] == "partisan", ridge.predict(embed(posts["text"])))
    print(f"AUC on {len(posts):,} real posts: {auc:.3f}")
    assert auc >= 0.62
