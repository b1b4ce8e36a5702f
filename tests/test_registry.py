import pytest

from outthink.errors import RecipeError
from outthink.registry import describe, kinds, make_engine, make_strategy, make_verifier, signature
from outthink.strategies.beam import Beam
from outthink.verifiers.rules import Rules


def test_what_ships_is_registered() -> None:
    assert kinds("engines") == ["imported", "llamacpp", "openai", "scripted", "vllm"]
    assert kinds("verifiers") == ["generative", "imported", "judge", "orm", "prm", "rules", "scripted", "tests"]
    assert kinds("backends") == ["generate", "transformers", "vllm"]
    strategies = (
        "ab-mcts adaptive auto beam budget-forcing deepconf deepconf-online dora dvts ets granularity greedy imported "
        "lookahead mcts particle-gibbs particles rebase recursive-aggregation revisions rsd sample scrutiny "
        "search-and-learn-beam search-and-learn-dvts self-certainty self-refine speculative-rejection tournament "
        "universal"
    )
    assert kinds("strategies") == strategies.split()


@pytest.mark.parametrize("group", ["engines", "verifiers", "strategies", "backends"])
def test_every_kind_says_what_it_is_and_can_be_described(group: str) -> None:
    for kind in kinds(group):
        assert describe(group, kind).endswith((".", ":"))
        needed = {name for name, option in signature(group, kind).items() if option.default is option.empty}
        # What cannot be guessed: a model's name, what runs it, how it is asked, a strategy inside another, a policy.
        assert needed <= {"model", "engine", "format", "inner", "policy"}


def test_a_kind_is_made_from_a_name_or_a_mapping() -> None:
    assert make_strategy({"kind": "beam", "n": 8, "width": 2}) == Beam(n=8, width=2)
    assert make_strategy("beam") == Beam()
    assert isinstance(make_verifier("rules"), Rules)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bean", r"strategy: .*'bean'; did you mean 'beam'\?"),
        ({"n": 3}, r"strategy\.kind is missing; valid: ab-mcts, adaptive, auto"),
        ({"kind": "beam", "widht": 2}, r"strategy: unknown key 'widht'; did you mean 'width'\?"),
        ({"kind": "beam", "n": 4, "width": 8}, r"strategy: width is 8"),
        (7, r"strategy: expected a name or a mapping"),
    ],
)
def test_wrong_specs_are_refused_by_name(spec: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_strategy(spec)  # type: ignore[arg-type]


def test_a_model_follows_the_colon() -> None:
    with pytest.raises(RecipeError, match="unknown key 'model'"):
        make_engine("scripted:some-model")
    make_engine("llamacpp:some/where.gguf")
