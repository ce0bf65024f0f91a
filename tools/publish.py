"""Write the course's address into every link and setup cell, and say how git publishes it.

    make publish REPOSITORY=owner/name REF=tag-or-branch [RUN=yes]

Reads the three from the environment, so that no shell ever sees them as part of a command. Prints
the git commands that publish, or runs them with RUN=yes. Until it has run, the links hold a marker
that cannot be anybody's account (account names hold no underscore), and the setup cell says what
to do.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import generate
from facts import Publication

COURSE = Path(__file__).resolve().parent.parent
FACTS = "course.toml"
USAGE = "usage: make publish REPOSITORY=owner/name REF=tag-or-branch [RUN=yes]"

GITHUB = re.compile(r"(?:^|[/@.])github\.com(?::\d+)?[:/]+([^/\s]+/[^/\s]+?)(?:\.git)?/?$", re.I)


def check_address(repository, ref):
    """Raise ValueError, saying what is wrong, if GitHub or git could not have these names."""
    owner, slash, name = repository.partition("/")
    if not slash or "/" in name:
        raise ValueError(f"REPOSITORY must look like owner/name, not {repository!r}.")
    if len(owner) > 39 or not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", owner):
        raise ValueError(
            f"REPOSITORY: {owner!r} cannot be an account on GitHub. Accounts have 1 to 39 letters "
            "and digits, with single hyphens between them."
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name) or name in (".", ".."):
        raise ValueError(
            f"REPOSITORY: {name!r} cannot be a repository on GitHub. Names have 1 to 100 letters, "
            "digits, hyphens, underscores and dots."
        )
    if name.lower().endswith((".git", ".wiki")):
        raise ValueError(
            f"REPOSITORY: GitHub allows no name that ends like {name!r}. Leave it out."
        )
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", ref) or ".." in ref:
        raise ValueError(
            "REF must be a tag or branch of 1 to 100 letters, digits, hyphens, underscores and "
            "single dots, without a slash, a hyphen or a dot in front, such as v2026.11, "
            f"not {ref!r}."
        )
    if ref.lower().endswith((".", ".lock", ".zip")):
        raise ValueError(f"REF: no tag or branch should end like {ref!r}. Leave the ending out.")
    if ref.upper() == "HEAD" or re.fullmatch(r"[0-9a-fA-F]{40}", ref):
        raise ValueError(f"REF: {ref!r} means something else to git. Name a tag such as v2026.11.")


def with_publication(text, repository, ref):
    """course.toml with both values in its table [publication]; comments and the rest stay.

    Raises ValueError where the table or one of its two lines is missing.
    """
    values, table, lines = {"repository": repository, "ref": ref}, "", []
    for line in text.splitlines(keepends=True):
        if head := re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line):
            table = head[1]
        elif table == "publication":
            line = re.sub(
                r"""^(\s*(repository|ref)\s*=\s*)("[^"]*"|'[^']*')""",
                lambda found: f'{found[1]}"{values[found[2]]}"',
                line,
            )
        lines.append(line)
    new = "".join(lines)
    publication = tomllib.loads(new).get("publication", {})
    if {key: publication.get(key) for key in values} != values:
        raise ValueError("a table [publication] with repository and ref is missing.")
    return new


def new_files(course, repository, ref):
    """{path: content with this address} of course.toml and all files that follow from it.

    Raises ValueError, naming the file, where one cannot take it.
    """
    check_address(repository, ref)
    try:
        facts = with_publication((course / FACTS).read_text("utf-8"), repository, ref)
    except ValueError as error:
        raise ValueError(f"{FACTS}: {error}") from error
    files = generate.new_files(course, publication=Publication(repository, ref))
    return {FACTS: facts.encode(), **files}


def publish(course, repository, ref):
    """Write the address into course.toml and what follows from it; returns the changed paths.

    All new texts are made before the first file is written, each file is replaced whole.
    Raises ValueError if the address could not be one.
    """
    return generate.write_changed(course, new_files(course, repository, ref))


def git(course, *words, optional=False):
    """What git answers; where it refuses, None if `optional`, else ValueError with its reason.

    It asks nobody for a password.
    """
    done = subprocess.run(
        ["git", *words],
        cwd=course,
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    if done.returncode and not optional:
        raise ValueError(f"git {words[0]}: {done.stderr.strip()}")
    return None if done.returncode else done.stdout.rstrip("\n")


class Checkout:
    """What git knows of the course's folder and of the repository that it is published in.

    `head` is the commit that is checked out (None before the first one), `branch` its branch (None
    if detached), `branches` the names of the others, here and there, `tags` the commits that a tag
    named REF stands for, here and there, `there` what the published repository holds ({reference:
    commit}, empty if it cannot be read). `remote` is what git is told to push to; `address` is
    given where a remote has to be made for that. Raises ValueError where git is missing or cannot
    read the folder.
    """

    def __init__(self, course, repository, ref):
        if not shutil.which("git"):
            raise ValueError("Publishing needs git: install it from https://git-scm.com/downloads.")
        self.course, self.repository, self.ref = course, repository, ref
        self.remote, self.address, self.remarks = "origin", None, []
        self.under_git = (course / ".git").exists()
        if self.under_git:
            self._ask()
        else:  # a downloaded zip: `git init` will make this branch
            self.branch = ref if ref in ("main", "master") else "main"
            self.address = f"https://github.com/{repository}.git"
            self.head, self.branches, self.tags, self.there = None, set(), set(), {}

    def _ask(self):
        course, tag = self.course, f"refs/tags/{self.ref}"
        git(course, "rev-parse", "--git-dir")
        self.branch = git(course, "symbolic-ref", "--quiet", "--short", "HEAD", optional=True)
        self.head = git(course, "rev-parse", "--quiet", "--verify", "HEAD", optional=True)
        self._find_remote()
        self._ask_remote()
        local_tag = git(
            course, "rev-parse", "--quiet", "--verify", f"{tag}^{{commit}}", optional=True
        )
        self.tags = {local_tag, self.there.get(tag)} - {None}
        local = git(course, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        seen = git(
            course, "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/remotes/{self.remote}"
        )
        there = {n.removeprefix("refs/heads/") for n in self.there if n.startswith("refs/heads/")}
        self.branches = {*local.split(), *seen.split(), *there} - {self.branch}

    def _find_remote(self):
        """The remote whose address is that of the repository; else origin, unless it is another."""
        address = f"https://github.com/{self.repository}.git"
        listed = git(self.course, "config", "--get-regexp", r"^remote\..*\.url$", optional=True)
        urls = dict(line.split(" ", 1) for line in (listed or "").splitlines())
        urls = {key.removeprefix("remote.").removesuffix(".url"): url for key, url in urls.items()}
        on_github = {name: found[1] for name, url in urls.items() if (found := GITHUB.search(url))}
        same = [n for n, other in on_github.items() if other.lower() == self.repository.lower()]
        if same:
            self.remote = "origin" if "origin" in same else same[0]
        elif "origin" not in urls:
            self.address = address
        elif "origin" in on_github:
            self.remote = address
            self.remarks.append(
                f"origin is {on_github['origin']} and stays so; these commands push to "
                f"{self.repository}."
            )
        else:
            self.remarks.append(
                "origin is not on github.com. The notebooks load the course from "
                f"https://github.com/{self.repository}: see that it arrives there."
            )

    def _ask_remote(self):
        answer = git(self.course, "ls-remote", self.address or self.remote, optional=True)
        if answer is None:
            self.remarks.append(
                f"git could not read {self.address or self.remote}. If there is no repository "
                f"{self.repository} yet, make an empty one first: https://github.com/new"
            )
        # An annotated tag comes twice; its second line, marked ^{}, names the commit.
        pairs = [line.split("\t") for line in (answer or "").splitlines()]
        self.there = {name.removesuffix("^{}"): commit for commit, name in pairs}


def kind(checkout, published_before):
    """Whether REF is a "branch" or a "tag". Raises ValueError, saying what to do, if neither fits.

    `published_before`: git's newest commit holds the address already.
    """
    ref, here = checkout.ref, checkout.branch
    where = f"you are on {here}" if here else "you are on no branch (a detached HEAD)"
    if checkout.tags and ref in {here, *checkout.branches}:
        raise ValueError(f"{ref} is a tag and a branch. Name another REF.")
    if ref == here:
        return "branch"
    if ref in checkout.branches:
        raise ValueError(
            f"{ref} is a branch, and {where}. Go there first (git switch {ref}), or name a tag."
        )
    if checkout.tags and not (published_before and checkout.tags == {checkout.head}):
        way_out = f"Publish under a new name, such as REF={ref}.1."
        if checkout.there and f"refs/tags/{ref}" not in checkout.there:
            way_out += f" (Nobody has {ref} but you: `git tag --delete {ref}` frees the name.)"
        raise ValueError(
            f"{ref} is a tag already. Never move a tag: a class may be using it. {way_out}"
        )
    if ref in ("main", "master"):
        raise ValueError(f"There is no branch {ref}, and a tag should not be named so; {where}.")
    return "tag"


def mentions(text, repository, ref):
    """The lines that hold the address."""
    return [line for line in text.splitlines() if repository in line or f'"{ref}"' in line]


def uncommitted(checkout):
    """(files whose address git's newest commit does not hold, other files that were changed)."""
    course, address = checkout.course, (checkout.repository, checkout.ref)
    if checkout.head is None:  # the first commit takes all
        return [], []
    changed = git(course, "diff", "--name-only", "-z", "--no-renames", "HEAD").split("\0")
    new = git(course, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    names = sorted({*changed, *new} - {""})
    own = set(new_files(course, *address))
    waiting = [
        name
        for name in names
        if name in own
        and mentions((course / name).read_text("utf-8"), *address)
        != mentions(git(course, "show", f"HEAD:{name}", optional=True) or "", *address)
    ]
    return waiting, [name for name in names if name not in waiting]


def commands(checkout, what, waiting):
    """The git commands that publish, each as a list of words; none if all of it is there."""
    ref, message = checkout.ref, f"Publish {checkout.repository} at {checkout.ref}"
    steps = []
    if not checkout.under_git:
        steps.append(["git", "init", "--initial-branch", checkout.branch])
    if checkout.head is None:
        steps += [["git", "add", "--all"], ["git", "commit", "--message", message]]
    elif waiting:
        new = git(checkout.course, "ls-files", "--others", "-z", "--", *waiting)
        if new:
            steps.append(["git", "add", "--", *new.rstrip("\0").split("\0")])
        steps.append(["git", "commit", "--message", message, "--", *waiting])
    wanted = [f"refs/heads/{checkout.branch}"] if checkout.branch else []
    if what == "tag":
        wanted.append(f"refs/tags/{ref}")
    if not steps:  # no new commit: what is there already need not be pushed
        wanted = [name for name in wanted if checkout.there.get(name) != checkout.head]
    if what == "tag" and not checkout.tags:
        steps.append(["git", "tag", ref])
    if wanted and checkout.address:
        steps.append(["git", "remote", "add", checkout.remote, checkout.address])
    if wanted:
        both = ["--atomic"] if len(wanted) > 1 else []  # a refused branch keeps its tag back
        steps.append(["git", "push", *both, checkout.remote, *wanted])
    return steps


def shell(steps, course):
    """The commands as text for a shell, in which each waits until the one before has succeeded."""
    lines = []
    for words in [["cd", str(course)], *steps]:
        files = words.index("--") + 1 if "--" in words else len(words)
        lines.append(
            " \\\n    ".join([shlex.join(words[:files]), *map(shlex.quote, words[files:])])
        )
    return " &&\n".join(lines)


def run(steps, course):
    """Run the commands with git's own output; False, naming what is left to do, if one fails."""
    for number, words in enumerate(steps):
        print(f"$ {shlex.join(words)}", flush=True)
        try:
            failed = subprocess.run(words, cwd=course).returncode
        except KeyboardInterrupt:
            failed = True
        if failed:
            print("\nThis command failed; those above it are done. Mend what git says, then run:\n")
            print(shell(steps[number:], course))
            return False
    return True


def main(environment=os.environ, course=COURSE):
    repository, ref, wish = (environment.get(name, "") for name in ("REPOSITORY", "REF", "RUN"))
    if not (repository and ref) or wish not in ("", "yes"):
        return USAGE
    try:
        check_address(repository, ref)
        checkout = Checkout(course, repository, ref)
        files = new_files(course, repository, ref)
        there = {path for path in files if (course / path).is_file()}
        done = all(path in there and (course / path).read_bytes() == files[path] for path in files)
        done = done and not uncommitted(checkout)[0]
        what = kind(checkout, published_before=done)
    except ValueError as error:
        return f"{error} Nothing was changed."
    try:
        files = publish(course, repository, ref)
    except OSError as error:
        return f"{error}. Not all files have the new address; run the same command again."
    waiting, others = uncommitted(checkout)
    steps = commands(checkout, what, waiting)
    print(f"The course's address is {repository}, {what} {ref} ({len(files)} files changed).")
    if others:
        print("Not published, since publishing did not change them:", ", ".join(others))
    for remark in checkout.remarks:
        print(remark)
    if not steps:
        print(f"It is published: https://github.com/{repository}/tree/{ref}")
    elif wish and checkout.under_git:
        return 0 if run(steps, course) else 1
    else:
        print(f"These commands publish it:\n\n{shell(steps, course)}\n")
        if wish:
            return "They were not run, since this folder is not under git yet."
    return 0


if __name__ == "__main__":
    sys.exit(main())
