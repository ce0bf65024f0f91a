"""Run the course's notebooks top to bottom in fresh kernels and say how each went.

    python tools/run_notebooks.py [--quick] [--out FOLDER] [notebook ...]

Without names, those that the environment's NB names (`make run NB="..."`), else all notebooks of
all days; on the language model that MODEL names, if it is set (`make run MODEL=...`). A notebook
that fails, or that cannot be read, is a row of the table and does not stop the others. Writes the
executed notebooks, their pages and the table to the output folder, the table after each notebook. A
cell may compute as long as it likes; one that neither computes nor prints for 20 minutes is ended.
Ctrl-C ends everything and shows what ran so far: the way out of a loop that never ends.

Exits with 0 if all went well, 1 if anything failed, 2 if nothing could be begun, 130 after Ctrl-C.
"""

import signal

if __name__ == "__main__":  # until main() listens, Ctrl-C ends this without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import asyncio
import atexit
import json
import os
import re
import shlex
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import facts
import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
from pages import page

from besci.files import write_whole

COURSE = Path(__file__).resolve().parent.parent
PATIENCE = 1200  # seconds without a message and without computing, after which a cell is stuck
PRINTED = 100_000  # characters kept of what a cell prints: half of its beginning, half of its end
SHOWN = 10_000_000  # characters kept of what else a cell shows: tables, pictures
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the kernels' debugger chatter


@dataclass
class Run:
    """How one notebook went; `error` is empty if it ran to its end and all checks passed."""

    notebook: str
    seconds: float = 0
    peak_mb: int = 0
    solved: int = 0
    tasks: int = 0
    error: str = ""
    note: str = ""

    @property
    def status(self):
        status = self.error.splitlines()[0][:200] if self.error else "ok"
        return f"{status}; {self.note}" if self.note else status


class Client(NotebookClient):
    """Runs a notebook in this environment's own kernel and keeps of endless output the two ends.

    A user's kernel "python3" may be another Python. `cell` is the number of the cell that runs,
    `messages` counts what the kernel sent, `cut` lists the cells whose output was too long.
    """

    def __init__(self, *args, **kwargs):
        # A slow computer may take its time to start. After a cell's end some hundred messages are
        # still on their way at most; if its last one was lost among very many, none will come.
        super().__init__(*args, startup_timeout=10**9, iopub_timeout=60, **kwargs)
        self.shell_timeout_interval = 1  # seconds between two looks whether the kernel lives
        self.store_widget_state = False  # a widget needs scripts from elsewhere; its text does not
        self.cell, self.messages, self.cut = 0, 0, []
        self._empty()

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        own = str(Path(sys.prefix) / "share/jupyter/kernels")
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[own])
        return manager

    async def async_execute_cell(self, cell, cell_index, *args, **kwargs):
        self.cell = cell_index + 1
        self._empty()
        try:
            await super().async_execute_cell(cell, cell_index, *args, **kwargs)
            self.lost |= self.busy
        finally:
            self._close(cell)
        return cell

    def process_message(self, msg, cell, cell_index):
        self.messages += 1
        self.busy = True
        try:
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            self.busy = False
            raise

    def output(self, outs, msg, display_id, cell_index):
        content = msg["content"]
        if msg["msg_type"] == "stream":
            text, room = content["text"], max(PRINTED // 2 - self.printed, 0)
            self.printed += len(text)
            self.end = (self.end + text[room:])[-(PRINTED // 2) :]
            content["text"] = text[:room]
            if not content["text"]:
                return None
        elif msg["msg_type"] != "error":
            self.shown += 500 + sum(len(str(value)) for value in content.get("data", {}).values())
            if self.shown > SHOWN:
                self.lost = True
                return None
        out = super().output(outs, msg, display_id, cell_index)
        if out and len(outs) > 1 and "text" in out and outs[-2].get("name") == out["name"]:
            outs[-2]["text"] += outs.pop()["text"]  # what was printed in one go is one output
        return out

    def clear_output(self, outs, msg, cell_index):
        super().clear_output(outs, msg, cell_index)
        self._empty()

    def _empty(self):
        self.printed, self.shown, self.end, self.lost, self.busy = 0, 0, "", False, False

    def _close(self, cell):
        """Put the end of what the cell printed below its outputs, and say what is missing."""
        gap = self.printed - PRINTED // 2 - len(self.end)
        text = f"\n[… {gap:,} characters left out …]\n" if gap > 0 else ""
        text += self.end + ("\n[… more outputs left out …]\n" if self.lost else "")
        if text:
            failed = bool(cell.outputs) and cell.outputs[-1].output_type == "error"
            place = len(cell.outputs) - failed
            cell.outputs.insert(place, nbformat.v4.new_output("stream", name="stdout", text=text))
        if gap > 0 or self.lost:
            self.cut.append(self.cell)


class Watch(threading.Thread):
    """Looks after a client's kernel and its children while they live, and ends them with itself.

    `mb` is the most memory they took. They are ended early when `stop` is set, and when for
    `patience` seconds they sent nothing and used less than a hundredth of a processor; `verdict`
    then says why.
    """

    def __init__(self, client, stop, patience):
        super().__init__(daemon=True)
        self.client, self.stop, self.patience = client, stop, patience
        self.mb, self.verdict = 0, ""
        self.kernel, self.family, self.done = None, set(), threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
        self.end()

    def run(self):
        spent, heard, used, since = {}, 0, 0, time.monotonic()
        while not self.done.wait(0.1):
            self.look()
            before, spent, memory = spent, {}, 0
            for process in self.family:
                try:
                    spent[process] = sum(process.cpu_times()[:4])  # with its ended children's
                    memory += process.memory_info().rss
                except psutil.Error:
                    continue
            self.mb = max(self.mb, memory // 2**20)
            used += sum(max(spent[p] - before.get(p, 0), 0) for p in spent)
            if self.client.messages > heard or used >= self.patience / 100:
                heard, used, since = self.client.messages, 0, time.monotonic()
            elif time.monotonic() - since > self.patience:
                self.verdict = f"stuck: neither computed nor printed for {self.patience} s"
            if self.stop.is_set():
                self.verdict = "interrupted"
            if self.verdict:
                self.end()

    def look(self):
        """Bring `family` up to date."""
        try:
            pid = self.client.km.provisioner.pid
        except AttributeError:  # not yet begun, or already over
            pid = None
        try:
            if pid and not self.kernel:
                self.kernel = psutil.Process(pid)
            if self.kernel:
                self.family |= {self.kernel, *self.kernel.children(recursive=True)}
        except psutil.Error:
            pass
        self.family = {process for process in self.family if process.is_running()}

    def end(self):
        for process in self.family:
            try:
                process.kill()
            except psutil.Error:
                continue


def read(file):
    """The notebook in `file`. Raises ValueError, in words for the table, if there is none in it."""
    try:
        text = file.read_text(encoding="utf-8")
        json.loads(text)
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except OSError as failure:
        raise ValueError(f"cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("damaged: not UTF-8 text; get the file again") from None
    except json.JSONDecodeError as failure:
        if mark := re.search(r"^(<{7}|={7}|>{7})", text, re.M):
            line = text.count("\n", 0, mark.start()) + 1
            why = f"line {line} is the mark of a merge conflict; keep one of the two versions"
        else:
            why = f"line {failure.lineno}: {failure.msg}; get the file again"
        raise ValueError(f"damaged: {why}") from None
    except Exception as failure:  # whatever nbformat meets in JSON that is no notebook
        why = str(failure).splitlines()[:1] or [type(failure).__name__]
        raise ValueError(f"damaged: not a valid notebook ({why[0]}); get the file again") from None
    return notebook


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
    """(solved, all) tasks: those that a check printed as solved, or read if they are open, and
    those the notebook checks."""
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    printed = "\n".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.get("outputs", [])
    )
    tasks = {name.replace("_", ".") for name in re.findall(r"check\.task_(\w+)\(", source)}
    return len(tasks & set(re.findall(r"^[✓●] Task ([\w.]+):", printed, re.M))), len(tasks)


def show(text, done=True):
    """Print a line; one that is not done is for a terminal only, where the next one replaces it."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        say("\r" + (text if done else text[:width]).ljust(width), end="\n" if done else "")
    elif done:
        say(text)


def say(text, end="\n", to=None):
    """Print; a reader that has gone (head, tee) is no reason to stop."""
    stream = to or sys.stdout
    try:
        print(text, end=end, file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def execute(file, out, use_quick=False, patience=PATIENCE, stop=None, report=show):
    """Run one notebook in its own folder and write it, with its page, below `out`.

    Never raises for what a notebook is or does: whatever goes wrong is recorded in the returned
    Run, and the notebook is written as far as it came. `patience`: seconds after which a cell that
    neither computes nor prints is stuck. `stop`: an event that ends the notebook when it is set.
    """
    name = file.relative_to(COURSE) if file.is_relative_to(COURSE) else Path(file.name)
    run = Run(str(name))
    try:
        notebook = read(file)
        if use_quick:
            quick(notebook)
    except ValueError as failure:
        run.error = str(failure)
    else:
        run_cells(notebook, file, run, patience, stop or threading.Event(), report)
        try:
            write(out / "notebooks" / name, nbformat.writes(notebook))
            place = out / "html" / name.with_suffix(".html")
            write(place, page(notebook, name.stem, file.parent, place))
        except Exception as failure:
            run.error = run.error or f"its result could not be written: {failure}"
    report(f"{name}: {run.seconds:.0f} s, {run.status}")
    return run


def run_cells(notebook, file, run, patience, stop, report):
    """Run the notebook's cells and note in `run` how it went."""
    started, total = time.monotonic(), len(notebook.cells)

    def progress(cell, cell_index):
        seconds = time.monotonic() - started
        report(f"{run.notebook}: cell {cell_index + 1} of {total}, {seconds:.0f} s", done=False)

    client = Client(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
        on_cell_start=progress,
    )
    with Watch(client, stop, patience) as watch, ThreadPoolExecutor(1) as thread:
        try:
            # In a thread of its own, nbclient leaves the signals to main().
            thread.submit(lambda: asyncio.run(client.async_execute())).result()
        except CellExecutionError as failure:
            run.error = f"{failure.ename}: {failure.evalue}\n{failure.traceback}"
        except DeadKernelError:
            run.error = f"the kernel died in cell {client.cell} (out of memory?)"
        except Exception as failure:
            run.error = f"{type(failure).__name__}: {failure}"
        except KeyboardInterrupt:  # where nobody listens for the signal, as in a test
            stop.set()
            raise
        finally:
            atexit.unregister(client._cleanup_kernel)  # left behind by a kernel that did not start
    if run.error and watch.verdict:
        where = f"in cell {client.cell} of {total}" if client.cell else "while its kernel started"
        run.error = f"{watch.verdict}, {where}"
    if client.cut:
        run.note = f"output of cell {', '.join(map(str, client.cut))} cut"
    run.seconds, run.peak_mb = round(time.monotonic() - started, 1), int(watch.mb)
    run.solved, run.tasks = checks(notebook)
    if not run.error and run.solved < run.tasks:
        run.error = f"{run.tasks - run.solved} of {run.tasks} solutions do not pass their check"


def write(file, text):
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text.encode("utf-8", errors="backslashreplace"))


def table(runs):
    """The runs as a Markdown table."""
    rows = [
        f"| {r.notebook} | {r.seconds:.0f} | {r.peak_mb:,} | {r.solved} of {r.tasks} "
        f"| {r.status.replace('|', '/')} |"
        for r in runs
    ]
    head = ["| notebook | seconds | peak MB | checks passed | status |", "|---|--:|--:|--:|---|"]
    return "\n".join([*head, *rows])


def give_up(message):
    say(message, to=sys.stderr)
    sys.exit(2)


def named(text):
    """The names in NB: one file, whatever its name, or several as a shell would separate them."""
    if Path(text).is_file():
        return [text]
    try:
        return shlex.split(text)
    except ValueError:
        give_up(f"There is no notebook {text}, and its quotation marks do not close.")


def chosen(names):
    """The notebook files meant by the names; all of the course without any. Exits if one is not."""
    for name in names:
        if not Path(name).is_file():
            known = "\n".join(f"  {notebook.path}" for notebook in facts.load(COURSE).notebooks)
            give_up(f"There is no notebook {name}. The course has:\n{known}")
    files = [Path(name).resolve() for name in names]
    return files or [COURSE / notebook.path for notebook in facts.load(COURSE).notebooks]


def prepare(out):
    """Make the output folder. Exits if nothing can be written there."""
    try:
        for folder in (out, out / "notebooks", out / "html"):
            write(folder / "test", "x" * 2**20)
            (folder / "test").unlink()
    except OSError as failure:
        give_up(
            f"Nothing can be written to {out}: {failure.strerror} ({failure.filename}). "
            "Move what is in the way, make room, or name another folder with --out."
        )


def record(out, runs):
    """Write the table for people and for programs."""
    try:
        write(out / "run.md", table(runs) + "\n")
        write(out / "run.json", json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    except OSError as failure:
        say(f"The table could not be written: {failure}", to=sys.stderr)


@contextmanager
def listening():
    """An event that Ctrl-C or SIGTERM sets, and that holds the number of the signal."""
    stop = threading.Event()
    stop.signal = None

    def end(number, _):
        stop.signal = number
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("notebooks", nargs="*")
    parser.add_argument(
        "--quick", action="store_true", help="with each notebook's quick parameters"
    )
    parser.add_argument("--out", type=Path, default=COURSE / "_build")
    options = parser.parse_args(arguments)
    files, out = chosen(options.notebooks or named(os.environ.get("NB", ""))), options.out
    if model := os.environ.get("MODEL"):
        os.environ["BESCI_MODEL"] = model
    prepare(out)
    runs = []
    with listening() as stop:
        for file in files:
            if not stop.is_set():
                runs.append(execute(file, out, options.quick, stop=stop))
                record(out, runs)
        if stop.is_set():
            say("Stopped. What ran so far:")
        failed = [run for run in runs if run.error]
        say(f"\n{table(runs)}\n")
        for run in failed:
            if "\n" in run.error:
                say(f"--- {run.notebook}\n{run.error}\n", to=sys.stderr)
        minutes = sum(run.seconds for run in runs) / 60
        say(
            f"{len(runs) - len(failed)} of {len(runs)} notebooks ran in {minutes:.1f} minutes; "
            f"pages to read: {out / 'html'}"
        )
    if stop.is_set():
        return 128 + stop.signal
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
