"""What besci.llm uses of transformers beyond its documented surface; runs before all other tests.

When a new transformers fails here, `besci/llm/trees.py` and `Engine` in `besci/llm/engine.py` are
the two places to change.
"""

import inspect

import pytest
import tiny
import torch
import transformers
from transformers.cache_utils import Cache, DynamicLayer

from besci.llm.trees import Store

VERSION = f"transformers {transformers.__version__}"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tiny.save(tmp_path_factory.mktemp("llama"), tiny.letter_tokenizer(), tiny.llama())
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_a_cache_is_made_of_layers_of_a_class_of_ours():
    assert "layer_class_to_replicate" in inspect.signature(Cache.__init__).parameters, VERSION
    given = list(inspect.signature(DynamicLayer.update).parameters)[:3]
    assert given == ["self", "key_states", "value_states"], VERSION
    begun = list(inspect.signature(DynamicLayer.lazy_initialization).parameters)
    assert begun == ["self", "key_states", "value_states"], VERSION


@torch.inference_mode()
def test_a_model_reads_on_from_our_cache_with_positions_mask_and_chosen_logits_of_our_own(model):
    ids = torch.tensor([[1, 2, 3, 4, 2]])
    whole = model(ids).logits[0]
    store = Store()
    seen = torch.zeros(1, 1, 3, 3).masked_fill(torch.ones(3, 3).triu(1).bool(), -1e9)
    names = inspect.signature(model.forward).parameters
    settings = {"cache" if "cache" in names else "past_key_values": store, "use_cache": True}
    store.put(slice(0, 3), 3)
    model(ids[:, :3], position_ids=torch.arange(3)[None], attention_mask=seen, **settings)
    assert len(store.layers) == model.config.num_hidden_layers, VERSION
    assert all(layer.get_seq_length() == 3 for layer in store.layers), VERSION
    # Two tokens side by side at one position, of which each sees the prefix and itself alone.
    pair = torch.tensor([[4, 3]])
    apart = torch.zeros(1, 1, 2, 5)
    apart[0, 0, 0, 3] = apart[0, 0, 1, 4] = -1e9
    store.put(torch.tensor([4, 3]), 5)  # columns in any order
    logits = model(
        pair,
        position_ids=torch.tensor([[3, 3]]),
        attention_mask=apart,
        logits_to_keep=torch.tensor([0]),
        **settings,
    ).logits[0]
    assert logits.shape[0] == 1, f"{VERSION}: logits_to_keep takes places"
    torch.testing.assert_close(logits[0], whole[3], atol=1e-4, rtol=1e-4, msg=VERSION)
    store.put(slice(3, 5), 5)
    again = model(
        ids[:, 3:],
        position_ids=torch.tensor([[3, 4]]),
        attention_mask=torch.tensor([[[[0, 0, 0, 0, -1e9], [0, 0, 0, 0, 0]]]]),
        **settings,
    ).logits[0]
    torch.testing.assert_close(again, whole[3:], atol=1e-4, rtol=1e-4, msg=VERSION)
