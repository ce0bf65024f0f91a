"""Tiny random models, laid out like the real repositories, for tests without the hub.

`unpinned()` is the registry that goes with them: without the hashes of the real weights. They speak
nonsense, but have the files, tokenizers, chat templates and traps of the real ones:
Phi-3 comes in two shards beside a pickled copy and remote code that must never be fetched, and the
sentiment model has no tokenizer.json.
"""

import json
import string
import tempfile
from functools import lru_cache
from pathlib import Path

from besci.models import registry

TEXT = [
    "Once upon a time, the people of the village made friends easily and worried about things.",
    "Rate your agreement from 1 to 6: I get angry easily. Answer with a number, yes or no.",
]
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PHI3 = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}"
    "{% else %}{{ eos_token }}{% endif %}"
)
SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}


@lru_cache(maxsize=1)
def build_tiny_models():
    """{hub id: folder} for every model of the registry but minilm and bert-base."""
    # Kept on the function so that the folder lives as long as the process.
    build_tiny_models.home = tempfile.TemporaryDirectory(prefix="tiny-models-")
    home = Path(build_tiny_models.home.name)
    makers = {
        "smollm2-135m": llama,
        "qwen2.5-coder-1.5b": qwen2,
        "qwen2.5-coder-0.5b": qwen2,
        "phi-3-mini": phi3,
        "phi-3-mini-128k": phi3,
        "qwen3-4b": qwen3,
        "granite-4.1-3b": granite,
        "phi-4-mini": phi4,
        "smollm3-3b": smollm3,
        "qwen3-0.6b": qwen3,
        "mpnet": mpnet,
        "multilingual-minilm": mpnet,
        "mpnet-personality": mpnet,
        "gpt2": gpt2,
        "distilbert-sst2": distilbert,
    }
    for key, make in makers.items():
        (home / key).mkdir()
        make(home / key)
    return {registry.entry(key)["hub"]: home / key for key in makers}


def unpinned():
    """The registry without the hashes of the real weights, all of them as safetensors."""
    real = registry.all_entries()
    files = real["gpt2"]["files"]
    return {
        key: {name: value for name, value in model.items() if name not in ("sha256", "gguf")}
        | {"files": files}
        for key, model in real.items()
    }


# For another process, or a notebook's kernel, that fetches tiny models under real names.
UNPIN = f"""
import sys
sys.path += {[str(Path(__file__).parent)]!r}
import tiny_models
from besci.models import registry
registry.all_entries = (lambda table: lambda: table)(tiny_models.unpinned())
"""


def chat_model(model, config, folder):
    """A random model of this class and configuration with a ChatML template."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    roles = byte_tokenizer(folder, special, "<|im_end|>", CHATML)
    _save(model, config(**SIZE, **HEADS, tie_word_embeddings=True, **roles), folder)


def llama(folder):
    from transformers import LlamaConfig, LlamaForCausalLM

    chat_model(LlamaForCausalLM, LlamaConfig, folder)


def qwen2(folder):
    from transformers import Qwen2Config, Qwen2ForCausalLM

    chat_model(Qwen2ForCausalLM, Qwen2Config, folder)


def qwen3(folder):
    from transformers import Qwen3Config, Qwen3ForCausalLM

    chat_model(Qwen3ForCausalLM, Qwen3Config, folder)


def granite(folder):
    from transformers import GraniteConfig, GraniteForCausalLM

    def config(**settings):
        return GraniteConfig(
            embedding_multiplier=12.0, residual_multiplier=0.2, logits_scaling=8.0, **settings
        )

    chat_model(GraniteForCausalLM, config, folder)


def smollm3(folder):
    from transformers import SmolLM3Config, SmolLM3ForCausalLM

    def config(**settings):  # every second layer without rotary positions, no cache by default
        return SmolLM3Config(no_rope_layers=[1, 0], use_cache=False, **settings)

    chat_model(SmolLM3ForCausalLM, config, folder)


def phi3(folder):
    phi(folder, sliding_window=2047)


def phi4(folder):
    # Partly rotated, its positions turned another way beyond the original length, as in the card.
    turn = {"rope_type": "longrope", "rope_theta": 10_000.0, "partial_rotary_factor": 0.75}
    turn |= {"short_factor": [1.0] * 3, "long_factor": [2.0] * 3}
    phi(
        folder,
        sliding_window=262_144,
        partial_rotary_factor=0.75,
        rope_parameters=turn | {"original_max_position_embeddings": 64},
        max_position_embeddings=1024,
        original_max_position_embeddings=64,
        tie_word_embeddings=True,
    )


def phi(folder, **settings):
    from transformers import Phi3Config, Phi3ForCausalLM

    special = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    roles = byte_tokenizer(folder, special, "<|endoftext|>", PHI3)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4}
    model = Phi3ForCausalLM(Phi3Config(**SIZE, **heads, **settings, **roles))
    model.generation_config.eos_token_id = [
        special.index("<|endoftext|>"),
        special.index("<|end|>"),
    ]
    model.save_pretrained(folder, max_shard_size="100KB")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle that could run code")
    (folder / "modeling_phi3.py").write_text("raise SystemExit('remote code was run')\n")
    _edit(
        folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"}
    )


def gpt2(folder):
    from transformers import GPT2Config, GPT2LMHeadModel

    roles = byte_tokenizer(folder, ["<|endoftext|>"], "<|endoftext|>", None)
    _save(GPT2LMHeadModel, GPT2Config(n_embd=32, n_layer=2, n_head=4, **roles), folder)


def distilbert(folder):
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    vocabulary = word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    _write(folder / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 512})
    config = DistilBertConfig(
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=64,
        vocab_size=len(vocabulary),
        id2label={0: "NEGATIVE", 1: "POSITIVE"},
        label2id={"NEGATIVE": 0, "POSITIVE": 1},
    )
    _save(DistilBertForSequenceClassification, config, folder)


def mpnet(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import MPNetConfig, MPNetModel

    vocabulary = word_pieces(["<s>", "<pad>", "</s>", "[UNK]", "<mask>"])
    tokenizer = Tokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "[UNK]",
            "mask_token": "<mask>",
            "model_max_length": 512,
        },
    )
    config = MPNetConfig(**SIZE, num_attention_heads=4, vocab_size=len(vocabulary))
    _save(MPNetModel, config, folder)
    sentence_transformer(folder, dimensions=32, context=384)


def sentence_transformer(folder, dimensions, context):
    """The files that make a folder a sentence-transformers model: mean pooling, unit length."""
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(steps)
    ]
    _write(folder / "modules.json", modules)
    _write(
        folder / "sentence_bert_config.json", {"max_seq_length": context, "do_lower_case": False}
    )
    (folder / "1_Pooling").mkdir()
    _write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": dimensions, "pooling_mode_mean_tokens": True},
    )


def byte_tokenizer(folder, special, eos, template):
    """Write a byte-level BPE tokenizer; return what a configuration must know of it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": special[0],
        "eos_token": eos,
        "pad_token": eos,
        "unk_token": special[0],
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
    }
    _write(
        folder / "tokenizer_config.json",
        settings | ({"chat_template": template} if template else {}),
    )
    eos_id = tokenizer.token_to_id(eos)
    return {
        "vocab_size": tokenizer.get_vocab_size(),
        "bos_token_id": 0,
        "eos_token_id": eos_id,
        "pad_token_id": eos_id,
    }


def word_pieces(special):
    """A WordPiece vocabulary that can spell any ASCII text."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    return [*special, *characters, *(f"##{c}" for c in string.ascii_lowercase + string.digits)]


def _save(kind, config, folder):
    import torch

    torch.manual_seed(0)
    kind(config).save_pretrained(folder)


def _write(file, content):
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _edit(file, **changes):
    _write(file, json.loads(file.read_text(encoding="utf-8")) | changes)
