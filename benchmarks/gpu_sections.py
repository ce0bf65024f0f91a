"""What `make gpu` looks at, one section after the other. Started by `gpu.py`, in a process apart.

A section adds rows of plain values to the result, which is written after each of them. It has
failed if a row says so or an exception ends it; the next one is begun all the same.
"""

import gc
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
import weakref
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers

import besci
from benchmarks import gpu, stand_in, workloads
from benchmarks.ways import NEW_TOKENS, Loop, bare_reading, machine
from besci.device import best_dtype
from besci.files import write_whole
from besci.llm.trees import Store
from besci.models import entry, generators

KEY, OTHER = "phi-3-mini", "phi-3-mini-128k"
# How far log-probabilities and logits may lie from those of a plain pass. In 16 bits every order of
# operations rounds otherwise, plain passes among each other too: the tables show both.
ALLOWED = {
    dtype: max(1e-3, 256 * torch.finfo(dtype).eps)
    for dtype in (torch.float32, torch.float16, torch.bfloat16)
}
PADDING = 32  # tokens before a text that stands in a batch with a longer one
SHORT, LONG = 24, 512  # tokens that an answer may have on day 4
GB, MB = 1e9, 1e6


@dataclass(frozen=True)
class Size:
    """How much is asked.

    shape: what differs from the published configuration. compared: texts read one by one beside
    besci. texts: sentences, conversations and personas in the timed calls. problems: answered at
    length. patience: seconds for each way of 2024.
    """

    shape: dict
    compared: int
    texts: int
    problems: int
    patience: float


SIZES = {
    "real": Size({}, compared=24, texts=240, problems=64, patience=4),
    "tiny": Size(stand_in.TINY, compared=4, texts=12, problems=4, patience=0.3),
}


class Trial:
    """What is tried: where the models are, what computes, and how much is asked.

    sixteen: the two formats of 16 bits, the one that the device computes best before the other.
    """

    def __init__(self, home, size, device):
        self.home, self.size, self.device = Path(home), SIZES[size], torch.device(device)
        best = best_dtype(self.device, entry(KEY)["parameters"])
        self.sixteen = sorted([torch.float16, torch.bfloat16], key=lambda dtype: dtype != best)

    def llm(self, model=KEY, dtype=None):
        """A model, in the format that besci takes for it or in another."""
        with redirect_stdout(io.StringIO()):
            return fresh(besci.LLM(model, device=self.device, dtype=dtype))


class Rows:
    """The findings of one section, written to the file as they come."""

    def __init__(self, result, file, name):
        self.result, self.file, self.wrong = result, file, []
        self.section = result["sections"][name] = {"outcome": "running", "rows": {}}
        self.write()

    def add(self, row, ok=True, **values):
        """ok: whether it is as it should be; the section has failed if not."""
        if not ok:
            self.wrong.append(row)
        self.section["rows"][row] = {name: plain(value) for name, value in values.items()}
        self.section["rows"][row]["as it should be"] = bool(ok)
        self.write()

    def close(self, outcome, seconds=None, why=None):
        more = {"seconds": plain(seconds), "why": why}
        self.section |= {"outcome": outcome}
        self.section |= {name: value for name, value in more.items() if value is not None}
        self.write()

    def write(self):
        write_whole(self.file, (json.dumps(self.result, indent=1) + "\n").encode())


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def plain(value):
    """A value for JSON: numbers with four digits."""
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    return int(value) if isinstance(value, np.integer) else value


# ---- what several sections do -------------------------------------------------------------


def fresh(llm):
    """The model with nothing read before, on a card whose unused memory has been given back."""
    llm.backend.store = Store()
    gc.collect()
    torch.cuda.empty_cache()
    return llm


def timed(run):
    """(what it returns, seconds)"""
    begin = time.perf_counter()
    value = run()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return value, time.perf_counter() - begin


@contextmanager
def passes(model):
    """A list that takes up how many tokens each forward pass reads."""
    read = []
    hook = model.register_forward_pre_hook(
        lambda _, args, settings: read.append(settings["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield read
    finally:
        hook.remove()


@contextmanager
def written(llm):
    """A list that takes up the token ids of each answer, of different prompts in their order."""
    ids, decode = [], llm.prompts.decode
    llm.prompts.decode = lambda tokens: ids.append(list(tokens)) or decode(tokens)
    try:
        yield ids
    finally:
        del llm.prompts.decode


def chat(llm, prompts, tokens):
    """The token ids of the answers to prompts, which are all different."""
    with written(llm) as ids, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*cut off at max_new_tokens")
        llm.chat(prompts, max_new_tokens=tokens, progress=False)
    return ids


def choose(llm, prompts, options):
    """(n, k) log-probabilities of the options."""
    return np.array(llm.choose(prompts, options, progress=False).attrs["log_prob"])


def prompt_ids(llm, prompt, answer=""):
    """Token ids of a text or conversation, as transformers alone writes and cuts it."""
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    text = llm.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return llm.tokenizer(text + answer, add_special_tokens=False).input_ids


@torch.inference_mode()
def plain_logits(llm, ids, last, padding=0):
    """Logits (last, vocabulary) after the last tokens, from a pass over this one text.

    padding: tokens before it that it does not see, as in a batch with a longer text; they change
    nothing but the rounding.
    """
    rows = torch.tensor([[llm.tokenizer.pad_token_id] * padding + ids], device=llm.device)
    place = torch.arange(-padding, len(ids), device=llm.device)[None]
    seen = {"attention_mask": (place >= 0).long(), "position_ids": place.clamp(min=0)}
    settings = {"logits_to_keep": last, "use_cache": False} | (seen if padding else {})
    return llm.model(rows, **settings).logits[0].float()


def plain_choose(llm, prompts, options, padding=0):
    """(n, k) log-probabilities of the options, one pass for each."""
    found = []
    for prompt in prompts:
        start = len(prompt_ids(llm, prompt))
        for option in options:
            ids = prompt_ids(llm, prompt, option)
            target = torch.tensor(ids[start:], device=llm.device)
            log_prob = plain_logits(llm, ids[:-1], len(target), padding).log_softmax(-1)
            found.append(log_prob.gather(1, target[:, None]).sum().item())
    return np.reshape(found, (len(prompts), len(options)))


def regrets(llm, prompts, answers, most):
    """How far each token of the answers lies below the best one by the logits of a plain pass.

    most: tokens after which answers are cut off; a shorter one ended with a token that ends it.
    """
    found = []
    for prompt, answer in zip(prompts, answers, strict=True):
        ids, ended = prompt_ids(llm, prompt) + answer, len(answer) < most
        logits = plain_logits(llm, ids if ended else ids[:-1], len(answer) + ended)
        best = logits.max(-1).values
        each = torch.arange(len(answer), device=llm.device)
        taken = logits[each, torch.tensor(answer, device=llm.device, dtype=torch.long)]
        found += (best[: len(answer)] - taken).tolist()
        if ended:
            ends = llm.model.generation_config.eos_token_id
            found.append((best[-1] - logits[-1, ends].max()).item())
    return np.array(found)


def fill(left):
    """Tensors that hold the memory of the card but for about `left` bytes."""
    gc.collect()
    torch.cuda.empty_cache()
    held, piece = [], 2**30
    while piece >= 2**24:  # for less than 10 MB PyTorch takes 20
        if torch.cuda.mem_get_info()[0] - left < piece:
            piece //= 2
        else:
            held.append(torch.empty(piece, dtype=torch.uint8, device="cuda"))
    return held


def allocated():
    """Bytes of the card's memory that tensors hold."""
    gc.collect()
    return torch.cuda.memory_allocated()


def failures():
    """How often memory has not sufficed so far."""
    return torch.cuda.memory_stats().get("num_ooms", 0)


# ---- the sections -------------------------------------------------------------------------


def card(trial, rows):
    """What computes."""
    rows.add("machine", **machine("torch", "transformers", "tokenizers"), besci=besci.__version__)
    if trial.device.type != "cuda":
        return
    about = torch.cuda.get_device_properties(0)
    rows.add(
        "card",
        name=about.name,
        capability=f"{about.major}.{about.minor}",
        GB=about.total_memory / GB,
        free_GB=torch.cuda.mem_get_info()[0] / GB,
        cuda=torch.version.cuda,
        driver=driver(),
        best_dtype=name_of(trial.sixteen[0]),
        taken=generators()[0][0],
    )


def driver():
    """The version of the card's driver, or None where nothing says it."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next(iter(said), None)


def model(trial, rows):
    """The models are written, of fewer layers where the card has no room for all."""
    shape = dict(trial.size.shape)
    layers = stand_in.configuration(shape).num_hidden_layers
    if trial.device.type == "cuda":
        free, needed = torch.cuda.mem_get_info()[0], 2 * entry(KEY)["parameters"]
        layers = min(layers, int(0.7 * free / needed * layers))
        shape["num_hidden_layers"] = layers
    _, seconds = timed(lambda: stand_in.write(trial.home, shape, trial.device))
    rows.add("written", layers=layers, seconds=seconds)
    llm, seconds = timed(trial.llm)
    parameters = sum(weight.numel() for weight in llm.model.parameters())
    rows.add("loaded", parameters=parameters, dtype=name_of(llm.dtype), seconds=seconds)


def exact_slices(trial, rows):
    """The first layers in float32: the same as plain passes, also beyond window and turn."""
    for key in (KEY, OTHER):
        llm = trial.llm(stand_in.slice_of(trial.home, key), torch.float32)
        config = llm.model.config
        far = config.sliding_window if key == KEY else config.original_max_position_embeddings
        text = workloads.article(llm, far + 100)
        beyond = [f"{text}\n\n{question}" for question in workloads.questions()[:2]]
        compare(trial, rows, llm, f"{key}, ", {f"beyond {far:,} tokens": beyond})


def exact(which, trial, rows):
    """The whole model in 16 bits: as near to a plain pass as plain passes are to each other."""
    compare(trial, rows, trial.llm(dtype=trial.sixteen[which]), "", {})


def compare(trial, rows, llm, name, more):
    n, most = trial.size.compared, ALLOWED[llm.dtype]
    asked = {
        "sentences": workloads.zero_shot(workloads.sentences(n)),
        "after examples": workloads.dialogues(n // 4),
    }
    asked |= more
    # In one call, where short and long ones stand side by side.
    together = [prompt for prompts in asked.values() for prompt in prompts]
    ours = iter(choose(llm, together, workloads.LABELS))
    for kind, prompts in asked.items():
        found = np.array([next(ours) for _ in prompts])
        alone, padded = (plain_choose(llm, prompts, workloads.LABELS, k) for k in (0, PADDING))
        apart = np.abs(found - alone)
        rows.add(
            f"{name}choose, {kind}",
            apart.max() <= most,
            dtype=name_of(llm.dtype),
            texts=len(prompts),
            median=np.median(apart),
            largest=apart.max(),
            allowed=most,
            padded_plain_pass=np.abs(padded - alone).max(),
        )
    prompts = [*workloads.problems(n), *(prompt for kind in more.values() for prompt in kind)]
    behind = regrets(llm, prompts, chat(llm, prompts, SHORT), SHORT)
    rows.add(
        f"{name}chat",
        behind.max() <= most,
        dtype=name_of(llm.dtype),
        texts=len(prompts),
        median=np.median(behind),
        largest=behind.max(),
        allowed=most,
        tokens=len(behind),
        best_by_a_plain_pass=np.mean(behind == 0),
    )


def memory(trial, rows):
    """What weights, kept tokens and passes take, beside what is planned for them."""
    llm = trial.llm()
    parameters = sum(weight.numel() for weight in llm.model.parameters())
    weights, planned = allocated(), llm.dtype.itemsize * parameters
    # The output layer is kept in float32 where the others are in bfloat16.
    rows.add("weights", weights < 1.05 * planned, planned_GB=planned / GB, GB=weights / GB)

    config = llm.model.config
    width = config.num_key_value_heads * config.hidden_size // config.num_attention_heads
    each = 2 * config.num_hidden_layers * width * llm.dtype.itemsize
    choose(llm, [workloads.article(llm, 2000)], workloads.LABELS)
    kept = (allocated() - weights) / len(llm.backend.store.ids)
    near = 0.9 * each < kept < 1.1 * each
    rows.add("a kept token", near, planned_kB=each / 1e3, kB=kept / 1e3)

    people, points = workloads.voters(trial.size.texts)
    at_once = workloads.problems(trial.size.texts // 2)
    in_steps = workloads.problems(trial.size.problems, workloads.STEPS)
    for name, ask in {
        "4/3 personas, choose": lambda: choose(llm, people, points),
        "4/2 at once, chat": lambda: chat(llm, at_once, SHORT),
        "4/2 step by step, chat": lambda: chat(llm, in_steps, 4 * SHORT),
    }.items():
        fresh(llm)
        held, free = allocated(), torch.cuda.mem_get_info()[0]
        failed = failures()
        torch.cuda.reset_peak_memory_stats()
        _, seconds = timed(ask)
        peak = torch.cuda.max_memory_allocated() - held
        failed = failures() - failed
        limit, room = llm.engine.limit, llm.engine.room
        rows.add(
            name,
            not failed and peak < free,
            free_GB=free / GB,
            limit=limit,
            room=room,
            room_GB=room * each / GB,
            peak_GB=peak / GB,
            out_of_memory=failed,
            seconds=seconds,
        )
        _, seconds = timed(ask)
        # What the first call used and PyTorch keeps for the next one is room, too.
        as_much = llm.engine.limit > 0.9 * limit and llm.engine.room > 0.9 * room
        now = {"limit": llm.engine.limit, "room": llm.engine.room}
        rows.add(f"{name}, once more", as_much, **now, seconds=seconds)


def speed(trial, rows):
    """Days 3 and 4 beside the loop of 2024, and beside bare passes, the least there is to do."""
    llm, n = trial.llm(), trial.size.texts
    loop = Loop(llm)
    sentences, labels = workloads.zero_shot(workloads.sentences(n)), workloads.LABELS
    choose(llm, sentences, labels)  # the first passes load what a card computes with
    for name, prompts, options in [
        ("3/1 codebook", sentences, labels),
        ("3/1 after 16 examples", workloads.dialogues(n), labels),
        ("4/3 personas", *workloads.voters(n)),
    ]:
        fresh(llm)
        with passes(llm.model) as read:
            _, ours = timed(partial(choose, llm, prompts, options))
        _, least = timed(bare_reading(llm, prompts, options, width=llm.engine.limit)[0])
        rows.add(
            f"{name}, choose",
            **beside(trial, loop, prompts, NEW_TOKENS, [1] * len(prompts), ours, least),
            tokens_read=sum(read),
            tokens_read_a_second=sum(read) / ours,
        )
    for name, prompts, most in [
        ("4/2 at once", workloads.problems(n // 2), SHORT),
        ("4/2 step by step", workloads.problems(trial.size.problems, workloads.STEPS), LONG),
    ]:
        fresh(llm)
        with passes(llm.model) as first:
            _, reading = timed(partial(chat, llm, prompts, 1))
        fresh(llm)
        with passes(llm.model) as read:
            answers, ours = timed(partial(chat, llm, prompts, most))
        lengths = [1 + len(answer) for answer in answers]
        steps, later = len(read) - len(first), sum(read) - sum(first)
        before = np.mean([len(prompt_ids(llm, prompt)) for prompt in prompts])
        _, least = timed(bare_reading(llm, prompts, (), width=llm.engine.limit)[0])
        bare = bare_step(llm, round(later / steps), int(before + np.mean(lengths) / 2))
        rows.add(
            f"{name}, chat",
            **beside(trial, loop, prompts, most, lengths, ours, least + steps * bare),
            tokens_read=sum(first),
            tokens_read_a_second=sum(first) / reading,
            tokens_written=later,
            steps=steps,
            answers_a_step=later / steps,
            step_ms=1000 * (ours - reading) / steps,
            bare_step_ms=1000 * bare,
        )


def beside(trial, loop, prompts, tokens, amounts, ours, least):
    """Seconds for all prompts with besci, with the loop of 2024 and at least, and their ratios.

    amounts: of work that each prompt is. The loop answers as many as patience allows, and its
    seconds are those for so much work; batches grow as long as one of them takes no longer.
    """

    def seconds(size):
        done, begin = 0, time.perf_counter()
        while done < len(prompts) and time.perf_counter() < begin + trial.size.patience:
            loop(prompts[done : done + size], size, tokens)
            done += size
        spent = time.perf_counter() - begin
        return spent * sum(amounts) / sum(amounts[:done])

    alone, batches = seconds(1), {}
    for size in (8, 32):
        try:
            batches[size] = seconds(size)
        except torch.OutOfMemoryError:
            break
        if batches[size] * size / len(prompts) > trial.size.patience:
            break
    best = min(batches, key=batches.get, default=None)
    return {
        "texts": len(prompts),
        "s": ours,
        "one_by_one_s": alone,
        "batch": best,
        "in_batches_s": batches.get(best),
        "least_s": least,
        "one_by_one_to_ours": alone / ours,
        "in_batches_to_ours": batches[best] / ours if best else None,
        "least_to_ours": least / ours,
    }


@torch.inference_mode()
def bare_step(llm, answers, length, times=8):
    """Seconds of a pass that adds a token to each of some answers, after `length` tokens each."""
    config = llm.model.config
    kept = transformers.DynamicCache(config=config)
    width = config.hidden_size // config.num_attention_heads
    shape = answers, config.num_key_value_heads, length, width
    for layer in range(config.num_hidden_layers):
        zeros = torch.zeros(shape, dtype=llm.model.dtype, device=llm.device)
        kept.update(zeros, zeros, layer)
    ids = torch.zeros((answers, 1), dtype=torch.long, device=llm.device)

    def steps(count):
        for _ in range(count):
            llm.model(ids, logits_to_keep=1, **{llm.engine.cache_name: kept})

    steps(1)
    return timed(partial(steps, times))[1] / times


def recovery(trial, rows):
    """Little memory, or memory that goes while a call is under way: the same answers, or words."""
    llm, n = trial.llm(), trial.size.compared
    sentences, problems = workloads.zero_shot(workloads.sentences(n)), workloads.problems(n)
    most, held = ALLOWED[llm.dtype], []

    def ask():
        return choose(fresh(llm), sentences, workloads.LABELS), chat(llm, problems, SHORT)

    def attempt(row, left=math.inf, later=False):
        """A row about `ask` with so many bytes left; where they are few, words are right too.

        later: they go when the model is about to read, after all that is planned.
        """

        def take(*_):
            held.extend(fill(left))
            if later:
                hook.remove()

        if later:
            hook = llm.model.register_forward_pre_hook(take)
        elif left < math.inf:
            take()
        failed, found, said = failures(), None, None
        try:
            found = ask()
        except MemoryError as error:
            said = str(error)
        capacity = {"limit": llm.engine.limit, "room": llm.engine.room}
        values = capacity | {"out_of_memory": failures() - failed, "said": said}
        held.clear()
        if found is None:
            rows.add(row, left < 512 * MB, **values)
        else:
            apart = np.abs(found[0] - expected).max()
            behind = regrets(llm, problems, found[1], SHORT).max()
            values |= {"log_prob_apart": apart, "chat_behind": behind, "allowed": most}
            rows.add(row, max(apart, behind) <= most, **values)
        return capacity

    expected, _ = ask()
    before = attempt("all of the memory")
    for left in (1024, 512, 256, 128, 64, 32, 16):
        attempt(f"{left} MB are left", left * MB)
    for left in (1024, 512):
        attempt(f"{left} MB are left from the first pass on", left * MB, later=True)
    after = attempt("all of the memory again")
    rows.add("capacity", all(after[name] > 0.9 * before[name] for name in before), **after)


def scenarios(trial, rows):
    """Cells that are run again, and models for which there is no room beside another."""
    by_default = generators()[0][0] == KEY
    if not by_default:  # the card is too small for it; the rest can be tried all the same
        rows.add("LLM()", taken=generators()[0][0], said=generators()[0][1])

    def load(name=None if by_default else KEY, dtype=None):
        return besci.LLM(name, device=trial.device, dtype=dtype)

    def cell(row, run, right):
        """A row about one cell; right(what it gives or the text of its MemoryError, more bytes)."""
        before, printed = allocated(), io.StringIO()
        with redirect_stdout(printed):
            try:
                value, seconds = timed(run)
            except MemoryError as error:
                value, seconds = str(error), None
        more, refused = allocated() - before, isinstance(value, str)
        rows.add(
            row,
            right(value, more),
            taken=None if refused else value.name,
            said=value if refused else printed.getvalue(),
            more_GB=more / GB,
            seconds=seconds,
        )
        return value

    def loaded(value, more):
        return more > little and getattr(value, "name", None) == KEY

    def same(value, more):
        return abs(more) < little and getattr(value, "model", None) is first()

    def in_words(value, more):
        return abs(more) < little and "GB are free" in str(value)

    besci.release()
    nothing, little = allocated(), 0
    llm = cell("a first cell", load, loaded)
    first, little = weakref.ref(llm.model), (allocated() - nothing) / 100
    cell("the same again, while its model is held", load, same)
    for _ in range(2):
        llm = cell("again, under the same name", load, same)
    del llm
    llm = cell("after `del llm`", load, same)
    sentences = workloads.zero_shot(workloads.sentences(4))
    expected = choose(fresh(llm), sentences, workloads.LABELS)

    held = fill(GB)
    cell("again, on a full card", load, same)
    cell("another format, on a full card", partial(load, KEY, trial.sixteen[1]), in_words)
    cell("another model, on a full card", partial(load, OTHER), in_words)
    held.clear()
    apart = np.abs(choose(fresh(llm), sentences, workloads.LABELS) - expected).max()
    rows.add("the first model after that", apart <= ALLOWED[llm.dtype], log_prob_apart=apart)
    del llm
    besci.release()
    left = allocated() - nothing
    rows.add("after `del llm` and `besci.release()`", left < little, more_GB=left / GB)

    if by_default:
        needed = besci.list_models().set_index("key").at[KEY, "gpu_mb"] * MB
        held = fill(needed / 2)
        taken, why = generators()[0]
        right = taken != KEY and "GB are free" in why
        rows.add("LLM(), where something else fills the card", right, taken=taken, said=why)
        held.clear()
    cell("LLM(), when the card is free again", load, loaded)


# ---- one run ------------------------------------------------------------------------------

SECTIONS = {
    "card": card,
    "model": model,
    "exact in float32": exact_slices,
    "exact in 16 bits": partial(exact, 0),
    "memory": memory,
    "speed": speed,
    "recovery": recovery,
    "scenarios": scenarios,
    "exact in the other 16 bits": partial(exact, 1),
}
NEED_A_GPU = {"memory", "recovery", "scenarios"}


def look(section, trial, rows):
    """One section, from its beginning to its outcome; returns whether it has not failed."""
    why, begin = None, time.perf_counter()
    try:
        section(trial, rows)
        if rows.wrong:
            why = f"not as it should be: {'; '.join(rows.wrong)}"
    except Exception as error:  # of whatever kind, it belongs to this section
        traceback.print_exc()
        why = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    rows.close("failed" if why else "ok", time.perf_counter() - begin, why)
    return why is None


def usable(device):
    """Whether the device still computes: after some errors a process can use its card no more."""
    try:
        return torch.zeros(1, device=device).item() == 0
    except RuntimeError:
        return False


def main(file, about):
    file, about = Path(file), json.loads(about)
    if about["device"] == "cuda" and not besci.gpu():
        return gpu.NO_GPU
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    result = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if result.get("began") != about["began"]:  # of an earlier run
        result = about | {"sections": {name: {"outcome": "not reached"} for name in SECTIONS}}
    trial = Trial(os.environ["HF_HUB_CACHE"], about["size"], about["device"])
    for name in gpu.waiting(result):
        rows = Rows(result, file, name)
        if name in NEED_A_GPU and trial.device.type != "cuda":
            rows.close("needs a GPU")
            continue
        fine = look(SECTIONS[name], trial, rows)
        print(f"{name}: {gpu.verdict(rows.section)}", flush=True)
        if not fine and name == "model":
            return 0  # nothing can be tried without it
        if not fine and not usable(trial.device):
            return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:  # `gpu.py` ends it, and a write under way cleans up
        sys.exit(gpu.STOPPED)
