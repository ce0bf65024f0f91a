"""Items, responses and correlations of the SAPA Personality Inventory, from R's psychTools.

Writes personality_items.csv, personality_responses.csv and personality_correlations.csv.
Every cell stays the text that R wrote, and the correlations are computed from whole numbers,
so the files are the same, byte for byte, wherever they are built.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from _table import write_table

FACTORS = {
    "Agree": "Agreeableness",
    "Consc": "Conscientiousness",
    "Neuro": "Neuroticism",
    "Extra": "Extraversion",
    "Open": "Openness",
}
# Names of one word are already what they should be.
CONSTRUCTS = {
    "EasyGoingness": "Easy-goingness",
    "SelfControl": "Self-control",
    "EmotionalStability": "Emotional stability",
    "WellBeing": "Well-being",
    "EmotionalExpressiveness": "Emotional expressiveness",
    "AttentionSeeking": "Attention seeking",
    "SensationSeeking": "Sensation seeking",
    "ArtAppreciation": "Art appreciation",
}
INSTALL = "On Debian or Ubuntu: apt-get install r-base-core r-cran-psychtools"


def raw_tables():
    """Return the data sets spi, spi.dictionary and spi.keys as tables of text."""
    if shutil.which("Rscript") is None:
        sys.exit(f"personality.py needs R, which is not installed. {INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).with_suffix(".R")
        run = subprocess.run(["Rscript", "--vanilla", str(script), folder])
        if run.returncode == 3:
            sys.exit(f"personality.py needs the R package psychTools. {INSTALL}")
        run.check_returncode()
        return [
            pd.read_csv(Path(folder, name), dtype=str, keep_default_na=False)
            for name in ("spi.csv", "dictionary.csv", "keys.csv")
        ]


def item_table(dictionary, keys):
    """One row an item: its text, its place in the two levels of scales, and its keying."""
    keys = pd.DataFrame(
        {
            "item_id": keys["values"].str.lstrip("-"),
            "keying": keys["values"].str.startswith("-").map({True: "-1", False: "1"}),
            "scale": keys["ind"],
        }
    )
    narrow = keys[~keys["scale"].isin(list(FACTORS))].set_index("item_id")
    broad = keys[keys["scale"].isin(list(FACTORS))].set_index("item_id")
    items = dictionary[dictionary["item_id"].str.startswith("q_")].set_index("item_id")
    table = pd.DataFrame(
        {
            "text": items["item"],
            "construct": narrow["scale"].replace(CONSTRUCTS),
            "factor": broad["scale"].replace(FACTORS),
            "keying": narrow["keying"],
            "factor_keying": broad["keying"],
            "source": items["item_scale"],
        }
    )
    return table.loc[items.index].fillna("").reset_index()


def response_table(spi):
    """One row a person: a number for the person, ten background variables, 135 answers."""
    table = spi.assign(sex=spi["sex"].map({"1": "male", "2": "female", "": ""}))
    table.insert(0, "respondent", [str(i) for i in range(1, len(table) + 1)])
    return table


def correlation_table(responses, item_ids):
    """Pearson's r of every pair of items (i before j in the order of the items)."""
    answers = responses[item_ids].to_numpy().astype(np.int64)
    total = answers.sum(axis=0)
    # Sums of whole numbers are exact, so no machine's rounding can enter before the division.
    products = len(answers) * (answers.T @ answers) - np.outer(total, total)
    i, j = np.triu_indices(len(item_ids), k=1)
    r = products[i, j] / np.sqrt(products[i, i] * products[j, j])
    names = np.array(item_ids)
    return pd.DataFrame(
        {"item_i": names[i], "item_j": names[j], "r": [f"{x:.6f}" for x in r.round(6) + 0.0]}
    )


def build(folder):
    """Write the three files into `folder`."""
    spi, dictionary, keys = raw_tables()
    items = item_table(dictionary, keys)
    responses = response_table(spi)
    correlations = correlation_table(responses, list(items["item_id"]))
    write_table(items, folder / "personality_items.csv")
    write_table(responses, folder / "personality_responses.csv")
    write_table(correlations, folder / "personality_correlations.csv")


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[1])
