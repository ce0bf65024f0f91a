"""A language model in memory, and what it computes for prompts."""

import random
import warnings
from functools import wraps

import numpy as np
import torch

from besci.device import best_dtype, gpu
from besci.inputs import require
from besci.llm.drafts import Draft
from besci.llm.fitting import reader_for
from besci.llm.loading import load, locate
from besci.llm.prompts import Prompts
from besci.llm.provenance import source
from besci.llm.scoring import disjoint, draw
from besci.llm.trees import Store
from besci.models import count_parameters
from besci.progress import progress_bar


def _one_at_a_time(method):
    """A method during which no other thread computes with the same model."""

    @wraps(method)
    def locked(self, *args, **kwargs):
        with self._loaded.lock:
            return method(self, *args, **kwargs)

    return locked


class Live:
    """A language model in memory. Its methods return a list of plain values, one for each input.

    Inputs are conversations, tuples of (role, content), or texts that are read as they stand. The
    arguments and errors are those of `besci.LLM`.
    """

    def __init__(self, model, device, dtype, long, revision):
        self.name, folder, self.commit = locate(model, long, revision)
        self.device = torch.device(device or ("cuda" if gpu() else "cpu"))
        self.dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
        self.dtype = self.dtype or best_dtype(self.device, count_parameters(folder))
        self._loaded = load(self.name, folder, self.device, self.dtype)
        self.model, self.tokenizer = self._loaded.model, self._loaded.tokenizer
        self.prompts, self.engine = Prompts(self.tokenizer), reader_for(self.model)
        if closing := self.prompts.closing:
            warnings.warn(
                f"The chat template of {self.name} opens a block of thinking, which is closed here "
                f"({closing.strip()}): answers begin at once, and probabilities are those of "
                "answers without thinking.",
                stacklevel=3,
            )
        self.context = self.engine.context
        if self.engine.slower:
            print(f"{self.name} is slower than others of its size: {self.engine.slower}.")
        ends = self.model.generation_config.eos_token_id
        self.stop = self.prompts.stop | set(
            np.atleast_1d(ends if ends is not None else []).tolist()
        )
        self.store = Store()
        template = self.prompts.fingerprint
        self.source = source(self.name, self.commit, template, self.dtype, self.device)

    def __repr__(self):
        parameters = f"{self._loaded.parameters / 1e6:,.0f} million parameters"
        return (
            f"{self.name} ({self.commit}) · {parameters} · "
            f"{self.source['dtype']} · {self.device} · context {self.context:,} tokens"
        )

    @_one_at_a_time
    def answer(self, method, inputs, settings, **how):
        """What a method gives for inputs: "chat", "choose", "next_tokens", ...

        settings: what the values depend on. how: what they do not, such as `progress`.
        """
        return getattr(self, method)(inputs, **settings, **how)

    def chat(
        self, conversations, max_new_tokens, temperature, top_p=1.0, seed=None, progress=False
    ):
        """[answer, its tokens, tokens of the prompt, whether it was cut off] of each."""
        encoded = self._encoded(conversations)
        for i, ids in enumerate(encoded):
            self._require_room(ids, 1, f"Prompt {i}")
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
        answers = {}
        for key, draft in drafts.items():
            text = self.prompts.decode(draft.tokens)
            text = text.strip() if self.prompts.is_chat else text
            answers[key] = [text, len(draft.tokens), len(key[0]), draft.truncated]
        return [answers[key] for key in order]

    def choose(self, conversations, options, aside=False, progress=False):
        """[log p of the options, log p of the answers each stands for, tokens of each] of each.

        aside: of conversations that may have nothing in common with those before and after them.
        """
        rendered = self.prompts.render_all(conversations)
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
        # Only what begins like the texts in the store may use, and change, it.
        akin = not aside or self.engine.shared(self.store, encoded[0]) > len(encoded[0]) / 2
        with progress_bar(len(jobs), "choose", progress) as done:
            log_prob = self.engine.log_probs(self.store if akin else Store(), jobs, done.update)
        log_prob = log_prob.reshape(len(rows), len(options))
        values = [
            [lp.tolist(), disjoint(lp, row).tolist(), list(map(len, row))]
            for lp, row in zip(log_prob, written, strict=True)
        ]
        return [values[row] for row in where]

    def next_tokens(self, inputs, k, temperature):
        """[tokens, their probabilities] of each, the most probable first."""
        found = []
        for one in inputs:
            (ids,) = self._encoded([one])
            self._require_room(ids, 1, "The text")
            logits = self.engine.next_logits(self.store, ids).double()
            best = torch.topk(logits, min(k, len(logits)))
            if temperature == 0:
                probability = (best.indices == best.indices[0]).double()
            else:
                scaled = best.values / temperature
                probability = (scaled - (logits / temperature).logsumexp(-1)).exp()
            tokens = [self.prompts.shown(ids[-8:], token) for token in best.indices.tolist()]
            found.append([tokens, probability.tolist()])
        return found

    def perplexity(self, texts, progress=False):
        """[tokens, sum of their log p] of each."""
        encoded = self._encoded(texts)
        for i, ids in enumerate(encoded):
            require(len(ids) > 1, f"Text {i} ({texts[i]!r}) is too short: it needs two tokens.")
            self._require_room(ids, 0, f"Text {i}")
        with progress_bar(len(texts), "perplexity", progress) as done:
            log_prob = self.engine.log_probs(self.store, [(ids, 1) for ids in encoded], done.update)
        return [[len(ids) - 1, lp] for ids, lp in zip(encoded, log_prob.tolist(), strict=True)]

    def count_tokens(self, inputs):
        """How many tokens each has."""
        return [
            self.prompts.count(one) if isinstance(one, str) else len(self._encoded([one])[0])
            for one in inputs
        ]

    def _encoded(self, inputs):
        """Token ids of conversations, or of texts as they stand."""
        if all(isinstance(one, str) for one in inputs):
            return self.prompts.encode_text(inputs)
        return self.prompts.encode(self.prompts.render_all(inputs))

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
