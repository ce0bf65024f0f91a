"""Publishing: what is written, what is refused, and that the printed commands do publish."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from conftest import COURSE, NOTEBOOKS
from generate import COLAB, UNPUBLISHED, setup_cell
from hypothesis import example, given
from hypothesis import strategies as st
from publish import check_address, main, publish, with_publication

MAKE = shutil.which("make")
LAB, TAG = "lab-of-x/open-llms", "v2026.11"


def copy_of_course(folder):
    """What git would hold, without environments and results."""
    hidden = shutil.ignore_patterns(
        ".venv*", "_build", ".git", "__pycache__", ".*_cache", ".hypothesis"
    )
    return Path(shutil.copytree(COURSE, folder, ignore=hidden))


@pytest.fixture
def course(tmp_path):
    return copy_of_course(tmp_path / "a course")


def texts(course):
    """{name: content} of all that publishing may change."""
    patterns = ("*.md", "*.cff", "*.toml", "*/*.md", "*/*.ipynb")
    files = [file for pattern in patterns for file in course.glob(pattern)]
    return {file.relative_to(course).as_posix(): file.read_bytes() for file in files}


def setups(course):
    return [
        cell.source
        for file in sorted(course.glob("day_*/*.ipynb"))
        for cell in nbformat.read(file, as_version=4).cells
        if "setup" in cell.metadata.get("tags", [])
    ]


def holds(course, repository, ref):
    """Whether every notebook and the README lead to this address, and nothing to another one."""
    pages = [course / "README.md", *course.glob("day_*/*.ipynb")]
    links = [
        re.findall(re.escape(COLAB) + r"/github/(\S+?)/blob/(\S+?)/", file.read_text("utf-8"))
        for file in pages
    ]
    return (
        all(found and set(found) == {(repository, ref)} for found in links)
        and set(setups(course)) == {setup_cell(repository, ref)}
        and f"](https://github.com/{repository}/tree/{ref})" in pages[0].read_text("utf-8")
    )


# What is written


def test_publish_rewrites_every_link_and_setup_cell_and_can_be_repeated(course):
    changed = publish(course, LAB, TAG)
    assert set(changed) >= {
        file.relative_to(course).as_posix() for file in course.glob("day_*/*.ipynb")
    }
    assert holds(course, LAB, TAG)
    assert not [name for name, text in texts(course).items() if UNPUBLISHED.encode() in text]
    assert publish(course, LAB, TAG) == []
    publish(course, "other/name", "v2")
    assert holds(course, "other/name", "v2")
    assert not [name for name, text in texts(course).items() if b"lab-of-x" in text]


def test_the_readme_no_longer_says_that_links_do_not_work(course):
    publish(course, LAB, TAG)
    text = (course / "README.md").read_text("utf-8")
    assert "once the course has an address" not in text
    assert f"[{LAB}, {TAG}](https://github.com/{LAB}/tree/{TAG})" in text


def test_other_links_to_colab_stay(course):
    page = course / "day_1" / "README.md"
    foreign = "\nhttps://colab.research.google.com/github/a/b/blob/main/demo.ipynb\n"
    page.write_text(page.read_text("utf-8") + foreign, "utf-8")
    publish(course, LAB, TAG)
    assert page.read_text("utf-8").endswith(foreign)


def test_the_citation_follows_where_it_names_a_repository(course):
    file = course / "CITATION.cff"
    plain = "".join(
        line
        for line in file.read_text("utf-8").splitlines(keepends=True)
        if not line.startswith("repository-code")
    )
    file.write_text(plain, "utf-8")
    publish(course, LAB, TAG)
    assert file.read_text("utf-8") == plain
    file.write_text(plain + "repository-code: https://github.com/old/place\n", "utf-8")
    publish(course, LAB, TAG)
    assert file.read_text("utf-8") == f'{plain}repository-code: "https://github.com/{LAB}"\n'


FACTS = """\
# the one list of facts
ref = "not this one"

[publication]  # make publish writes here
repository = 'not_published/course'  # owner/name
# ref = "nor this one"
ref="main"

[[days]]
ref = "nor this one"
"""


def test_course_toml_gets_the_address_and_keeps_its_comments(course):
    assert "course.toml" in publish(course, LAB, TAG)
    text = with_publication(FACTS, LAB, TAG)
    assert tomllib.loads(text)["publication"] == {"repository": LAB, "ref": TAG}
    wanted = FACTS.replace("'not_published/course'", f'"{LAB}"').replace('"main"', f'"{TAG}"')
    assert text == wanted


@pytest.mark.parametrize(
    "facts", ["[days]\n", '[publication]\nrepository = "a/b"\n', "[publication\n"]
)
def test_course_toml_without_a_place_for_the_address_is_named_and_nothing_changes(course, facts):
    (course / "course.toml").write_text(facts, "utf-8")
    before = texts(course)
    with pytest.raises(ValueError, match="course.toml: "):
        publish(course, LAB, TAG)
    assert texts(course) == before


def test_a_published_copy_passes_the_lint_of_the_course(course):
    publish(course, f"{'o' * 39}/{'n' * 100}", "r" * 100)
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        done = subprocess.run(
            [sys.executable, "-m", *check], cwd=course, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_interrupted_run_leaves_whole_files_and_the_next_one_completes(
    course, monkeypatch, git, capsys
):
    bare, _ = on_github(course, git)
    before, replace, left = texts(course), os.replace, [5]

    def stopped(*names):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        replace(*names)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("os.replace", stopped)
        make_publish(course, LAB, "main")
    after = texts(course)
    assert sum(after[name] != before[name] for name in before) == 4
    assert not list(course.rglob(".writing-*"))
    assert make_publish(course, LAB, "main") == 0
    in_a_shell(commands(capsys))  # what the first run has written is committed too
    assert holds(clone(git, bare, "main"), LAB, "main")


# The setup cell


def test_all_notebooks_have_the_one_setup_cell():
    assert len(setups(COURSE)) == len(NOTEBOOKS) and len(set(setups(COURSE))) == 1
    for text in (setup_cell(UNPUBLISHED, "main"), setup_cell(LAB, TAG)):
        assert len(text.splitlines()) <= 8
        assert max(map(len, text.splitlines())) <= 100


def run_cell(source, folder):
    """(whether it ended, what it printed) of a cell in IPython, where `import besci` fails."""
    script = folder / "cell.py"
    script.write_text(
        "import sys\n"
        "sys.modules['besci'] = None\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.register_magic_function(lambda line: print('PIP', line), magic_name='pip')\n"
        f"done = shell.run_cell({source!r})\n"
        "sys.exit(0 if done.success else 1)\n"
    )
    (folder / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        cwd=folder / "empty",
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    return done.returncode == 0, re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


def test_the_setup_cell_says_what_to_do_while_the_course_is_not_published(tmp_path):
    ended, said = run_cell(setup_cell(UNPUBLISHED, "main"), tmp_path)
    assert not ended and "ImportError: This copy of the course has no address yet." in said
    assert "make lab" in said and "make publish" in said
    assert "During handling" not in said and "PIP" not in said


def test_the_published_setup_cell_asks_pip_for_the_archive(tmp_path):
    _, said = run_cell(setup_cell(LAB, TAG), tmp_path)
    assert f'PIP install -q "besci @ https://github.com/{LAB}/archive/{TAG}.zip"' in said


# Names


@pytest.mark.parametrize(
    "repository, ref, message",
    [
        ("name-only", "v1", "owner/name"),
        ("a/b/c", "v1", "owner/name"),
        (UNPUBLISHED, "v1", "'not_published' cannot be an account"),
        ("/b", "v1", "cannot be an account"),
        ("-a/b", "v1", "cannot be an account"),
        ("a-/b", "v1", "cannot be an account"),
        ("a--a/b", "v1", "cannot be an account"),
        ("ä/b", "v1", "cannot be an account"),
        ("a" * 40 + "/b", "v1", "cannot be an account"),
        ("a/", "v1", "cannot be a repository"),
        ("a/.", "v1", "cannot be a repository"),
        ("a/..", "v1", "cannot be a repository"),
        ("a/b; touch x", "v1", "cannot be a repository"),
        ("a/b\n", "v1", "cannot be a repository"),
        ("a/" + "b" * 101, "v1", "cannot be a repository"),
        ("a/b.git", "v1", "ends like"),
        ("a/b.Wiki", "v1", "ends like"),
        ("a/b", "feature/x", "without a slash"),
        ("a/b", "-v1", "such as v2026.11"),
        ("a/b", "--force", "such as v2026.11"),
        ("a/b", ".v1", "such as v2026.11"),
        ("a/b", "v1..2", "such as v2026.11"),
        ("a/b", "v 1", "such as v2026.11"),
        ("a/b", "v1$(touch x)", "such as v2026.11"),
        ("a/b", "v1~1", "such as v2026.11"),
        ("a/b", "@{-1}", "such as v2026.11"),
        ("a/b", "é", "such as v2026.11"),
        ("a/b", "r" * 101, "such as v2026.11"),
        ("a/b", "v1\n", "such as v2026.11"),
        ("a/b", "v1.", "end like"),
        ("a/b", "v1.lock", "end like"),
        ("a/b", "v1.ZIP", "end like"),
        ("a/b", "HEAD", "something else to git"),
        ("a/b", "head", "something else to git"),
        ("a/b", "0123456789abcdef" * 2 + "01234567", "something else to git"),
        ("a/b", "", "usage: make publish"),
        ("", "v1", "usage: make publish"),
    ],
)
def test_names_that_github_or_git_cannot_have_are_refused_and_nothing_changes(
    repository, ref, message, tmp_path
):
    page = tmp_path / "README.md"
    shutil.copy(COURSE / "README.md", page)
    before = page.read_bytes()
    said = make_publish(tmp_path, repository, ref)
    assert message in said and "\n" not in said
    assert page.read_bytes() == before


@given(st.text("aZ09._-/@{~^: \\*[?", min_size=1, max_size=8), st.sampled_from(["", ".lock", "."]))
@example("v2026", ".11")
@example("HEA", "D")
def test_whatever_is_accepted_as_ref_is_one_to_git_too(text, ending):
    ref = text + ending
    try:
        check_address("a/b", ref)
    except ValueError:
        return
    for place in ("heads", "tags"):
        assert subprocess.run(["git", "check-ref-format", f"refs/{place}/{ref}"]).returncode == 0
    assert "/" not in ref


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
@pytest.mark.parametrize(
    "repository, ref",
    [
        ("a/b; touch x", "v1"),
        ('a/b"; touch x; "', "v1"),
        ("a/b`touch x`", "v1"),
        ("a/b$$(touch x)", "v1"),
        ("a/b$(shell touch x)", "v1"),
        ("a/b", "v1$(shell touch x)"),
        ("a/b", "v1'; touch x; '"),
    ],
)
def test_make_hands_the_names_on_without_running_any_of_it(course, repository, ref):
    done = with_make(course, repository, ref)
    assert done.returncode != 0 and "Nothing was changed." in done.stderr
    assert not (course / "x").exists()


@pytest.mark.skipif(MAKE is None, reason="make is not installed")
def test_make_publish_writes_the_address(course):
    done = with_make(course, LAB, TAG)
    assert done.returncode == 0, done.stderr
    assert holds(course, LAB, TAG)


def with_make(course, repository, ref):
    """`make publish` with the environment that runs the tests in place of the course's own."""
    python = course / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (course / ".venv" / ".ready").touch()
    names = [f"REPOSITORY={repository}", f"REF={ref}"]
    return subprocess.run([MAKE, "publish", *names], cwd=course, capture_output=True, text=True)


# What git does


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Runs git in a folder. To all git of this test github.com is a folder of its own."""
    hub = tmp_path / "hub"
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\nname = t\nemail = t@example.org\n[init]\ndefaultBranch = trunk\n"
        f'[url "{hub.as_uri()}/"]\ninsteadOf = https://github.com/\n'
        "insteadOf = git@github.com:\n"
    )
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def run(folder, *words):
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    run.folder = tmp_path
    run.hub = hub
    return run


def bare_repository(git, folder):
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare")
    return folder


def under_git(course, git, branch="main"):
    """The course with one commit on a branch."""
    git(course, "init", "--quiet", "--initial-branch", branch)
    git(course, "add", "--all")
    git(course, "commit", "--quiet", "--message", "The course")
    return course


def on_github(course, git):
    """(the repository on GitHub, the course): the latter under git, the former empty and origin."""
    under_git(course, git)
    git(course, "remote", "add", "origin", f"https://github.com/{LAB}.git")
    return bare_repository(git, git.hub / f"{LAB}.git"), course


def make_publish(course, repository, ref, **more):
    return main({"REPOSITORY": repository, "REF": ref, **more}, course)


def commands(capsys):
    """The printed commands."""
    said = capsys.readouterr().out
    assert "\ncd " in said, said
    return said[said.index("\ncd ") + 1 :].split("\n\n")[0]


def in_a_shell(text):
    """Run what was printed as somebody would who pastes it, from any folder."""
    done = subprocess.run(["sh"], input=text, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def clone(git, bare, ref):
    """A new clone of what Colab and pip would get under this name."""
    folder = git.folder / f"clone of {ref}"
    shutil.rmtree(folder, ignore_errors=True)
    git(git.folder, "clone", "-q", "--depth", "1", "--branch", ref, bare.as_uri(), str(folder))
    return folder


@pytest.mark.parametrize("ref", ["main", TAG])
@pytest.mark.parametrize("origin", ["a bare repository", "the same", "elsewhere", "missing"])
def test_the_printed_commands_publish(origin, ref, course, git, capsys):
    under_git(course, git)
    folder = git.folder / "a share/x.git" if origin.startswith("a bare") else git.hub / f"{LAB}.git"
    bare = bare_repository(git, folder)
    addresses = {
        "a bare repository": str(bare),
        "the same": f"https://github.com/{LAB}",
        "elsewhere": "https://secret@github.com/somebody/else.git",
    }
    if origin in addresses:
        git(course, "remote", "add", "origin", addresses[origin])

    assert make_publish(course, LAB, ref) == 0
    said = capsys.readouterr().out
    assert "secret" not in said
    assert ("origin is somebody/else" in said) == (origin == "elsewhere")
    assert ("not on github.com" in said) == (origin == "a bare repository")
    assert make_publish(course, LAB, ref) == 0  # nothing was run: the same commands again
    again = commands(capsys)
    assert f"{again}\n\n" in said
    assert (f"git remote add origin https://github.com/{LAB}.git" in again) == (origin == "missing")

    in_a_shell(again)
    assert holds(clone(git, bare, ref), LAB, ref)
    assert git(bare, "rev-parse", "main") == git(bare, "rev-parse", ref)
    assert git(course, "status", "--porcelain") == ""
    assert make_publish(course, LAB, ref) == 0
    assert "It is published" in capsys.readouterr().out


def test_a_fork_that_has_a_remote_of_its_own_is_pushed_to_by_its_name(course, git, capsys):
    bare, _ = on_github(course, git)
    git(course, "remote", "rename", "origin", "mine")
    git(course, "remote", "set-url", "mine", f"git@github.com:{LAB.title()}.git")
    git(course, "remote", "add", "origin", "https://github.com/somebody/else.git")
    assert make_publish(course, LAB, TAG) == 0
    assert f"git push --atomic mine refs/heads/main refs/tags/{TAG}" in commands(capsys)


def test_a_repository_that_does_not_exist_yet_is_asked_for(course, git, capsys):
    under_git(course, git)
    assert make_publish(course, LAB, TAG) == 0
    said = capsys.readouterr().out
    assert "make an empty one first: https://github.com/new" in said
    assert make_publish(course, LAB, TAG) == 0
    bare = bare_repository(git, git.hub / f"{LAB}.git")
    in_a_shell(commands(capsys))
    assert holds(clone(git, bare, TAG), LAB, TAG)


def test_a_new_cohort_gets_a_new_tag_and_the_old_one_stays(course, git, capsys):
    bare, _ = on_github(course, git)
    for ref in (TAG, "v2027.1"):
        assert make_publish(course, LAB, ref) == 0
        in_a_shell(commands(capsys))
    assert holds(clone(git, bare, TAG), LAB, TAG)
    assert holds(clone(git, bare, "v2027.1"), LAB, "v2027.1")


def test_other_changes_are_named_and_stay_out_of_the_commit(course, git, capsys):
    bare, _ = on_github(course, git)
    (course / "my notes.txt").write_text("x")
    (course / "Makefile").write_text("y")
    (course / "LICENSE.txt").write_text("z")
    git(course, "add", "LICENSE.txt")
    (course / "CONTRIBUTING.md").unlink()
    before = git(course, "status", "--porcelain")
    assert make_publish(course, LAB, TAG) == 0
    said = capsys.readouterr().out
    assert "change them: CONTRIBUTING.md, LICENSE.txt, Makefile, my notes.txt\n" in said
    assert make_publish(course, LAB, TAG) == 0
    in_a_shell(commands(capsys))
    assert git(course, "status", "--porcelain") == before
    copy = clone(git, bare, TAG)
    assert holds(copy, LAB, TAG) and (copy / "CONTRIBUTING.md").exists()
    assert not (copy / "my notes.txt").exists() and (copy / "Makefile").read_text() != "y"


def test_a_notebook_that_the_course_does_not_list_is_named_first(course, git):
    on_github(course, git)
    shutil.copy(NOTEBOOKS[0], course / "day_1" / "3 mine.ipynb")
    before = texts(course)
    assert "day_1/3 mine.ipynb" in make_publish(course, LAB, TAG) and texts(course) == before


def test_on_a_detached_head_a_tag_is_published_and_a_branch_is_not(course, git, capsys):
    bare, _ = on_github(course, git)
    git(course, "switch", "--quiet", "--detach")
    before = texts(course)
    said = make_publish(course, LAB, "main")
    assert "git switch main" in said and "detached" in said and texts(course) == before
    assert make_publish(course, LAB, TAG) == 0
    in_a_shell(commands(capsys))
    assert holds(clone(git, bare, TAG), LAB, TAG)
    assert git(bare, "branch", "--list") == ""


@pytest.mark.parametrize("ref", ["main", "master", TAG])
def test_a_downloaded_folder_without_git_is_told_all_that_it_takes(course, git, ref, capsys):
    bare = bare_repository(git, git.hub / f"{LAB}.git")
    said = make_publish(course, LAB, ref, RUN="yes")
    assert "not under git yet" in said and not (course / ".git").exists()
    in_a_shell(commands(capsys))
    assert holds(clone(git, bare, ref), LAB, ref)
    assert (clone(git, bare, ref) / "besci").is_dir()


def test_a_repository_without_a_commit_gets_its_first_one(course, git, capsys):
    bare = bare_repository(git, git.hub / f"{LAB}.git")
    git(course, "init", "--quiet", "--initial-branch", "main")
    assert make_publish(course, LAB, "main") == 0
    in_a_shell(commands(capsys))
    assert (clone(git, bare, "main") / "besci").is_dir()


@pytest.mark.parametrize("ref", ["main", TAG])
def test_run_yes_publishes_at_once(ref, course, git):
    bare, _ = on_github(course, git)
    assert make_publish(course, LAB, ref, RUN="yes") == 0
    assert holds(clone(git, bare, ref), LAB, ref)


def test_what_git_refuses_is_shown_as_it_is_and_the_rest_is_named(course, git, capfd):
    bare, _ = on_github(course, git)
    git(course, "push", "--quiet", "origin", "main")
    colleague = clone(git, bare, "main")
    git(colleague, "commit", "--quiet", "--allow-empty", "--message", "meanwhile")
    git(colleague, "push", "--quiet", "origin", "main")
    assert make_publish(course, LAB, TAG, RUN="yes") == 1
    said = capfd.readouterr()
    assert "[rejected]" in said.err  # git's own words
    assert said.out.rstrip().endswith(f"git push --atomic origin refs/heads/main refs/tags/{TAG}")
    assert git(bare, "tag", "--list") == ""  # without its branch the tag has not gone either
    git(course, "pull", "--quiet", "--rebase", "origin", "main")
    said = make_publish(course, LAB, TAG)
    assert "Never move a tag" in said and f"git tag --delete {TAG}" in said
    git(course, "tag", "--delete", TAG)
    assert make_publish(course, LAB, TAG, RUN="yes") == 0
    assert holds(clone(git, bare, TAG), LAB, TAG)


def test_a_push_that_failed_can_be_made_up_for(course, git, capsys):
    bare, _ = on_github(course, git)
    aside = bare.rename(bare.with_name("aside"))
    assert make_publish(course, LAB, TAG, RUN="yes") == 1
    aside.rename(bare)
    capsys.readouterr()
    assert make_publish(course, LAB, TAG) == 0
    lines = commands(capsys)
    assert "git commit" not in lines and "git tag" not in lines
    in_a_shell(lines)
    assert holds(clone(git, bare, TAG), LAB, TAG)


def test_who_commits_and_tags_by_hand_is_understood(course, git, capsys):
    on_github(course, git)
    assert make_publish(course, LAB, TAG) == 0
    git(course, "add", "--all")
    capsys.readouterr()
    assert make_publish(course, LAB, TAG) == 0
    assert "git commit" in commands(capsys)  # what is staged is not committed
    git(course, "tag", TAG)
    assert "Never move a tag" in make_publish(course, LAB, TAG)  # set before the commit
    git(course, "commit", "--quiet", "--message", "By hand")
    git(course, "tag", "--force", "--annotate", TAG, "--message", "Autumn")
    git(course, "push", "--quiet", "origin", "main", TAG)
    assert make_publish(course, LAB, TAG) == 0
    assert "It is published" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_tag_is_never_moved(where, course, git):
    bare, _ = on_github(course, git)
    git(course, "tag", "--annotate", TAG, "--message", "x")
    git(course, "push", "--quiet", "origin", "main", TAG)
    if where == "there":
        git(course, "tag", "--delete", TAG)
    before = texts(course)
    said = make_publish(course, LAB, TAG, RUN="yes")
    assert "Never move a tag" in said and "--delete" not in said
    assert texts(course) == before and git(course, "status", "--porcelain") == ""


def test_a_branch_that_is_not_checked_out_is_refused(course, git):
    under_git(course, git, "work")
    git(course, "branch", "autumn")
    before = texts(course)
    assert "Go there first (git switch autumn)" in make_publish(course, LAB, "autumn")
    assert "There is no branch main" in make_publish(course, LAB, "main")
    git(course, "tag", "work")
    assert "a tag and a branch" in make_publish(course, LAB, "work")
    assert texts(course) == before


def test_without_git_or_with_another_wish_nothing_happens(course, monkeypatch):
    before = texts(course)
    assert make_publish(course, LAB, TAG, RUN="please").startswith("usage: make publish")
    monkeypatch.setenv("PATH", "")
    assert "needs git" in make_publish(course, LAB, TAG)
    assert texts(course) == before
