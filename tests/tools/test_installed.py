"""The course without its folder: a setup cell, an archive, an empty folder, on Colab and elsewhere.

What stands on GitHub is a zip of the tracked files; a server on this computer gives it here. The
environment is the one that runs the tests, so with Colab's versions a cell runs as it does there.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import requires
from pathlib import Path

import pytest
from colab_list import LACKED, requirements, unmet, versions
from conftest import CONSTRAINTS, COURSE, NOTEBOOKS, STACK
from generate import setup_cell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY, REF = "a-lab/open-llms", "v2027.1"


def course_files():
    """What git would hold: no environments, no results."""
    listed = ["git", "-C", COURSE, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (COURSE / name).is_file()]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The zip that GitHub gives of a tag: all files below one folder named like it."""
    file = tmp_path_factory.mktemp("a hub") / f"{REF}.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as content:
        for name in course_files():
            content.write(COURSE / name, f"open-llms-{REF}/{name}")
    return file


class Hub:
    """A stand-in for github.com; `stalled` while it takes requests and sends only half."""

    def __init__(self, file):
        self.asked, self.stalled = [], False
        outer, whole = self, file.read_bytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                there = self.path == f"/{REPOSITORY}/archive/{REF}.zip"
                body = whole if there else b"Not Found"
                self.send_response(200 if there else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if outer.stalled:
                    self.wfile.write(body[: len(body) // 2])
                    time.sleep(600)
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def hub(archive):
    return Hub(archive)


class Computer:
    """An environment with the packages of this one, but without besci, and an empty folder."""

    def __init__(self, folder, hub):
        self.home, self.hub = folder / "content", hub
        self.home.mkdir(parents=True)
        venv.create(folder / "python", with_pip=True, symlinks=True)
        self.python = folder / "python" / "bin" / "python"
        (self.packages,) = (folder / "python").glob("lib/*/site-packages")
        for old in ("setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"):
            for entry in self.packages.glob(old):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        image = folder / "image"
        image.mkdir()
        for entry in Path(next(p for p in sys.path if p.endswith("site-packages"))).iterdir():
            if not re.match(r"besci|__editable__|pip\b", entry.name):
                (image / entry.name).symlink_to(entry)
        (self.packages / "image.pth").write_text(f"{image}\n")

    def cell(self):
        """The setup cell as `make publish` writes it, with this hub in place of GitHub."""
        return setup_cell(REPOSITORY, REF).replace("https://github.com", self.hub.address)

    def start(self, source, colab=STACK == "colab", **environment):
        """Begin to run cells with IPython in the empty folder, on Colab or elsewhere."""
        prelude = "import sys, types\n"
        if colab:
            prelude += "sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
        script = self.home.parent / "session.py"
        script.write_text(
            prelude
            + "from IPython.core.interactiveshell import InteractiveShell\n"
            + f"done = InteractiveShell.instance().run_cell({source!r})\n"
            + "sys.exit(0 if done.success else 1)\n"
        )
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        # pip takes this for a list separated by spaces, and the course's own path may hold one;
        # and pip before 26.2 holds builds to it too, for which Colab's setuptools is too old.
        pins = self.packages.parent / "constraints.txt"
        lines = CONSTRAINTS.read_text("utf-8").splitlines()
        pins.write_text("\n".join(line for line in lines if not line.startswith("setuptools==")))
        clean |= {"PIP_CONSTRAINT": os.path.relpath(pins, self.home), **environment}
        return subprocess.Popen(
            [str(self.python), "-P", str(script)],
            cwd=self.home,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, source, **more):
        """(whether the cells ran to their end, what they printed)."""
        session = self.start(source, **more)
        shown = session.communicate(timeout=300)[0]
        return session.returncode == 0, shown

    def freeze(self):
        done = [str(self.python), "-m", "pip", "list", "--format=freeze"]
        return set(subprocess.run(done, capture_output=True, text=True).stdout.split())


@pytest.fixture
def computer(tmp_path, hub):
    hub.stalled = False
    return Computer(tmp_path, hub)


LOOK = """
import os
from besci import plots
besci.load_data("probes"), besci.quiz(1), plots.picture("day_1/tokens"), plots.picture("next_token")
print("HERE", besci.__file__, besci.path("article.pdf"), os.listdir("."))
"""


def test_the_setup_cell_brings_all_that_a_notebook_needs_into_an_empty_folder(computer):
    before = computer.freeze()
    worked, shown = computer.run(computer.cell() + LOOK)
    assert worked, shown
    assert re.search(r"^Python .* models: minilm", shown, re.M)
    installed = computer.packages / "besci"
    assert f"HERE {installed}/__init__.py {installed}/course/data/article.pdf []" in shown
    changed = {line.split("==")[0] for line in before ^ computer.freeze()}
    assert changed == {"besci"}  # nothing that is on the image changes its version
    asked = len(computer.hub.asked)
    worked, shown = computer.run(computer.cell() + "\n" + computer.cell() + LOOK)
    assert worked and len(computer.hub.asked) == asked, shown  # the second time there is no need


def test_the_wheel_holds_what_the_course_ships_and_no_more(computer):
    assert computer.run(computer.cell())[0]
    installed = computer.packages / "besci"
    found = {
        file.relative_to(installed).as_posix()
        for file in installed.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    shipped = (
        r"besci/.+|data/(?:recorded/)?[^/]+|day_\d/(?:quiz\.json|preregistration\.md)"
        r"|day_\d/(?:figures|pictures)/\w+\.svg"
    )
    wanted = [name for name in course_files() if re.fullmatch(shipped, name)]
    assert found == {
        name.removeprefix("besci/") if name.startswith("besci/") else f"course/{name}"
        for name in wanted
        if not name.endswith((".gitattributes", ".pyc"))
    }
    cards = (installed / "course/data/README.md").read_text("utf-8")
    assert "Licence" in cards and (installed / "course/data/GPL-2.txt").is_file()


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize("moment", ["while it downloads", "while it installs"])
def test_a_setup_cell_that_was_killed_completes_when_run_again(moment, computer):
    computer.hub.stalled = moment == "while it downloads"
    asked = len(computer.hub.asked)
    session = computer.start(computer.cell())
    begun = {
        "while it downloads": lambda: len(computer.hub.asked) > asked,
        "while it installs": lambda: (computer.packages / "besci/__init__.py").exists(),
    }
    wait_for(begun[moment])
    os.killpg(session.pid, signal.SIGKILL)
    session.communicate()
    computer.hub.stalled = False
    worked, shown = computer.run(computer.cell() + LOOK)
    assert worked, shown


@pytest.mark.parametrize("noted", [False, True], ids=["files missing", "all but the last notes"])
def test_a_half_installed_besci_is_not_taken_for_a_whole_one(noted, computer):
    """pip writes the files of a package one after the other, what it knows of it last."""
    assert computer.run(computer.cell())[0]
    (about,) = computer.packages.glob("besci-*.dist-info")
    (computer.packages / "besci" / "session.py").unlink()
    if noted:
        for last in ("INSTALLER", "direct_url.json", "REQUESTED", "RECORD"):
            (about / last).unlink()
    else:
        shutil.rmtree(about)
        shutil.rmtree(computer.packages / "besci" / "models")
    worked, shown = computer.run(computer.cell() + LOOK)
    assert worked, shown


def test_without_network_the_cell_shows_pips_own_words_and_the_name_to_look_up(computer):
    cell = computer.cell().replace(computer.hub.address, "http://127.0.0.1:9")
    worked, shown = computer.run(cell, PIP_RETRIES="0")
    assert not worked and "ERROR" in shown and "127.0.0.1" in shown
    last = re.sub(r"\x1b\[[\d;]*m", "", shown.rstrip().splitlines()[-1])
    assert last == "ModuleNotFoundError: No module named 'besci'"
    assert "No module named 'besci'" in (COURSE / "README.md").read_text("utf-8")


def test_an_address_that_leads_nowhere_is_named(computer):
    cell = computer.cell().replace(REF, "v1999")
    worked, shown = computer.run(cell)
    assert not worked and "404" in shown and "v1999.zip" in shown


@pytest.mark.notebook
@pytest.mark.one_a_day
def test_a_notebook_runs_from_the_installed_package_beside_nothing(computer, tmp_path):
    assert computer.run(computer.cell())[0]
    kernel = [str(computer.python), "-m", "ipykernel", "install", "--sys-prefix"]
    subprocess.run(kernel, check=True, capture_output=True)
    file = min(NOTEBOOKS, key=lambda file: file.stat().st_size)
    copy = shutil.copy(file, computer.home)
    runner = Path(shutil.copytree(COURSE / "tools", tmp_path / "tools")) / "run_notebooks.py"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    clean["JUPYTER_PATH"] = f"{sys.prefix}/share/jupyter"  # the pages' templates
    done = subprocess.run(
        [computer.python, runner, "--quick", "--out", tmp_path / "out", copy],
        cwd=computer.home,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_course_asks_for_nothing_that_colabs_image_has_in_another_version():
    """All floors are met there; what the image lacks asks for nothing newer either."""
    pins = (COURSE / "constraints/colab.txt").read_text("utf-8")
    colab = versions(pins)
    asked = requirements((COURSE / "requirements.txt").read_text("utf-8"))
    lacked, older = unmet(asked, versions(pins.split(LACKED)[0]))
    assert older == []
    for package in lacked:
        for requirement in map(Requirement, requires(package.name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                version = colab[canonicalize_name(requirement.name)]
                assert version in requirement.specifier, (package, requirement, version)
