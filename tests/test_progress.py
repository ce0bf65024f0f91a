"""What is said while something is fetched."""

import sys
import time
import types

import pytest

from besci import progress


@pytest.mark.parametrize(
    "size, said",
    [
        (7_642_181_896, "7.6 GB, about 3 minutes at 50 MB/s"),
        (90_868_376, "91 MB, a minute or less at 50 MB/s"),
        (12_345, "12 KB, a minute or less at 50 MB/s"),
    ],
)
def test_size_and_minutes_are_said_before(tmp_path, capsys, size, said):
    with progress.fetching("phi-3-mini", "the Hugging Face hub", size, tmp_path):
        line = capsys.readouterr().out
    assert line == f"Fetching phi-3-mini from the Hugging Face hub: {said} (kept for next time).\n"


def test_on_colab_it_comes_again_in_each_new_session(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    with progress.fetching("minilm", "a package", 10**8, tmp_path):
        pass
    assert "(again in each new session)" in capsys.readouterr().out


def test_nothing_is_said_where_nothing_is_to_come(tmp_path, capsys):
    with progress.fetching("minilm", "a package", 0, tmp_path):
        pass
    assert not any(capsys.readouterr())


def test_a_bar_shows_what_has_arrived_below_the_folder_and_goes(tmp_path, capsys, monkeypatch):
    bars = []

    def shown(*args, **settings):
        bars.append(made(*args, **settings, delay=0, mininterval=0))
        return bars[-1]

    made = progress.progress_bar
    monkeypatch.setattr(progress, "progress_bar", shown)
    (tmp_path / "before").write_bytes(b"old" * 1000)
    with pytest.raises(KeyboardInterrupt):
        with progress.fetching("minilm", "a package", 4_000_000, tmp_path):
            (tmp_path / "deep").mkdir()
            (tmp_path / "deep/file").write_bytes(bytes(3_000_000))
            while bars[0].n < 3_000_000:
                time.sleep(0.02)
            raise KeyboardInterrupt
    drawn = capsys.readouterr().err
    assert bars[0].n == 3_000_000 and "3.00M/4.00M" in drawn
    assert not drawn.split("\r")[-1].strip()  # the line is empty again


def test_bytes_are_counted_once_and_links_not_at_all(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/blob").write_bytes(bytes(100_000))
    (tmp_path / "link").symlink_to(tmp_path / "a/blob")
    assert 100_000 <= progress.bytes_below(tmp_path) < 101_000
    assert progress.bytes_below(tmp_path / "nowhere") == 0
