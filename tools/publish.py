"""Write the repository's address and tag into every badge and setup cell.

    python tools/publish.py owner/name v2026.11

Until it has run, both hold a marker that cannot be anybody's account (account names hold no
underscore), and on Colab the setup cell says what to do.
"""

import os
import re
import sys
from pathlib import Path

import nbformat

COURSE = Path(__file__).resolve().parent.parent
COLAB = "https://colab.research.google.com/github"
BADGE = re.compile(re.escape(COLAB) + r"/[^/\s]+/[^/\s]+/blob/[^/\s]+/")
ADDRESS = re.compile(r'REPOSITORY, REF, DAY = "[^"]+", "[^"]+", "([^"]+)"')

# One text for all notebooks; only the day differs. It has to run on Colab's IPython 7.34.
SETUP = """\
# @title Setup: run this cell first
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY, REF, DAY = "not_published/course", "main", "day_0"
places = [Path.cwd(), *Path.cwd().parents, Path.cwd() / REPOSITORY.split("/")[1]]
course = next((place for place in places if (place / "besci").is_dir()), places[-1])
if "google.colab" in sys.modules:
    if REPOSITORY.startswith("not_published") and not (course / "besci").is_dir():
        todo = f"publish it (make publish), or upload the whole course folder as {course}"
        sys.exit(f"This copy of the course has no address to load the rest from: {todo}.")
    clone = f'git clone -q --depth 1 --branch {REF} https://github.com/{REPOSITORY} "{course}"'
    install = f'"{sys.executable}" -m pip install -r "{course}/requirements.txt"'
    for step in [clone, install][(course / "besci").is_dir() :]:
        done = subprocess.run(step, shell=True, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"Setup stopped at: {step}\\n{(done.stdout + done.stderr)[-3000:]}")
    os.chdir(course / DAY)
sys.path.insert(0, str(course))"""


def address(source):
    """(repository, ref, day) as they stand in a setup cell."""
    return re.search(r'REPOSITORY, REF, DAY = "([^"]+)", "([^"]+)", "([^"]+)"', source).groups()


def setup_cell(repository, ref, day):
    """The setup cell's source."""
    return ADDRESS.sub(f'REPOSITORY, REF, DAY = "{repository}", "{ref}", "{day}"', SETUP)


def published(text, repository, ref):
    """The text with every badge's link pointing to the repository at this ref."""
    return BADGE.sub(f"{COLAB}/{repository}/blob/{ref}/", text)


def publish(course, repository, ref):
    """Rewrite all notebooks and pages below `course`; returns the changed files.

    All new texts are made before the first file is written, each file is replaced whole.
    Raises ValueError if the address could not be one.
    """
    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*/[\w.-]+", repository):
        raise ValueError(f"REPOSITORY must look like owner/name, not {repository!r}")
    if not re.fullmatch(r"[\w.-]+", ref):
        raise ValueError(
            f"REF must be a tag or branch without a slash, such as v2026.11, not {ref!r}"
        )
    new = {}
    for file in sorted(course.glob("day_*/*.ipynb")):
        notebook = nbformat.read(file, as_version=4)
        for cell in notebook.cells:
            if "setup" in cell.metadata.get("tags", []):
                cell.source = setup_cell(repository, ref, file.parent.name)
            elif cell.cell_type == "markdown":
                cell.source = published(cell.source, repository, ref)
        new[file] = nbformat.writes(notebook) + "\n"
    for file in [course / "README.md", *sorted(course.glob("day_*/*.md"))]:
        new[file] = published(file.read_text("utf-8"), repository, ref)
    changed = [file for file, text in new.items() if file.read_text("utf-8") != text]
    for file in changed:
        draft = file.with_name(file.name + ".new")
        draft.write_text(new[file], encoding="utf-8")
        os.replace(draft, file)
    return changed


if __name__ == "__main__":
    if len(sys.argv) != 3 or not all(sys.argv[1:]):
        sys.exit("usage: make publish REPOSITORY=owner/name REF=tag")
    try:
        files = publish(COURSE, *sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
    print(f"{len(files)} files now point to {sys.argv[1]} at {sys.argv[2]}. Commit, tag and push:")
    print(f"  git commit -am 'Publish {sys.argv[2]}' && git tag {sys.argv[2]} && git push --tags")
