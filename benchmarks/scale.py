"""What grows with the number of texts, on a tiny random model, where nothing hides the growth."""

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import besci
from benchmarks import workloads
from besci.llm.drafts import Draft
from besci.llm.trees import Store, common

ROWS = 1_000_000


@contextmanager
def tiny_model():
    """A random model of 2 layers with SmolLM2's tokenizer and template, as a besci.LLM."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(besci.model_path("smollm2-135m"))
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=len(tokenizer),
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
    )
    with tempfile.TemporaryDirectory() as folder:
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        yield besci.LLM(Path(folder), device="cpu")


def growth(llm, repeats, sizes=(500, 2000, 8000)):
    """Seconds of `choose` for so many different short texts: {n: [seconds of each repeat]}."""
    sentences = workloads.sentences(200)
    times = {n: [] for n in sizes}
    for turn in range(repeats):
        for n in sizes[:: 1 if turn % 2 == 0 else -1]:
            # Numbers of as many tokens, and as far apart, whatever their number.
            texts = [f"{sentences[i % 200][:40]} ({7919 * i % 10_000:04d})" for i in range(n)]
            llm.backend.store = Store()
            start = time.perf_counter()
            llm.choose(texts, workloads.LABELS, progress=False)
            times[n].append(time.perf_counter() - start)
    return times


def steps_in_tables(llm, repeats):
    """Seconds of what people do with a result of a million rows, with and without its attrs."""
    texts = workloads.sentences(10) * (ROWS // 10)
    result = llm.choose(texts, workloads.LABELS, progress=False)
    bare = result.copy()
    bare.attrs = {}
    steps = {
        "head": lambda table: table.head(),
        "filter": lambda table: table[table["slanted"] > 0.5],
        "idxmax": lambda table: table.idxmax(axis=1),
    }
    times = {}
    for name, step in steps.items():
        for what, table in (("plain", bare), ("with attrs", result)):
            seconds = []
            for _ in range(repeats):
                start = time.perf_counter()
                step(table)
                seconds.append(time.perf_counter() - start)
            times[f"{name}, {what}"] = seconds
    return times


def filling(llm, answers=640, most=512, mean=100):
    """How full the room for answers is while `answers` are written whose length nobody knows.

    Their lengths are exponential with that mean, cut off at `most`.
    """
    rng = np.random.default_rng(0)
    prompts = [rng.integers(10, 1000, 20).tolist() for _ in range(answers)]
    return _filled(llm.engine, prompts, exponential(rng, mean, answers, most), most)


# Phi-3-mini on a T4: room for keys and values beside its weights (see `Reader._follow_memory`), and
# an estimate of the seconds of a step: 0.05, and 0.39 MB for each token in use at 300 GB a second.
T4_ROOM, T4_STEP, T4_TOKEN = 7000, 0.050, 0.39e6 / 300e9


def numeracy_steps(llm, mean):
    """Decoding steps and minutes of notebook 4/2 on a T4, if answers step by step have that mean.

    An assumption about Phi-3's answers, as are six tokens for a direct one; problems, prompts and
    limits are the notebook's own.
    """
    problems = besci.load_data("numeracy").query("variant <= 10").sort_values("variant")
    ids = llm.prompts.encode(
        [
            f"{q}\n\nThink step by step in as few words as you can, then give the answer."
            for q in problems["question"]
        ]
    )
    drawn = [one for one in ids[: problems["family"].nunique()] for _ in range(10)]
    rng, steps, before, seconds = np.random.default_rng(0), 0, 0, 0.0
    whole, llm.engine.room = llm.engine.room, T4_ROOM
    asked = [(ids, 6, 24), (ids, mean, 24), (ids, 6, 384), (ids, mean, 384)]
    for prompts, length, most in [*asked, (drawn, mean, 384)]:
        counted = _filled(llm.engine, prompts, exponential(rng, length, len(prompts), most), most)
        steps, before = steps + counted["passes"], before + counted["passes of batches"]
        used = counted["use of the room"] * T4_ROOM
        seconds += counted["passes"] * (T4_STEP + used * T4_TOKEN)
    llm.engine.room = whole
    return {
        "steps": steps,
        "steps of batches": before,
        "minutes": round(seconds / 60, 1),
        "minutes of batches": round(before * (T4_STEP + T4_ROOM / 4 * T4_TOKEN) / 60, 1),
    }


def exponential(rng, mean, n, most):
    return np.minimum(rng.exponential(mean, n).astype(int), most)


def _filled(engine, prompts, lengths, most):
    """Counts of writing answers of these lengths: passes, and the mean use of the engine's room.

    Beside them, without those that read prompts, the passes of batches in which each answer has
    room for `most` tokens and that end with their longest.
    """
    drafts, used, forward = [Draft(list(prompt)) for prompt in prompts], [], engine._forward
    length = dict(zip(drafts, lengths, strict=True))

    def watched(store, ids, depths, where, sees, columns, keep):
        used.append(np.count_nonzero(sees.any(axis=0)))
        return forward(store, ids, depths, where, sees, columns, keep)

    def pick(logits, asked):
        return [0 if len(draft.tokens) >= length[draft] else 10 for draft in asked]

    engine._forward = watched
    try:
        engine.continue_all(Store(), drafts, most, {0}, pick)
    finally:
        del engine._forward
    assert [len(draft.tokens) for draft in drafts] == lengths.tolist()
    return {
        "answers": len(drafts),
        "mean length": round(float(lengths.mean()), 1),
        "room": engine.room,
        "passes": len(used),
        "use of the room": round(float(np.mean(used)) / engine.room, 3),
        "passes of batches": _passes_of_batches(prompts, lengths, most, engine.room),
    }


def _passes_of_batches(prompts, lengths, most, room):
    passes = total = longest = 0
    previous = []
    for prompt, length in sorted(zip(prompts, lengths.tolist(), strict=True)):
        new = len(prompt) - common(previous, prompt) + most
        if total and total + new > room:
            passes, total, longest, new = passes + longest + 1, 0, 0, len(prompt) + most
        total, longest, previous = total + new, max(longest, length), prompt
    return passes + longest + 1
