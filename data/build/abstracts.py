"""The abstracts: one line of abstracts.jsonl an abstract, with its gold fields, to abstracts.csv.

abstracts_second.csv holds a second extraction of the fields from the texts. It stays here, as
evidence for what the data card says about agreement.
"""

import json
from pathlib import Path

import pandas as pd
from _table import write_table

HERE = Path(__file__).resolve().parent


def build(folder):
    """Write abstracts.csv into `folder`."""
    lines = (HERE / "abstracts.jsonl").read_text(encoding="utf-8").splitlines()
    table = pd.DataFrame([json.loads(line) for line in lines])
    # Int64 keeps whole numbers whole beside the cells that are empty (sample size not stated).
    table["sample_size"] = table["sample_size"].astype("Int64")
    write_table(table, folder / "abstracts.csv")
