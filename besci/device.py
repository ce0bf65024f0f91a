"""What this computer computes with: a GPU or not, and in which precision."""

import re


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


def best_dtype(device):
    """The torch.dtype to load a model in: float32 on a CPU, else 16 bits.

    bfloat16 from CUDA compute capability 8.0; float16 on older GPUs such as the T4, where bfloat16
    would be emulated. device: "cpu", "cuda", "cuda:1" or a torch.device.
    """
    import torch

    device = torch.device(device)
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
