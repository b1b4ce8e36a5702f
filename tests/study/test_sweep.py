from pathlib import Path
from typing import Any

import pytest

from outthink.errors import RecipeError
from outthink.registry import kinds, make_strategy, signature, spec_of
from outthink.strategies import Pool
from outthink.strategies.sample import Sample
from outthink.study.sweep import Place, budget_place, resized, seats

REQUIRED = {
    "auto": {"policy": str(Path(__file__).parents[1] / "policy.yaml")},
    "lookahead": {"inner": "beam"},
    "granularity": {"inner": {"kind": "rebase"}},
}


@pytest.mark.parametrize("kind", kinds("strategies"))
def test_every_strategy_can_be_had_at_every_budget_that_it_takes(kind: str) -> None:
    spec = {"kind": kind, **REQUIRED.get(kind, {})}
    place = budget_place(spec, "strategies.0")
    if kind == "greedy":
        assert place is None
        return
    assert place is not None and not place.given
    for n in (16, 32):
        strategy = make_strategy(resized(spec, place.options, n))
        assert (seats(strategy), strategy.samples % n) == (n, 0)


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("sample", Place(("n",), False)),
        ({"kind": "sample", "n": 4}, Place(("n",), True)),
        (
            {"kind": "lookahead", "inner": {"kind": "granularity", "inner": "beam"}},
            Place(("inner", "inner", "n"), False),
        ),
        ({"kind": "lookahead", "inner": {"kind": "beam", "n": 4}}, Place(("inner", "n"), True)),
        # What has an n of its own shares it out among the parts inside.
        ({"kind": "dvts", "inner": {"kind": "beam", "n": 4}}, Place(("n",), False)),
        ({"kind": "deepconf", "inner": "greedy"}, None),
        # Its default inner strategy says how many, but the recipe does not.
        ("universal", Place(("inner", "n"), False)),
    ],
)
def test_the_budget_is_the_outermost_n(spec: Any, place: Place | None) -> None:
    assert budget_place(spec, "strategies.0") == place


def test_a_strategy_inside_keeps_its_other_options() -> None:
    spec = {"kind": "lookahead", "steps": 1, "inner": {"kind": "beam", "width": 2}}
    assert resized(spec, ("inner", "n"), 8) == {**spec, "inner": {"kind": "beam", "width": 2, "n": 8}}
    assert resized("universal", ("inner", "n"), 3) == {"kind": "universal", "inner": {"kind": "sample", "n": 3}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bean", r"strategies\.0: .*did you mean 'beam'"),
        ({"n": 4}, r"strategies\.0\.kind is missing"),
        (7, r"strategies\.0: expected a name"),
        ({"kind": "lookahead", "inner": "bean"}, r"strategies\.0\.inner: .*did you mean 'beam'"),
    ],
)
def test_what_is_no_strategy_is_refused_where_it_stands(spec: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        budget_place(spec, "strategies.0")


@pytest.mark.parametrize("kind", sorted(set(kinds("strategies")) - REQUIRED.keys()))
def test_a_strategys_spec_makes_it_again(kind: str) -> None:
    strategy = make_strategy(kind)
    assert make_strategy(spec_of(strategy)) == strategy
    assert spec_of(strategy).keys() == {"kind", *signature("strategies", kind)}


def test_only_independent_solutions_are_a_pool() -> None:
    pools = [kind for kind in set(kinds("strategies")) - REQUIRED.keys() if isinstance(make_strategy(kind), Pool)]
    assert pools == ["sample"]
    assert isinstance(Sample(n=2), Pool)
