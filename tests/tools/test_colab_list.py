"""What a fresh list of Colab's packages is compared with, and what no list is."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import colab_list
import pytest
from colab_list import LACKED, main, versions
from conftest import COURSE

PINS = (COURSE / "constraints/colab.txt").read_text("utf-8")
IMAGE = {name: f"{name}=={version}" for name, version in versions(PINS.split(LACKED)[0]).items()}


@pytest.fixture
def compare(tmp_path, capsys):
    """(exit code, what was printed) on the image the course follows, but for these lines.

    A value of None takes the package from the list.
    """

    def run(**changes):
        lines = {**IMAGE, **{name.replace("_", "-"): line for name, line in changes.items()}}
        file = tmp_path / "pip-freeze.txt"
        file.write_text("# made by pip\n" + "\n".join(line for line in lines.values() if line))
        code = main([str(file)])
        return code, capsys.readouterr().out

    return run


def test_on_the_image_that_the_course_follows_four_packages_are_installed(compare):
    code, said = compare()
    assert code == 0 and "Nothing that the course uses has moved" in said
    assert "that are not met: none" in said
    new = said.split("The setup cell installs ")[1].split(" there and upgrades nothing.")[0]
    assert [one.split(">=")[0] for one in new.split(", ")] == [
        "gguf",
        "jupyterquiz",
        "pypdfium2",
        "rapidfuzz",
    ]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"tqdm": "tqdm==5.0"}, "| tqdm | {tqdm} | 5.0 |"),
        ({"tqdm": None}, "| tqdm | {tqdm} | gone |"),
        ({"ruff": "ruff==0.18"}, "| ruff | not there (0.17.6) | 0.18 |"),
        ({"torch": "torch @ https://a.b/torch-2.12.0%2Bcu130-cp313-cp313-linux_x86_64.whl"},
         "| torch | {torch} | 2.12.0+cu130 |"),
        ({"tqdm": "tqdm @ file:///build/tqdm-5.1.tar.gz"}, "| tqdm | {tqdm} | 5.1 |"),
        ({"tqdm": "tqdm @ git+https://a.b/tqdm@0"}, "| tqdm | {tqdm} | git+https://a.b/tqdm@0 |"),
        ({"tqdm": "-e git+https://a.b/tqdm@0c1#egg=tqdm"}, "| tqdm | {tqdm} | -e git+https:"),
        ({"other": "x @ https://a.b/x-1-cp314-cp314-linux_x86_64.whl"}, "| Python | 3.13 | 3.14 |"),
    ],
)  # fmt: skip
def test_what_moved_is_a_row(changes, row, compare):
    code, said = compare(**changes)
    pins = {name: line.split("==")[1] for name, line in IMAGE.items()}
    assert code == 1 and row.format(**pins) in said
    assert said.count("\n| ") == 1, "one package moved"


@pytest.mark.parametrize(
    "same",
    [
        {"torch": IMAGE["torch"] + "+cu128"},
        {"unknown": "of_no_use==1.0"},
        {"unknown": "-e /content/a folder"},
        {"tqdm": IMAGE["tqdm"].upper()},
        {"jupyterlab_widgets": "jupyterlab_widgets==3.0.16"},
        {"other": "x @ https://a.b/x-1-cp310-abi3-linux_x86_64.whl"},
    ],
)
def test_what_is_no_move_is_not_reported(same, compare):
    assert compare(**same)[0] == 0


def test_a_floor_that_is_not_met_is_named_and_the_setup_cell_upgrades(compare):
    code, said = compare(numpy="numpy==1.26.4")
    assert code == 1
    assert "not met: numpy>=2.0 (there: 1.26.4)." in said and "and upgrades numpy." in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html>", "line 1 is nothing that pip freeze prints: '<!DOCTYPE html>'"),
        (b"tqdm==4.67\nnumpy>=2", "line 2 is nothing that pip freeze prints: 'numpy>=2'"),
        (b"tqdm==4.*", "line 1"),
        (b"tqdm", "line 1"),
        (b"# only a remark", "it names no package"),
        (b"\xff\xfe", "decode"),
        (None, "No such file"),
    ],
)
def test_what_is_no_list_is_one_clear_line(content, said, tmp_path, capsys):
    file = tmp_path / "list.txt"
    if content is not None:
        file.write_bytes(content)
    assert main([str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error and str(file) in error and error.count("\n") == 1


def test_a_list_at_an_address(capsys, monkeypatch):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = "\r\n".join(["\ufeff# made by pip", *IMAGE.values()]).encode()
            self.send_response(200 if self.path == "/list.txt" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("LIST", f"{address}/list.txt")
    monkeypatch.setattr(sys, "argv", ["colab_list.py"])
    assert main() == 0
    assert main([f"{address}/gone.txt"]) == 2 and "404" in capsys.readouterr().err
    server.shutdown()
    server.server_close()
    assert main([f"{address}/list.txt"]) == 2 and "refused" in capsys.readouterr().err


def test_continuous_integration_looks_for_colabs_python():
    run = (COURSE / ".ci/run").read_text("utf-8")
    workflow = (COURSE / ".github/workflows/tests.yml").read_text("utf-8")
    for text in (run, workflow, PINS):
        assert colab_list.PYTHON in text
