"""What besci.LLM is measured against: the 2024 loop, and the least that has to be computed."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import DynamicCache, GenerationConfig, pipeline

from besci.inputs import conversations
from besci.llm.trees import Tree

NEW_TOKENS = 10  # that the 2024 loop lets a model write where it looks for a label


class Loop:
    """The 2024 way: let the model write, then look into its answers.

    llm: the model is the one that this besci.LLM has loaded.
    """

    def __init__(self, llm):
        self.tokenizer, self.ends = llm.tokenizer, sorted(llm.backend.stop)
        self.tokenizer.padding_side = "left"
        self.pipe = pipeline("text-generation", model=llm.model, tokenizer=self.tokenizer)

    def __call__(self, prompts, batch_size=1, new_tokens=NEW_TOKENS):
        """The answers, greedily, to texts or conversations (lists of messages)."""
        chats = [[{"role": "user", "content": p}] if isinstance(p, str) else p for p in prompts]
        config = GenerationConfig(
            max_new_tokens=new_tokens,
            do_sample=False,
            eos_token_id=self.ends,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        options = dict(generation_config=config, return_full_text=False)
        if batch_size == 1:
            found = [self.pipe(chat, **options) for chat in chats]
        else:
            found = self.pipe(chats, batch_size=batch_size, **options)
        return [answer[0]["generated_text"] for answer in found]


def bare_reading(llm, prompts, options, read_before=False, width=256):
    """(function, tokens): a bare forward pass over the distinct tokens of prompts and options.

    No padding, no attention mask, `width` tokens at a time, and the vocabulary only at the last
    position. read_before: what all prompts share has been read already. tokens: how many it reads.
    """
    encoded = llm.prompts.encode(dict.fromkeys(llm.prompts.render_all(conversations(prompts))))
    rendered = llm.prompts.render_all(conversations(["x"]))[0]
    written = [llm.prompts.continuation(rendered, option) for option in options] or [[]]
    tree = Tree(sorted(ids + option[:-1] for ids in encoded for option in written), 0)
    shared = len(os.path.commonprefix(encoded)) if read_before else 0
    ids = torch.tensor([tree.ids], device=llm.device)

    @torch.inference_mode()
    def bare():
        for start in range(shared, ids.shape[1], width):
            cache = None
            if shared:
                cache = DynamicCache(config=llm.model.config)
                for i, (keys, values) in enumerate(kept):
                    cache.update(keys, values, i)
            read = {llm.engine.cache_name: cache, "logits_to_keep": 1}
            llm.model(ids[:, start : start + width], **read)

    if shared:
        with torch.inference_mode():
            before = llm.model(ids[:, :shared], use_cache=True)[llm.engine.cache_name]
        kept = [(layer.keys, layer.values) for layer in before.layers]
    return bare, ids.shape[1] - shared


def machine(*packages):
    """What computes, in plain values: processor, threads, versions of Python and `packages`."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
