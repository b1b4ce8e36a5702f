"""llama.cpp's library, loaded so that it stays fast on a machine that has other things to do.

Its threads meet after every operation, hundreds of times a token, and those that are first wait. OpenMP lets them wait
busily for milliseconds, which is best on idle cores. On cores that something else wants too, they keep the thread that
they wait for from running.
"""

from __future__ import annotations

import os
from typing import Any

from outthink.environment import environment
from outthink.errors import UsageError

__all__ = ["llamacpp_library"]

# Rounds that a thread waits busily before it sleeps: some 50 microseconds. OpenMP's own are 300,000, or what the user
# says. On two cores beside two busy processes it doubles the speed, alone it costs nothing (benchmarks/busy.py).
_ROUNDS = "2000"


def llamacpp_library() -> Any:
    """The module `xllamacpp`.

    Raises:
        UsageError: it cannot be imported, most likely for want of OpenMP's library.
    """
    told = "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ
    # Read once, when the library is loaded.
    with environment({} if told else {"GOMP_SPINCOUNT": _ROUNDS}):
        try:
            import xllamacpp
        except ImportError as error:
            raise UsageError(
                f"llama.cpp cannot be loaded ({error}). If OpenMP's library is missing, as in small images of Linux, "
                "install it: apt-get install libgomp1 (dnf install libgomp); otherwise llama.cpp itself, anew: "
                "pip install --force-reinstall xllamacpp"
            ) from error
    return xllamacpp
