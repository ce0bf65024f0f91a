import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import COURSE

import besci
from besci.models import stand_ins


@pytest.fixture(autouse=True)
def nothing_changed_for_other_tests():
    yield
    stand_ins.end()


def test_start_prints_what_it_runs_on_then_versions_models_and_seed(capsys, monkeypatch):
    monkeypatch.setenv("BESCI_MODEL", "gpt2")
    session = besci.start(seed=7)
    shown = capsys.readouterr().out
    assert shown == f"{session}\n"
    place, line, *_ = shown.splitlines()  # and, where there is no hub, what stands in
    assert place.startswith("CPU with ") and place.endswith(" GB of memory")
    assert line.endswith("models: minilm, gpt2 · seed 7")
    for part in ("Python 3.", "torch 2.", "transformers 5."):
        assert part in line


def test_start_seeds_everything_that_draws():
    def draws():
        import torch

        besci.start(seed=3)
        return random.random(), np.random.random(), torch.rand(1).item()

    assert draws() == draws()


def test_warnings_of_the_course_are_shown_as_notes_and_others_with_their_place():
    besci.start()
    shown = warnings.formatwarning("Look at the texts.", UserWarning, "file.py", 3)
    assert shown == "Note: Look at the texts.\n"
    other = warnings.formatwarning("Gone soon.", DeprecationWarning, "file.py", 3)
    assert other == "file.py:3: DeprecationWarning: Gone soon.\n"


def test_start_refuses_a_seed_that_is_no_whole_number():
    with pytest.raises(TypeError, match="whole number, not 'x'"):
        besci.start("x")


def test_importing_besci_brings_no_model_code():
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'pandas', 'matplotlib'}"
    script = f"import sys, besci; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=COURSE, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()"


def test_every_public_name_is_there_and_an_unknown_one_is_explained():
    for name in besci.__all__:
        assert getattr(besci, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'embedd'; it has: start"):
        besci.embedd  # noqa: B018
