"""Models that are not all there, or bring code, are refused on every route, by name."""

import json
import shutil

import pytest
import tiny
from safetensors.torch import load_file, save_file
from tiny_models import build_tiny_models

import besci


@pytest.fixture
def folder(tmp_path):
    tiny.save(tmp_path / "model", tiny.letter_tokenizer(), tiny.llama())
    return tmp_path / "model"


@pytest.fixture
def embedder(tmp_path):
    source = build_tiny_models()["sentence-transformers/all-mpnet-base-v2"]
    return shutil.copytree(source, tmp_path / "embedder")


def change(folder, how):
    file = folder / "model.safetensors"
    save_file(how(load_file(file)), file, metadata={"format": "pt"})


def without_one(weights):
    del weights[next(name for name in sorted(weights) if "layer" in name)]
    return weights


DAMAGES = {
    "one is missing": without_one,
    "DataParallel": lambda w: {f"module.{name}": value for name, value in w.items()},
    "PEFT": lambda w: {f"base_model.model.{name}": value for name, value in w.items()},
    "another shape": lambda w: {name: value[:-1].contiguous() for name, value in w.items()},
}


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_language_model_without_its_weights_is_refused(how, folder):
    change(folder, how)
    with pytest.raises(ValueError, match="model.* (lack|another shape|cannot be loaded)"):
        besci.LLM(folder)


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_an_embedding_model_without_its_weights_is_refused(how, embedder):
    besci.embed("a text", model=embedder)
    change(embedder, how)
    with pytest.raises(ValueError, match="embedder.* (lack|another shape|cannot be loaded)"):
        besci.embed("a text", model=embedder)


def test_pickled_weights_are_never_read(embedder, folder):
    import torch

    for model, use in ((embedder, besci.embed), (folder, lambda _, model: besci.LLM(model))):
        weights = load_file(model / "model.safetensors")
        torch.save(weights, model / "pytorch_model.bin")
        (model / "model.safetensors").unlink()
        with pytest.raises(ValueError, match="cannot be loaded"):
            use("a text", model=model)


def test_code_in_the_folder_of_an_embedding_model_is_not_run(embedder, tmp_path):
    modules = json.loads((embedder / "modules.json").read_text())
    modules[-1]["type"] = "own_code.Evil"
    (embedder / "modules.json").write_text(json.dumps(modules))
    ran = tmp_path / "ran"
    (embedder / "own_code.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass\n")
    with pytest.raises(ValueError, match="own_code.Evil, which is not of sentence_transformers"):
        besci.embed("a text", model=embedder)
    assert not ran.exists()


def test_a_folder_that_holds_no_embedding_model_is_refused(folder):
    with pytest.raises(ValueError, match="modules.json cannot be read"):
        besci.embed("a text", model=folder)
