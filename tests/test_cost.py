from hypothesis import given
from hypothesis import strategies as st

from outthink.cost import Cost, Usage, forward_flops

counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    cached_tokens=counts,
    generated_tokens=counts,
    scored_tokens=counts,
    calls=counts,
    seconds=st.integers(0, 1000).map(float),
    flops=counts.map(float),
)
costs = st.builds(Cost, engine=usages, verifier=usages)


@given(costs, costs, costs)
def test_costs_add_up_in_any_order(a: Cost, b: Cost, c: Cost) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Cost() == a


def test_engine_and_verifier_are_kept_apart() -> None:
    cost = Cost(engine=Usage(generated_tokens=3, flops=6.0)) + Cost(verifier=Usage(scored_tokens=5, flops=10.0))
    assert (cost.engine.generated_tokens, cost.engine.scored_tokens) == (3, 0)
    assert (cost.verifier.generated_tokens, cost.verifier.scored_tokens) == (0, 5)
    assert cost.flops == 16.0


def test_a_token_costs_two_operations_a_parameter() -> None:
    # Llemma-7B, 280 tokens: 3.92e12, the figure of the REBASE paper's table 4 (arXiv 2408.00724).
    assert forward_flops(7 * 10**9, 280) == 3.92e12
