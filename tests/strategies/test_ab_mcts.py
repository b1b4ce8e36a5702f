"""AB-MCTS: posteriors against closed forms, choices against exact probabilities, the tree against its rules."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.ab_mcts import REFINE, AbMcts
from outthink.strategies.parts.attempts import Attempt, choose, tell
from outthink.strategies.parts.posterior import Beta, Gaussian, Posterior
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

DRAWS = 20_000
REWARDS = st.lists(st.floats(0, 1), max_size=20)


def close_to(chance: float, draws: int = DRAWS) -> object:
    """Within four standard errors."""
    return pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / draws))


def attempts(root: Attempt) -> Iterator[Attempt]:
    for child in root.children:
        yield child
        yield from attempts(child)


async def grown(search: Search, strategy: AbMcts) -> Attempt:
    root = strategy.attempt(search.root, None)
    await search.run(lambda search: strategy.grow(search, root))
    return root


def test_the_gaussian_after_two_rewards() -> None:
    """By hand: kappa 3, nu 3, m = 1.5 / 3, tau^2 = (0.1 + 0.125 + 1 * 2 / 3 * 0.75^2) / 3."""
    belief = Gaussian()
    for reward in (1.0, 0.5):
        belief.learn(reward)
    assert (belief.kappa, belief.nu) == (3.0, 3.0)
    assert belief.m == pytest.approx(0.5)
    assert belief.tau2 == pytest.approx(0.2)


@given(REWARDS)
def test_the_gaussian_learns_one_by_one_what_it_would_from_all(rewards: list[float]) -> None:
    belief = Gaussian()
    for reward in rewards:
        belief.learn(reward)
    n = len(rewards)
    mean = fmean(rewards) if rewards else 0.0
    scatter = sum((reward - mean) ** 2 for reward in rewards)
    assert (belief.kappa, belief.nu) == (1 + n, 1 + n)
    assert belief.m == pytest.approx(n * mean / (1 + n))
    assert belief.tau2 == pytest.approx((0.1 + scatter + n / (1 + n) * mean**2) / (1 + n))


@given(REWARDS)
def test_beta_counts_successes_and_failures(rewards: list[float]) -> None:
    belief = Beta()
    for reward in rewards:
        belief.learn(reward)
    assert belief.a == pytest.approx(0.5 + sum(rewards))
    assert belief.b == pytest.approx(0.5 + len(rewards) - sum(rewards))


@pytest.mark.parametrize("x", [-0.2, 0.0, 0.5])
def test_the_gaussians_mean_is_cauchy_before_anything_is_known(x: float) -> None:
    """Student's t with nu = 1 degree of freedom and scale sqrt(tau^2 / kappa)."""
    rng = Random(0)
    above = sum(Gaussian().draw(rng) > x for _ in range(DRAWS)) / DRAWS
    assert above == close_to(0.5 - math.atan(x / math.sqrt(0.1)) / math.pi)


def test_the_gaussians_mean_after_three_rewards_is_students_t() -> None:
    """With two degrees of freedom, whose distribution function is elementary: 1/2 + t / (2 sqrt(2 + t^2))."""
    belief = Gaussian(m=0.4, kappa=3.0, nu=2.0, tau2=0.06)
    rng = Random(1)
    t = (0.5 - belief.m) / math.sqrt(belief.tau2 / belief.kappa)
    below = sum(belief.draw(rng) < 0.5 for _ in range(DRAWS)) / DRAWS
    assert below == close_to(0.5 + t / (2 * math.sqrt(2 + t * t)))


def density(belief: Beta, x: float) -> float:
    scale = math.lgamma(belief.a + belief.b) - math.lgamma(belief.a) - math.lgamma(belief.b)
    return math.exp(scale + (belief.a - 1) * math.log(x) + (belief.b - 1) * math.log1p(-x))


def beats(one: Beta, other: Beta, cells: int = 4000) -> float:
    """P(one > other), by the midpoint rule on x = sin^2(u), which takes the poles at 0 and 1 away."""
    below, total = 0.0, 0.0
    for cell in range(cells):
        u = (cell + 0.5) / cells * math.pi / 2
        x, width = math.sin(u) ** 2, math.sin(2 * u) * math.pi / 2 / cells
        mass = density(other, x) * width
        total += density(one, x) * width * (below + mass / 2)
        below += mass
    return total


@pytest.mark.parametrize(
    ("deeper", "fresh", "chance"),
    [
        (Gaussian(), Gaussian(), 0.5),
        # The difference of two Cauchy variables is one whose place and scale are the difference and the sum.
        (Gaussian(m=0.5), Gaussian(tau2=0.4), 0.5 + math.atan(0.5 / (math.sqrt(0.1) + math.sqrt(0.4))) / math.pi),
        (Beta(), Beta(), 0.5),
        (Beta(a=2.5, b=1.0), Beta(a=1.5, b=1.5), beats(Beta(a=2.5, b=1.0), Beta(a=1.5, b=1.5))),
        (Beta(a=0.5, b=3.5), Beta(), beats(Beta(a=0.5, b=3.5), Beta())),
    ],
)
def test_new_or_deeper_is_chosen_as_often_as_it_is_believed_to_be_better(
    new_search: SearchFactory, deeper: Posterior, fresh: Posterior, chance: float
) -> None:
    node = new_search().root
    root = Attempt(node=node, parent=None, fresh=fresh, deeper=deeper, own=Gaussian())
    child = Attempt(node=node, parent=root, fresh=Gaussian(), deeper=Gaussian(), own=Gaussian())
    root.children.append(child)
    rng = Random(2)
    assert sum(choose(root, rng) is child for _ in range(DRAWS)) / DRAWS == close_to(chance)


def test_children_are_chosen_by_their_own_posteriors(new_search: SearchFactory) -> None:
    node, certain = new_search().root, Beta(a=1e9, b=1.0)
    root = Attempt(node=node, parent=None, fresh=Beta(a=1.0, b=1e9), deeper=certain, own=Beta())
    for own in (Beta(a=2.5, b=1.0), Beta(a=1.5, b=1.5)):
        root.children.append(Attempt(node=node, parent=root, fresh=Beta(), deeper=Beta(), own=own))
    rng = Random(3)
    first = sum(choose(root, rng) is root.children[0] for _ in range(DRAWS)) / DRAWS
    assert first == close_to(beats(Beta(a=2.5, b=1.0), Beta(a=1.5, b=1.5)))


def count(belief: Any) -> float:
    return float(belief.a + belief.b - 1)


def test_a_reward_is_told_to_all_whom_it_concerns(new_search: SearchFactory) -> None:
    node = new_search().root
    make: Callable[[Attempt | None], Attempt] = lambda parent: AbMcts(prior="beta").attempt(node, parent)  # noqa: E731
    root = make(None)
    first = make(root)
    second = make(first)
    tell(second, 1.0)
    assert [count(each.fresh) for each in (root, first, second)] == [0, 0, 1]
    assert [count(each.deeper) for each in (root, first, second)] == [1, 1, 0]
    assert [count(each.own) for each in (root, first, second)] == [0, 1, 1]


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_posteriors_hold_what_was_written_below(new_search: SearchFactory, in_flight: int) -> None:
    search = new_search(engine=ScriptedEngine(success=0.7), verifier=ScriptedVerifier(noise=0.1))
    root = await grown(search, AbMcts(n=40, prior="beta", in_flight=in_flight))
    every = [root, *attempts(root)]
    assert len(every) == 41 and len(search.tree.leaves) == 40
    assert len({each.node.depth for each in every}) > 2, "some attempts were made of others"
    for each in every:
        below = list(attempts(each))
        assert count(each.fresh) == pytest.approx(len(each.children))
        assert count(each.deeper) == pytest.approx(len(below) - len(each.children))
        if each is not root:
            assert count(each.own) == pytest.approx(1 + len(below))
            assert each.own.a == pytest.approx(0.5 + sum(search.value(one.node) for one in [each, *below]))  # type: ignore[attr-defined]


async def test_a_better_solution_is_asked_for_with_the_question_and_the_earlier_one(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(success=0.7))
    root = await grown(search, AbMcts(n=30))
    tree = search.tree
    refined = [each for each in attempts(root) if each.parent is not root]
    assert refined
    for each in refined:
        assert each.parent is not None
        question, earlier, then = tree.path(each.node).messages
        assert question == tree.messages[0]
        assert earlier == {"role": "assistant", "content": tree.path(each.parent.node).text}
        assert then == {"role": "user", "content": REFINE}
    assert len({tree.path(each.node).start.index for each in refined}) == len({id(each.parent) for each in refined}), (
        "the prompt is put once for each attempt"
    )


@pytest.mark.parametrize("in_flight", [1, 3])
@pytest.mark.parametrize("prior", ["gaussian", "beta"])
async def test_the_same_seed_gives_the_same_tree_and_the_whole_bill(
    new_search: SearchFactory, prior: Any, in_flight: int
) -> None:
    digests = []
    for seed in (0, 0, 1):
        engine, verifier = ScriptedEngine(), ScriptedVerifier(noise=0.2)
        search = new_search(engine=engine, verifier=verifier, seed=seed, budget=Budget(samples=12))
        await search.run(AbMcts(n=12, prior=prior, in_flight=in_flight))
        digests.append(search.tree.digest())
        assert (search.tree.cost.engine, search.tree.cost.verifier) == (engine.usage, verifier.usage)
        assert len(search.tree.leaves) == 12 and search.tree.stopped is None
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("tokens", [1, 50, 200, 700])
async def test_a_spent_budget_leaves_the_attempts_so_far(new_search: SearchFactory, tokens: int) -> None:
    engine = ScriptedEngine()
    search = new_search(engine=engine, budget=Budget(tokens=tokens))
    await search.run(AbMcts(n=64, in_flight=3))
    assert search.tree.stopped == "tokens" and engine.usage.generated_tokens <= tokens
    assert all(leaf.finished for leaf in search.tree.leaves)


async def test_what_was_cut_off_is_worth_nothing_and_not_gone_on_with(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=50), sampling=Sampling(max_tokens=60))
    root = await grown(search, AbMcts(n=5, prior="beta"))
    assert not root.children and not search.tree.leaves
    assert isinstance(root.fresh, Beta) and (root.fresh.a, root.fresh.b) == (0.5, 5.5)


async def test_what_the_context_has_no_room_for_is_worth_nothing(new_search: SearchFactory) -> None:
    """The question and one solution fit; the question, the solution and what is asked next do not."""
    search = new_search(engine=ScriptedEngine(context=150))
    root = await grown(search, AbMcts(n=30))
    assert root.children and all(not child.children for child in root.children)
    assert len(search.tree.leaves) == len(root.children) < 30
    assert not search.tree.turns


async def test_the_engine_that_is_right_more_often_writes_more(new_search: SearchFactory) -> None:
    """Ninety-six right of a hundred against one right of four thousand."""
    wrote: Counter[str] = Counter()
    for seed in range(10):
        weak, strong = ScriptedEngine(success=0.125), ScriptedEngine(success=0.99)
        search = new_search(engine=weak, partners={"strong": strong}, seed=seed)
        await search.run(AbMcts(n=30, partners=["strong"]))
        assert search.tree.cost.engine == weak.usage + strong.usage
        wrote["weak"] += weak.usage.calls
        wrote["strong"] += strong.usage.calls
    assert wrote.total() == 300
    assert wrote["strong"] > 2 * wrote["weak"] > 0


async def test_a_partner_that_the_solver_does_not_know_is_named(new_search: SearchFactory) -> None:
    with pytest.raises(UsageError, match="'elsewhere'"):
        await new_search().run(AbMcts(n=64, partners=["elsewhere"]))


@pytest.mark.parametrize("options", [{"n": 0}, {"in_flight": 0}, {"refine": " "}, {"partners": ["a", "a"]}])
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        AbMcts(**options)
