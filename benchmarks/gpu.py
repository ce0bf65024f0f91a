"""Whether besci.LLM keeps its promises on this computer's graphics card, and how fast it is there.

    python -m benchmarks.gpu [--minutes 8]        (make gpu)

Needs an NVIDIA GPU, PyTorch and transformers, and no network: the model is a Phi-3-mini of real
size with random weights (`stand_in.py`). What is looked at, most valuable first, stands in
`gpu_sections.py`. Each finding is written to results/gpu.json as soon as it is there, and at the
end results/gpu.md, the tables. After `--minutes` the rest is left out.

    python -m benchmarks.gpu --size tiny --device cpu --results FOLDER

tries the script itself on a model of two narrow layers; what needs a GPU says so.

Exits with 0 if nothing failed, 1 if something did, 2 if nothing could be begun, 130 after Ctrl-C.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from besci.files import write_whole

COURSE = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
NO_GPU = 3  # status with which the sections' process ends where there is none
STOPPED = 130  # after Ctrl-C


def apart(command, folder, seconds):
    """The exit status of a process of its own, or None if it was ended after so many seconds.

    It finds models in `folder` alone. A section that crashes, or leaves the card unusable, or
    hangs, takes nothing else with it.
    """
    named = {name: value for name, value in os.environ.items() if not name.startswith("BESCI_")}
    here = named | {
        "PYTHONPATH": str(COURSE),
        "HF_HUB_CACHE": str(folder / "hub"),
        "BESCI_CACHE": str(folder / "besci"),
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    process = subprocess.Popen(command, env=here, cwd=COURSE, start_new_session=True)
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def close(result, why, outcome):
    """Say what became of the section that was being run when its process ended."""
    for section in result["sections"].values():
        if section["outcome"] == "running":
            section |= {"outcome": outcome, "why": why}


def waiting(result):
    return [name for name, one in result["sections"].items() if one["outcome"] == "not reached"]


# ---- the page -----------------------------------------------------------------------------


def page(result):
    """gpu.md, from what gpu.json holds."""
    sections = result["sections"]
    on = sections["card"].get("rows", {}).get("card", {}).get("name", "no GPU")
    lines = [
        f"# What besci.LLM does on {on}",
        "",
        f"Phi-3-mini with random weights, size “{result['size']}”, device {result['device']}, "
        f"begun {result['began']}, at most {result['minutes']:g} minutes. Made by `make gpu`; the "
        "same values are in `gpu.json`, and what they mean in the README beside this folder.",
        "",
        *table({name: {"outcome": verdict(one)} for name, one in sections.items()}),
    ]
    for name, one in sections.items():
        if one.get("rows"):
            lines += ["", f"## {name[0].upper()}{name[1:]}", "", *table(one["rows"])]
    return "\n".join(lines) + "\n"


def verdict(section):
    """A section's outcome in a line."""
    seconds = f" ({section['seconds']:.0f} s)" if "seconds" in section else ""
    why = f": {section['why']}" if "why" in section else ""
    return f"{section['outcome']}{seconds}{why}"


def table(rows):
    """Lines of a Markdown table; rows: {name: {column: plain value}}, not all with all columns."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return lines + [
        f"| {name} | " + " | ".join(cell(row.get(column)) for column in columns) + " |"
        for name, row in rows.items()
    ]


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).split()).replace("|", "\\|")


# ---- one run ------------------------------------------------------------------------------


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--size", choices=["real", "tiny"], default="real")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    about = {"began": datetime.now().isoformat(timespec="seconds"), "size": options.size}
    about |= {"device": options.device, "minutes": options.minutes}
    results = options.results.resolve()
    results.mkdir(parents=True, exist_ok=True)
    file = results / "gpu.json"
    # However it is stopped, also in the background, it cleans up: the weights take gigabytes.
    for way in (signal.SIGINT, signal.SIGTERM):
        signal.signal(way, signal.default_int_handler)

    why = {None: f"{options.minutes:g} minutes were over", STOPPED: "stopped"}
    status, todo = 1, None
    with tempfile.TemporaryDirectory(prefix="besci-gpu-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "benchmarks.gpu_sections", str(file)]
        while status not in (0, None, STOPPED):
            try:
                status = apart([*command, json.dumps(about)], Path(folder), end - time.monotonic())
            except KeyboardInterrupt:
                status = STOPPED
            if status == NO_GPU:
                return give_up(
                    "There is no NVIDIA GPU that this PyTorch can use. To try the script itself: "
                    "python -m benchmarks.gpu --size tiny --device cpu --results FOLDER"
                )
            result = json.loads(file.read_text("utf-8")) if file.is_file() else {}
            if result.get("began") != about["began"]:
                return give_up("Nothing was begun.")
            crashed = f"its process ended with status {status}"
            close(result, why.get(status, crashed), "not finished" if status in why else "failed")
            write_whole(file, (json.dumps(result, indent=1) + "\n").encode())
            if waiting(result) == todo:
                break  # its process ends before it begins anything
            todo = waiting(result)
    write_whole(results / "gpu.md", page(result).encode())
    print(f"Written: {results / 'gpu.md'}")
    if todo:
        print(f"Not reached: {', '.join(todo)}.")
    if status == STOPPED:
        return STOPPED
    return int(any(one["outcome"] == "failed" for one in result["sections"].values()))


def give_up(message):
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
