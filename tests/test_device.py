"""What this computer computes with."""

import pytest
import torch

from besci import device
from besci.device import best_dtype, gpu, native_bfloat16

# What Linux says of three processors, shortened.
COLAB = "flags\t\t: fpu sse2 avx avx2 fma avx512f avx512bw avx512vl avx512_vnni"
EPYC = COLAB.replace("avx512_vnni", "avx512_bf16 avx512_vnni")
XEON = COLAB.replace("avx512_vnni", "avx512_vnni amx_bf16 amx_tile")
GRAVITON = "Features\t: fp asimd atomics sve svebf16 i8mm bf16"
OLDER_ARM = "Features\t: fp asimd evtstrm aes crc32"


@pytest.mark.parametrize(
    "said, native",
    [(COLAB, False), (EPYC, True), (XEON, True), (GRAVITON, True), (OLDER_ARM, False), ("", False)],
)
def test_whether_a_processor_multiplies_bfloat16_is_asked_from_the_system(tmp_path, said, native):
    file = tmp_path / "cpuinfo"
    file.write_text(
        f"processor\t: 0\nmodel name\t: a bf16 in a name says nothing\n{said}\nbugs\t:\n"
    )
    assert native_bfloat16(file) is native


def test_where_the_system_does_not_say_bfloat16_is_not_used(tmp_path):
    assert native_bfloat16(tmp_path / "no such file") is False


@pytest.mark.parametrize(
    "where, parameters, native, dtype",
    [
        ("cpu", 1e9, False, "float32"),
        ("cpu", 1e9, True, "bfloat16"),
        ("cpu", 1e8, True, "float32"),  # small models are exact
        ((7, 5), 1e9, True, "float16"),
        ((7, 5), 1e8, True, "float16"),
        ((8, 0), 1e9, False, "bfloat16"),
    ],
)
def test_the_number_format_follows_device_and_size(monkeypatch, where, parameters, native, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: where)
    monkeypatch.setattr(device, "native_bfloat16", lambda: native)
    place = "cpu" if where == "cpu" else "cuda:0"
    assert best_dtype(place, parameters) == getattr(torch, dtype)


@pytest.mark.parametrize("there", [True, False])
def test_there_is_a_gpu_where_torch_can_use_one(monkeypatch, there):
    """tests/models/test_memory.py pretends GPUs for which torch has no code."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75"])
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    assert gpu() is there
