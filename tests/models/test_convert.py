"""The two embedded models: a GGUF file converted exactly, both brought by their real wheels."""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny_wheels

from besci import model_path
from besci.models import convert, registry

QUESTION = [{"role": "user", "content": "How many days has a week?"}]


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A tiny GGUF file, converted: (folder, what the file stores)."""
    place = tmp_path_factory.mktemp("gguf")
    stored = tiny_wheels.write_gguf(place / "tiny.gguf")
    convert.gguf_to_safetensors(place / "tiny.gguf", place / "model")
    return place / "model", stored


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """Folders of both embedded models, fetched by pip into an empty cache without the hub."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BESCI_CACHE", str(tmp_path_factory.mktemp("embedded")))
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield {key: Path(model_path(key)) for key in ("minilm", "smollm2-135m")}


@pytest.fixture(scope="session")
def tokenizer(embedded):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(embedded["smollm2-135m"])


@pytest.fixture(scope="session")
def generator(embedded):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(embedded["smollm2-135m"])


def test_weights_are_exactly_what_the_gguf_file_stores(converted):
    from safetensors.numpy import load_file

    folder, stored = converted
    weights = load_file(folder / "model.safetensors")
    pairs = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
        "model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
    }
    for name, origin in pairs.items():
        assert weights[name].dtype == np.float32
        np.testing.assert_array_equal(weights[name], stored[origin])
    # Tied to the embeddings, so not stored again.
    assert "lm_head.weight" not in weights


def test_queries_and_keys_are_put_back_into_the_order_of_transformers(converted):
    from safetensors.numpy import load_file

    folder, stored = converted
    weights = load_file(folder / "model.safetensors")
    for name, heads in (("q", 4), ("k", 2)):
        # GGUF interleaves the two halves of each head's rotary dimensions.
        there = stored[f"blk.0.attn_{name}.weight"]
        back = there.reshape(heads, -1, 2, 64).swapaxes(1, 2).reshape(there.shape)
        np.testing.assert_array_equal(weights[f"model.layers.0.self_attn.{name}_proj.weight"], back)


def test_every_digit_and_the_space_before_it_is_a_token_of_its_own(converted):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted[0])
    assert tokenizer.tokenize("in 12") == ["in", "Ġ", "1", "2"]
    assert tokenizer.decode(tokenizer("in 12 – ç\n").input_ids) == "in 12 – ç\n"


def test_a_file_with_other_text_rules_is_refused(tmp_path):
    tiny_wheels.write_gguf(tmp_path / "other.gguf", pre="llama-bpe")
    with pytest.raises(ValueError, match="splits text by the rules 'llama-bpe'"):
        convert.gguf_to_safetensors(tmp_path / "other.gguf", tmp_path / "model")


# smollm2-135m from its wheel


@pytest.mark.parametrize(
    "text, ids",
    [
        ("I get angry easily.", [57, 820, 12575, 3152, 30]),
        (
            "In 2024, 1,250 people answered:\n\n3 of 7",
            [
                788,
                216,
                34,
                32,
                34,
                36,
                28,
                216,
                33,
                28,
                34,
                37,
                32,
                701,
                11739,
                42,
                1116,
                35,
                282,
                216,
                39,
            ],
        ),
        ("naïve café – «Grüße»", [3546, 46494, 37366, 816, 23708, 27302, 7170, 34878, 85, 20306]),
    ],
)
def test_token_ids_are_pinned(tokenizer, text, ids):
    assert tokenizer(text).input_ids == ids
    assert tokenizer.decode(ids) == text


def test_special_tokens_are_those_of_the_published_model(tokenizer, generator):
    assert tokenizer.special_tokens_map == {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
    }
    roles = generator.generation_config
    assert (roles.bos_token_id, roles.eos_token_id, roles.pad_token_id) == (1, 2, 2)
    assert tokenizer.convert_ids_to_tokens([1, 2]) == ["<|im_start|>", "<|im_end|>"]


def test_the_chat_template_is_the_published_one_with_its_system_message(tokenizer):
    assert tokenizer.apply_chat_template(QUESTION, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHow many days has a week?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    own = [{"role": "system", "content": "Be brief."}, *QUESTION]
    assert "SmolLM" not in tokenizer.apply_chat_template(own, tokenize=False)


def test_logits_are_the_same_on_every_stack(tokenizer, generator):
    import torch

    inputs = tokenizer.apply_chat_template(
        QUESTION, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    with torch.inference_mode():
        logits = generator(**inputs).logits[0, -1]
    top = logits.topk(5)
    assert top.indices.tolist() == [504, 49, 2122, 1348, 1589]
    np.testing.assert_allclose(top.values, [33.1526, 33.0928, 32.0993, 31.6001, 31.5246], atol=1e-3)


def test_the_output_layer_stays_tied_to_the_embeddings(generator):
    assert generator.lm_head.weight is generator.model.embed_tokens.weight
    parameters = sum(p.numel() for p in generator.parameters())
    assert parameters == registry.entry("smollm2-135m")["parameters"]


# minilm from its wheel


def test_minilm_is_the_published_model(embedded):
    digest = hashlib.sha256((embedded["minilm"] / "model.safetensors").read_bytes()).hexdigest()
    assert digest == registry.entry("minilm")["sha256"]["model.safetensors"]
    assert (embedded["minilm"] / "model.safetensors").stat().st_size == registry.entry("minilm")[
        "bytes"
    ]


def test_minilm_embeds_sentences_without_a_warning(embedded):
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SentenceTransformer(str(embedded["minilm"]), device="cpu")
        vectors = model.encode(["I get angry easily.", "I lose my temper.", "It rains today."])
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert model.max_seq_length == registry.entry("minilm")["context"] == 256


def test_minilm_also_loads_in_transformers(embedded):
    from transformers import AutoModel, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(embedded["minilm"])("Cold?", return_tensors="pt")
    model = AutoModel.from_pretrained(embedded["minilm"])
    assert model(**inputs).last_hidden_state.shape[-1] == 384
    assert sum(p.numel() for p in model.parameters()) == registry.entry("minilm")["parameters"]


def test_every_file_of_a_copy_is_in_its_manifest_with_its_hash(embedded):
    for folder in embedded.values():
        files = json.loads((folder / registry.MANIFEST).read_text())["files"]
        found = {f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()}
        assert found == {*files, registry.MANIFEST}
        for name, file in files.items():
            content = (folder / name).read_bytes()
            assert file == {
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
