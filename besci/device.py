"""What this computer computes with: a GPU or not, and in which precision."""


def gpu():
    """Whether PyTorch can use a CUDA GPU."""
    import torch

    return torch.cuda.is_available()


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
