"""The comparison of models: whole after an interruption, repeatable, with the right figures."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tiny
from conftest import COURSE
from sklearn.metrics import roc_auc_score
from transformers import LlamaConfig

from benchmarks import compare
from benchmarks.studies import Sizes, all_studies, auc, compact, fingerprint

FEW = {"events": 3, "people": 12, "variants": 1, "questions": 6, "turns": 6, "tokens": 8}
TINY = [f"--{size}={value}" for size, value in FEW.items()]
STUDIES = {study.name: study for study in all_studies(Sizes(**FEW))}
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_model(folder, seed):
    config = LlamaConfig(**tiny.SIZE, num_key_value_heads=2, max_position_embeddings=8192)
    return tiny.save(folder, tiny.byte_tokenizer(TEMPLATE), config, seed=seed)


def command(folder, *models):
    """The command line that measures tiny models and writes below `folder`."""
    places = [f"--results={folder / 'results'}", f"--kept={folder / 'kept'}"]
    return [sys.executable, "-m", "benchmarks.compare", *TINY, *places, *models]


def start(folder, *models):
    return subprocess.Popen(
        command(folder, *models),
        cwd=COURSE,
        env=os.environ | {"PYTHONPATH": str(COURSE), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(folder, *models):
    process = start(folder, *models)
    said = process.communicate()[0]
    return process.returncode, said


def result_in(folder):
    return json.loads((folder / "results/models.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """(folder, models): both measured, with an interruption after the first."""
    folder = tmp_path_factory.mktemp("compared")
    models = [tiny_model(folder / name, seed) for seed, name in enumerate(("one", "two"))]
    process, said = start(folder, *models), ""
    for line in process.stdout:
        said += line
        if line.startswith(f"{models[0]}: measured"):
            os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130 and "goes on from there" in said, said
    assert not (folder / "results").exists()
    code, said = run(folder, *models)
    assert code == 0, said
    assert f"{models[0]}: measured before the interruption" in said
    assert f"{models[1]}: measured before" not in said
    assert not list((folder / "kept").iterdir())
    return folder, models


def test_the_table_is_whole_after_an_interruption(interrupted):
    folder, models = interrupted
    result = result_in(folder)
    assert [study["name"] for study in result["studies"]] == list(STUDIES)
    for study in result["studies"]:
        for model in models:
            assert list(study["rows"][model]) == study["columns"]
            for _, low, high in study["rows"][model].values():
                assert low <= high
        pairs = [(pair["one"], pair["other"]) for pair in study["apart"]]
        trained = [(model, study["trained"]) for model in models if study["trained"]]
        assert pairs == [tuple(models), *trained]
    page = (folder / "results/models.md").read_text("utf-8")
    assert page == compare.page(result)
    for model in models:
        assert result["methods"][model]["peak_mb"] > 100
        assert set(result["methods"][model]["seconds"]) == {"loading", *STUDIES}
    for study in result["studies"]:
        section = page.split(f"\n## {study['title']}\n")[1].split("\n## ")[0]
        assert all(f"\n| {row} | " in section for row in study["rows"])
    assert "nan" not in page.lower()


def test_a_model_measured_again_gives_the_same_and_leaves_the_others(interrupted, tmp_path):
    folder, models = interrupted
    shutil.copytree(folder / "results", tmp_path / "results")
    code, said = run(tmp_path, models[1])
    assert code == 0, said
    before, after = result_in(folder), result_in(tmp_path)
    assert after["studies"] == before["studies"]
    assert list(after["methods"]) == list(before["methods"])
    assert after["methods"][models[0]] == before["methods"][models[0]]
    for model in models:
        assert after["methods"][model]["answers"] == before["methods"][model]["answers"]


def test_answers_to_other_items_are_left_out_and_named(interrupted, capsys):
    folder, models = interrupted
    file = folder / "results/models.json"
    assert list(compare.earlier(file, result_in(folder)["items"])) == [*models, "baselines"]
    assert compare.earlier(file, "others") == {}
    assert models[0] in capsys.readouterr().out


def test_a_model_that_cannot_be_loaded_is_named_and_the_rest_is_kept(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    code, said = run(tmp_path, str(broken))
    assert code == 1 and f"Not measured, for the reasons above: {broken}." in said
    assert "baselines: measured" in said and len(list((tmp_path / "kept").iterdir())) == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("given", ["gpt-17", "it's"])
def test_a_name_that_is_none_is_said_before_anything_is_measured(given, monkeypatch, capsys):
    monkeypatch.setenv("MODELS", given)
    with pytest.raises(SystemExit, match="2"):
        compare.main([])
    assert given in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_compare_hands_names_on_as_they_are(tmp_path):
    for name in [".venv/bin/python", ".venv/.ready", "constraints/x"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(COURSE / "Makefile", tmp_path)
    stack = ["constraints/colab.txt", "constraints/latest.txt"]
    stack += ["pyproject.toml", "setup.py", "requirements.txt", "requirements-dev.txt"]
    for name in [*stack, ".venv/.ready"]:
        (tmp_path / name).touch()
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || printf "%s:%s" "$2" "$MODELS" > said\n')
    python.chmod(0o755)
    worst = "it's $$ `touch x`; $(shell touch x) #"
    done = subprocess.run(["make", "compare", f"MODELS={worst}"], cwd=tmp_path)
    assert done.returncode == 0 and not (tmp_path / "x").exists()
    assert (tmp_path / "said").read_text() == f"benchmarks.compare:{worst}"


# ---- the figures


def perfect():
    """{study: answers without an error}"""
    bias, personas = STUDIES["slanted, codebook"], STUDIES["personas"]
    slanted = np.where(bias.test["label"] == "slanted", 3.0, -3.0)
    numeracy, interviews = STUDIES["numeracy"], STUDIES["interviews"]
    answer = compact(personas.people["self_placement"])
    return {
        bias.name: {"score": compact(slanted)},
        "slanted, question alone": {"score": compact(slanted)},
        personas.name: {"answer": answer, "expected": answer},
        numeracy.name: {"number": compact(numeracy.problems["answer"])},
        "article": {"f1": [1.0] * FEW["questions"], "right": [1.0] * FEW["questions"]},
        interviews.name: {"score": compact(interviews.first[interviews.some] * 2.0 - 1)},
    }


@pytest.mark.parametrize("name", STUDIES)
def test_answers_without_an_error_get_the_best_headline(name):
    study, answers = STUDIES[name], perfect()[name]
    assert study.estimate(study.headline, answers).value == pytest.approx(1)
    assert study.estimate(study.headline, answers, less=answers) == pytest.approx((0, 0, 0))


def test_a_share_of_nothing_keeps_an_interval_over_families():
    study = STUDIES["numeracy"]
    unread = study.estimate("right", {"number": [None] * len(study.cluster)})
    assert unread.value == 0 and unread.low == 0 and 0.1 < unread.high < 0.2  # 0 of 22, Wilson
    assert study.estimate("unread", {"number": [None] * len(study.cluster)}).value == 1


def test_a_missing_value_is_refused():
    study = STUDIES["slanted, codebook"]
    mass = [0.5] * len(study.cluster)
    assert study.estimate("mass", {"mass": mass}) == pytest.approx((0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match='slanted, codebook: no "mass"'):
        study.estimate("mass", {"mass": [None, *mass[1:]]})


def test_areas_under_curves_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    gold, score = rng.random((60, 5)) < 0.3, rng.integers(0, 8, (60, 5))  # with ties
    gold[:, 4] = False
    wanted = [roc_auc_score(gold[:, k], score[:, k]) for k in range(4)]
    found = auc(gold, score)
    assert found[:4] == pytest.approx(wanted) and np.isnan(found[4])


def test_the_items_of_a_study_are_those_of_its_sizes():
    bias = STUDIES["slanted, codebook"]
    assert len(set(bias.cluster)) == FEW["events"] and len(bias.items) == 4 * FEW["events"]
    assert bias.test["topic"].nunique() == FEW["events"]  # each topic gives one in turn
    assert len(STUDIES["personas"].items) == FEW["people"] == len(set(STUDIES["personas"].items))
    assert len(set(STUDIES["interviews"].cluster)) == FEW["turns"]
    again = all_studies(Sizes(**FEW))
    assert fingerprint(again) == fingerprint(STUDIES.values())
    assert fingerprint(all_studies(Sizes(**FEW | {"tokens": 9}))) != fingerprint(again)


# ---- what is committed


def test_the_committed_tables_are_those_of_the_committed_answers():
    data, page = (compare.RESULTS / f"models.{kind}" for kind in ("json", "md"))
    assert data.exists() == page.exists(), "one of results/models.json and models.md is missing"
    if data.exists():
        result = json.loads(data.read_text("utf-8"))
        assert page.read_text("utf-8") == compare.page(result), "make compare writes both"
        assert set(compare.MODELS) <= set(result["methods"])
