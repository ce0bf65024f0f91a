"""The media-bias stimuli: from events, each told four times, to a training and a test file.

Reads media_bias_events.jsonl (one event a line: two neutral sentences N1 and N2, one slanted for
the actor, F, one slanted against it, C) and media_bias_second_labels.csv (a second, blind pass
over the test sentences). Writes media_bias_train.csv and media_bias_test.csv.

An event states its own event_id and the item_id of the first of its four sentences, which also says
to which file it belongs. So the ids of all others stay when an event is taken out or added: a new
event takes the next free numbers, and no number is used twice, also not that of an event which the
tables made before still hold. A fifth of each topic's events are for testing.
"""

import csv
import hashlib
import json
from pathlib import Path

import pandas as pd
from _table import write_table

HERE = Path(__file__).resolve().parent
COLUMNS = ["item_id", "event_id", "topic", "text", "label", "direction", "intensity", "device"]
COLUMNS += ["loaded_words"]


def order(text):
    """A position that is the same on every machine and has nothing to do with the content."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sentences(event):
    """The four sentences of an event as rows, in an order that does not tell the label."""
    neutral = dict(label="neutral", direction="none", intensity="0", loaded_words="")
    quoted = "attributed quotation" if event["quote_neutral"] else ""
    rows = [
        {"text": event["N1"], **neutral, "device": ""},
        {"text": event["N2"], **neutral, "device": quoted},
    ]
    for side, direction in (("F", "for"), ("C", "against")):
        told = event[side]
        rows.append(
            {
                "text": told["text"],
                "label": "slanted",
                "direction": direction,
                "intensity": str(told["intensity"]),
                "device": told["device"],
                "loaded_words": told["loaded_words"],
            }
        )
    part, first = event["item_id"].split("_")
    shared = {"event_id": event["event_id"], "topic": event["topic"]}
    return [
        {"item_id": f"{part}_{int(first) + k:04d}", **shared, **row}
        for k, row in enumerate(sorted(rows, key=lambda row: order(row["text"])))
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


def build(folder):
    """Write media_bias_train.csv and media_bias_test.csv into `folder`."""
    lines = (HERE / "media_bias_events.jsonl").read_text(encoding="utf-8").splitlines()
    train, test = tables(lines)
    made = sorted(folder.glob("media_bias_t*.csv"))
    if made:
        check_new(
            pd.concat([train, test]), pd.concat(pd.read_csv(file, dtype=str) for file in made)
        )
    with (HERE / "media_bias_second_labels.csv").open(encoding="utf-8", newline="") as file:
        second = {row["text"]: row["second_label"] for row in csv.DictReader(file)}
    if lacking := [text for text in test["text"] if not second.get(text)]:
        raise ValueError(f"media_bias_second_labels.csv has no label of: {' | '.join(lacking)}")
    write_table(train, folder / "media_bias_train.csv")
    write_table(test.assign(second_label=test["text"].map(second)), folder / "media_bias_test.csv")
