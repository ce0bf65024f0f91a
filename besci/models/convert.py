"""A GGUF file turned once into what transformers loads, by the file's own fields.

GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) holds quantised weights, the
configuration and the tokenizer in one file. transformers reads it too, but needs the whole model in
float32 in memory for it, and builds a tokenizer that splits some texts in another way than the
model's training did and ends answers at another token.
"""

import json
from pathlib import Path

RECIPE = 2  # goes up when what is written here changes, so that copies made before are made anew
# Architectures (general.architecture) whose weights are named and laid out as written here.
ARCHITECTURES = ("llama", "qwen2")
SHARD = 1_000_000_000  # bytes of one weights file at most, and so of what is held in memory
_QWEN2 = (  # the pattern of https://huggingface.co/Qwen/Qwen2.5-0.5B/blob/main/tokenizer.json
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def gguf_to_safetensors(gguf_file, folder, dtype="float32"):
    """Write config, generation config, tokenizer and weights of `gguf_file` into `folder`.

    dtype: name of the torch.dtype in which the weights are stored. float32 gives the file's own
    logits: a quantised weight is a small step times a 16-bit scale, which no 16 bits can hold. Held
    in memory is one file of weights at a time, `SHARD` bytes at most, twice while it is written.
    Raises ValueError for an architecture or for text rules that are not those known here, and for a
    file that lacks weights of its model.
    """
    from gguf import GGUFReader

    gguf_file, folder = Path(gguf_file), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reader = GGUFReader(gguf_file)
    if (architecture := _field(reader, "general.architecture")) not in ARCHITECTURES:
        raise ValueError(
            f"{gguf_file.name} has the architecture {architecture!r}; known here are "
            f"{', '.join(ARCHITECTURES)}."
        )
    ends = _write_tokenizer(reader, gguf_file.name, architecture, folder)
    write_model(reader, gguf_file, architecture, folder, ends, dtype)


def _field(reader, name, default=None):
    field = reader.fields.get(name)
    return default if field is None else field.contents()


def _text_rules(name):
    """(normalizer, pre-tokenizer) of the rules that `tokenizer.ggml.pre` names, or None."""
    from tokenizers import Regex, normalizers, pre_tokenizers

    if name == "smollm":  # every digit on its own
        digits = pre_tokenizers.Digits(individual_digits=True)
        return None, [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if name == "qwen2":
        words = pre_tokenizers.Split(Regex(_QWEN2), behavior="isolated")
        raw = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return normalizers.NFC(), [words, raw]
    return None


def _write_tokenizer(reader, name, architecture, folder):
    """Write tokenizer.json, its configuration and chat template; return {role: token id(s)}."""
    from gguf import TokenType
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    def read(field):
        return _field(reader, f"tokenizer.{field}")

    kind, pre = read("ggml.model"), read("ggml.pre")
    rules = _text_rules(pre) if kind == "gpt2" else None  # byte-level byte-pair encoding
    if rules is None:
        raise ValueError(
            f"{name} splits text by the rules {pre!r} of the kind {kind!r}; known here are "
            "'smollm' and 'qwen2' of the kind 'gpt2'."
        )
    tokens, types = read("ggml.tokens"), read("ggml.token_type")
    typed = list(zip(tokens, types, strict=True))
    tokenizer = Tokenizer(
        models.BPE(
            vocab={t: i for i, (t, kind) in enumerate(typed) if kind != TokenType.UNUSED},
            merges=[tuple(merge.split(" ")) for merge in read("ggml.merges")],
        )
    )
    normalizer, steps = rules
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, k in typed if k == TokenType.CONTROL]
    )
    tokenizer.add_tokens(
        [AddedToken(t, normalized=False) for t, k in typed if k == TokenType.USER_DEFINED]
    )
    roles = {
        "bos": read("ggml.bos_token_id"),
        "eos": read("ggml.eos_token_id"),
        "pad": read("ggml.padding_token_id"),
        "unk": read("ggml.unknown_token_id"),
    }
    if read("ggml.add_bos_token"):
        first = tokens[roles["bos"]]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, roles["bos"])]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {f"{role}_token": tokens[i] for role, i in roles.items() if i is not None} | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": _field(reader, f"{architecture}.context_length"),
        "clean_up_tokenization_spaces": False,
    }
    _write_json(folder / "tokenizer_config.json", settings)
    if template := read("chat_template"):
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    # An answer ends where the file says, and where the model writes padding.
    ends = {roles["eos"], read("ggml.eot_token_id"), roles["pad"]} - {None}
    first, *more = sorted(ends, key=lambda i: i != roles["eos"])
    return {
        "bos_token_id": roles["bos"],
        "eos_token_id": [first, *more] if more else first,
        "pad_token_id": roles["pad"],
    }


def write_model(reader, gguf_file, architecture, folder, ends, dtype):
    """Write the weights, a file at a time, and the configurations."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(gguf_file.parent, gguf_file=gguf_file.name)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    wanted = model.state_dict()
    if config.tie_word_embeddings:
        del wanted["lm_head.weight"]
    dtype = getattr(torch, dtype)
    origins = _origins(reader, gguf_file.name, architecture, wanted)
    files = _files(wanted, dtype.itemsize)
    for file, names in files.items():
        weights = {name: _weight(origins[name], name, config, dtype) for name in names}
        save_file(weights, folder / file, metadata={"format": "pt"})
        del weights
    if len(files) > 1:
        total = sum(weight.numel() for weight in wanted.values()) * dtype.itemsize
        index = {name: file for file, names in files.items() for name in names}
        _write_json(
            folder / "model.safetensors.index.json",
            {"metadata": {"total_size": total}, "weight_map": index},
        )
    stored = {"architectures": [type(model).__name__], "dtype": str(dtype).removeprefix("torch.")}
    config = config.to_dict() | stored
    for origin in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(origin, None)
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", {k: v for k, v in ends.items() if v is not None})
    # save_file writes for its user alone; a cache on a shared computer is for all.
    for file in files:
        (folder / file).chmod((folder / "config.json").stat().st_mode)


def _origins(reader, file, architecture, wanted):
    """{name in transformers: tensor of the file}; raises ValueError if one is left over."""
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

    (arch,) = [arch for arch, name in MODEL_ARCH_NAMES.items() if name == architecture]
    names = get_tensor_name_map(arch, _field(reader, f"{architecture}.block_count"))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    origins = {}
    for name, weight in wanted.items():
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        tensor = tensors.pop(there, None)
        if tensor is None:
            raise ValueError(f"{file} lacks the weights {there or name}.")
        if (shape := tensor.shape.tolist()[::-1]) != list(weight.shape):
            raise ValueError(f"{file}: {there} has the shape {shape}, not {list(weight.shape)}.")
        origins[name] = tensor
    if tensors:
        raise ValueError(f"{file} holds weights that its model does not have: {min(tensors)}.")
    return origins


def _files(wanted, width):
    """{file: names of the weights in it}, none larger than SHARD bytes if its weights are not."""
    groups, room = [], 0
    for name, weight in wanted.items():
        size = weight.numel() * width
        if size > room:
            groups.append([])
            room = SHARD
        groups[-1].append(name)
        room -= size
    if len(groups) == 1:
        return {"model.safetensors": groups[0]}
    of = len(groups)
    return {f"model-{n:05}-of-{of:05}.safetensors": group for n, group in enumerate(groups, 1)}


def _weight(tensor, name, config, dtype):
    """A weight as transformers lays it out."""
    import torch
    from gguf import dequantize

    values = dequantize(tensor.data, tensor.tensor_type)
    heads = {
        "q_proj": config.num_attention_heads,
        "k_proj": config.num_key_value_heads,
    }.get(name.split(".")[-2])
    if config.model_type == "llama" and heads:
        # GGUF interleaves the two halves of each head's rotary dimensions in this architecture.
        halves = values.reshape(heads, -1, 2, *values.shape[1:])
        values = halves.swapaxes(1, 2).reshape(values.shape)
    return torch.tensor(values).to(dtype)


def _write_json(file, content):
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
