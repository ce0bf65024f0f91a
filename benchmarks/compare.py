"""What language models show in the studies of days 3 to 5, beside each other and baselines.

    python -m benchmarks.compare [model ...]        (make compare, make compare MODELS="key key")

Each model (a key, a hub id or a folder) is measured in a process of its own, one after the other,
and then the baselines. What is measured is kept in _build/compare until all is, so a run that was
interrupted goes on. Then results/models.json holds all answers and figures, and results/models.md
the tables. Models in models.json that are not measured again stay, if they answered the same items.

Exits with 0 if all went well, 1 if a model could not be measured, 2 if nothing could be begun, 130
after Ctrl-C.
"""

import argparse
import hashlib
import itertools
import json
import os
import platform
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

import besci
from benchmarks.studies import Sizes, all_studies, fingerprint
from besci.models import model_folder
from besci.stats import Estimate

COURSE = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
MODELS = ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"]
BASELINES = "baselines"


# ---- measuring ----------------------------------------------------------------------------


def measure(name, sizes):
    """Answers of one model, or of the baselines, to all studies, and what they took."""
    warnings.filterwarnings("ignore", message=".*cut off at max_new_tokens")
    studies, begin = all_studies(sizes), time.perf_counter()
    answers, seconds, about = {}, {}, {}
    if name != BASELINES:
        llm = besci.LLM(name)
        about = {"commit": llm.commit, "dtype": str(llm.dtype).removeprefix("torch.")}
        about["device"] = str(llm.device)
        seconds["loading"] = time.perf_counter() - begin
    for study in studies:
        begin = time.perf_counter()
        answers[study.name] = study.baselines() if name == BASELINES else study.ask(llm)
        seconds[study.name] = time.perf_counter() - begin
        print(f"  {study.name}: {seconds[study.name]:.0f} s", flush=True)
    return {
        "name": name,
        "items": fingerprint(studies),
        **about,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("torch", "transformers", "besci")},
        "seconds": {task: round(value, 1) for task, value in seconds.items()},
        "cpu_seconds": round(time.process_time()),
        "peak_mb": peak_mb(),
        "answers": answers,
    }


def peak_mb():
    """The most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage also counts what the parent had before this process began
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def measure_apart(name, part, sizes):
    """Have a process of its own measure `name` and write `part`. Returns whether it did."""
    options = [f"--{size}={value}" for size, value in asdict(sizes).items()]
    command = [sys.executable, "-m", "benchmarks.compare", *options, f"--alone={part}", "--", name]
    here = os.environ | {"PYTHONPATH": str(COURSE)}
    return subprocess.run(command, env=here).returncode == 0


# ---- figures and tables -------------------------------------------------------------------


def figures(studies, methods):
    """What models.json says of the methods (as `measure` returns them): a dict for JSON."""
    models = {name: method for name, method in methods.items() if name != BASELINES}
    found = []
    for study in studies:
        others = methods[BASELINES]["answers"][study.name]
        rows = {name: method["answers"][study.name] for name, method in models.items()} | others
        table = {
            row: {
                name: study.estimate(name, answers)
                for name in study.figures
                if study.figures[name].needs in answers
            }
            for row, answers in rows.items()
        }
        for row, values in study.constants.items():
            table[row] = {name: [value] for name, value in values.items()}
        pairs = list(itertools.combinations(models, 2))
        pairs += [(name, study.trained) for name in models if study.trained in rows]
        apart = [
            {
                "one": one,
                "other": other,
                "by": study.estimate(study.headline, rows[one], rows[other]),
            }
            for one, other in pairs
        ]
        found.append(
            {
                "name": study.name,
                "title": study.title,
                "note": study.note,
                "headline": study.headline,
                "trained": study.trained,
                "columns": list(study.figures),
                "rows": table,
                "apart": apart,
            }
        )
    return found


def page(result):
    """models.md, from what models.json holds."""
    methods, studies = result["methods"], result["studies"]
    models = [name for name in methods if name != BASELINES]
    lines = [
        "# What models show, side by side",
        "",
        "Every model answers the same items of the studies of days 3 to 5, with the prompts of the "
        "notebooks. In brackets: 95 % intervals, from drawing what is alike anew as a whole "
        "(events, people, families of problems, interviews). A dash: not to be had. Made by `make "
        "compare`; the answers behind all figures are in `models.json`.",
        "",
        "## At a glance",
        "",
    ]
    overview = {
        row: [study["rows"].get(row, {}).get(study["headline"]) for study in studies]
        for row in models
    }
    overview["trained, or without a language model"] = [
        study["rows"].get(study["trained"], {}).get(study["headline"]) for study in studies
    ]
    overview["chance"] = [
        study["rows"].get("chance", {}).get(study["headline"]) for study in studies
    ]
    heads = [f"{study['name']}: {study['headline']}" for study in studies]
    lines += [*table(heads, overview), "", "## Differences on the same items", ""]
    lines += [
        "Each pair answered the same items, so the interval is that of the difference; intervals "
        "of two rows above may overlap although the difference is clear.",
        "",
    ]
    apart = {}
    for study in studies:
        for pair in study["apart"]:
            other = pair["other"] if pair["other"] in models else "trained, or without a model"
            row = apart.setdefault(f"{pair['one']} minus {other}", {})
            row[study["name"]] = pair["by"]
    names = [study["name"] for study in studies]
    order = {row: [by.get(name) for name in names] for row, by in apart.items()}
    lines += table(heads, order)
    for study in studies:
        rows = {
            row: [values.get(column) for column in study["columns"]]
            for row, values in study["rows"].items()
        }
        lines += ["", f"## {study['title']}", "", study["note"], "", *table(study["columns"], rows)]
    lines += ["", "## What it took", ""]
    lines += [
        "Seconds for each study, processor time and the most memory of the process: one run on the "
        "computer named. Other programs may have slowed it down; processor time suffers less.",
        "",
    ]
    tasks = ["loading", *names]
    spent = {
        f"{name} ({methods[name]['dtype']}, {methods[name]['device']}; "
        f"{methods[name]['machine']})": [
            *(f"{methods[name]['seconds'][task]:.0f}" for task in tasks),
            f"{sum(methods[name]['seconds'].values()):.0f}",
            f"{methods[name]['cpu_seconds']}",
            f"{methods[name]['peak_mb']:,}",
        ]
        for name in models
    }
    lines += table([*tasks, "all", "cpu s", "peak MB"], spent)
    lines += ["", "## Models", ""]
    for name in models:
        versions = ", ".join(f"{k} {v}" for k, v in methods[name]["versions"].items())
        lines.append(f"- {name}: {methods[name]['commit']}; {versions}")
    return "\n".join(lines) + "\n"


def table(columns, rows):
    """Lines of a Markdown table; rows: {name: cells}, each a text, an estimate, a number, None."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    return lines + [
        f"| {row} | " + " | ".join(map(cell, cells)) + " |" for row, cells in rows.items()
    ]


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return str(Estimate(*value)) if len(value) == 3 else f"{value[0]:.2f}"


# ---- one run ------------------------------------------------------------------------------


def named(text):
    """The models that MODELS names, as a shell would separate them."""
    try:
        return shlex.split(text)
    except ValueError:
        give_up(f"MODELS={text}: a quotation mark has no partner.")


def give_up(message):
    print(message, file=sys.stderr)
    sys.exit(2)


def write(file, text):
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, file)


def part_of(folder, name):
    """The file that keeps what was measured of a model until all is."""
    plain = re.sub(r"[^\w.-]+", "_", name)[-60:]
    return folder / f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def kept(file, items):
    """What `file` holds of an interrupted run, or None if it is of other items or not there."""
    if not file.is_file():
        return None
    found = json.loads(file.read_text("utf-8"))
    return found if found["items"] == items else None


def earlier(file, items):
    """The methods in models.json, or none if they answered other items."""
    if not file.is_file():
        return {}
    result = json.loads(file.read_text("utf-8"))
    if result["items"] == items:
        return result["methods"]
    gone = ", ".join(name for name in result["methods"] if name != BASELINES)
    print(
        f"The items have changed since {gone} answered: of these, only what is measured now stays."
    )
    return {}


def main(arguments=None):
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("models", nargs="*", help="default: MODELS, or " + " ".join(MODELS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    parser.add_argument("--kept", type=Path, default=COURSE / "_build" / "compare")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    for size in fields(Sizes):
        parser.add_argument(f"--{size.name}", type=int, default=size.default)
    options = parser.parse_args(arguments)
    sizes = Sizes(**{size.name: getattr(options, size.name) for size in fields(Sizes)})
    if options.alone:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who began this process says what to do
        write(options.alone, json.dumps(measure(*options.models, sizes)))
        return 0

    names = list(dict.fromkeys(options.models or named(os.environ.get("MODELS", "")) or MODELS))
    for name in names:  # one that cannot be had shows itself before the first is measured
        try:
            if model_folder(name) is None:
                besci.model_path(name)
        except (ValueError, besci.ModelUnavailable) as error:
            give_up(f"{name}: {error}")
    studies = all_studies(sizes)
    items = fingerprint(studies)
    parts = {name: part_of(options.kept, name) for name in [*names, BASELINES]}
    failed = []
    try:
        for name, part in parts.items():
            if kept(part, items):
                print(f"{name}: measured before the interruption", flush=True)
                continue
            print(f"{name}:", flush=True)
            part.parent.mkdir(parents=True, exist_ok=True)
            if measure_apart(name, part, sizes):
                print(f"{name}: measured", flush=True)
            else:
                failed.append(name)
    except KeyboardInterrupt:
        print("Stopped. What was measured is kept; the same command goes on from there.")
        return 130
    if failed:
        print(
            f"Not measured, for the reasons above: {', '.join(failed)}. The others are kept: the "
            'same command tries again, MODELS="..." with the others alone writes their tables.',
            file=sys.stderr,
        )
        return 1
    methods = earlier(options.results / "models.json", items)
    methods |= {name: kept(part, items) for name, part in parts.items()}
    print("figures ...", flush=True)
    result = {"items": items, "sizes": asdict(sizes), "studies": figures(studies, methods)}
    result["methods"] = methods
    write(options.results / "models.json", json.dumps(result, allow_nan=False) + "\n")
    # From the file's own values, so that the page can be made from it again.
    result = json.loads((options.results / "models.json").read_text("utf-8"))
    write(options.results / "models.md", page(result))
    for part in parts.values():
        part.unlink()
    print(f"Written: {options.results / 'models.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
