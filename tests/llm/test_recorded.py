"""Recorded answers: they are what the model gave, without the model, and say what they lack."""

import gzip
import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from conftest import COURSE

from besci import documents, project, survey
from besci.llm import LLM, NotRecorded, provenance_of
from besci.llm import recorded as recordings
from besci.llm.recorded import merge

PROMPTS = ["Is it neutral or slanted? I get angry.", "", "The senator. " * 9, "Ärger 😀\n\n  a\t"]
SERIES = pd.Series([*PROMPTS, PROMPTS[0]], index=list("abcde"))
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it so?"},
    {"role": "assistant", "content": "no"},
    {"role": "user", "content": "And this?"},
]
OPTIONS = ["1", "10", "neutral", "part-time"]
QUESTION = survey.Question("How often do you vote?", ["never", "sometimes", "always"])
PEOPLE = pd.Series(["You are A.", "You are B.", "You are A."], index=[3, 1, 2])
ARTICLE = documents.read_text("People: 412 took part.\fThe scale had nine items.")
LONG = documents.read_text("The scale had nine items. " * 400)

torch.set_num_threads(1)  # tiny models gain nothing from more, and other tests may be running

pytestmark = pytest.mark.filterwarnings("ignore:.*cut off at max_new_tokens")


def ask_everything(llm):
    """{what was asked: the result}, of every method and all that stands on them."""
    random.seed(42)  # as besci.start does
    return {
        "numbers": llm.choose(SERIES, [1, 10]),
        "choose": llm.choose(SERIES, OPTIONS),
        "system": llm.choose(PROMPTS, OPTIONS, system="Be brief."),
        "talk": llm.choose([TALK, PROMPTS[0]], OPTIONS),
        "mean": llm.choose(PROMPTS, OPTIONS, normalize="mean"),
        "pmi": llm.choose(PROMPTS, OPTIONS, normalize="pmi", system="Be brief."),
        "calibrated": llm.choose(SERIES, OPTIONS, calibrate=["N/A", "Sentence: "]),
        "greedy": llm.chat(SERIES, max_new_tokens=7),
        "one": llm.chat(TALK, max_new_tokens=7),
        "drawn": llm.chat(SERIES, "Be brief.", max_new_tokens=7, temperature=1, seed=np.int64(3)),
        "copies": llm.chat([PROMPTS[0]] * 5, max_new_tokens=5, temperature=0.7, top_p=0.9, seed=1),
        "unseeded": llm.chat(PROMPTS, max_new_tokens=np.int64(7), temperature=1.5),
        "next": llm.next_tokens("The senator", k=7, temperature=0.5),
        "begins": llm.next_tokens(TALK, k=3),
        "perplexity": llm.perplexity(pd.Series(["The senator works.", "I get angry " * 9], [5, 4])),
        "tokens": [llm.count_tokens(PROMPTS), llm.count_tokens(TALK), llm.count_tokens("angry")],
        "exact": survey.exact(llm, PEOPLE, QUESTION, calibrate=QUESTION.prompt("N/A")),
        "sampled": survey.sampled(llm, PEOPLE, QUESTION, draws=3),
        "stated": survey.verbalised(llm, PEOPLE, QUESTION),
        "asked": documents.ask(llm, ARTICLE, ["How many?", "How long is it?"], max_new_tokens=6),
        "passages": documents.ask(llm, LONG, ["How many?"], max_new_tokens=6),
    }


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder for recordings in place of the course's own."""
    return tmp_path_factory.mktemp("course") / "data" / "recorded"


@pytest.fixture(autouse=True)
def here(course, monkeypatch):
    monkeypatch.setattr(recordings, "folder", lambda: course)


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    config = tiny.qwen3()
    config.max_position_embeddings = 2048
    place = tmp_path_factory.mktemp("models") / "tiny"
    return tiny.save(place, tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), config)


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def live(tiny_folder, notes, course):
    """What a model answered while it was recorded; it gives the same when it is not."""
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="too long for"):
        patch.setenv("BESCI_RECORD", str(notes))
        answers = ask_everything(LLM(tiny_folder, device="cpu"))
    merge(notes, "tiny", course / "tiny.json.gz", 10**6)
    return answers


@pytest.fixture(scope="module")
def replayed(live, course):
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="too long for"):
        patch.setattr(recordings, "folder", lambda: course)
        return ask_everything(LLM("recorded:tiny"))


@pytest.fixture
def llm(live):
    return LLM("recorded:tiny")


def test_recording_changes_no_answer(live, tiny_folder):
    model = LLM(tiny_folder, device="cpu")
    assert model.chat(SERIES, max_new_tokens=7) == live["greedy"]
    np.testing.assert_allclose(model.choose(SERIES, OPTIONS), live["choose"], atol=1e-6)


def test_every_kind_of_answer_comes_back(live, replayed):
    assert replayed.keys() == live.keys()
    for name, wanted in live.items():
        found = replayed[name]
        if not isinstance(wanted, pd.DataFrame):
            assert found == wanted, name
            continue
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-4, atol=1e-4)
        for attr in set(wanted.attrs) - {"provenance"}:
            if attr in ("log_prob", "mass", "valid"):
                np.testing.assert_allclose(found.attrs[attr], wanted.attrs[attr], atol=1e-4)
            else:
                assert found.attrs[attr] == wanted.attrs[attr]
    assert len(set(live["copies"])) > 1  # or the draws would prove nothing


def test_answers_know_their_lengths_and_whether_they_were_cut_off(live, replayed):
    def known(answers):
        return [(answer.tokens, answer.prompt_tokens, answer.truncated) for answer in answers]

    for name in ("greedy", "drawn", "copies", "unseeded"):
        assert known(replayed[name]) == known(live[name])
    assert known([replayed["one"]]) == known([live["one"]])


def test_the_provenance_is_that_of_the_recording_and_of_today_s_request(live, replayed, llm):
    for name in set(live) - {"tokens"}:
        now, then = dict(provenance_of(replayed[name])), provenance_of(live[name])
        day = now.pop("recorded")
        assert now == then and time.strptime(day, "%Y-%m-%d")
    assert f"recorded on {day} and read again" in project.methods(replayed["greedy"])
    assert "recorded" not in project.methods(live["greedy"])
    source = provenance_of(llm.choose(PROMPTS[0], OPTIONS))
    assert source["inputs"] == 1 and source["recorded"] == day


def test_it_says_what_it_is_and_has_no_weights(live, capsys):
    llm = LLM("recorded:tiny", long=True)
    said = capsys.readouterr().out
    assert said.startswith("recorded answers of tiny (local folder) · float32 · recorded 2")
    assert said.rstrip().endswith(" answers") and repr(llm) == said.rstrip()
    assert (llm.name, llm.context, llm.dtype, llm.device) == ("tiny", 2048, "float32", "cpu")
    for name in ("model", "tokenizer", "prompts", "engine"):
        with pytest.raises(AttributeError, match=rf"no {name}. besci.LLM\('tiny'\) loads"):
            getattr(llm, name)
    with pytest.raises(ValueError, match="leave out device, dtype and revision"):
        LLM("recorded:tiny", device="cpu")


def test_neither_torch_nor_a_tokenizer_is_needed(live, course, tmp_path):
    program = f"""
import sys
for name in ("torch", "transformers", "tokenizers", "safetensors"):
    sys.modules[name] = None  # importing it raises ImportError
import pathlib
from besci.llm import recorded
recorded.folder = lambda: pathlib.Path({str(course)!r})
import besci
llm = besci.LLM()
print(llm.choose({PROMPTS!r}, {OPTIONS!r}, calibrate=["N/A", "Sentence: "]).to_numpy().tolist())
print(llm.chat({PROMPTS[0]!r}, max_new_tokens=7) == {str(live["greedy"][0])!r})
print(llm.next_tokens("The senator", k=7, temperature=0.5)["token"].tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(COURSE), "BESCI_MODEL": "recorded:tiny", "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    _, chosen, answered, tokens = done.stdout.splitlines()
    np.testing.assert_allclose(json.loads(chosen), live["calibrated"][:4], atol=1e-4)
    assert answered == "True" and tokens == str(live["next"]["token"].tolist())


def test_a_model_is_named_where_it_is_used_or_by_the_environment(live, tiny_folder, monkeypatch):
    monkeypatch.setenv("BESCI_MODEL", "recorded:tiny")
    assert repr(LLM()).startswith("recorded answers of tiny")
    assert repr(LLM(tiny_folder, device="cpu")).startswith("tiny (local folder)")


def test_what_is_read_from_a_recording_is_not_recorded(live, tmp_path, monkeypatch):
    monkeypatch.setenv("BESCI_RECORD", str(tmp_path))
    LLM("recorded:tiny").choose(PROMPTS, OPTIONS)
    assert list(tmp_path.iterdir()) == []


# ---- what was not recorded -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, messages",
    [
        (
            lambda m: m.choose([PROMPTS[0], "A sentence of my own. " * 9], OPTIONS),
            [
                "Prompt 1 ('A sentence of my own. A sentence of my own. A sentence of my')",
                "word for",
            ],
        ),
        (
            lambda m: m.choose(PROMPTS, ["a", "b"]),
            ["Prompt 0", "- options=['1', '10'], not options=['a',"],
        ),
        (
            lambda m: m.choose(PROMPTS[0], OPTIONS, system="Take your time."),
            ["- the system message 'Be brief.', not the system message 'Take", "- no system mess"],
        ),
        (
            lambda m: m.chat(TALK[1:], max_new_tokens=7),
            ["Prompt 0 ('And this?')", "the system message 'Be brief.', not no system message"],
        ),
        (
            lambda m: m.chat(PROMPTS[0], max_new_tokens=8),
            ["- max_new_tokens=7, not max_new_tokens=8"],
        ),
        (
            lambda m: m.chat(PROMPTS[2], max_new_tokens=7, temperature=1.5, seed=4),
            ["- seed=", ", not seed=4"],
        ),
        (
            lambda m: m.chat(
                [PROMPTS[0]] * 6, max_new_tokens=5, temperature=0.7, top_p=0.9, seed=1
            ),
            ["Prompt 5", "it was asked 5 times with these settings, and is now once more"],
        ),
        (lambda m: m.next_tokens("The senator", k=8, temperature=0.5), ["Text 0", "k=7, not k=8"]),
        (lambda m: m.next_tokens(TALK[3:]), ["it is not among"]),
        (lambda m: m.perplexity("The senator"), ["Text 0", "for next_tokens, not for perplexity"]),
        (lambda m: m.count_tokens(["", "b"]), ["Text 1 ('b')"]),
    ],
)
def test_what_was_not_recorded_says_what_differs_and_what_to_do(llm, call, messages):
    with pytest.raises(NotRecorded) as caught:
        call(llm)
    for part in [*messages, "What to do: besci.LLM('tiny') loads", "`make record MODEL=tiny`"]:
        assert part in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_an_input_that_is_wrong_is_told_so_as_by_a_loaded_model(llm):
    with pytest.raises(TypeError, match="Prompt 1 is 3"):
        llm.chat(["a", 3])
    with pytest.raises(TypeError, match="Text 0 is 3"):
        llm.perplexity([3])


def test_an_unknown_recording_names_those_there_are(live, course, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"recorded answers of 'tinny'. There are those of tiny;"):
        LLM("recorded:tinny")
    monkeypatch.setattr(recordings, "folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="There are none yet; `make record MODEL=KEY`"):
        LLM("recorded:tiny")


def cut(raw):
    return raw[: len(raw) // 2]


def flipped(raw):
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


def rewritten(**changes):
    def damage(raw):
        content = json.loads(gzip.decompress(raw))
        return gzip.compress(json.dumps(content | changes).encode())

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flipped,
        lambda raw: b"<html>404</html>",
        lambda raw: gzip.compress(b"{}"),
        rewritten(about={"format": 1}),
        rewritten(about={"format": 99}),
        rewritten(answers=[]),
        rewritten(answers={"{}": []}),
    ],
)
def test_a_damaged_recording_is_refused_by_name(live, course, monkeypatch, tmp_path, damage):
    monkeypatch.setattr(recordings, "folder", lambda: tmp_path)
    (tmp_path / "tiny.json.gz").write_bytes(damage((course / "tiny.json.gz").read_bytes()))
    with pytest.raises(ValueError, match=r"in .*/tiny.json.gz are damaged .*Get the file again"):
        LLM("recorded:tiny")


# ---- notes and what is made of them --------------------------------------------------------------


def test_the_same_notes_give_the_same_bytes_and_a_second_run_changes_nothing(
    live, notes, course, tmp_path, tiny_folder, monkeypatch
):
    before = (course / "tiny.json.gz").read_bytes()
    merge(notes, "tiny", tmp_path / "again.json.gz", 10**6)
    assert (tmp_path / "again.json.gz").read_bytes() == before
    twice = tmp_path / "twice"
    twice.mkdir()
    for file in notes.iterdir():
        (twice / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("BESCI_RECORD", str(twice))
    model = LLM(tiny_folder, device="cpu")
    for prompt in SERIES:  # one by one they are computed, and rounded, otherwise
        model.choose(prompt, OPTIONS)
    model.chat([PROMPTS[0]] * 2, max_new_tokens=5, temperature=0.7, top_p=0.9, seed=1)
    merge(twice, "tiny", tmp_path / "twice.json.gz", 10**6)
    assert len(list(twice.iterdir())) == 2
    assert (tmp_path / "twice.json.gz").read_bytes() == before


def test_more_draws_of_a_prompt_are_added(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("BESCI_RECORD", str(tmp_path))
    monkeypatch.setattr(recordings, "folder", lambda: tmp_path)
    drawn = {"max_new_tokens": 5, "temperature": 1, "seed": 1}
    few = LLM(tiny_folder, device="cpu").chat(["a"] * 2, **drawn)
    many = LLM(tiny_folder, device="cpu").chat(["a"] * 6, **drawn)
    merge(tmp_path, "tiny", tmp_path / "tiny.json.gz", 10**6)
    assert LLM("recorded:tiny").chat(["a"] * 6, **drawn) == many and many[:2] == few


def test_a_process_that_is_killed_leaves_what_it_was_told(tiny_folder, tmp_path):
    """Also where it was in the middle of a line, as a full disk or a cut of power leaves it."""
    notes = tmp_path / "notes"
    program = f"""
import os, signal, besci
llm = besci.LLM({tiny_folder!r}, device="cpu")
llm.choose("The first.", ["yes", "no"], progress=False)
llm.choose("The second.", ["yes", "no"], progress=False)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {"PYTHONPATH": str(COURSE), "BESCI_RECORD": str(notes), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (file,) = notes.iterdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordings, "folder", lambda: tmp_path)
        merge(notes, "tiny", tmp_path / "tiny.json.gz", 10**6)
        llm = LLM("recorded:tiny")
        assert len(llm.choose(["The first.", "The second."], ["yes", "no"])) == 2
        file.write_bytes(file.read_bytes()[:-9])
        (notes / "begun.jsonl").write_text('{"model": "ti')
        (notes / "empty.jsonl").write_text("")
        merge(notes, "tiny", tmp_path / "tiny.json.gz", 10**6)
        llm = LLM("recorded:tiny")
        assert len(llm.choose("The first.", ["yes", "no"])) == 1
        with pytest.raises(NotRecorded, match="The second"):
            llm.choose("The second.", ["yes", "no"])


def test_notes_that_cannot_be_one_recording_are_refused_and_the_old_one_stays(
    live, notes, course, tmp_path
):
    file, before = course / "tiny.json.gz", (course / "tiny.json.gz").read_bytes()
    with pytest.raises(ValueError, match="no answers of qwen; it holds those of tiny"):
        merge(notes, "qwen", file, 10**6)
    with pytest.raises(ValueError, match="no answers of tiny; it holds those of no model"):
        merge(tmp_path, "tiny", file, 10**6)
    with pytest.raises(ValueError, match=r"take [\d,]+ bytes, above 1,000"):
        merge(notes, "tiny", file, 1000)
    (first,) = notes.iterdir()
    head, *lines = first.read_text().splitlines()
    other = json.loads(head) | {"dtype": "bfloat16", "recorded": "2099-01-01T00:00:00"}
    (tmp_path / "a.jsonl").write_text(first.read_text())
    (tmp_path / "b.jsonl").write_text("\n".join([json.dumps(other), *lines, ""]))
    with pytest.raises(ValueError, match="more than one tiny: dtype float32 and bfloat16"):
        merge(tmp_path, "tiny", file, 10**6)
    (tmp_path / "b.jsonl").write_text("\n".join([head, "{", *lines, ""]))
    with pytest.raises(ValueError, match="b.jsonl is damaged"):
        merge(tmp_path, "tiny", file, 10**6)
    assert file.read_bytes() == before and len(list(course.iterdir())) == 1


def test_the_folder_of_notes_is_named_in_full(tiny_folder, monkeypatch):
    monkeypatch.setenv("BESCI_RECORD", "notes")
    with pytest.raises(ValueError, match="BESCI_RECORD must be the whole path"):
        LLM(tiny_folder, device="cpu")
