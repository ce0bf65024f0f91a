"""Rebuild derived files of data/, then bring sizes and hashes in datapackage.json up to date.

    python data/build [script ...]

Each script beside this one has a function build(folder) that writes its files into a folder.
Without names all of them run.
"""

import csv
import hashlib
import importlib
import json
import os
import sys
from pathlib import Path

BUILD = Path(__file__).resolve().parent


def dumps(value, indent=0):
    """JSON with every object or list on one line that fits there, so a field takes one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(flat) + indent < 99:
        return flat
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {dumps(v, indent + 2)}" for k, v in value.items()]
    else:
        parts = [dumps(v, indent + 2) for v in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    pad = "\n" + " " * (indent + 2)
    return start + pad + f",{pad}".join(parts) + "\n" + " " * indent + end


def refresh(folder):
    """Write bytes, hash and, for tables, number of rows of each resource into datapackage.json."""
    path = folder / "datapackage.json"
    package = json.loads(path.read_text(encoding="utf-8"))
    for resource in package["resources"]:
        file = folder / resource["path"]
        raw = file.read_bytes()
        resource["bytes"] = len(raw)
        resource["hash"] = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if "schema" in resource:
            with file.open(encoding="utf-8", newline="") as rows:
                resource["rows"] = sum(1 for _ in csv.reader(rows)) - 1
    part = path.with_suffix(".part")
    part.write_text(dumps(package) + "\n", encoding="utf-8", newline="\n")
    os.replace(part, path)


def main(folder, names=()):
    known = [script.stem for script in sorted(BUILD.glob("[!_]*.py"))]
    if unknown := set(names) - set(known):
        sys.exit(f"There is no script {', '.join(unknown)}. There are: {', '.join(known)}.")
    for name in names or known:
        importlib.import_module(name).build(folder)
    refresh(folder)


if __name__ == "__main__":
    main(BUILD.parent, sys.argv[1:])
