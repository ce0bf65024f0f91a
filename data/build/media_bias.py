"""The media-bias stimuli: from events, each told four times, to a training and a test file.

Reads media_bias_events.jsonl (one event a line: two neutral sentences N1 and N2, one slanted for
the actor, F, one slanted against it, C; `contestable` names those on which careful readers may
differ) and media_bias_readings/reading_1.csv to reading_3.csv (three blind readings of the test
sentences, with columns item_id, text and label). Writes media_bias_train.csv and
media_bias_test.csv. `python data/build/media_bias.py` prints how far the readings agree.

An event states its own event_id and the item_id of the first of its four sentences, which also says
to which file it belongs. So the ids of all others stay when an event is taken out or added: a new
event takes the next free numbers, and no number is used twice, also not that of an event which the
tables made before still hold. A fifth of each topic's events are for testing.
"""

import hashlib
import json
from itertools import combinations
from pathlib import Path

import pandas as pd
from _table import write_table
from sklearn.metrics import cohen_kappa_score

HERE = Path(__file__).resolve().parent
READINGS = HERE / "media_bias_readings"
COLUMNS = ["item_id", "event_id", "topic", "cause", "text", "label", "direction", "intensity"]
COLUMNS += ["device", "loaded_words", "contestable"]
READERS = ["reading_1", "reading_2", "reading_3"]
LABELS = ["neutral", "slanted"]


def order(text):
    """A position that is the same on every machine and has nothing to do with the content."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sentences(event):
    """The four sentences of an event as rows, in an order that does not tell the label."""
    quoted = "attributed quotation" if event["quote_neutral"] else ""
    told = {
        name: {"text": event[name], "label": "neutral", "direction": "none", "intensity": "0"}
        | {"device": device, "loaded_words": ""}
        for name, device in (("N1", ""), ("N2", quoted))
    }
    for name, direction in (("F", "for"), ("C", "against")):
        told[name] = {"label": "slanted", "direction": direction} | event[name]
        told[name]["intensity"] = str(event[name]["intensity"])
    for name, row in told.items():
        row["contestable"] = str(int(name in event["contestable"]))
    part, first = event["item_id"].split("_")
    shared = {key: event[key] for key in ("event_id", "topic", "cause")}
    return [
        {"item_id": f"{part}_{int(first) + k:04d}", **shared, **row}
        for k, row in enumerate(sorted(told.values(), key=lambda row: order(row["text"])))
    ]


def tables(lines):
    """(train, test) as tables of text, from the lines of media_bias_events.jsonl.

    Raises ValueError if an event or a sentence has the id of another.
    """
    rows = [row for line in lines for row in sentences(json.loads(line))]
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values("item_id", ignore_index=True)
    twice = frame.loc[frame["item_id"].duplicated(), "item_id"].tolist()
    twice += frame["event_id"].value_counts().loc[lambda n: n > 4].index.tolist()
    if twice:
        raise ValueError(f"media_bias_events.jsonl: these ids are used twice: {', '.join(twice)}")
    part = frame["item_id"].str.split("_").str[0]
    return [frame[part == name] for name in ("train", "test")]


def check_new(after, before):
    """Raise ValueError if an event that is new since the table `before` has a number used before.

    An event is new if none of its sentences stood in that table under its event_id.
    """
    known = set(zip(before["event_id"], before["text"], strict=True))
    ids = [*before["event_id"].str.replace("e", "e_"), *before["item_id"]]
    highest = {"e": 0, "train": 0, "test": 0}
    for kind, number in (one.split("_") for one in ids):
        highest[kind] = max(highest[kind], int(number))
    for event, rows in after.groupby("event_id"):
        part, first = rows["item_id"].min().split("_")
        new = known.isdisjoint((event, text) for text in rows["text"])
        if new and (int(event[1:]) <= highest["e"] or int(first) <= highest[part]):
            raise ValueError(
                f"media_bias_events.jsonl: the new event {event} ({part}_{first}) has a number of "
                f"another one, which may be gone. The next free numbers are "
                f"e{highest['e'] + 1:03d}, train_{highest['train'] + 1:04d} and "
                f"test_{highest['test'] + 1:04d}."
            )


def readings(test, folder=READINGS):
    """One column of labels for each of READERS, in the order of `test`; empty without readings.

    folder: has the file READER.csv of each, with columns item_id, text and label. Raises ValueError
    for a missing file, for items or texts other than those of `test`, and for another label.
    """
    files = {reader: folder / f"{reader}.csv" for reader in READERS}
    if not any(file.is_file() for file in files.values()):
        return pd.DataFrame("", index=test.index, columns=READERS)
    columns = {}
    for reader, file in files.items():
        if not file.is_file():
            raise ValueError(f"{file.parent.name} has no {file.name}: three readings are needed.")
        read = pd.read_csv(file, dtype=str, keep_default_na=False)
        if other := sorted(set(read["item_id"][read["item_id"].duplicated()])):
            raise ValueError(f"{file.name} has more than one label of: {', '.join(other)}")
        read = read.set_index("item_id")
        texts = dict(zip(test["item_id"], test["text"], strict=True))
        if other := sorted(set(read.index) ^ set(texts)):
            raise ValueError(f"{file.name} has not the items of the test part: {', '.join(other)}")
        if other := [item for item, text in texts.items() if read.loc[item, "text"] != text]:
            raise ValueError(f"{file.name}: texts have changed since the reading of {other}")
        if other := read.index[~read["label"].isin(LABELS)].tolist():
            raise ValueError(f"{file.name}: neither neutral nor slanted, {', '.join(other)}")
        columns[reader] = read.loc[test["item_id"], "label"].to_numpy()
    return pd.DataFrame(columns, index=test.index)


def agreement(test):
    """What the card says about the readings, from a test table that has them.

    Each reader and their majority against the writer's labels, the readers among each other, and
    the same for contestable and other sentences.
    """
    votes = (test[READERS] == "slanted").sum(axis=1)
    majority = votes.map(lambda n: "slanted" if n >= 2 else "neutral")
    same = ", ".join(f"{(test[reader] == test['label']).sum()}" for reader in READERS)
    kappas = ", ".join(
        f"{cohen_kappa_score(test[reader], test['label']):.2f}" for reader in READERS
    )
    among = [cohen_kappa_score(test[one], test[two]) for one, two in combinations(READERS, 2)]
    shares = []
    for mark, name in (("1", "contestable"), ("0", "other")):
        rows = test[test["contestable"].astype(str) == mark]
        right = sum((rows[reader] == rows["label"]).mean() for reader in READERS) / len(READERS)
        shares.append(f"{right:.2f} of the {len(rows)} {name} ones")
    split = ((votes > 0) & (votes < 3)).sum()
    return (
        f"Of {len(test)} sentences the three readers labelled {same} as the writer did (Cohen's "
        f"kappa {kappas}), on average {' and '.join(shares)}. Among each other they reach kappa "
        f"{', '.join(f'{value:.2f}' for value in among)} and differ on {split} sentences; the "
        f"label of two of three is the writer's in {(majority == test['label']).sum()}."
    )


def build(folder):
    """Write media_bias_train.csv and media_bias_test.csv into `folder`."""
    lines = (HERE / "media_bias_events.jsonl").read_text(encoding="utf-8").splitlines()
    train, test = tables(lines)
    made = sorted(folder.glob("media_bias_t*.csv"))
    if made:
        check_new(
            pd.concat([train, test]), pd.concat(pd.read_csv(file, dtype=str) for file in made)
        )
    write_table(train, folder / "media_bias_train.csv")
    write_table(test.join(readings(test)), folder / "media_bias_test.csv")


if __name__ == "__main__":
    table = pd.read_csv(HERE.parent / "media_bias_test.csv", dtype=str, keep_default_na=False)
    print(agreement(table) if (table[READERS] != "").all(axis=None) else "No readings yet.")
