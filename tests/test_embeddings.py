import os
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import COURSE

import besci
from besci import embeddings


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A folder of one's own that is empty: embeddings start anew."""
    monkeypatch.setenv("BESCI_HOME", str(tmp_path / "own"))
    return tmp_path / "own"


def count_calls(monkeypatch):
    from sentence_transformers import SentenceTransformer

    seen, plain = [], SentenceTransformer.encode

    def counting(encoder, texts, **settings):
        seen.append(list(texts))
        return plain(encoder, texts, **settings)

    monkeypatch.setattr(SentenceTransformer, "encode", counting)
    return seen


def test_rows_are_unit_length_and_equal_the_library_s_own(own_cache):
    from sentence_transformers import SentenceTransformer

    texts = ["Get angry easily.", "Love to read poetry.", "Привет, мир 🌍"]
    vectors = besci.embed(texts)
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    plain = SentenceTransformer(besci.model_path("minilm")).encode(texts, normalize_embeddings=True)
    assert np.allclose(vectors, plain, atol=1e-5)


def test_paraphrases_lie_closer_than_unrelated_sentences(own_cache):
    a, b, c = besci.embed(
        ["Get angry easily.", "Lose my temper quickly.", "Tulips need a cold winter."]
    )
    assert a @ b > a @ c + 0.2


@pytest.mark.parametrize(
    "texts",
    [
        ["one text", "another"],
        ("one text", "another"),
        np.array(["one text", "another"]),
        np.array(["one text", "another"], dtype=object),
        pd.Series(["one text", "another"], index=[7, 3]),
        pd.Series(["one text", "another"], dtype="string"),
    ],
    ids=["list", "tuple", "array", "objects", "series", "string series"],
)
def test_lists_arrays_and_series_give_the_same(own_cache, texts):
    assert np.array_equal(besci.embed(texts), besci.embed(["one text", "another"]))


def test_one_string_gives_one_vector(own_cache):
    assert np.array_equal(besci.embed("one text"), besci.embed(["one text"])[0])


def test_each_text_is_embedded_once_and_remembered(own_cache, monkeypatch):
    calls = count_calls(monkeypatch)
    first = besci.embed(["b", "a", "b", "b"])
    assert calls == [["b", "a"]] and np.array_equal(first[0], first[2])
    second = besci.embed(["a", "c", "b"])
    assert calls == [["b", "a"], ["c"]] and np.array_equal(second[2], first[0])


def test_an_unknown_model_names_those_there_are():
    with pytest.raises(ValueError, match="minilm"):
        besci.embed(["a"], model="no-such-model")


def test_a_text_longer_than_the_model_reads_is_said_so(own_cache):
    with pytest.warns(UserWarning, match="1 of 2 new texts have more than 256 tokens"):
        besci.embed(["short", "word " * 400])


def test_a_damaged_store_is_set_aside_and_built_anew(own_cache):
    before = besci.embed(["a", "b"])
    (file,) = (own_cache / "embeddings").glob("*.sqlite")
    file.write_bytes(b"this is no database" * 100)
    assert np.array_equal(besci.embed(["a", "b"]), before)
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)  # a readable head, a spoilt body
    file.write_bytes(data)
    assert np.array_equal(besci.embed(["a", "b"]), before)


def test_a_full_disk_costs_the_memory_not_the_result(own_cache, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    vectors = besci.embed(["a"])
    monkeypatch.setattr(embeddings, "open_store", full)
    with pytest.warns(UserWarning, match="could not be kept for next time in .* disk is full") as w:
        assert np.array_equal(besci.embed(["a"]), vectors)
    assert len(w) == 1


def test_a_folder_that_cannot_be_made_or_a_file_that_cannot_be_opened_costs_a_warning(
    tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BESCI_HOME", str(tmp_path / "file" / "own"))
    with pytest.warns(UserWarning, match="Set BESCI_HOME to a folder of your own"):
        assert besci.embed(["a"]).shape == (1, 384)


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid(), reason="needs root and setpriv")
def test_a_read_only_model_cache_for_all_is_enough(tmp_path):
    """As INSTRUCTORS.md advises it; even root is kept from writing there."""
    shared = tmp_path / "for all"
    shutil.copytree(besci.model_path("minilm"), shared / "models" / "minilm")
    subprocess.run(["chown", "-R", "nobody", shared], check=True)
    subprocess.run(["chmod", "-R", "a-w,a+rX", shared], check=True)
    rights = "-dac_override,-dac_read_search,-fowner,-chown"
    keep = ["setpriv", "--bounding-set", rights, "--inh-caps", rights]
    script = "import besci; besci.embed(['a']); print(besci.embed(['a']).shape)"
    places = {"BESCI_CACHE": str(shared), "BESCI_HOME": str(tmp_path / "own")}
    done = subprocess.run(
        [*keep, sys.executable, "-W", "error::UserWarning", "-c", script],
        env={**os.environ, **places, "HF_HUB_OFFLINE": "1"},
        cwd=COURSE,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(1, 384)", done.stderr
    assert list((tmp_path / "own/embeddings").glob("minilm-*.sqlite"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:100],
        lambda raw: b"",
        lambda raw: raw[::-1],
        lambda raw: bytes(len(raw)),
        lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],  # one bit of one number
    ],
)
def test_a_spoilt_row_counts_as_missing(own_cache, damage, monkeypatch):
    before = besci.embed(["a", "b"])
    (file,) = (own_cache / "embeddings").glob("*.sqlite")
    with sqlite3.connect(file) as store:
        ((key, raw), other) = store.execute("SELECT text, vector FROM embeddings").fetchall()
        store.execute("UPDATE embeddings SET vector = ? WHERE text = ?", [damage(raw), key])
    seen = count_calls(monkeypatch)
    assert np.allclose(besci.embed(["a", "b"]), before, atol=1e-6) and len(sum(seen, [])) == 1
    with sqlite3.connect(file) as store:  # a vector of another text, whole in itself
        store.execute("UPDATE embeddings SET vector = ? WHERE text = ?", [other[1], key])
    assert np.allclose(besci.embed(["a", "b"]), before, atol=1e-6) and len(sum(seen, [])) == 2


def test_an_interruption_keeps_what_was_done_before(own_cache, monkeypatch):
    monkeypatch.setattr(embeddings, "KEPT_EVERY", 3)
    texts, calls, encode = [f"text {k}" for k in range(8)], [], embeddings.encode

    def interrupted(encoder, some):
        calls.append(some)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(encoder, some)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(embeddings, "encode", interrupted)
        besci.embed(texts)
    seen = count_calls(monkeypatch)
    assert besci.embed(texts).shape == (8, 384)
    assert seen == [texts[6:]]


def test_two_processes_at_once_share_one_store(own_cache):
    script = "import besci; besci.embed([f'item number {k}' for k in range(30)])"
    both = [subprocess.Popen([sys.executable, "-c", script], cwd=COURSE) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    (file,) = (own_cache / "embeddings").glob("*.sqlite")
    with sqlite3.connect(file) as store:
        assert store.execute("SELECT count(*) FROM embeddings").fetchone() == (30,)


def test_a_folder_with_a_tuned_model_works_and_is_never_mixed_up_with_the_cache(
    own_cache, tmp_path
):
    import torch
    from sentence_transformers import SentenceTransformer

    tuned = SentenceTransformer(besci.model_path("minilm"))
    with torch.no_grad():
        for weights in tuned.parameters():
            weights.add_(torch.randn_like(weights) * 0.02)
    tuned.save(str(tmp_path / "tuned"))
    base = besci.embed(["a sentence"])
    assert not np.allclose(
        besci.embed(["a sentence"], model=str(tmp_path / "tuned")), base, atol=1e-3
    )
    assert np.array_equal(besci.embed(["a sentence"]), base)


def test_a_folder_named_like_a_model_does_not_stand_in_its_way(own_cache, tmp_path, monkeypatch):
    (tmp_path / "minilm").mkdir()
    monkeypatch.chdir(tmp_path)
    there = besci.embed("one text", model=besci.model_path("minilm"))
    assert np.allclose(besci.embed("one text", model="minilm"), there, atol=1e-6)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="For the folder of this name write './mine'"):
        besci.embed("one text", model="mine")
