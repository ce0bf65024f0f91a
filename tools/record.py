"""Record what a model answers to the course's own prompts, in data/recorded/KEY.json.gz.

    python tools/record.py [KEY] [--from FOLDER]

Without KEY, the model that the environment's MODEL names (`make record MODEL=KEY`). Runs the
notebooks of days 3 to 5 that ask a language model, with their parameters as they stand, and writes
the recording once all of them went well. With --from it runs nothing and takes what was noted in a
folder before, for example by `BESCI_RECORD=/a/whole/path make run MODEL=KEY`.

Exits with 0 if the recording is written, 1 if a notebook failed, 2 if nothing could be begun or
written, 130 after Ctrl-C.
"""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

import facts
from run_notebooks import COURSE, execute, give_up, listening, read, say, table

from besci.llm.recorded import Recording, folder, merge
from besci.models import entry

DAYS = (3, 4, 5)
LARGEST = 6_000_000  # bytes; a recording comes with every copy of the course


def notebooks():
    """The notebooks of these days that ask a language model."""
    days = [day for day in facts.load(COURSE).days if day.number in DAYS]
    files = [COURSE / notebook.path for day in days for notebook in day.notebooks]
    return [file for file in files if "besci.LLM(" in code(file)]


def code(file):
    return "\n".join(cell.source for cell in read(file).cells if cell.cell_type == "code")


def run(key, out, stop):
    """Run the notebooks on a model: (their Runs, folder of what it answered)."""
    notes = out / "answers"
    shutil.rmtree(notes, ignore_errors=True)  # of an earlier state of the notebooks
    os.environ |= {"BESCI_MODEL": key, "BESCI_RECORD": str(notes)}
    runs = []
    for file in notebooks():
        if not stop.is_set():
            runs.append(execute(file, out, stop=stop))
    return runs, notes


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("key", nargs="?", default=os.environ.get("MODEL", ""))
    parser.add_argument("--from", type=Path, dest="notes", metavar="FOLDER")
    options = parser.parse_args(arguments)
    key, notes = options.key, options.notes
    if not re.fullmatch(r"\w[\w.-]*", key):
        give_up(f"usage: make record MODEL=KEY, a key of besci.list_models(), not {key!r}")
    if notes is None:
        try:
            entry(key)
        except ValueError as failure:
            give_up(str(failure))
        with listening() as stop:
            runs, notes = run(key, COURSE / "_build" / "record" / key, stop)
        say(f"\n{table(runs)}\n")
        if stop.is_set():
            return 128 + stop.signal
        if any(run.error for run in runs):
            say("Nothing was recorded: all notebooks have to run to their end.", to=sys.stderr)
            return 1
    file = folder() / f"{key}.json.gz"
    try:
        merge(notes, key, file, LARGEST)
    except (ValueError, OSError) as failure:
        give_up(str(failure))
    say(f"{Recording(key)}\n{file}: {file.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
