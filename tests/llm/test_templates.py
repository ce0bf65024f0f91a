"""Chat templates: rendered as transformers renders them, and never without an end."""

import os
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import tiny

import besci
from besci.llm import templates

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ENDLESS = {
    "nested loops": LOOPS,
    "loops that write": LOOPS.replace("{% endfor %}", "x{% endfor %}"),
    "a text": "{{ 'x' * 3000000000 }}",
    "a text of the content": "{{ messages[0].content * 300000000 }}",
    "white space": "{{ 'x' | center(3000000000) }}",
    "format": "{{ '%3000000000d' % 1 }}",
    "join": "{% for a in range(99999) %}{{ range(99999) | join('long') }}{% endfor %}",
    "a number": "{{ (messages | length + 9) ** (10 ** 9) }}",
    "macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
}


@pytest.fixture(autouse=True)
def a_second(monkeypatch):
    monkeypatch.setattr(templates, "SECONDS", 1)


@pytest.fixture
def model(tmp_path):
    """model(more): the folder of a tiny model whose template begins with `more`."""

    def make(more=""):
        tokenizer = tiny.letter_tokenizer()
        tokenizer.chat_template = more + tokenizer.chat_template
        return tmp_path / tiny.save(tmp_path / f"model{len(more)}", tokenizer, tiny.llama())

    return make


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_template_that_does_not_end_is_refused(kind, model):
    with pytest.raises(ValueError, match="template does not come to an end.*repair chat_template"):
        besci.LLM(model(ENDLESS[kind]), device="cpu")


def test_after_one_that_does_not_end_others_are_used(model):
    with pytest.raises(ValueError, match="does not come to an end"):
        besci.LLM(model(LOOPS), device="cpu")
    assert besci.LLM(model(), device="cpu").choose("ab", ["1", "0"]).shape == (1, 2)


def test_a_template_that_waits_for_its_hour_is_stopped_then(model):
    later = "{% if messages | length > 2 %}" + LOOPS + "{% endif %}"
    llm = besci.LLM(model(later), device="cpu")
    assert llm.choose("ab", ["1", "0"]).shape == (1, 2)
    turns = [{"role": role, "content": "a"} for role in ("user", "assistant", "user")]
    with pytest.raises(ValueError, match="Prompt 0 .*does not come to an end"):
        llm.choose([turns], ["1", "0"])
    assert llm.choose("ab", ["1", "0"]).shape == (1, 2)


def test_threads_do_not_get_in_each_others_way():
    def rendered(template):
        try:
            return templates.render(template, a="b")
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(rendered, [LOOPS, "{{ a }}", LOOPS, "{{ a * 2 }}"]))
    assert texts[1::2] == ["b", "bb"]
    assert all("does not come to an end" in text for text in texts[::2])


def workers():
    return [
        child
        for child in psutil.Process().children()
        if any(part.endswith("templates.py") for part in child.cmdline())
    ]


def test_a_process_that_was_killed_is_replaced():
    assert templates.render("{{ a }}", a="b") == "b"
    (worker,) = workers()
    worker.kill()
    worker.wait()
    assert templates.render("{{ a }}", a="c") == "c"
    (other,) = workers()
    assert other.pid != worker.pid


def test_an_interrupted_rendering_is_not_taken_for_the_next_one(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    assert templates.render("{{ a }}", a="b") == "b"
    monkeypatch.setattr(psutil, "Process", interrupt)
    with pytest.raises(KeyboardInterrupt):
        templates.render(LOOPS + "{{ a }}", a="old")
    monkeypatch.undo()
    assert templates.render("{{ a }}", a="new") == "new"


def test_a_forked_process_has_a_renderer_of_its_own():
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    assert templates.render("{{ a }}", a="b") == "b"
    child = os.fork()
    if not child:
        alike = all(templates.render("{{ a }}", a=i) == str(i) for i in range(200))
        os._exit(0 if alike else 1)
    assert all(templates.render("{{ a }}", a=-i) == str(-i) for i in range(1, 200))
    assert os.waitpid(child, 0)[1] == 0


AS_TRANSFORMERS = {
    "phi3": tiny.PHI3_TEMPLATE,
    "chatml": tiny.CHATML_TEMPLATE,
    "white space": "{% for m in messages %}\n  {% if true %}\n {{ m.content }}\n{% endif %}\n"
    "{% endfor %}\n",
    "break and continue": "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{{ m.content }}{% break %}{% endfor %}",
    "generation": "{% for m in messages %}{% generation %}{% set x = 1 %}{{ m.content }}"
    "{% endgeneration %}{{ x is defined }}{% endfor %}",
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}{{ {'ä': '<'} | tojson }}",
    "date": "{{ strftime_now('%Y') }}",
    "variables": "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ tools }}{{ documents is none }}"
    "{{ enable_thinking }}{{ add_generation_prompt }}{{ nothing is defined }}{{ nothing }}",
    "namespace": "{% set n = namespace(a=0) %}{% for m in messages %}{% set n.a = n.a + 1 %}"
    "{% endfor %}{{ n.a }}{{ dict(a=1).a }}",
    "refusal": "{{ raise_exception('Only user and assistant roles are supported!') }}",
    "broken": "{% for %}",
    "unsafe": "{{ ''.__class__.__mro__ }}",
}


@pytest.mark.parametrize("kind", AS_TRANSFORMERS)
def test_templates_are_rendered_as_transformers_renders_them(kind):
    tokenizer = tiny.byte_tokenizer(AS_TRANSFORMERS[kind])
    messages = [
        {"role": "system", "content": " Ärger <b> "},
        {"role": "user", "content": "\n😀\ud83d"},
    ]

    def plain():
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )

    def ours():
        return templates.render(
            tokenizer.chat_template,
            messages=messages,
            tools=None,
            documents=None,
            add_generation_prompt=True,
            enable_thinking=False,
            **tokenizer.special_tokens_map,
        )

    try:
        expected = plain()
    except Exception as refusal:
        with pytest.raises(templates.Refused) as raised:
            ours()
        assert str(raised.value) == str(refusal)
    else:
        assert ours() == expected
