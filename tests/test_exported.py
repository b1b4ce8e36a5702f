import subprocess
import sys

import outthink


def test_the_public_door_is_sorted_and_opens() -> None:
    assert outthink.__all__ == sorted(outthink.__all__)
    for name in outthink.__all__:
        assert getattr(outthink, name).__doc__, f"{name} is public and says nothing of itself"


def test_importing_outthink_loads_nothing_heavy() -> None:
    heavy = ["torch", "vllm", "numpy", "pandas", "matplotlib", "sympy", "pydantic", "xllamacpp", "rich"]
    code = f"import sys, outthink; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
