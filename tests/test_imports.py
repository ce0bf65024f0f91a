"""The rooms of besci: imports run downwards, and only through the doors."""

import ast
import shutil
import subprocess
import sys

import pytest
from conftest import COURSE

PACKAGE = COURSE / "besci"
ROOMS = sorted(file.parent.name for file in PACKAGE.glob("*/__init__.py"))
MODULES = {
    ".".join(file.relative_to(COURSE).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
}


def lint(folder):
    """The import-linter's verdict on the besci in `folder`, by the contracts of pyproject.toml."""
    program = "import sys; from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", program, "--no-cache"]
    command += ["--config", str(COURSE / "pyproject.toml")]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )


def test_imports_run_downwards_in_every_module():
    done = lint(COURSE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upward_import_anywhere_would_be_found(tmp_path):
    """Each module but the topmost imports the checks, inside a function where it is least seen."""
    shutil.copytree(PACKAGE, tmp_path / "besci")
    below = [
        name for name, file in MODULES.items() if name != "besci" and "checks" not in file.parts
    ]
    for name in below:
        file = tmp_path / MODULES[name].relative_to(COURSE)
        later = "\n\ndef later():\n    from besci.checks import task\n"
        file.write_text(file.read_text("utf-8") + later, encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert [name for name in below if f"{name} -> besci.checks" not in done.stdout] == []


def imports(file):
    """(module, name) of each import in a file of besci, wherever it stands."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written out"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole, "") if whole in MODULES else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


@pytest.mark.parametrize("name", MODULES)
def test_rooms_are_entered_by_their_doors_and_private_names_stay_private(name):
    room = name.split(".")[1] if name.split(".")[1:2] and name.split(".")[1] in ROOMS else None
    for module, imported in imports(MODULES[name]):
        if not module.startswith("besci"):
            continue
        assert not imported.startswith("_") or imported == "__version__", f"{module}.{imported}"
        assert not any(part.startswith("_") for part in module.split(".")), module
        inner = module.split(".")[1:]
        assert len(inner) < 2 or inner[0] == room, f"{name} goes past the door of {inner[0]}"


def test_no_module_is_private_beside_public_ones():
    assert [name for name in MODULES if name.split(".")[-1].startswith("_")] == []


TESTS = sorted((COURSE / "tests").rglob("*.py"))


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.relative_to(COURSE / "tests").as_posix())
def test_tests_use_what_is_public(file):
    tree = ast.parse(file.read_text("utf-8"))
    ours = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("besci"):
            names = [alias.name for alias in node.names]
            assert not [name for name in names if name.startswith("_")]
            ours |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert not (node.value.id in ours and node.attr.startswith("_")), node.attr
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setattr":
            target, name = node.args[:2] if len(node.args) > 2 else (None, node.args[0])
            hidden = ast.unparse(name).strip("'\"").split(".")[-1].startswith("_")
            assert not (hidden and (target is None or ast.unparse(target) in ours)), name.value
