"""Open language models for research: answers, exact choices, probabilities.

Every prompt goes through the model's chat template. Results do not depend on how prompts are
batched, in float32 up to rounding; each result carries its provenance.
"""

import os
import random
import warnings
from operator import attrgetter

import numpy as np
import pandas as pd

from besci.inputs import (
    check_count,
    check_temperature,
    conversations,
    listed,
    named_options,
    require,
)
from besci.llm.provenance import Answer, PerRow, record
from besci.llm.recorded import PREFIX, Notes, Recording
from besci.llm.scoring import softmax


class LLM:
    """An open language model.

    model: a key of `besci.list_models()`, a hub id ("owner/name", at `revision`, its commit, tag or
    branch) or a local folder (a Path, or a text with a path separator: "./my_model"); None takes
    the one that the environment variable BESCI_MODEL names, else the best for this computer, and
    says which (see `besci.models.generators`): phi-3-mini on a GPU that has room for it
    (phi-3-mini-128k if `long`, for prompts of more than 2,000 tokens, such as a whole article),
    else qwen2.5-coder-1.5b or 0.5b. device: "cpu", "cuda"; None takes the GPU if there is one.
    dtype: a torch.dtype; None takes what the device computes best (`besci.device.best_dtype`).
    Weights are read from safetensors only, and no code that comes with a model is ever run. Prints
    one line about the model.

    A model that is in memory already, from the same folder on the same device in the same dtype, is
    shared, so running a cell again costs nothing. Threads may share one too: they compute in turn.

    "recorded:KEY" takes the answers that a model gave to the prompts of the course's notebooks:
    at once, without its weights. Any other prompt raises NotRecorded (a LookupError). The results'
    provenance is that of the recording. Where the environment variable BESCI_RECORD names a folder
    (its whole path), a loaded model writes down there what it answers, for `make record`.

    A chat template that opens a block of thinking gets it closed, and a warning says so: answers
    then begin at once, and probabilities are those of answers without thinking.

    Raises ValueError for an unknown model or one that cannot be used, ModelUnavailable if it cannot
    be fetched, and MemoryError if the GPU has too little room for it.
    """

    def __init__(self, model=None, device=None, dtype=None, long=False, revision=None):
        named = os.environ.get("BESCI_MODEL") if model is None else model
        self._notes = None
        if isinstance(named, str) and named.startswith(PREFIX):
            require(
                device is dtype is revision is None,
                f"{named!r} was recorded once: leave out device, dtype and revision.",
            )
            self.backend = Recording(named.removeprefix(PREFIX))
        else:
            from besci.llm.live import Live  # brings torch and transformers

            self.backend = Live(model, device, dtype, long, revision)
            if folder := os.environ.get("BESCI_RECORD"):
                self._notes = Notes(self.backend.source, self.backend.context, folder)
        print(self)

    name = property(attrgetter("backend.name"))
    commit = property(attrgetter("backend.commit"))
    dtype = property(attrgetter("backend.dtype"))
    device = property(attrgetter("backend.device"))
    context = property(attrgetter("backend.context"), doc="Tokens of a prompt and its answer.")
    # What only a loaded model has:
    model = property(attrgetter("backend.model"))
    tokenizer = property(attrgetter("backend.tokenizer"))
    prompts = property(attrgetter("backend.prompts"))
    engine = property(attrgetter("backend.engine"))

    def __repr__(self):
        return repr(self.backend)

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
        single, prompts, _ = listed(prompts, "prompt", talk=True)
        asked = conversations(prompts, system)
        how = {"max_new_tokens": int(max_new_tokens), "temperature": float(temperature)}
        if temperature > 0:
            seed = random.getrandbits(32) if seed is None else seed
            how |= {"top_p": float(top_p), "seed": seed}
        found = self._answers("chat", asked, how, progress=progress)
        source = self._provenance(
            "chat",
            prompts,
            seed=seed,
            system=system,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
        )
        answers = []
        for text, tokens, prompt_tokens, truncated in found:
            answer = Answer(text)
            answer.truncated, answer.tokens = truncated, tokens
            answer.prompt_tokens, answer.provenance = prompt_tokens, source
            answers.append(answer)
        cut = sum(answer.truncated for answer in answers)
        if cut:
            warnings.warn(
                f"{cut} of {len(answers)} answers were cut off at max_new_tokens="
                f"{max_new_tokens}, or at the end of the model's context; their .truncated is "
                "True.",
                stacklevel=2,
            )
        return answers[0] if single else answers

    def choose(self, prompts, options, system=None, normalize="sum", calibrate=None, progress=True):
        """Probability of each option as the model's answer: DataFrame, a row per prompt, sums to 1.

        prompts, system: as for `chat`; the index of a Series is kept. options: k different texts
        or numbers, the columns. They are scored without what cannot be seen in them (white space
        at the ends, zero-width characters; see `besci.inputs.plain`); to a base model, which has no
        chat template, a space at the beginning counts.

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

        `.attrs["log_prob"]`: log p(option | prompt) before any of this, n tuples of k numbers.
        `.attrs["mass"]`: n numbers, the probability that an answer begins with one of the options.
        Raises TypeError or ValueError for prompts or options that cannot be used.
        """
        base = self.backend.source["template"] is None
        options, texts = named_options(options, lead=base)
        require(
            normalize in ("sum", "mean", "pmi"),
            f'normalize must be "sum", "mean" or "pmi", not {normalize!r}.',
        )
        _, prompts, index = listed(prompts, "prompt", talk=True)
        neutral = [] if calibrate is None else listed(calibrate, "calibration input", talk=True)[1]
        if normalize == "pmi":
            require(not neutral, 'normalize="pmi" divides by the empty input: leave out calibrate.')
            neutral = [""]
        log_prob, event, tokens = self._scores(prompts, system, texts, progress=progress)
        mass = np.exp(event).sum(axis=1)
        event = event / tokens if normalize == "mean" else event
        if neutral:
            _, base, tokens = self._scores(neutral, system, texts, aside=True)
            base = base / tokens if normalize == "mean" else base
            event = event - np.log(softmax(base).mean(axis=0))
        result = pd.DataFrame(softmax(event), columns=options, index=index)
        result.attrs["log_prob"] = PerRow(map(tuple, log_prob.tolist()))
        result.attrs["mass"] = PerRow(mass.tolist())
        result.attrs["provenance"] = self._provenance(
            "choose",
            prompts,
            system=system,
            options=options,
            normalize=normalize,
            calibrate=calibrate,
        )
        return result

    def next_tokens(self, text, k=10, temperature=1.0):
        """The k most probable next tokens: DataFrame with columns token and probability.

        text: continued as it stands, without the chat template; or a list of messages, to see how
        the answer would begin. temperature: the probabilities are softmax(logits / temperature);
        at 0 the most probable token has them all.
        """
        check_count(k, "k")
        check_temperature(temperature)
        single, inputs, _ = listed(text, "text", talk=True)
        if not single:
            raise TypeError("Give one text or one conversation, not a list of them.")
        inputs = inputs if isinstance(text, str) else conversations(inputs)
        how = {"k": int(k), "temperature": float(temperature)}
        ((tokens, probabilities),) = self._answers("next_tokens", inputs, how)
        result = pd.DataFrame({"token": tokens, "probability": probabilities})
        result.attrs["provenance"] = self._provenance(
            "next_tokens", [text], temperature=temperature
        )
        return result

    def perplexity(self, texts, progress=True):
        """How surprising texts are: DataFrame with columns tokens, log_prob and perplexity.

        texts: one or several (the index of a Series is kept), read as they stand, without the chat
        template. log_prob: sum over the tokens of log p(token | those before). perplexity:
        exp(-log_prob / tokens), 1 for a text the model is sure of. The first token is left out
        unless the model has a token for the beginning of a text. Raises ValueError for a text with
        fewer than two tokens or more than the model's context.
        """
        _, texts, index = listed(texts, "text")
        found = self._answers("perplexity", texts, {}, progress=progress)
        tokens, log_prob = map(np.array, zip(*found, strict=True))
        result = pd.DataFrame(
            {"tokens": tokens, "log_prob": log_prob, "perplexity": np.exp(-log_prob / tokens)},
            index=index,
        )
        result.attrs["provenance"] = self._provenance("perplexity", texts)
        return result

    def count_tokens(self, texts):
        """How many tokens a text has: an int for one, a list of them for several.

        texts: as they stand, without the chat template; or conversations (lists of messages), to
        see what `chat` would have the model read. `context` is the most that it can read and write.
        """
        single, texts, _ = listed(texts, "text", talk=True)
        inputs = [one if isinstance(one, str) else conversations([one])[0] for one in texts]
        counts = self._answers("count_tokens", inputs, {})
        return counts[0] if single else counts

    def _scores(self, prompts, system, options, **how):
        """(n, k) arrays: log p(option | prompt), log p of the answers it stands for, its tokens."""
        asked = conversations(prompts, system)
        found = self._answers("choose", asked, {"options": options}, **how)
        return map(np.array, zip(*found, strict=True))

    def _answers(self, method, inputs, settings, **how):
        """What the model gives for inputs, computed or read; see `Live.answer`."""
        values = self.backend.answer(method, inputs, settings, **how)
        if self._notes:
            self._notes.add(method, inputs, settings, values)
        return values

    def _provenance(self, method, inputs, **settings):
        return record(self.backend.source, method, inputs, settings)
