"""The doctor: every trouble it names is one it has seen, and what it finds fine is fine."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import COURSE

from besci import doctor
from besci.models import hub as hub_source


def states(rows):
    return [row[0] for row in rows]


def test_a_fit_environment_has_no_problem_and_ends_with_success():
    done = subprocess.run(
        [sys.executable, "-m", "besci.doctor"], cwd=COURSE, capture_output=True, text=True
    )
    assert done.stdout.endswith("No problems found.\n") and done.returncode == 0, done.stdout
    for what in ("Python", "packages", "computer", "GPU", "models", "model hub", "data"):
        assert f"  {what} " in done.stdout


def test_a_problem_is_printed_with_what_to_do_and_ends_with_failure(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [("PROBLEM", "soup", "cold", "Warm it up.")],))
    assert not doctor.report()
    assert capsys.readouterr().out == (
        "PROBLEM  soup  cold\n               > Warm it up.\n\n1 problem found.\n"
    )


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10))
    assert states(doctor.python()) == ["PROBLEM"]


def test_packages_that_are_missing_old_or_changed_under_the_kernel_are_named(monkeypatch):
    wanted = ["numpy>=2.0", "no-such-package>=1.0", "tqdm>=99.1", "pandas>=2.0"]
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(__version__="0.1"))
    rows = {row[1]: row for row in doctor.packages(wanted)}
    assert set(rows) == {"no-such-package", "tqdm", "pandas"}
    assert rows["no-such-package"][2] == "not installed"
    assert rows["tqdm"][2].endswith("but >=99.1 is needed")
    assert rows["pandas"][2].startswith("0.1 is in memory") and "Restart" in rows["pandas"][3]
    assert rows["tqdm"][3].endswith('pip install "tqdm>=99.1"')


@pytest.mark.parametrize("wanted, fine", [("tqdm>=4.9", True), ("tqdm>=4.1000", False)])
def test_versions_are_compared_as_numbers(wanted, fine):
    assert states(doctor.packages([wanted])) == (["OK"] if fine else ["PROBLEM"])


def test_the_address_of_a_hub_is_shown_without_the_password_in_it(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub_source, "silent_since", {})
    for address in ("http://ada:s3cret@127.0.0.1:9", "http://s3cret@127.0.0.1:9/hub"):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        ((state, _, found, todo),) = doctor.hub()
        assert state == "note" and "127.0.0.1:9" in found
        assert "s3cret" not in found + todo and "ada" not in found


def test_little_free_memory_is_a_problem(monkeypatch):
    import psutil

    for free, state in ((1e9, "PROBLEM"), (9e9, "OK")):
        memory = SimpleNamespace(available=free, total=16e9)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        assert states(doctor.processor()) == [state]


def test_no_gpu_is_no_problem_and_a_gpu_too_small_for_phi_is_noted(monkeypatch):
    import torch

    assert states(doctor.graphics()) == ["note"]
    for free, state in ((15e9, "OK"), (2e9, "note")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75"])
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_, free=free: (free, 15e9))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "T4")
        assert states(doctor.graphics()) == [state]


def test_models_that_are_not_here_need_room(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("BESCI_CACHE", str(tmp_path / "new"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert states(doctor.models()) == ["note", "OK"]
    full = SimpleNamespace(free=1e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: full)
    assert states(doctor.models()) == ["note", "PROBLEM"]
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    assert "cannot be written to" in list(doctor.models())[1][2]


def test_a_hub_that_is_switched_off_or_silent_is_noted(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "switched off" in list(doctor.hub())[0][2]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    ((state, _, found, _),) = doctor.hub()
    assert state == "note" and "127.0.0.1:9 cannot be reached" in found


@pytest.fixture
def copy(tmp_path):
    package = {"resources": []}
    for name in ("probes", "constructs"):
        shutil.copy(COURSE / "data" / f"{name}.csv", tmp_path)
    for resource in json.loads((COURSE / "data/datapackage.json").read_text())["resources"]:
        if resource["name"] in ("probes", "constructs"):
            package["resources"].append(resource)
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    return tmp_path


def test_changed_and_missing_files_of_the_course_are_named(copy):
    assert states(doctor.files(copy)) == ["OK"]
    (copy / "probes.csv").write_text("changed")
    (copy / "constructs.csv").unlink()
    ((state, _, found, _),) = doctor.files(copy)
    assert state == "PROBLEM"
    assert "probes.csv is not as shipped" in found and "constructs.csv is missing" in found
    (copy / "datapackage.json").write_text("{")
    assert states(doctor.files(copy)) == ["PROBLEM"]
