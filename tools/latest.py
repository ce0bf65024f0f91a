"""Write constraints/latest.txt: what pip installs today where nothing but torch is held back.

torch stays at the version that constraints/colab.txt has for this Python, so that a CPU build is
used where one is offered. Run the tests afterwards; commit the file only if they pass.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
HEAD = """\
# The newest packages on which the course was tested. Refresh: make constraints
"""


def newest(folder):
    """`name==version` lines of a fresh environment in `folder` with the course's requirements."""
    torch = re.findall(r"^torch==.+", (COURSE / "constraints/colab.txt").read_text("utf-8"), re.M)
    venv.create(folder, with_pip=True)
    pip = [str(Path(folder) / "bin" / "python"), "-m", "pip"]
    wanted = ["--requirement", str(COURSE / "requirements-dev.txt"), *torch]
    subprocess.run([*pip, "install", "--quiet", *wanted], check=True)
    # All: on Python 3.11 pip leaves out setuptools, which torch needs.
    freeze = [*pip, "freeze", "--all", "--exclude", "pip"]
    listed = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout
    return re.sub(r"(==[^+\s]+)\+\S+", r"\1", listed)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = HEAD + newest(scratch)
    (COURSE / "constraints/latest.txt").write_text(text, encoding="utf-8")
    print("constraints/latest.txt is new; run make test, then commit it.", file=sys.stderr)
