"""What llama.cpp is asked, in its own form, in process and over HTTP alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from outthink.engines import Request

__all__ = ["choice", "chosen", "completion"]


def completion(ids: Sequence[int], request: Request) -> dict[str, Any]:
    """Continue token ids `request.n` times, streamed."""
    sampling = request.sampling
    return {
        "prompt": list(ids),
        "n": request.n,
        "n_predict": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": request.seed,
        "stop": [] if request.whole else [request.separator],
        "n_probs": max(sampling.top_logprobs, int(sampling.logprobs)),
        "cache_prompt": True,
        "return_tokens": True,
        "timings_per_token": True,
        "stream": True,
    }


def choice(ids: Sequence[int], options: Sequence[int]) -> dict[str, Any]:
    """Write one token, which can only be one of the options."""
    return {
        "prompt": list(ids),
        "n_predict": 1,
        "temperature": 1.0,
        # The same bias on every option leaves their ratios alone and everything else without a chance: to leave the
        # rest out changes nothing, and spares llama.cpp the sorting of a whole vocabulary.
        "logit_bias": [[option, 50.0] for option in options],
        "samplers": ["top_k", "temperature"],
        "top_k": len(options),
        "n_probs": len(options),
        "post_sampling_probs": True,
        "cache_prompt": True,
    }


def chosen(reply: Mapping[str, Any], options: Sequence[int]) -> list[float]:
    """Log-probabilities of the options, from the reply to `choice`."""
    told = {top["id"]: top["prob"] for top in reply["completion_probabilities"][0]["top_probs"]}
    return [math.log(max(told.get(option, 0.0), 1e-12)) for option in options]
