"""The interviews on language models at work: the transcripts with both codings of each turn.

Reads interviews.jsonl (one turn a line, with the first coding) and interviews_second_coding.csv
(id such as i01_02 for turn 2 of interview i01, and the codes of a second, blind coder for every
participant turn). Writes interviews.csv.
"""

import csv
import json
from pathlib import Path

import pandas as pd
from _table import write_table

HERE = Path(__file__).resolve().parent


def build(folder):
    """Write interviews.csv into `folder`."""
    with (HERE / "interviews_second_coding.csv").open(encoding="utf-8", newline="") as file:
        second = {row["id"]: row["codes"] for row in csv.DictReader(file)}
    lines = (HERE / "interviews.jsonl").read_text(encoding="utf-8").splitlines()
    turns = pd.DataFrame(map(json.loads, lines)).rename(columns={"codes_1": "codes"})
    ids = turns["interview"] + "_" + turns["turn"].astype(str).str.zfill(2)
    asked = turns["speaker"] == "interviewer"
    if set(ids[~asked]) != second.keys():
        odd = ", ".join(sorted(set(ids[~asked]) ^ second.keys()))
        raise ValueError(
            f'interviews_second_coding.csv, column "id": found too much or too little at {odd}, '
            "expected each participant turn of interviews.jsonl. Add or delete these rows."
        )
    turns["codes_2"] = ids.map(second).where(~asked, "")
    columns = ["interview", "occupation", "speaker", "turn", "text", "codes", "codes_2"]
    write_table(turns[columns], folder / "interviews.csv")
