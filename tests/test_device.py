"""What this computer computes with."""

import pytest
import torch

from besci.device import best_dtype, gpu


@pytest.mark.parametrize(
    "device, capability, dtype",
    [("cpu", None, "float32"), ("cuda", (7, 5), "float16"), ("cuda:0", (8, 0), "bfloat16")],
)
def test_the_number_format_follows_the_device(monkeypatch, device, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert best_dtype(device) == getattr(torch, dtype)


@pytest.mark.parametrize("there", [True, False])
def test_there_is_a_gpu_where_torch_can_use_one(monkeypatch, there):
    """tests/models/test_memory.py pretends GPUs for which torch has no code."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75"])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    assert gpu() is there
