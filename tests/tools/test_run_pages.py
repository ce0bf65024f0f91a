"""The pages of executed notebooks: complete from the file alone, folded, and usable on a phone."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from conftest import COURSE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages import page
from run_notebooks import Client

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
TEXT = f"""# Title

[![Open in Colab]({BADGE})](https://colab.research.google.com/x) ![a bar](bar%201.svg)
<img src="https://example.org/far.png" alt="far away">

The softmax is $p_k = e^{{z_k}} / \\sum_j e^{{z_j}}$, and $a < b$; this one is broken: $\\frac{{$.

$$\\text{{estimate}} = \\underbrace{{a}}_{{\\text{{many, biased}}}}$$

\\begin{{align}} x &= 1 \\\\ y &= 2 \\end{{align}}

| a | b |
|---|---|
| $c_1$ | `{"wide_" * 30}` |

<details><summary>What a good answer notes</summary>

Hidden words with $q_1$.

</details>

## What to take away
"""
WIDGET = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "1", "version_major": 2},
    "text/plain": "HBox(children=())",
}
TABLE = "<table><tr>" + "".join(f"<td>column_{i}</td>" for i in range(60)) + "</tr></table>"
ENDS = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"}  # no end tag


def code(source, *tags, outputs=()):
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=list(outputs))


def stream(text):
    return new_output("stream", name="stdout", text=text)


def shown(**data):
    return new_output("display_data", data={k.replace("_", "/"): v for k, v in data.items()})


class Page(HTMLParser):
    """What a page loads, what it links to, and each text with the elements it stands in."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.loaded, self.links, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        for name in ("src", "href", "srcset", "data", "poster", "action"):
            if name in values:
                (self.links if tag == "a" else self.loaded).append(values[name])
        if tag not in ENDS:
            self.inside.append(tag + (".open" if "open" in values else ""))

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop().partition(".")[0] != tag:
            pass

    def handle_data(self, text):
        self.texts.append((text, tuple(self.inside)))

    def around(self, text):
        """The elements around the first place of a text."""
        return next(inside for found, inside in self.texts if text in found)

    def read(self, without=("style", "script")):
        return "".join(text for text, inside in self.texts if not set(without) & set(inside))


@pytest.fixture(scope="module")
def notebook():
    return new_notebook(
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}},
        cells=[
            new_markdown_cell(TEXT),
            code("# @title Setup: run this cell first\nimport x", "setup", outputs=[stream("v1")]),
            code(
                "# @title Without it: another\nanother_way = 3",
                "hide-input",
                outputs=[stream("v2")],
            ),
            code("# @title Solution 2.1\nanswer = 1", "solution", outputs=[stream("solved")]),
            code(
                "# @title Solution 2.2 (one of many)\n1 / 0",
                "solution",
                outputs=[new_output("error", ename="E", evalue="v", traceback=["went wrong"])],
            ),
            code("wide = '" + "w" * 300 + "'", outputs=[shown(text_html=TABLE)]),
            code("left_open", outputs=[shown(text_html="<div><details><p>left open")]),
            code("math", outputs=[shown(text_latex="$r_{xy}$", text_plain="r")]),
            code("bar", outputs=[new_output("display_data", data=WIDGET)]),
        ],
    )


@pytest.fixture(scope="module")
def text(notebook, tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    (folder / "bar 1.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return page(notebook, "1_a", folder, folder / "_build/html/1_a.html")


def test_a_page_asks_nothing_of_anybody(text):
    found = Page(text)
    assert [address for address in found.loaded if not address.startswith("data:")] == []
    assert len(found.loaded) == 1, "the picture beside the notebook is in the page"
    rules = "".join(words for words, inside in found.texts if {"script", "style"} & set(inside))
    rules = re.sub(r"/\*.*?\*/", "", rules, flags=re.S)
    assert not re.search(r"https?://(?!www\.w3\.org/)|@import|url\((?!['\"]?data:)", rules)


def test_a_page_forbids_its_outputs_to_ask_for_more(text):
    (policy,) = re.findall(r'<meta content="(default-src [^"]*)"', text)
    assert "http" not in policy and "*" not in policy and "self" not in policy


def test_a_picture_from_another_host_is_given_in_words(text):
    found = Page(text)
    assert found.around("Open in Colab")[-1] == "a"
    assert "https://colab.research.google.com/x" in found.links
    assert "far away" in found.read() and "example.org" not in text and BADGE not in text


def test_solutions_are_folded_with_what_they_print(text):
    found = Page(text)
    assert found.around("Show solution 2.1")[-2:] == ("details", "summary")
    assert "details" in found.around("answer") and "details" in found.around("solved")
    assert found.around("Show solution 2.2 (one of many)")[-1] == "summary"


def test_a_solution_that_failed_lies_open(text):
    assert "details.open" in Page(text).around("went wrong")


def test_the_setup_is_folded_and_what_it_prints_is_not(text):
    found = Page(text)
    assert found.around("Setup")[-2:] == ("details", "summary")
    assert "details" in found.around("# @title Setup: run this cell first")
    assert "details" not in found.around("v1")


def test_another_cell_with_a_title_is_folded_like_the_setup(text):
    found = Page(text)
    assert found.around("Without it")[-2:] == ("details", "summary")
    assert "details" in found.around("another_way") and "details" not in found.around("v2")


def test_folds_in_a_text_hold_what_stands_in_them_and_end_there(text):
    found = Page(text)
    assert "details" in found.around("Hidden words")
    assert "details" not in found.around("What to take away")
    assert 'id="What-to-take-away"' in text


def test_what_an_output_leaves_open_ends_with_it(text):
    found = Page(text)
    assert "details" in found.around("left open")
    assert "details" not in found.around("math")


def test_formulas_are_mathml(text):
    found = Page(text)
    words = found.read()
    assert not re.search(r"[$]|\\sum|\\begin|p_k", words)
    assert text.count("<math ") == 7, "all but the broken one"
    inside_formulas = {t.replace("\xa0", " ") for t, inside in found.texts if "math" in inside}
    assert {"p", "k", "estimate", "many, biased", "c", "q", "r"} <= inside_formulas
    assert "code" in found.around("\\frac{"), "a broken formula is shown as it was written"


def test_a_widget_is_given_in_words(text):
    assert "HBox(children=())" in Page(text).read()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_in_a_browser_a_page_fits_a_phone_hides_nothing_and_its_quiz_answers(notebook, tmp_path):
    asked = new_notebook(
        cells=[new_code_cell(f"import sys\nsys.path.insert(0, {str(COURSE)!r})\nimport besci")]
    )
    asked.cells.append(new_code_cell("besci.quiz(1)"))
    Client(asked, kernel_name="python3").execute()
    look = """<script>
    const found = {errors: []};
    window.onerror = (message) => found.errors.push(message);
    setTimeout(() => {
      document.querySelectorAll("details").forEach((fold) => { fold.open = true; });
      found.width = innerWidth;
      const whole = document.documentElement;
      found.wider = whole.scrollWidth - whole.clientWidth;
      const whole_text = (e) => e.classList.contains("jp-RenderedMarkdown");
      const hides = (e) => getComputedStyle(e).overflowX === "hidden" || whole_text(e);
      const cut = [...document.querySelectorAll("main *")].filter(hides);
      found.cut = cut.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className);
      document.querySelector(".MCButton span").click();
      found.feedback = document.querySelector(".Feedback").innerText;
      found.room = document.querySelector(".Quiz").clientWidth;
      parent.postMessage(JSON.stringify(found), "*");
    }, 1000);</script></body>"""
    both = new_notebook(cells=[*notebook.cells, *asked.cells])
    inner = html.escape(page(both, "1_a", tmp_path, tmp_path / "1_a.html").replace("</body>", look))
    phone = f'<iframe width="390" height="800" srcdoc="{inner}"></iframe>'
    say = "<script>onmessage = (m) => { document.body.innerText = m.data; };</script>"
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><meta charset='utf-8'><body>{say}{phone}", "utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True).stdout
    found = json.loads(html.unescape(re.search(r"<body[^>]*>(.*)</body>", dom, re.S)[1]))
    assert (found["errors"], found["width"], found["wider"], found["cut"]) == ([], 390, 0, [])
    assert len(found["feedback"]) >= 30 and found["room"] > 300


def test_links_lead_to_the_neighbours_pages_and_to_the_courses_files(tmp_path):
    day = tmp_path / "day 1"
    day.mkdir()
    (day / "README.md").write_text("# Day 1\n")
    links = "[next](2_b.ipynb) · [other](../day%202/1_c.ipynb#part) · [day](README.md#goals) · "
    links += "[gone](gone.md) · [here](#top) · [away](https://example.org/a.ipynb)"
    notebook = new_notebook(cells=[new_markdown_cell(links)])
    made = page(notebook, "1_a", day, tmp_path / "_build/html/day 1/1_a.html")
    found = dict(re.findall(r'<a href="([^"]*)"[^>]*>(\w+)</a>', made))
    assert {words: address for address, words in found.items()} == {
        "next": "2_b.html",
        "other": "../day%202/1_c.html",
        "day": "../../../day%201/README.md#goals",
        "gone": "gone.md",
        "here": "#top",
        "away": "https://example.org/a.ipynb",
    }
