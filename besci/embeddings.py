"""Sentence embeddings: one call, unit length, each text embedded once and remembered on disk."""

import hashlib
import json
import sqlite3
import warnings
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np

from besci.device import gpu
from besci.files import own_folder
from besci.inputs import listed
from besci.models import (
    check_weights,
    entry,
    is_hub_id,
    last_change,
    model_folder,
    model_path,
)
from besci.progress import progress_bar

_BATCH = 64
KEPT_EVERY = 20 * _BATCH  # texts; an interruption costs no more than these
_TABLE = "CREATE TABLE IF NOT EXISTS embeddings (text BLOB PRIMARY KEY, vector BLOB)"
_ONE = "SELECT vector FROM embeddings WHERE text = ?"


def embed(texts, model="minilm", progress=True, revision=None):
    """Embed texts as points on the unit sphere, so that a dot product is a cosine.

    texts: n strings (list, tuple, numpy array, pandas Series; its index does not matter) or one
    string. model: a key of `besci.list_models()`, the hub id of a sentence-transformers model
    ("owner/name", at `revision`, its commit, tag or branch), or the folder of one, as a Path or a
    text with a path separator ("./my_model").
    Returns (n, d) float32 with rows of length 1, or (d,) for one string; d is 384 for minilm.
    Equal texts give equal rows. Embeddings, but for those of a folder, are kept in your own folder
    (see `besci.files.own_folder`) by (model, commit, text) and read from there the next time; where
    nothing can be written, a warning says that they are not kept.
    Raises TypeError for anything that is not text and ValueError for a text that is empty or cannot
    be encoded, each naming the index; warns where a text is longer than the model reads.
    """
    single, texts, _ = listed(texts, "text", blank=False)
    distinct = list(dict.fromkeys(texts))
    folder = model_folder(model)
    if folder:
        kept = None
    elif is_hub_id(model):
        folder = Path(model_path(model, revision))
        kept = _kept(model.replace("/", "--"), folder.name)
    else:
        kept = _kept(model, entry(model)["commit"])
    known = read_known(kept, distinct) if kept else {}
    missing = [text for text in distinct if text not in known]
    if missing:
        if folder:
            _check_folder(folder)
        encoder = _encoder(str(folder or model_path(model, revision)), missing)
        with progress_bar(len(missing), "embed", progress) as done:
            for start in range(0, len(missing), KEPT_EVERY):
                some = missing[start : start + KEPT_EVERY]
                fresh = dict(zip(some, encode(encoder, some), strict=True))
                kept = kept if kept and write_known(kept, fresh) else None
                known |= fresh
                done.update(len(some))
    vectors = np.stack([known[text] for text in texts])
    return vectors[0] if single else vectors


@lru_cache(maxsize=2)
def _load(folder, changed):
    """A SentenceTransformer on the GPU if there is one; read again when its folder has changed."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        folder,
        device="cuda" if gpu() else "cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )


def _check_folder(folder):
    """Raise ValueError unless a folder holds a whole sentence-transformers model and no code.

    modules.json says which Python classes to run, so only those of sentence_transformers pass.
    """
    from transformers import AutoModel

    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [module["type"] for module in modules]
        inner = folder / modules[0]["path"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"{folder} holds no sentence-transformers model: modules.json cannot be read ({error})."
        ) from None
    foreign = [kind for kind in kinds if not str(kind).startswith("sentence_transformers.")]
    if foreign:
        raise ValueError(
            f"{folder} asks to run {foreign[0]}, which is not of sentence_transformers, so it is "
            "not loaded."
        )
    try:
        _, found = AutoModel.from_pretrained(
            inner, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be loaded: {error}") from None
    check_weights(folder, found, unused=["pooler"])  # sentence embeddings are not made of it


def _encoder(folder, texts):
    """The SentenceTransformer of a folder; warns where it does not read the whole of a text."""
    encoder = _load(folder, last_change(folder))
    lengths = [
        len(ids) for ids in encoder.tokenizer(texts, truncation=False, verbose=False).input_ids
    ]
    limit = encoder.max_seq_length
    long = [index for index, length in enumerate(lengths) if limit and length > limit]
    if long:
        warnings.warn(
            f"{len(long)} of {len(texts)} new texts have more than {limit} tokens; what follows is "
            f"not read. The first begins {texts[long[0]][:60]!r}. Split long texts into passages.",
            stacklevel=3,
        )
    return encoder


def encode(encoder, texts):
    """(n, d) float32 unit vectors."""
    return encoder.encode(
        texts,
        batch_size=_BATCH,
        normalize_embeddings=True,
        convert_to_numpy=True,
        show_progress_bar=False,
    ).astype(np.float32, copy=False)


# ---- embeddings kept for the next time ----------------------------------------------------------


def _kept(name, commit):
    """The file with the embeddings of a model at a commit."""
    return own_folder() / "embeddings" / f"{name}-{commit[:12]}.sqlite"


def open_store(file):
    """A connection to a file of embeddings; a damaged one is set aside and begun anew."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for attempt in (1, 2):
        store = sqlite3.connect(file, timeout=60)
        try:
            if store.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                store.execute(_TABLE)
                return store
            raise sqlite3.DatabaseError("damaged")
        except sqlite3.DatabaseError as error:
            store.close()
            if attempt == 2 or isinstance(error, sqlite3.OperationalError):
                raise
            file.replace(file.with_suffix(".damaged"))


def _key(text):
    return hashlib.sha256(text.encode()).digest()


def _sealed(key, vector):
    """The bytes of a vector, and behind them a checksum that binds them to their text."""
    raw = vector.astype(np.float32).tobytes()
    return raw + hashlib.sha256(key + raw).digest()[:8]


def _opened(key, raw):
    """The vector of these bytes, or None if they are not what was written for this text."""
    if len(raw) < 12 or len(raw) % 4 or hashlib.sha256(key + raw[:-8]).digest()[:8] != raw[-8:]:
        return None
    return np.frombuffer(raw[:-8], dtype=np.float32)


def read_known(file, texts):
    """Those of the texts that are remembered: {text: vector}. A spoilt row counts as missing."""
    found = {}
    try:
        with closing(open_store(file)) as store:
            for text in texts:
                key = _key(text)
                row = store.execute(_ONE, [key]).fetchone()
                if row and (vector := _opened(key, row[0])) is not None:
                    found[text] = vector
    except (OSError, sqlite3.Error):
        return found  # what cannot be read is made again; writing will say why
    return found


def write_known(file, vectors):
    """Remember {text: vector}; returns whether that was possible, and warns if not."""
    rows = [(_key(text), _sealed(_key(text), vector)) for text, vector in vectors.items()]
    try:
        with closing(open_store(file)) as store, store:
            store.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)
    except (OSError, sqlite3.Error) as error:
        warnings.warn(
            f"embeddings could not be kept for next time in {file.parent} ({error}). "
            "Set BESCI_HOME to a folder of your own that can be written to.",
            stacklevel=3,
        )
        return False
    return True
