"""Hashes of large files are taken once, and again when the file has changed."""

import os

import pytest

from besci.models import hashes


@pytest.fixture
def taken(monkeypatch):
    """The names of the files whose hash was computed; every file is a large one."""
    names, compute = [], hashes.sha256
    monkeypatch.setattr(hashes, "SMALL", 0)
    monkeypatch.setattr(hashes, "sha256", lambda file: names.append(file.name) or compute(file))
    return names


def test_a_hash_is_that_of_the_content(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert hashes.sha256(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")


def test_a_large_file_is_hashed_once_however_it_is_reached(tmp_path, taken):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    memory = tmp_path / "not yet there" / "hashes.json"
    first = hashes.sha256_remembered(tmp_path / "file", memory)
    assert hashes.sha256_remembered(tmp_path / "link", memory) == first
    assert taken == ["file"]
    assert os.listdir(memory.parent) == ["hashes.json"]


def test_a_changed_file_is_hashed_again(tmp_path, taken):
    file, memory = tmp_path / "file", tmp_path / "hashes.json"
    file.write_bytes(b"abc")
    first = hashes.sha256_remembered(file, memory)
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))
    assert hashes.sha256_remembered(file, memory) == first
    kept = file.stat().st_mtime_ns
    (tmp_path / "other").write_bytes(b"xyz")
    os.utime(tmp_path / "other", ns=(kept, kept))
    (tmp_path / "other").replace(file)  # as long and as old, but another
    assert hashes.sha256_remembered(file, memory) != first
    assert len(taken) == 3


def test_a_small_file_is_hashed_every_time(tmp_path, taken, monkeypatch):
    monkeypatch.setattr(hashes, "SMALL", 4)
    (tmp_path / "file").write_bytes(b"abc")
    for _ in range(2):
        hashes.sha256_remembered(tmp_path / "file", tmp_path / "hashes.json")
    assert taken == ["file", "file"] and not (tmp_path / "hashes.json").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"FILE": 1}', '{"FILE": [3, 1]}', "\udcff"])
def test_a_memory_that_cannot_be_read_costs_only_time(tmp_path, taken, content):
    file, memory = tmp_path / "file", tmp_path / "hashes.json"
    file.write_bytes(b"abc")
    text = content.replace("FILE", str(file))
    memory.write_bytes(text.encode("utf-8", "surrogateescape"))
    for _ in range(2):
        assert hashes.sha256_remembered(file, memory).startswith("ba7816bf")
    assert taken == ["file"]


def test_a_memory_that_cannot_be_written_costs_only_time(tmp_path, taken):
    (tmp_path / "file").write_bytes(b"abc")
    memory = tmp_path / "file" / "hashes.json"  # below a file
    for _ in range(2):
        assert hashes.sha256_remembered(tmp_path / "file", memory).startswith("ba7816bf")
    assert taken == ["file", "file"]
