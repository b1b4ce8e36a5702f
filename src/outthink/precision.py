"""Which numbers a processor computes with at full speed."""

from __future__ import annotations

__all__ = ["emulates_bfloat16"]

# Vectors for which torch's libraries have kernels in bfloat16.
_COMPUTES = ("AVX512", "SVE256")


def emulates_bfloat16(device: str) -> bool:
    """Whether a device has no kernels for bfloat16 and converts number by number.

    Most CPUs of laptops do. On two cores with AVX2 a product of matrices took 56 times as long as in float32, so what
    is left to choose its numbers chooses float32 there.

    Args:
        device: its type, as torch names it.
    """
    import torch

    return device == "cpu" and torch.backends.cpu.get_cpu_capability() not in _COMPUTES
