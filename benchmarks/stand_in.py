"""Phi-3-mini with random weights, where besci takes it for the published one.

Nothing comes from a network: the shape is that of the published configuration, the weights are
drawn, and the tokenizer is learned from the course's own texts, with Phi-3's control tokens and
chat template. What such a model writes has no meaning; what it costs, and whether two ways of
computing give the same, has.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, GenerationConfig, Phi3Config, PreTrainedTokenizerFast

import besci
from besci.models import entry

# config.json of microsoft/Phi-3-mini-4k-instruct as published, quoted in the tests of
# github.com/NVIDIA/TensorRT-LLM (PHI3_MINI_4K_CONFIG).
PUBLISHED = dict(
    vocab_size=32064,
    hidden_size=3072,
    intermediate_size=8192,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=32,
    max_position_embeddings=4096,
    original_max_position_embeddings=4096,
    sliding_window=2047,
    rope_theta=10000.0,
    rms_norm_eps=1e-5,
    tie_word_embeddings=False,
    bos_token_id=1,
    eos_token_id=32000,
    pad_token_id=32000,
)
TINY = dict(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    sliding_window=300,
    original_max_position_embeddings=400,
)
# The 128k model differs in how far it reads, and in that positions turn otherwise from there on
# where the 4k model ends.
LONG = dict(max_position_embeddings=131_072, sliding_window=262_144)

CONTROL = ["<|endoftext|>", "<|assistant|>", *(f"<|placeholder{i}|>" for i in range(1, 5))]
CONTROL += ["<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>"]
FIRST_CONTROL = 32000  # the id of the first of them
ENDS = [
    FIRST_CONTROL + CONTROL.index(text) for text in ("<|endoftext|>", "<|assistant|>", "<|end|>")
]
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}"
    "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
TEXTS = ["media_bias_train.csv", "numeracy.csv", "interviews.csv", "abstracts.csv"]
# Pieces of words. With so many the prompts of the course have as many tokens as with the published
# vocabulary (that of Llama 2), within a tenth.
LEARNED = 16_000

INDEX = "model.safetensors.index.json"
SLICE = 4  # layers in a file of weights, and in a slice of a model
# How far apart the values lie that come out of these where values of unit size go in; else 1.
SPREAD = {"qkv_proj": 2, "lm_head": 3}
EVERY = 100  # one in so many tokens ends an answer


def control_tokens():
    """Phi-3's, as tokenizer.json lists them; all but the first swallow the white space behind."""
    plain = {"special": True, "lstrip": False, "normalized": False, "single_word": False}
    return [
        {"id": FIRST_CONTROL + i, "content": text, "rstrip": i > 0, **plain}
        for i, text in enumerate(CONTROL)
    ]


def tokenizer():
    """Byte-level BPE learned from the course's texts, with Phi-3's control tokens at their ids."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LEARNED,
        special_tokens=["<unk>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [besci.path(name).read_text("utf-8") for name in TEXTS]
    learned.train_from_iterator([line for text in texts for line in text.splitlines()], trainer)
    backend = json.loads(learned.to_str())
    vocabulary = backend["model"]["vocab"]
    # Ids in between stand for nothing that is ever read; a random model writes them all the same.
    vocabulary |= {f"<{i}>": i for i in range(len(vocabulary), FIRST_CONTROL)}
    backend["added_tokens"] += control_tokens()
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(backend)),
        bos_token="<s>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def configuration(shape, long=False):
    """The configuration of the 4k or (long) the 128k model; shape: what differs from the published.

    The factors that turn the 128k model's positions are not the published ones: any two sets show
    whether short and long texts are kept apart.
    """
    values = PUBLISHED | shape
    if not long:
        return Phi3Config(**values, dtype="bfloat16")
    half = values["hidden_size"] // values["num_attention_heads"] // 2
    rope = {"type": "longrope", "short_factor": [1.0] * half}
    rope["long_factor"] = [1 + 30 * i / half for i in range(half)]
    return Phi3Config(**values | LONG, rope_scaling=rope, dtype="bfloat16")


def snapshot(home, key):
    """Where the Hugging Face cache in `home` has the pinned commit of a registered model."""
    model = entry(key)
    return Path(home, f"models--{model['hub'].replace('/', '--')}", "snapshots", model["commit"])


def slice_of(home, key):
    """Where the first layers of this model are, as a model of their own."""
    return Path(home, f"slice-of-{key}")


def write(home, shape, device):
    """phi-3-mini and phi-3-mini-128k in a Hugging Face cache, and slices of both beside them.

    home: the folder of the cache. Files of weights are shared, so that they take their space once.
    Raises OSError where the disk has no room for them.
    """
    keys = ("phi-3-mini", "phi-3-mini-128k")
    home.mkdir(parents=True, exist_ok=True)
    config = configuration(shape)
    weights = _names(config)
    needed = sum(2 * size.numel() for size in weights.values())
    free = shutil.disk_usage(home).free
    if needed > free:
        raise OSError(
            f"{home} has {free / 1e9:.1f} GB of free space; the weights take {needed / 1e9:.1f} "
            "GB. Name another place in the environment variable TMPDIR."
        )
    ends = sorted({*ENDS, *range(EVERY - 1, FIRST_CONTROL, EVERY)})
    generation, words = GenerationConfig(eos_token_id=ends, pad_token_id=ENDS[0]), tokenizer()
    layers = config.num_hidden_layers
    for key in keys:
        for folder, depth in ((snapshot(home, key), layers), (slice_of(home, key), SLICE)):
            folder.mkdir(parents=True)
            shallow = shape | {"num_hidden_layers": min(depth, layers)}
            configuration(shallow, long=key.endswith("128k")).save_pretrained(folder)
            generation.save_pretrained(folder)
            words.save_pretrained(folder)
    first, second = (snapshot(home, key) for key in keys)
    parts = _write_weights(first, weights, device)
    for file in [*parts, INDEX]:
        os.link(first / file, second / file)
    for key in keys:
        os.link(first / parts[0], slice_of(home, key) / "model.safetensors")


def _names(config):
    """{name: empty weight} of a model of this configuration."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config).state_dict()


def _write_weights(folder, weights, device):
    """Draw the weights and write them, SLICE layers to a file; returns the names of the files.

    What belongs to no layer is in the first file, so that this alone is a model of few layers.
    """
    torch.manual_seed(0)

    def part(name):
        _, *below = name.split("layers.")
        return int(below[0].split(".")[0]) // SLICE if below else 0

    count = 1 + max(map(part, weights))
    files = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    for i, file in enumerate(files):
        drawn = {n: _drawn(n, w.shape, device) for n, w in weights.items() if part(n) == i}
        save_file(drawn, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: files[part(name)] for name in weights}}
    (folder / INDEX).write_text(json.dumps(index))
    return files


def _drawn(name, shape, device):
    """Random weights of the size at which each layer adds as much as those before it.

    Attention is sharp, so that the order of the tokens matters, and the logits lie as far apart as
    those of a model that knows what it says.
    """
    if len(shape) == 1:  # of the norms
        return torch.ones(shape, dtype=torch.bfloat16)
    spread = SPREAD.get(name.split(".")[-2], 1)
    size = 1 if "embed_tokens" in name else spread / shape[1] ** 0.5
    return torch.randn(shape, device=device, dtype=torch.bfloat16).mul_(size).cpu()
