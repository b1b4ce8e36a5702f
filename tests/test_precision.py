"""Which devices have kernels for bfloat16."""

import pytest

torch = pytest.importorskip("torch", reason='needs torch: pip install "outthink[transformers]"')

from outthink.precision import emulates_bfloat16  # noqa: E402


@pytest.mark.parametrize(
    ("device", "capability", "emulated"),
    [
        ("cpu", "AVX2", True),
        ("cpu", "DEFAULT", True),
        ("cpu", "AVX512", False),
        ("cpu", "SVE256", False),
        ("cuda", "AVX2", False),
        ("mps", "DEFAULT", False),
    ],
)
def test_a_cpu_needs_vectors_that_torch_has_kernels_for(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: str, emulated: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert emulates_bfloat16(device) is emulated
