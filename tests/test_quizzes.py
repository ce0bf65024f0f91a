"""The quizzes: complete, right where code decides, served by tasks and goals, and shown offline."""

import contextlib
import html
import io
import json
import random
import re
import shutil
import subprocess

import nbformat
import pytest
from conftest import COURSE, DAYS, NOTEBOOKS
from run_notebooks import Client

import besci
from besci import quizzes

QUIZZES = {
    number: json.loads((COURSE / day.folder / "quiz.json").read_text("utf-8"))
    for number, day in DAYS.items()
}
QUESTIONS = [question for quiz in QUIZZES.values() for question in quiz]
CHOICES = [q for q in QUESTIONS if q["type"] != "numeric"]
ADDRESS = re.compile(r"https?://|[\"'(=]//[a-z]")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
each_day = pytest.mark.parametrize("day", DAYS)


def each(questions):
    return pytest.mark.parametrize("question", questions, ids=[q["id"] for q in questions])


def judged(question, number):
    """The answer that jupyterquiz takes a typed number for: the first that fits, or the default."""
    for answer in question["answers"]:
        low, high = answer.get("range", (None, None))
        if number == answer.get("value") or (low is not None and low <= number < high):
            return answer
    return question["answers"][-1]


@each_day
def test_a_day_asks_eight_to_twelve_questions_and_opens_the_next_with_three_or_four(day):
    quiz = QUIZZES[day]
    assert [q["id"] for q in quiz] == [f"d{day}q{k}" for k in range(1, len(quiz) + 1)]
    assert 8 <= len(quiz) <= 12 and 3 <= sum(q["recap"] for q in quiz) <= 4


def test_no_question_and_no_option_is_asked_twice():
    asked = [q["question"] + q.get("code", "") for q in QUESTIONS]
    assert len(set(asked)) == len(asked)
    for q in CHOICES:
        assert len({a["answer"] for a in q["answers"]}) == len(q["answers"]), q["id"]
        assert len({a["feedback"] for a in q["answers"]}) == len(q["answers"]), q["id"]


@each(QUESTIONS)
def test_a_question_holds_what_it_needs_and_nothing_else(question):
    needed = {"id", "goal", "recap", "type", "question", "answers"}
    assert needed <= set(question) <= needed | {"code"}
    assert isinstance(question["goal"], int) and isinstance(question["recap"], bool)
    for answer in question["answers"]:
        assert len(answer["feedback"]) >= 30, "every option is explained"


@each(QUESTIONS)
def test_no_text_holds_what_jupyterquiz_would_take_for_a_formula_or_a_link(question):
    texts = [question["question"]]
    texts += [a[key] for a in question["answers"] for key in ("answer", "feedback") if key in a]
    for text in texts:
        assert "$" not in text and "](" not in text and "<http" not in text
        assert text.count("`") % 2 == 0 and text == text.strip()


@each(CHOICES)
def test_a_choice_has_one_right_option_or_says_that_there_are_more(question):
    right = [a["correct"] for a in question["answers"]]
    assert all(set(a) == {"answer", "correct", "feedback"} for a in question["answers"])
    assert 4 <= len(right) <= 5 and not all(right)
    assert question["type"] == ("multiple_choice" if sum(right) == 1 else "many_choice")
    assert (sum(right) > 1) == ("More than one" in question["question"])


def test_neither_place_nor_length_gives_the_right_option_away():
    single = [q["answers"] for q in CHOICES if q["type"] == "multiple_choice"]
    places = [[a["correct"] for a in answers].index(True) for answers in single]
    longest = [max(answers, key=lambda a: len(a["answer"]))["correct"] for answers in single]
    assert all(places.count(place) < len(single) / 2 for place in range(4))
    assert sum(longest) < len(single) / 2


@each([q for q in QUESTIONS if q["type"] == "numeric"])
def test_a_number_is_judged_by_the_answer_that_was_meant_for_it(question):
    *answers, default = question["answers"]
    assert set(default) == {"type", "feedback"} and default["type"] == "default"
    assert sum(a["correct"] for a in answers) == 1 and len(answers) >= 2
    for answer in answers:
        assert answer["type"] in ("value", "range") and answer["type"] in answer
        number = answer["value"] if "value" in answer else sum(answer["range"]) / 2
        assert judged(question, number) is answer


@each([q for q in QUESTIONS if "code" in q])
def test_running_the_code_makes_exactly_the_keyed_answers_right(question):
    """What the code prints is the right answer; if it prints nothing, options are statements."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(question["code"], names)
    result = printed.getvalue().strip()
    if question["type"] == "numeric":
        assert judged(question, float(result)).get("correct")
        return
    for answer in question["answers"]:
        code = answer["answer"].strip("`")
        assert bool(result == code if result else eval(code, names)) == answer["correct"], code


@each_day
def test_goals_tasks_and_questions_are_mapped_completely(day):
    text = (COURSE / f"day_{day}" / "README.md").read_text("utf-8")
    goals = re.findall(r"^(\d)\. ", text.split("## Goals\n")[1].split("\n## ")[0], re.M)
    table = text.split("## Goals, tasks and quiz\n")[1]
    rows = re.findall(r"^\| (\d) \| ([\d., ]+) \| ([\w, ]+) \|$", table, re.M)
    assert goals and [goal for goal, _, _ in rows] == goals

    cells = [c for n in NOTEBOOKS if n.parent.name == f"day_{day}" for c in cells_of(n)]
    tasks = {t for c in cells for t in re.findall(r"\*\*Task (\d\.\d+)\*\*", c.source)}
    assert {task for _, named, _ in rows for task in named.split(", ")} == tasks
    served = [(int(goal), name) for goal, _, named in rows for name in named.split(", ")]
    assert sorted(served) == sorted((q["goal"], q["id"]) for q in QUIZZES[day])


def cells_of(file):
    return nbformat.read(file, as_version=4).cells


@each_day
def test_one_notebook_that_is_no_bonus_ends_with_the_quiz_of_its_day(day):
    ended = []
    for notebook in DAYS[day].notebooks:
        code = [cell for cell in cells_of(COURSE / notebook.path) if cell.cell_type == "code"]
        for cell in code:
            for call in re.findall(r"besci\.quiz\((.*?)\)", cell.source):
                if "recap" in cell.metadata.get("tags", []):
                    continue  # written by tools/generate.py: see test_facts.py
                assert call == str(day), f"{notebook.path} asks the quiz of another day: {call}"
                assert cell is code[-1] and not notebook.bonus, notebook.path
                ended.append(notebook.path)
    assert len(ended) == 1, f"besci.quiz({day}) ends one notebook of the day, not {ended}"


def test_a_day_without_a_quiz_names_those_that_have_one(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no quiz of day 99\. There is one for day \d"):
        besci.quiz(99)
    monkeypatch.setattr(quizzes, "course_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="get the course's whole folder again"):
        besci.quiz(1)


@each_day
@pytest.mark.parametrize("recap", [False, True])
def test_a_plain_terminal_gets_the_questions_and_below_them_the_answers(day, recap, capsys):
    besci.quiz(day, recap=recap)
    asked, explained = capsys.readouterr().out.split("\nAnswers\n")
    for question in QUIZZES[day]:
        expected = question["recap"] or not recap
        assert (f". {question['question']}\n" in asked + "\n") == expected
        for answer in question["answers"]:
            assert (answer["feedback"] in explained) == expected
            assert answer.get("answer", "") in asked or not expected
    assert explained.count(": right. ") >= explained.count("\n1 ") > 0


def test_a_notebook_without_jupyterquiz_gets_the_text(monkeypatch, capsys):
    monkeypatch.setattr(quizzes, "in_notebook", lambda: True)
    monkeypatch.setattr(quizzes, "find_spec", lambda name: None)
    besci.quiz(min(DAYS))
    assert QUIZZES[min(DAYS)][0]["question"] in capsys.readouterr().out


@pytest.fixture(scope="module")
def shown():
    """The outputs of a cell that shows all quizzes, as a kernel sends them."""
    calls = "\n".join(f"besci.quiz({day})" for day in QUIZZES)
    source = (
        f"import random, sys\nsys.path.insert(0, {str(COURSE)!r})\nimport besci\n"
        f"random.seed(1)\n{calls}\nprint(random.random())"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    Client(notebook, kernel_name="python3", timeout=60).execute()
    return notebook.cells[0].outputs


def test_a_page_asks_no_other_address_for_anything(shown):
    pages = [output.data for output in shown if output.output_type == "display_data"]
    text = "".join(page.get("text/html", page.get("application/javascript")) for page in pages)
    assert len(pages) == 2 * len(QUIZZES) and QUESTIONS[0]["answers"][0]["feedback"] in text
    assert ADDRESS.findall(text) == []


def test_showing_a_quiz_leaves_the_random_numbers_of_a_study_alone(shown):
    (printed,) = [output.text for output in shown if output.output_type == "stream"]
    assert float(printed) == random.Random(1).random()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_all_quizzes_on_one_page_can_be_answered_in_a_browser(shown, tmp_path):
    answer_all = """
    const found = [];
    window.onerror = (message) => found.push({error: message});
    setTimeout(() => {
      document.querySelectorAll("div.Quiz").forEach((quiz) => {
        const feedback = quiz.querySelector(".Feedback"), input = quiz.querySelector(".Input-text");
        quiz.querySelectorAll(".MCButton").forEach((option) => {
          option.querySelector("span").click();
          found.push({text: feedback.innerText, right: feedback.classList.contains("correct")});
        });
        if (input) JSON.parse(input.dataset.answers).slice(0, -1).forEach((answer) => {
          input.value = "value" in answer ? answer.value : answer.range[0];
          input.onkeypress(new KeyboardEvent("keypress", {keyCode: 13}));
          found.push({text: feedback.innerText, right: feedback.classList.contains("correct")});
        });
      });
      document.body.innerText = JSON.stringify(found);
    }, 1000);"""
    page = "<!doctype html><meta charset='utf-8'><body>"
    for output in shown:
        data = output.get("data", {})
        page += f"<div>{data.get('text/html', '')}</div>"
        page += f"<script>{data.get('application/javascript', '')}</script>"
    file = tmp_path / "page.html"
    file.write_text(page + f"<script>{answer_all}</script>", "utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = json.loads(html.unescape(re.search(r"<body>(.*)</body>", dom, re.S)[1]))

    expected = [
        (re.sub("`", "", answer["feedback"]), answer["correct"])
        for question in QUESTIONS
        for answer in question["answers"]
        if answer.get("type") != "default"
    ]
    # jupyterquiz counts the right ones of several behind the feedback: "... [1/2]"
    texts = [(re.sub(r" \[\d/\d\]$", "", one["text"]), one["right"]) for one in found]
    assert sorted(texts) == sorted(expected)
