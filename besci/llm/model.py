"""Open language models for research: answers, exact choices, probabilities.

Every prompt goes through the model's chat template. Results do not depend on how prompts are
batched, in float32 up to rounding; each result carries its provenance.
"""

import random
import warnings
from functools import wraps

import numpy as np
import pandas as pd
import torch

from besci.device import best_dtype, gpu
from besci.inputs import check_count, check_temperature, listed, named_options, require
from besci.llm.engine import Engine
from besci.llm.loading import load, locate
from besci.llm.prompts import Prompts
from besci.llm.provenance import Answer, record
from besci.llm.scoring import disjoint, draw, softmax
from besci.llm.trees import Draft, Store
from besci.models import count_parameters
from besci.progress import progress_bar


def _one_at_a_time(method):
    """A method during which no other thread computes with the same model."""

    @wraps(method)
    def locked(self, *args, **kwargs):
        with self._loaded.lock:
            return method(self, *args, **kwargs)

    return locked


class LLM:
    """An open language model.

    model: a key of `besci.list_models()`, a hub id ("owner/name", at `revision`, its commit, tag or
    branch) or a local folder (a Path, or a text with a path separator: "./my_model"); None takes
    the best for this computer and says which (see `besci.models.generators`): phi-3-mini on a GPU
    that has room for it (phi-3-mini-128k if `long`, for prompts of more than 2,000 tokens, such as
    a whole article), else qwen2.5-coder-1.5b or 0.5b. device: "cpu", "cuda"; None takes
    the GPU if there is one. dtype: a torch.dtype; None takes what the device computes best
    (`besci.device.best_dtype`). Weights are read from safetensors only, and no code that comes with
    a model is ever run. Prints one line about the model.

    A model that is in memory already, from the same folder on the same device in the same dtype, is
    shared, so running a cell again costs nothing. Threads may share one too: they compute in turn.

    Raises ValueError for an unknown model or one that cannot be used, ModelUnavailable if it cannot
    be fetched, and MemoryError if the GPU has too little room for it.
    """

    def __init__(self, model=None, device=None, dtype=None, long=False, revision=None):
        self.name, folder, self.commit = locate(model, long, revision)
        self.device = torch.device(device or ("cuda" if gpu() else "cpu"))
        self.dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        self.dtype = self.dtype or best_dtype(self.device, count_parameters(folder))
        self._loaded = load(self.name, folder, self.device, self.dtype)
        self.model, self.tokenizer = self._loaded.model, self._loaded.tokenizer
        self.prompts, self.engine = Prompts(self.tokenizer), Engine(self.model)
        self.context = self.engine.context
        self.engine.check()
        ends = self.model.generation_config.eos_token_id
        self.stop = self.prompts.stop | set(
            np.atleast_1d(ends if ends is not None else []).tolist()
        )
        self.store = Store()
        print(self)

    def __repr__(self):
        parameters = sum(p.numel() for p in self.model.parameters())
        return (
            f"{self.name} ({self.commit}) · {parameters / 1e6:,.0f} million parameters · "
            f"{str(self.dtype).removeprefix('torch.')} · {self.device} · "
            f"context {self.context:,} tokens"
        )

    @_one_at_a_time
    def chat(
        self,
        prompts,
        system=None,
        max_new_tokens=200,
        temperature=0.0,
        top_p=1.0,
        seed=None,
        progress=True,
    ):
        """Answer each prompt: an Answer (a str) for one prompt, a list of them for several.

        prompts: a text, a list (or Series) of texts, one conversation (a list of messages such as
        {"role": "user", "content": "..."}), or a list of conversations. system: instructions that
        come before each prompt.

        temperature 0 takes the most probable token each time; higher values draw tokens with
        probabilities softmax(logits / temperature), from the fewest tokens that together have
        probability top_p. With a seed the draws can be repeated; they depend on the seed, the
        prompt and how many equal prompts come before it, not on the other prompts. Without one a
        seed is drawn from Python's `random` and kept in the provenance.

        An answer that reaches max_new_tokens is cut off: a warning says how many were, and
        `answer.truncated` marks them. Raises TypeError or ValueError naming the prompt at fault,
        also if one is longer than the model's context.
        """
        check_count(max_new_tokens, "max_new_tokens")
        check_temperature(temperature)
        require(0 < top_p <= 1, f"top_p must be above 0 and at most 1, not {top_p!r}.")
        single, prompts, _ = listed(prompts, "prompt")
        encoded = self.prompts.encode(self.prompts.render_all(prompts, system))
        for i, ids in enumerate(encoded):
            self._require_room(ids, 1, f"Prompt {i}")
        if temperature > 0 and seed is None:
            seed = random.getrandbits(32)
        drafts, copies = {}, {}
        order = []
        for ids in map(tuple, encoded):
            copy = copies[ids] = copies.get(ids, -1) + 1
            key = (ids, copy if temperature > 0 else 0)
            rng = random.Random(f"{seed} {copy} {ids}") if temperature > 0 else None
            drafts.setdefault(key, Draft(list(ids), rng))
            order.append(key)

        def pick(logits, waiting):
            if temperature == 0:
                return logits.argmax(-1).tolist()
            return draw(logits, [draft.rng.random() for draft in waiting], temperature, top_p)

        with progress_bar(len(drafts), "chat", progress) as done:
            self.engine.continue_all(
                self.store,
                list(drafts.values()),
                max_new_tokens,
                self.stop,
                pick,
                done.update,
            )
        source = self._provenance(
            "chat",
            prompts,
            seed=seed,
            system=system,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
        )
        answers = [self._answer(drafts[key], len(key[0]), source) for key in order]
        cut = sum(answer.truncated for answer in answers)
        if cut:
            warnings.warn(
                f"{cut} of {len(answers)} answers were cut off at max_new_tokens="
                f"{max_new_tokens}, or at the end of the model's context; their .truncated is "
                "True.",
                stacklevel=3,
            )
        return answers[0] if single else answers

    @_one_at_a_time
    def choose(self, prompts, options, system=None, normalize="sum", calibrate=None, progress=True):
        """Probability of each option as the model's answer: DataFrame, a row per prompt, sums to 1.

        prompts, system: as for `chat`; the index of a Series is kept. options: k different texts
        or numbers, the columns.

        The probabilities are exact, from the model's own: log p(option | prompt) is the sum over
        the option's tokens, each given the prompt and the tokens before it, with the prompt's
        tokens fixed as they are when the model writes an answer itself. An option counts when the
        answer begins with it, however the answer goes on. If one option begins another ("1", "10"),
        an answer counts for the longest option it begins with: p("10") is taken off p("1").

        normalize: "sum" compares the options' probabilities; "mean" the geometric mean per token,
        which does not favour short options; "pmi" divides by the option's probability after an
        empty input (Holtzman et al., 2021, doi:10.18653/v1/2021.emnlp-main.564). calibrate: an
        input without content, such as "N/A", or a list of them, in the form of the prompts; their
        mean probabilities are divided out (Zhao et al., 2021, arXiv:2102.09690).

        `.attrs["log_prob"]`: log p(option | prompt) before any of this, n lists of k numbers.
        `.attrs["mass"]`: n numbers, the probability that an answer begins with one of the options.
        Raises TypeError or ValueError for prompts or options that cannot be used.
        """
        options, texts = named_options(options)
        require(
            normalize in ("sum", "mean", "pmi"),
            f'normalize must be "sum", "mean" or "pmi", not {normalize!r}.',
        )
        _, prompts, index = listed(prompts, "prompt")
        neutral = [] if calibrate is None else listed(calibrate, "calibrate")[1]
        if normalize == "pmi":
            require(not neutral, 'normalize="pmi" divides by the empty input: leave out calibrate.')
            neutral = [""]
        log_prob, event, tokens = self._score(self.store, prompts, texts, system, progress)
        mass = np.exp(event).sum(axis=1)
        event = event / tokens if normalize == "mean" else event
        if neutral:
            # Only a neutral input that begins like the prompts may use, and change, their store.
            first = self.prompts.encode(self.prompts.render_all(neutral[:1], system))[0]
            akin = self.engine.shared(self.store, first) > len(first) / 2
            _, base, tokens = self._score(
                self.store if akin else Store(), neutral, texts, system, progress=False
            )
            base = base / tokens if normalize == "mean" else base
            event = event - np.log(softmax(base).mean(axis=0))
        result = pd.DataFrame(softmax(event), columns=options, index=index)
        result.attrs["log_prob"] = log_prob.tolist()
        result.attrs["mass"] = mass.tolist()
        result.attrs["provenance"] = self._provenance(
            "choose",
            prompts,
            system=system,
            options=options,
            normalize=normalize,
            calibrate=calibrate,
        )
        return result

    @_one_at_a_time
    def next_tokens(self, text, k=10, temperature=1.0):
        """The k most probable next tokens: DataFrame with columns token and probability.

        text: continued as it stands, without the chat template; or a list of messages, to see how
        the answer would begin. temperature: the probabilities are softmax(logits / temperature);
        at 0 the most probable token has them all.
        """
        check_count(k, "k")
        check_temperature(temperature)
        if isinstance(text, str):
            ids = self.prompts.encode_text([text])[0]
        else:
            ids = self.prompts.encode(self.prompts.render_all([text], None))[0]
        self._require_room(ids, 1, "The text")
        logits = self.engine.next_logits(self.store, ids).double()
        best = torch.topk(logits, min(k, len(logits)))
        if temperature == 0:
            probability = (best.indices == best.indices[0]).double()
        else:
            scaled = best.values / temperature
            probability = (scaled - (logits / temperature).logsumexp(-1)).exp()
        result = pd.DataFrame(
            {
                "token": [self.prompts.shown(ids[-8:], token) for token in best.indices.tolist()],
                "probability": probability.cpu().numpy(),
            }
        )
        result.attrs["provenance"] = self._provenance(
            "next_tokens", [text], temperature=temperature
        )
        return result

    @_one_at_a_time
    def perplexity(self, texts, progress=True):
        """How surprising texts are: DataFrame with columns tokens, log_prob and perplexity.

        texts: one or several (the index of a Series is kept), read as they stand, without the chat
        template. log_prob: sum over the tokens of log p(token | those before). perplexity:
        exp(-log_prob / tokens), 1 for a text the model is sure of. The first token is left out
        unless the model has a token for the beginning of a text. Raises ValueError for a text with
        fewer than two tokens or more than the model's context.
        """
        _, texts, index = listed(texts, "text")
        for i, text in enumerate(texts):
            require(isinstance(text, str), f"Text {i} is {text!r:.60}; it should be a text.")
        encoded = self.prompts.encode_text(texts)
        for i, ids in enumerate(encoded):
            require(len(ids) > 1, f"Text {i} ({texts[i]!r}) is too short: it needs two tokens.")
            self._require_room(ids, 0, f"Text {i}")
        with progress_bar(len(texts), "perplexity", progress) as done:
            log_prob = self.engine.log_probs(self.store, [(ids, 1) for ids in encoded], done.update)
        tokens = np.array([len(ids) - 1 for ids in encoded])
        result = pd.DataFrame(
            {"tokens": tokens, "log_prob": log_prob, "perplexity": np.exp(-log_prob / tokens)},
            index=index,
        )
        result.attrs["provenance"] = self._provenance("perplexity", texts)
        return result

    # ---- the work behind them ---------------------------------------------------------------

    def _answer(self, draft, prompt_tokens, source):
        text = self.prompts.decode(draft.tokens)
        answer = Answer(text.strip() if self.prompts.is_chat else text)
        answer.truncated, answer.tokens = draft.truncated, len(draft.tokens)
        answer.prompt_tokens, answer.provenance = prompt_tokens, source
        return answer

    def _score(self, store, prompts, options, system, progress):
        """(n, k) arrays: log p(option | prompt), log p of the answers it stands for, its tokens."""
        rendered = self.prompts.render_all(prompts, system)
        rows = {text: row for row, text in enumerate(dict.fromkeys(rendered))}
        where = [rows[text] for text in rendered]
        encoded = self.prompts.encode(rows)
        written = [self.prompts.continuations(text, options) for text in rows]
        for i, row in enumerate(where):
            self._require_room(encoded[row], max(map(len, written[row])), f"Prompt {i}")
        jobs = [
            (ids + option, len(ids))
            for ids, row in zip(encoded, written, strict=True)
            for option in row
        ]
        with progress_bar(len(jobs), "choose", progress) as done:
            log_prob = self.engine.log_probs(store, jobs, done.update)
        log_prob = log_prob.reshape(len(rows), len(options))
        event = np.array([disjoint(lp, row) for lp, row in zip(log_prob, written, strict=True)])
        tokens = np.array([[len(option) for option in row] for row in written])
        return log_prob[where], event[where], tokens[where]

    def _require_room(self, ids, more, what):
        require(
            ids,
            f"{what} is empty, and {self.name} has no token for the beginning of a text.",
        )
        require(
            len(ids) + more <= self.context,
            f"{what} has {len(ids):,} tokens; {self.name} takes at most {self.context:,}, the "
            "answer included. Shorten it, or split it into passages.",
        )

    def _provenance(self, method, inputs, **settings):
        template = self.prompts.fingerprint
        return record(
            self.name, self.commit, template, self.dtype, self.device, method, inputs, settings
        )
