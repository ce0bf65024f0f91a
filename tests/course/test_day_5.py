"""Day 5: what its checks answer to likely mistakes, and what its interviews notebook defines."""

import re
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import COURSE
from notebooks import notebook_tests
from run_notebooks import execute
from sklearn.metrics import (
    adjusted_rand_score,
    cohen_kappa_score,
    normalized_mutual_info_score,
    rand_score,
)
from verdicts import verdict_tests

from besci import documents, load_data, path, project, stats
from besci.checks import day_5
from besci.numbers import numbers_in

RANKS = [1, 1, 2, 5, 10]
ARTICLE = documents.read_text(
    "In all, 412 students took part in the study. The effect was not significant after correction."
)
SCORES = pd.DataFrame(
    {
        "answerable": [True] * 5 + [False] * 3,
        "abstained": [True, False, False, False, False, True, True, False],
    }
)


def pseudonymise(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", names[name], text)
    return text


def by_replace(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return text


def shortest_first(text, names):
    for name in sorted(names, key=len):
        text = re.sub(rf"\b{re.escape(name)}\b", names[name], text)
    return text


def open_ended(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{name}", names[name], text)
    return text


def unescaped(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", names[name], text)
    return text


TURN = np.arange(50)
ONE, TWO = TURN < 20, (TURN >= 6) & (TURN < 24)
GROUPS = np.repeat(["i01", "i02", "i03"], 8)
THEMES = np.random.default_rng(0).integers(3, size=24)
PROMPT = "Is it neutral or slanted?\n\nSentence: {text}"
CHOSEN = pd.DataFrame({"neutral": [0.5] * 30})
CHOSEN.attrs["provenance"] = {
    "model": "tiny", "commit": "0123456789ab", "dtype": "float32", "device": "cpu", "inputs": 30,
    "versions": {"besci": "2026.11", "torch": "2.13.0"}, "method": "choose",
    "settings": {"system": None, "options": ["a"], "normalize": "sum", "calibrate": None},
}  # fmt: skip
RESULTS = {"A · majority": stats.accuracy([1, 1, 0]), "A · prompt, tiny": stats.accuracy([1, 0])}
OWN = RESULTS["A · prompt, tiny"]
REPORT = (
    f"{project.methods(CHOSEN, prompt=PROMPT, seed=42)} On 30 texts: {OWN}, "
    f"and {RESULTS['A · majority']} for the majority."
)
MORE = {"task_1_1": (RANKS,), "task_1_2": (ARTICLE,), "task_1_3": (SCORES,)}
MORE |= {"task_2_2": (ONE, TWO), "task_2_3": (TURN < 10,), "task_2_4": (THEMES, GROUPS)}
MORE |= {"task_3_3": (CHOSEN, PROMPT, 42, range(30), RESULTS)}
RIGHT = {
    "task_1_1": (1 + 1 + 1 / 2 + 1 / 5 + 1 / 10) / 5,
    "task_1_2": '"In all, 421 students took part in the study."',
    "task_1_3": (2 / 3 + 4 / 5) / 2,
    "task_1_4": lambda value, text: value in numbers_in(text),
    "task_2_1": pseudonymise,
    "task_2_2": cohen_kappa_score(ONE, TWO),
    "task_2_3": [0.8, 0],
    "task_2_4": adjusted_rand_score(GROUPS, THEMES),
    "task_3_1": 246,
    "task_3_2": 8006,
    "task_3_3": REPORT,
}
WRONG = [
    ("task_1_1", 5 / 19, "you took the mean first"),
    ("task_1_1", 3.8, "the mean rank"),
    ("task_1_1", 2, "the median rank"),
    ("task_1_1", 0.4, "recall at 1"),
    ("task_1_1", 0.9, "does not fit"),
    ("task_1_2", 412, "a text is asked for"),
    ("task_1_2", "421 students", "0 quotations"),
    ("task_1_2", '"412 students" and "421 students"', "2 quotations"),
    ("task_1_2", '"In all, 412 students took part"', "it stands on page 1"),
    ("task_1_2", '"Nobody asked the parents of these children."', "called absent"),
    ("task_1_2", '"In all, 412 pupils took part in the study."', "does it say something else?"),
    ("task_1_3", 1 - (2 / 3 + 4 / 5) / 2, "turned round"),
    ("task_1_3", 6 / 8, "which depends on the mix"),
    ("task_1_3", 2 / 3, "unanswerable questions only"),
    ("task_1_3", 4 / 5, "answerable questions only"),
    ("task_1_3", 2 / 3 + 4 / 5, "the sum"),
    ("task_1_3", 0.1, "does not fit"),
    ("task_1_4", 12, "a function is asked for"),
    ("task_1_4", lambda value, text: str(value) in text, "for 1204 and"),
    ("task_1_4", lambda value, text: f"{value:,}" in text, "for 12 and 'We asked 120 adults.'"),
    ("task_1_4", lambda value, text: True, "False was expected"),
    ("task_2_1", "Rose", "a function is asked for"),
    ("task_2_1", by_replace, "'Alan met Al, and also Rosemary.' became"),
    ("task_2_1", shortest_first, "'Rose Miller told me.' became '[P1] Miller told me.'"),
    ("task_2_1", open_ended, "'Alan met Al, and also Rosemary.' became"),
    ("task_2_1", unescaped, "'St. John and Stu John left.' became '[P3] and [P3] left.'"),
    ("task_2_1", lambda text, names: None, "gives back nothing"),
    ("task_2_2", 0.8, "observed agreement"),
    ("task_2_2", 0.4 * 0.36 + 0.6 * 0.64, "expected agreement alone"),
    ("task_2_2", 0.8 - 0.528, "Divide it by"),
    ("task_2_2", (0.8 - 0.144) / (1 - 0.144), "also agree by saying no"),
    ("task_2_2", 0.6, "one half only if"),
    ("task_2_2", 0.1, "does not fit"),
    ("task_2_3", 0.8, "two numbers are asked for"),
    ("task_2_3", [0.8, float("nan")], "kappa is missing"),
    ("task_2_3", [0.2, 0], "you counted the others"),
    ("task_2_3", [0, 0.8], "turned round"),
    ("task_2_3", [0.5, 0], "an accuracy of 0.500 does not fit"),
    ("task_2_3", [0.8, 0.6], "a kappa of 0.600 is not"),
    ("task_2_4", rand_score(GROUPS, THEMES), "plain Rand index"),
    ("task_2_4", normalized_mutual_info_score(GROUPS, THEMES), "mutual information"),
    ("task_2_4", 1, "a grouping with itself"),
    ("task_2_4", 0.9, "does not fit"),
    ("task_3_1", 245, "Round up"),
    ("task_3_1", 245.86, "Round up"),
    ("task_3_1", 984, "the whole width"),
    ("task_3_1", 385, "the worst case"),
    ("task_3_1", 64, "one standard error"),
    ("task_3_1", 15.68, "enters squared"),
    ("task_3_1", 1000, "does not fit"),
    ("task_3_2", 11_000, "multiplies what happens only once"),
    ("task_3_2", 14_000, "multiplies what happens only once"),
    ("task_3_2", 8_000, "add what is spent once"),
    ("task_3_2", 8006 / 3600, "another unit"),
    ("task_3_2", 60_000, "does not fit"),
    ("task_3_3", 12, "a text is asked for"),
    ("task_3_3", "It was labelled by tiny.", "ask for its commit, the prompt"),
    ("task_3_3", REPORT.replace("seed 42", "a seed"), "still ask for the seed."),
    ("task_3_3", REPORT.replace(" for the majority", ""), "still ask for the baseline."),
    ("task_3_3", REPORT.replace("2.13.0", "2"), "still ask for the version of torch."),
]

(
    test_every_task_of_the_day_has_a_right_answer_here,
    test_the_right_answer_is_accepted,
    test_a_likely_mistake_gets_its_own_message,
    test_no_check_passes_or_raises_on_nonsense,
) = verdict_tests(day_5, RIGHT, WRONG, MORE)


def test_a_quote_without_its_negation_is_accepted_as_false(capsys):
    day_5.task_1_2("“The effect was significant after correction.”", ARTICLE)
    assert capsys.readouterr().out.startswith("✓")


# What the interviews notebook defines, tried behind its last cell.
INTERVIEWS = """
class Memory:
    # A model that remembers which turns it learned from, and refuses to code these.
    def fit(self, features, codes):
        self.known, self.size = set(features), len(features)

    def predict(self, features):
        assert self.size == 7 and not self.known & set(features)
        return np.ones(len(features), dtype=bool)

assert held_out(Memory(), groups, 7, 0).any()
assert {*interviews["interview"]} == {*groups}

heard = len(outside)
for address in (("127.0.0.1", 80), ("::1", 80, 0, 0), "/tmp/socket", b"/tmp/socket"):
    listen("socket.connect", (None, address))
listen("open", (("192.0.2.1", 9), "r", 0))
assert len(outside) == heard
listen("socket.connect", (None, ("192.0.2.1", 9)))
assert outside.pop() == ("192.0.2.1", 9)

misused = quotes.assign(verdict=[f.verdict for f in found]).tail(4)
assert misused["verdict"].tolist() == ["near", "exact", "absent", "absent"], misused
"""

test_notebooks_run_in_any_folder = notebook_tests("day_5", after={"2_interviews": INTERVIEWS})


def test_python_tells_listeners_of_a_connection_before_it_is_made():
    code = (
        "import socket, sys; heard = []\n"
        "sys.addaudithook(lambda event, details: heard.append((event, details[-1])))\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(('192.0.2.1', 9))\n"
        "assert ('socket.connect', ('192.0.2.1', 9)) in heard"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_three_passages_hold_the_evidence_of_most_questions_on_its_page():
    article = documents.read_pdf(path("article.pdf"))
    questions = load_data("article_questions").dropna(subset="evidence")
    found = []
    for row in questions.itertuples():
        (quote,) = documents.verify_quotes(f"“{row.evidence}”", article).head(1).itertuples()
        assert (quote.verdict, quote.page) == ("exact", row.page), row.question_id
        nearest = documents.retrieve(row.question, article, k=3)
        ends = nearest["offset"] + nearest["text"].str.len()
        found.append(((nearest["offset"] <= quote.offset) & (quote.offset < ends)).any())
    assert np.mean(found) >= 0.85


@pytest.mark.notebook
@pytest.mark.parametrize("route", "ABC")
def test_each_route_of_the_project_runs_without_the_others(route, tmp_path):
    file = COURSE / "day_5" / "3_project.ipynb"
    notebook, part, kept = nbformat.read(file, as_version=4), "start", []
    for cell in notebook.cells:
        heading = re.match(r"## (Route [ABC]|One figure|The methods)", cell.source)
        part = heading[1] if heading and cell.cell_type == "markdown" else part
        if part in ("start", f"Route {route}", "One figure") or (route == "A" and "The" in part):
            kept.append(cell)
    notebook.cells = kept
    copy = tmp_path / "my study" / "project.ipynb"
    copy.parent.mkdir()
    nbformat.write(notebook, copy)
    run = execute(copy, tmp_path / "out", use_quick=True, report=lambda *_, **__: None)
    assert run.error == "" and run.tasks == {"A": 3, "B": 1, "C": 1}[route]
    saved = (copy.parent / "my_project/results.csv").read_text("utf-8")
    assert f"{route} · " in saved and saved.count("\n") >= 3
