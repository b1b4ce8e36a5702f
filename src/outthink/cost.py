"""What a search spends: by the engine that writes and by the verifier that judges, computed and cached apart."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["NOTHING", "Cost", "Usage", "forward_flops"]


def forward_flops(parameters: int, tokens: int) -> float:
    """Floating-point operations of a dense model's forward pass, 2 per parameter and token.

    The attention term, small for contexts of a few thousand tokens, is left out (Kaplan et al. 2020,
    arXiv 2001.08361, section 2.1). Tokens read from a cache are not computed and must not be passed.
    """
    return 2.0 * parameters * tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one model did.

    Args:
        prompt_tokens: prompt tokens computed to write.
        cached_tokens: prompt tokens read from a prefix cache instead of being computed.
        generated_tokens: tokens written.
        scored_tokens: tokens computed to judge.
        calls: requests made.
        seconds: time from request to result, summed over requests (requests overlap: this is not wall-clock).
        flops: floating-point operations, see `forward_flops`; 0 where the model's size is unknown.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    scored_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    flops: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
            scored_tokens=self.scored_tokens + other.scored_tokens,
            calls=self.calls + other.calls,
            seconds=self.seconds + other.seconds,
            flops=self.flops + other.flops,
        )


# Most nodes of an unverified tree share this one value.
NOTHING = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was spent, by the engine and by the verifier."""

    engine: Usage = field(default=NOTHING)
    verifier: Usage = field(default=NOTHING)

    def __add__(self, other: Cost) -> Cost:
        return Cost(engine=self.engine + other.engine, verifier=self.verifier + other.verifier)

    @property
    def flops(self) -> float:
        """Floating-point operations of engine and verifier together."""
        return self.engine.flops + self.verifier.flops
