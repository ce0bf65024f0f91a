"""A GGUF file (llama architecture, byte-level BPE) turned once into what transformers loads."""

import json
from pathlib import Path


def gguf_to_safetensors(gguf_file, folder):
    """Write config, generation config, tokenizer and weights of `gguf_file` into `folder`.

    Weights are stored as float32. A Q4_1 weight is a 4-bit step times a 16-bit scale plus a 16-bit
    offset, which neither float16 nor bfloat16 can hold: only float32 gives the file's own logits.
    A CPU computes in float32, so it also loads fastest: the file is mapped into memory, not cast.
    Raises ValueError for a file whose text rules are not those implemented here.
    """
    gguf_file, folder = Path(gguf_file), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    special = _write_tokenizer(gguf_file, folder)
    write_model(gguf_file, folder, special)


def _write_tokenizer(gguf_file, folder):
    """Write tokenizer.json, its configuration and chat template; return {role: token id}."""
    from gguf import GGUFReader, TokenType
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = GGUFReader(gguf_file).fields

    def read(name):
        return fields[f"tokenizer.{name}"].contents()

    if (found := read("ggml.pre")) != "smollm":
        raise ValueError(f"{gguf_file.name} splits text by the rules {found!r}, not 'smollm'")
    tokens, types = read("ggml.tokens"), read("ggml.token_type")
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: i for i, token in enumerate(tokens)},
            merges=[tuple(merge.split(" ")) for merge in read("ggml.merges")],
        )
    )
    # Built here because the tokenizer transformers reads from a GGUF file leaves out the rule
    # "every digit on its own", and so cuts spaces and line breaks before a number differently from
    # the model's training (and names other special tokens in each version).
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, types, strict=True) if kind == TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    tokenizer.save(str(folder / "tokenizer.json"))

    special = {
        "bos": read("ggml.bos_token_id"),
        "eos": read("ggml.eos_token_id"),
        "pad": read("ggml.padding_token_id"),
        "unk": read("ggml.unknown_token_id"),
    }
    settings = {f"{role}_token": tokens[i] for role, i in special.items()} | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": fields["llama.context_length"].contents(),
        "clean_up_tokenization_spaces": False,
    }
    _write_json(folder / "tokenizer_config.json", settings)
    (folder / "chat_template.jinja").write_text(read("chat_template"), encoding="utf-8")
    return special


def write_model(gguf_file, folder, special):
    """Write the weights in float32 and the configurations."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, dtype=torch.float32
    )
    weights = model.state_dict()
    if model.config.tie_word_embeddings:
        del weights["lm_head.weight"]
    # Not model.save_pretrained: transformers refuses it for a model that was read from GGUF.
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    for origin in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(origin, None)
    _write_json(folder / "config.json", config)
    roles = {f"{role}_token_id": special[role] for role in ("bos", "eos", "pad")}
    _write_json(folder / "generation_config.json", roles)
    # save_file writes for its user alone; a cache on a shared computer is for all.
    (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)


def _write_json(file, content):
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
