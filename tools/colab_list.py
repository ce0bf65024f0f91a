"""What has moved on Colab's image since constraints/colab.txt was written, and what that changes.

    python tools/colab_list.py [LIST]          (make colab LIST=...)

LIST, else the environment's LIST, is what `pip freeze` printed on the image, a file or a web
address; without one it is the list that Colab publishes. Prints, in Markdown, each package of
constraints/colab.txt that has another version there, has gone or has come, whether the floors of
requirements.txt are met, and what the setup cell would install or upgrade.

Exits with 0 if nothing of ours has moved, 1 if something has, 2 if the list cannot be read.
"""

import argparse
import os
import re
import sys
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

COURSE = Path(__file__).resolve().parent.parent
PUBLISHED = (
    "https://raw.githubusercontent.com/googlecolab/backend-info/refs/heads/main/pip-freeze.gpu.txt"
)
PYTHON = "3.13"  # that of the image which constraints/colab.txt follows
LACKED = "# What that image lacks"  # in constraints/colab.txt, above what is not from the image
OTHER = "# On purpose other than on that image"  # and above what need not follow it


def read(source):
    """The text of a file, or of what a web address gives. Raises OSError or ValueError."""
    if not re.match("https?://", source):
        return Path(source).read_text("utf-8-sig")
    with urllib.request.urlopen(source, timeout=60) as answer:
        return answer.read().decode("utf-8-sig")


def version_in(address):
    """The Version in the name of the wheel or the source archive at an address, or None."""
    file = unquote(PurePosixPath(urlsplit(address).path).name)
    for parse in (parse_wheel_filename, parse_sdist_filename):
        with suppress(ValueError):
            return parse(file)[1]


def versions(text, python=PYTHON):
    """{name: Version} of what `pip freeze` printed, or of a constraints file for this Python.

    Where nothing tells the version of a package, the text that stands in its place. Raises
    ValueError, naming the line, for a line of another kind.
    """
    found = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("-e "):  # a checkout or a folder, which may not tell its name
            if name := re.search(r"#egg=([\w.-]+)", line):
                found[canonicalize_name(name[1])] = line
            continue
        try:
            package = Requirement(line)
            if package.url:
                version = version_in(package.url) or package.url
            else:
                (exact,) = package.specifier
                version = {"==": Version, "===": str}[exact.operator](exact.version)
        except (ValueError, KeyError):
            raise ValueError(f"line {number} is nothing that pip freeze prints: {line!r}") from None
        if package.marker is None or package.marker.evaluate({"python_version": python}):
            found[canonicalize_name(package.name)] = version
    if not found:
        raise ValueError("it names no package")
    return found


def python_of(text):
    """The Python, like "3.13", for which wheels in a list were built; None if it names none."""
    minors = re.findall(r"-cp3(\d+)-cp3\d+-", text)
    return f"3.{max(map(int, minors))}" if minors else None


def moved(ours, lacked, theirs):
    """(package, in constraints/colab.txt, on the image) of each of ours that is not as it was.

    `ours` are the {name: Version} that follow the image, `lacked` those that it did not have,
    `theirs` what it has now.
    """
    for name, version in sorted(ours.items()):
        there = theirs.get(name, "gone")
        if getattr(there, "public", there) != version.public:
            yield name, version, there
    for name, version in sorted(lacked.items()):
        if name in theirs:
            yield name, f"not there ({version})", theirs[name]


def requirements(text):
    """The Requirements of a file like requirements.txt, without those of files it refers to."""
    return [Requirement(line) for line in text.splitlines() if line[:1].isalnum()]


def unmet(wanted, theirs):
    """(Requirements that an image lacks, those of which it has another version than they ask)."""
    there = {r: theirs.get(canonicalize_name(r.name)) for r in wanted}
    older = [r for r, v in there.items() if isinstance(v, Version) and v not in r.specifier]
    return [r for r, v in there.items() if v is None], older


def report(pins, wanted, freeze):
    """(Markdown on the image whose `pip freeze` this is, whether anything of ours moved there).

    `pins` and `wanted` are the texts of constraints/colab.txt and requirements.txt. Raises
    ValueError, naming the line, if `freeze` is not what `pip freeze` prints.
    """
    theirs = versions(freeze)
    ours, _, lacked = pins.partition(OTHER)[0].partition(LACKED)
    rows = list(moved(versions(ours), versions(LACKED + lacked), theirs))
    if (python := python_of(freeze)) not in (None, PYTHON):
        rows.insert(0, ("Python", PYTHON, python))
    text = "Nothing that the course uses has moved on Colab's image.\n"
    if rows:
        text = "| package | constraints/colab.txt | on Colab's image |\n|---|---|---|\n"
        text += "".join(f"| {name} | {here} | {there} |\n" for name, here, there in rows)
    missing, older = unmet(requirements(wanted), theirs)
    floors = ", ".join(f"{r} (there: {theirs[canonicalize_name(r.name)]})" for r in older)
    text += f"\nFloors of requirements.txt that are not met: {floors or 'none'}.\n"
    text += f"\nThe setup cell installs {', '.join(map(str, missing)) or 'nothing'} there"
    text += f" and upgrades {', '.join(r.name for r in older) or 'nothing'}.\n"
    return text, bool(rows)


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("list", nargs="?", default=os.environ.get("LIST") or PUBLISHED)
    source = parser.parse_args(arguments).list
    pins = (COURSE / "constraints/colab.txt").read_text("utf-8")
    wanted = (COURSE / "requirements.txt").read_text("utf-8")
    try:
        text, any_moved = report(pins, wanted, read(source))
    except (OSError, ValueError, HTTPException) as failure:
        print(f"{source} cannot be read as Colab's package list: {failure}.", file=sys.stderr)
        return 2
    print(text, end="")
    return int(any_moved)


if __name__ == "__main__":
    sys.exit(main())
