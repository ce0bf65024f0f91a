"""What this computer computes with: a GPU or not, and in which precision."""

import re
from pathlib import Path

# Up to this many parameters a processor computes in float32: a small model is fast in it, and its
# results do not depend on what else is computed in the same pass.
SMALL = 300_000_000


def gpu():
    """Whether there is a CUDA GPU that this PyTorch has kernels for."""
    import torch

    return torch.cuda.is_available() and not gpu_too_old()


def gpu_too_old():
    """The name of a GPU that PyTorch sees and has no kernels for, or None.

    A GPU runs code made for its own compute capability or an earlier one of the same generation
    ("sm_75"), and translates what was left open for later ones ("compute_90").
    Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/ (binary and PTX compatibility).
    """
    import torch

    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability()
    for made_for in torch.cuda.get_arch_list():
        kind, *version = re.match(r"(sm|compute)_(\d+)(\d)", made_for).groups()
        generation, step = map(int, version)
        if (generation, step) <= (major, minor) and (kind == "compute" or generation == major):
            return None
    return torch.cuda.get_device_name()


def native_bfloat16(cpuinfo=Path("/proc/cpuinfo")):
    """Whether the processor multiplies bfloat16 numbers itself, faster than those of float32.

    As Linux lists its abilities: AVX512-BF16 or AMX (Intel, AMD), BF16 (Arm). Elsewhere False:
    Windows does not say, and PyTorch makes no use of what Apple's processors have.
    """
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    listed = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return bool(listed and {"avx512_bf16", "amx_bf16", "bf16"} & set(listed[1].split()))


def best_dtype(device, parameters):
    """The torch.dtype to load a model of so many parameters in.

    On a GPU 16 bits: bfloat16 from CUDA compute capability 8.0; float16 on older ones such as the
    T4, where bfloat16 would be emulated. On a CPU float32, or bfloat16 for a model of more than
    `SMALL` parameters where the processor multiplies it natively. device: "cpu", "cuda", "cuda:1"
    or a torch.device.
    """
    import torch

    device = torch.device(device)
    if device.type != "cuda":
        large = parameters > SMALL and native_bfloat16()
        return torch.bfloat16 if large else torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
