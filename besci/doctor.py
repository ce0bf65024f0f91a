"""Is everything here that the course needs? `python -m besci.doctor` prints a table that says so.

In a notebook: `from besci import doctor; doctor.report()`. It changes nothing and downloads
nothing; whoever reports a problem pastes what it prints.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from besci.device import gpu, gpu_too_old
from besci.files import course_folder

MEMORY_GB = 4  # the largest notebook needs about 2 GB, Python and its packages one more
DISK_GB = 6  # the models for a computer without GPU, and room to convert the largest of them
OK, NOTE, PROBLEM = "OK", "note", "PROBLEM"


def report():
    """Print the table; returns whether there was no problem. A note is worth knowing, no more."""
    rows = [row for look in CHECKS for row in look()]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for state, what, found, todo in rows:
        print(f"{state:<{wide[0]}}  {what:<{wide[1]}}  {found}")
        if todo:
            print(f"{'':<{wide[0] + wide[1] + 2}}  > {todo}")
    problems = sum(row[0] == PROBLEM for row in rows)
    print(f"\n{problems or 'No'} problem{'' if problems == 1 else 's'} found.")
    return problems == 0


def _row(state, what, found, todo=""):
    return state, what, found, todo


def python():
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < (3, 11):  # noqa: UP036 (an old Python gets this far, and this line)
        yield _row(PROBLEM, "Python", found, "Install Python 3.11 or newer (python.org/downloads).")
    else:
        yield _row(OK, "Python", found)


def packages(wanted=None):
    """Each required package: is it here, new enough, and the one that is in memory?

    wanted: requirements such as "numpy>=2.0"; None takes the course's own.
    """
    from packaging.requirements import Requirement

    found, fine = [], True
    for line in _requirements() if wanted is None else wanted:
        requirement = Requirement(line)
        name, again = requirement.name, f'Run: "{sys.executable}" -m pip install "{line}"'
        try:
            installed = version(name)
        except PackageNotFoundError:
            fine = False
            yield _row(PROBLEM, name, "not installed", again)
            continue
        loaded = getattr(sys.modules.get(name.replace("-", "_")), "__version__", installed)
        if not requirement.specifier.contains(installed, prereleases=True):
            fine = False
            yield _row(PROBLEM, name, f"{installed}, but {requirement.specifier} is needed", again)
        elif loaded != installed:
            fine = False
            todo = "Restart the kernel (in Colab: Runtime > Restart session), run from the top."
            yield _row(PROBLEM, name, f"{loaded} is in memory, {installed} is installed", todo)
        elif name in ("torch", "transformers", "sentence-transformers", "pandas"):
            found.append(f"{name} {installed}")
    if fine:
        yield _row(OK, "packages", ", ".join(found))


def _requirements():
    """What the course needs: of a checkout the list in it, else what the installed package says."""
    file = course_folder() / "requirements.txt"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else requires("besci")
    return [line for line in lines if re.match(r"\w", line)]


def processor():
    import psutil

    memory = psutil.virtual_memory()
    free, total = memory.available / 1e9, memory.total / 1e9
    found = f"{os.cpu_count()} cores, {free:.1f} of {total:.1f} GB of memory free"
    if free < MEMORY_GB:
        todo = "Close other programs and notebooks (in JupyterLab: Kernel > Shut Down All Kernels)."
        yield _row(PROBLEM, "computer", found, todo)
    else:
        yield _row(OK, "computer", found)


def graphics():
    try:
        import torch

        from besci.models import default_generator
    except ImportError:  # already said by `packages`
        return
    generator = default_generator()
    if gpu():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        found = f"{name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        todo = "" if generator == "phi-3-mini" else f"Too little for Phi-3: {generator} is used."
        yield _row(NOTE if todo else OK, "GPU", found, todo)
    else:
        todo = f"Not needed: the notebooks use {generator} and fewer items."
        if "google.colab" in sys.modules:
            todo += " To get one: Runtime > Change runtime type > T4 GPU."
        name = gpu_too_old()
        found = f"{name}, for which this PyTorch has no code" if name else "none"
        yield _row(NOTE, "GPU", found, todo)


def models():
    """Are the embedded models here, and is there a place for those that are not?"""
    from besci.models import EMBEDDED, cache_dir, list_models

    cache = cache_dir()
    here = dict(list_models().set_index("key")["available"])
    missing = [key for key in EMBEDDED if here[key] != "cached"]
    if missing:
        todo = "Fetched when first used. To have them now: make models"
        yield _row(NOTE, "models", f"not here yet: {', '.join(missing)}", todo)
    else:
        yield _row(OK, "models", f"{', '.join(key for key, at in here.items() if at == 'cached')}")
    place = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free / 1e9
    other = "Set BESCI_CACHE to a folder of your own with more room."
    if not os.access(place, os.W_OK):
        yield _row(PROBLEM, "model cache", f"{cache} cannot be written to", other)
    elif missing and free < DISK_GB:
        yield _row(PROBLEM, "model cache", f"{free:.1f} GB free, {DISK_GB} are needed", other)
    else:
        yield _row(OK, "model cache", f"{cache}, {free:.0f} GB free")


def hub():
    """Does the Hugging Face hub answer?"""
    todo = "Not needed for the embedded models; the larger ones come from there."
    try:
        from huggingface_hub import constants

        from besci.models import Failed, asking_the_hub, first_answer, without_credentials

        with asking_the_hub():
            if constants.HF_HUB_OFFLINE:
                raise Failed("switched off by HF_HUB_OFFLINE")
            first_answer(f"{constants.ENDPOINT}/api/models?limit=1")
        yield _row(OK, "model hub", f"{without_credentials(constants.ENDPOINT)} answers")
    except ImportError:
        return
    except Failed as reason:
        yield _row(NOTE, "model hub", str(reason), todo)


def files(folder=None):
    """Are the course's files those that it ships?"""
    folder = course_folder() / "data" if folder is None else folder
    try:
        package = json.loads((folder / "datapackage.json").read_bytes())
        listed = {resource["path"]: resource["hash"] for resource in package["resources"]}
    except (OSError, ValueError, KeyError, TypeError):
        yield _row(PROBLEM, "data", f"no usable datapackage.json in {folder}", _get_again())
        return
    wrong = []
    for name, stated in listed.items():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            wrong.append(f"{name} is missing")
            continue
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != stated:
            wrong.append(f"{name} is not as shipped")
    if wrong:
        yield _row(PROBLEM, "data", ", ".join(wrong), _get_again())
    else:
        yield _row(OK, "data", f"{len(listed)} files as shipped, in {folder}")


def _get_again():
    return "Get it again from the course's repository; if you changed it on purpose, ignore this."


CHECKS = (python, packages, processor, graphics, models, hub, files)

if __name__ == "__main__":
    sys.exit(not report())
