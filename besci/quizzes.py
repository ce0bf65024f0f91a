"""The days' quizzes: questions on what was done and what follows, with every option explained.

day_N/quiz.json holds a list of questions in the form of the package jupyterquiz, in plain text
(`code` between backticks), each with three keys of the course's own: "id"; "goal", the number of
the day's goal that it serves; and "recap", true where it also opens the next day.
"""

import html
import json
import random
import re
from importlib.util import find_spec
from textwrap import indent

from besci.display import in_notebook
from besci.files import course_folder

# Dark on light whatever the theme, and right and wrong told apart without red and green.
COLOURS = {
    "--jq-multiple-choice-bg": "#1f3b57",
    "--jq-many-choice-bg": "#1f3b57",
    "--jq-numeric-bg": "#1f3b57",
    "--jq-numeric-input-bg": "#1f3b57",
    "--jq-correct-color": "#005f9e",
    "--jq-incorrect-color": "#9a4500",
}
STYLE = """<style>
div.Quiz {background: #fff; color: #111; padding: 4px; font-size: 15px; line-height: 1.4}
div.Quiz .Answer {grid-template-columns: 1fr}
div.Quiz .MCButton {justify-content: flex-start; text-align: left; font-size: 15px; gap: 8px}
div.Quiz .Feedback {text-align: left; font-size: 15px; padding: 0 10px 6px}
div.Quiz .correct::before {content: "✓ "} div.Quiz .incorrect::before {content: "✗ "}
div.Quiz .InpLabel {font-size: 15px; margin-left: 10px}
div.Quiz .QuizCode pre {background: #fff; color: #111; overflow-x: auto; font-size: 14px}
</style>"""


def quiz(day, recap=False):
    """Show the quiz of a day: to click in a notebook, elsewhere as text with the answers below.

    day: number of the day. recap: only the few questions that open the day after it.
    Raises ValueError for a day that has no quiz.
    """
    questions = [question for question in load_quiz(day) if question["recap"] or not recap]
    if in_notebook() and find_spec("jupyterquiz"):
        _show(questions)
    else:
        print(as_text(questions))


def load_quiz(day):
    """The questions of a day as a list of dicts. Raises ValueError for a day without a quiz."""
    course = course_folder()
    file = course / f"day_{day}" / "quiz.json"
    if not file.is_file():
        days = sorted(f.parent.name.removeprefix("day_") for f in course.glob("day_*/quiz.json"))
        raise ValueError(
            f"There is no quiz of day {day!r}. There is one for day {', '.join(days)}: "
            f"besci.quiz({days[0]})."
            if days
            else f"{course} holds no day_N/quiz.json; get the course's whole folder again."
        )
    return json.loads(file.read_text("utf-8"))


def as_text(questions):
    """The questions, and below them which answers are right and why, for a plain terminal."""
    asked, explained = [], []
    for number, question in enumerate(questions, start=1):
        asked.append(f"\n{number}. {question['question']}")
        if "code" in question:
            asked.append(indent(question["code"], "       "))
        for letter, answer in zip("abcdefgh", question["answers"], strict=False):
            name = letter
            if question["type"] == "numeric":
                name = str(answer.get("value", answer.get("range", "anything else")))
            else:
                asked.append(f"   {letter}) {answer['answer']}")
            verdict = "right" if answer.get("correct") else "wrong"
            explained.append(f"{number} {name}: {verdict}. {answer['feedback']}")
    return "\n".join([*asked, "\nAnswers", *explained])


def _show(questions):
    """Display the questions with jupyterquiz, without its only address.

    Its script can fetch MathJax from elsewhere. The quizzes hold no formulas, so that part is cut
    off: the script sees no MathJax, and the page makes no request.
    """
    from IPython.display import HTML, Javascript, display
    from IPython.utils.capture import capture_output
    from jupyterquiz import display_quiz

    state = random.getstate()  # jupyterquiz draws names from it, which must differ on one page
    random.seed()
    with capture_output() as shown:
        display_quiz([_as_html(q) for q in questions], colors=COLOURS, max_width=760)
    random.setstate(state)
    page, script = (output.data for output in shown.outputs)
    script = re.sub(r"https?://[^'\"\s]+", "", script["application/javascript"])
    display(HTML(page["text/html"] + STYLE))
    display(Javascript(f"(function (MathJax) {{\n{script}\n}})();"))


def _as_html(question):
    """A question for a page: markup escaped, `code` set as such."""

    def page(text):
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))

    answers = [
        {key: page(value) if key in ("answer", "feedback") else value for key, value in a.items()}
        for a in question["answers"]
    ]
    hint = " Type a number and press Enter." if question["type"] == "numeric" else ""
    parts = {"question": page(question["question"]) + hint, "answers": answers}
    if "code" in question:
        parts["code"] = html.escape(question["code"], quote=False)
    return {"type": question["type"], **parts}
