"""Run the course's notebooks top to bottom in fresh kernels and say how each went.

    python tools/run_notebooks.py [--quick] [--out FOLDER] [notebook ...]

Without names, all notebooks of all days. A failing notebook does not stop the others. Writes the
executed notebooks, their HTML and a table to the output folder; exits with 1 if anything failed.
"""

import argparse
import json
import os
import re
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

COURSE = Path(__file__).resolve().parent.parent
CELL_SECONDS = 900
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the kernels' debugger chatter


@dataclass
class Run:
    """How one notebook went; `error` is empty if it ran to its end and all checks passed."""

    notebook: str
    seconds: float
    peak_mb: int
    solved: int
    tasks: int
    error: str = ""

    @property
    def status(self):
        return self.error.splitlines()[0] if self.error else "ok"


class Peak(threading.Thread):
    """Watches the memory of the kernel and its children; `.mb` is the most it saw."""

    def __init__(self):
        super().__init__(daemon=True)
        self.mb, self.pid, self.done = 0, None, threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            try:
                kernel = psutil.Process(self.pid)
                family = [kernel, *kernel.children(recursive=True)]
                self.mb = max(self.mb, sum(p.memory_info().rss for p in family) // 2**20)
            except (psutil.Error, TypeError):
                continue


class Client(NotebookClient):
    """Starts only this environment's own kernel: a user's "python3" may be another Python."""

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        own = str(Path(sys.prefix) / "share/jupyter/kernels")
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[own])
        return manager


def quick(notebook):
    """Insert the notebook's quick parameters after its parameters cell, as papermill does.

    Raises ValueError if the metadata holds quick parameters but no cell is tagged so.
    """
    values = notebook.metadata.get("besci", {}).get("quick", {})
    if not values:
        return notebook
    tagged = [i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"one cell must be tagged 'parameters', {len(tagged)} are")
    source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(tagged[0] + 1, cell)
    return notebook


def checks(notebook):
    """(solved, all) tasks: those that a check printed as solved, and those the notebook checks."""
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    printed = "\n".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.get("outputs", [])
    )
    tasks = {name.replace("_", ".") for name in re.findall(r"check\.task_(\w+)\(", source)}
    return len(tasks & set(re.findall(r"^✓ Task ([\w.]+):", printed, re.M))), len(tasks)


def execute(file, out, use_quick=False, cell_seconds=CELL_SECONDS, report=print):
    """Run one notebook in its own folder and write it, with its HTML, below `out`.

    Never raises for what a notebook does: an error in a cell, a cell over its time, a dead kernel
    are recorded in the returned Run, and the notebook is written as far as it came.
    """
    name = file.relative_to(COURSE) if file.is_relative_to(COURSE) else Path(file.name)
    notebook = nbformat.read(file, as_version=4)
    if use_quick:
        quick(notebook)
    peak, started, total = Peak(), time.time(), len(notebook.cells)

    def progress(cell, cell_index):
        peak.pid = client.km.provisioner.pid
        report(
            f"\r{name}: cell {cell_index + 1} of {total}, {time.time() - started:.0f} s", end="   "
        )

    client = Client(
        notebook,
        kernel_name="python3",
        timeout=cell_seconds,
        resources={"metadata": {"path": str(file.parent)}},
        on_cell_start=progress,
    )
    peak.start()
    error = ""
    try:
        client.execute()
    except CellExecutionError as failure:
        error = f"{failure.ename}: {failure.evalue}\n{failure.traceback}"
    except CellTimeoutError:
        error = f"a cell ran longer than {cell_seconds} s"
    except DeadKernelError:
        error = "the kernel died (out of memory?)"
    finally:
        peak.done.set()
    solved, tasks = checks(notebook)
    if not error and solved < tasks:
        error = f"{tasks - solved} of {tasks} solutions do not pass their check"
    run = Run(str(name), round(time.time() - started, 1), int(peak.mb), solved, tasks, error)
    report(f"\r{name}: {total} cells, {run.seconds:.0f} s, {run.status}".ljust(79))
    write(out / "notebooks" / name, nbformat.writes(notebook))
    html, _ = HTMLExporter().from_notebook_node(notebook, {"metadata": {"name": name.stem}})
    write(out / "html" / name.with_suffix(".html"), html)
    return run


def write(file, text):
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, file)


def table(runs):
    """The runs as a Markdown table."""
    rows = [
        f"| {r.notebook} | {r.seconds:.0f} | {r.peak_mb:,} | {r.solved} of {r.tasks} | {r.status} |"
        for r in runs
    ]
    head = ["| notebook | seconds | peak MB | checks passed | status |", "|---|--:|--:|--:|---|"]
    return "\n".join([*head, *rows])


def chosen(names):
    """The notebook files meant by the names; all of the course without any. Exits if one is not."""
    files = [Path(name).resolve() for name in names] or sorted(COURSE.glob("day_*/*.ipynb"))
    for file in files:
        if not file.is_file():
            known = "\n".join(
                f"  {f.relative_to(COURSE)}" for f in sorted(COURSE.glob("day_*/*.ipynb"))
            )
            sys.exit(f"There is no notebook {file}. The course has:\n{known}")
    return files


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Run the course's notebooks.")
    parser.add_argument("notebooks", nargs="*")
    parser.add_argument(
        "--quick", action="store_true", help="with each notebook's quick parameters"
    )
    parser.add_argument("--out", type=Path, default=COURSE / "_build")
    options = parser.parse_args(arguments)

    runs = []
    try:
        for file in chosen(options.notebooks):
            runs.append(execute(file, options.out, options.quick))
    except KeyboardInterrupt:
        print("\nStopped. What ran so far:")
    failed = [run for run in runs if run.error]
    print("\n" + table(runs) + "\n")
    for run in failed:
        print(f"--- {run.notebook}\n{run.error}\n", file=sys.stderr)
    write(options.out / "run.md", table(runs) + "\n")
    write(options.out / "run.json", json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    total = sum(run.seconds for run in runs)
    print(
        f"{len(runs) - len(failed)} of {len(runs)} notebooks ran in {total / 60:.1f} minutes; "
        f"pages to read: {options.out / 'html'}"
    )
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
