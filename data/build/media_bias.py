"""The media-bias stimuli: from events, each told four times, to a training and a test file.

Reads media_bias_events.jsonl (one event a line: two neutral sentences N1 and N2, one slanted for
the actor, F, one slanted against it, C) and media_bias_second_labels.csv (a second, blind pass
over the test sentences). Writes media_bias_train.csv and media_bias_test.csv, split by event, a
fifth of each topic's events for testing.
"""

import csv
import hashlib
import json
from pathlib import Path

import pandas as pd
from _table import write_table

HERE = Path(__file__).resolve().parent
TEST_SHARE = 0.2


def order(text):
    """A position that is the same on every machine and has nothing to do with the content."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sentences(event, event_id):
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
    shared = {"event_id": event_id, "topic": event["topic"]}
    return [{**shared, **row} for row in sorted(rows, key=lambda row: order(row["text"]))]


def tables():
    """(train, test) as tables of text."""
    lines = (HERE / "media_bias_events.jsonl").read_text(encoding="utf-8").splitlines()
    events = sorted(map(json.loads, lines), key=lambda event: order(event["event"]))
    topics = sorted({event["topic"] for event in events})
    files = {"train": [], "test": []}
    number = 0
    for topic in topics:
        own = [event for event in events if event["topic"] == topic]
        for place, event in enumerate(own):
            number += 1
            part = "test" if place < round(TEST_SHARE * len(own)) else "train"
            files[part] += sentences(event, f"e{number:03d}")
    made = []
    for part, rows in files.items():
        frame = pd.DataFrame(rows)
        ids = [f"{part}_{k:04d}" for k in range(1, len(frame) + 1)]
        columns = ["event_id", "topic", "text", "label", "direction", "intensity", "device"]
        made.append(frame[[*columns, "loaded_words"]].assign(item_id=ids).set_index("item_id"))
    return [frame.reset_index() for frame in made]


def build(folder):
    """Write media_bias_train.csv and media_bias_test.csv into `folder`."""
    train, test = tables()
    with (HERE / "media_bias_second_labels.csv").open(encoding="utf-8", newline="") as file:
        second = {row["text"]: row["second_label"] for row in csv.DictReader(file)}
    write_table(train, folder / "media_bias_train.csv")
    write_table(test.assign(second_label=test["text"].map(second)), folder / "media_bias_test.csv")
