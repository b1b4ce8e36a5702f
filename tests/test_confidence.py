import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.confidence import Measure, borda, lowest, mean, measured, quantile, told, windows
from outthink.engines.logprobs import confidence
from outthink.errors import UsageError
from outthink.tree import Tree

confidences = st.lists(st.floats(0, 50), min_size=1, max_size=60)
MEASURES: list[Measure] = ["mean", "tail", "bottom", "lowest"]


def test_the_measures_on_a_solution_with_a_muddle_in_the_middle() -> None:
    sure = [10.0] * 10 + [1.0] * 2 + [9.0] * 8
    assert windows(sure, 2) == [10.0] * 9 + [5.5, 1.0, 5.0] + [9.0] * 7
    assert measured(sure, "mean", 2) == pytest.approx(8.7)
    assert measured(sure, "tail", 2) == 9.0
    assert measured(sure, "lowest", 2) == 1.0
    assert measured(sure, "bottom", 2) == 1.0, "a tenth of 19 windows is one"
    assert measured(sure * 2, "bottom", 2) == pytest.approx((1.0 + 1.0 + 5.0) / 3), "a tenth of 39 windows is three"


@given(confidences, st.integers(1, 80))
def test_the_lowest_window_is_below_the_lowest_tenth_and_all_lie_within_bounds(sure: list[float], window: int) -> None:
    values = {measure: measured(sure, measure, window) for measure in MEASURES}
    assert values["lowest"] <= values["bottom"] + 1e-9
    assert all(min(sure) - 1e-9 <= value <= max(sure) + 1e-9 for value in values.values())


@given(confidences, st.integers(1, 80))
def test_windows_are_means_of_neighbours(sure: list[float], window: int) -> None:
    expected = [mean(sure[start : start + window]) for start in range(max(1, len(sure) - window + 1))]
    assert windows(sure, window) == pytest.approx(expected, abs=1e-9)
    assert lowest(sure, window) == pytest.approx(min(expected), abs=1e-9)


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), min_size=1, max_size=10))
def test_over_the_whole_vocabulary_the_mean_is_the_divergence_from_uniform_but_for_a_constant(
    raw: list[list[float]],
) -> None:
    tokens = [[each / sum(row) for each in row] for row in raw]
    divergence = mean([sum(math.log(1 / (4 * p)) / 4 for p in row) for row in tokens])
    assert mean([confidence(map(math.log, row), 4) for row in tokens]) - math.log(4) == pytest.approx(
        divergence, abs=1e-9
    )


def test_quantiles_lie_between_neighbours() -> None:
    values = [4.0, 1.0, 3.0, 2.0, 5.0]
    assert [quantile(values, share) for share in (0, 0.25, 0.5, 0.9, 1)] == pytest.approx([1, 2, 3, 4.6, 5])
    assert quantile([7.0], 0.3) == 7.0


def test_borda_votes() -> None:
    assert borda([0.3, 0.9, 0.1, 0.5], 1) == [2, 4, 1, 3]
    assert borda([0.3, 0.9, 0.1, 0.5], 0) == [1, 1, 1, 1]
    assert borda([0.3, 0.9, 0.1, 0.5], 0.5) == pytest.approx([math.sqrt(2), 2, 1, math.sqrt(3)])
    assert borda([0.5, 0.9, 0.5], 1) == [1.5, 3, 1.5], "who is equal shares"


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12), st.floats(0, 2), st.randoms())
def test_borda_votes_hang_on_values_not_on_places(values: list[float], power: float, rng: Random) -> None:
    votes = borda(values, power)
    assert sum(votes) == pytest.approx(sum(rank**power for rank in range(1, len(values) + 1)))
    order = rng.sample(range(len(values)), len(values))
    assert borda([values[i] for i in order], power) == [votes[i] for i in order]


def test_an_engine_that_told_none_is_to_be_asked() -> None:
    tree = Tree.written("2 + 2?", ["2 + 2 = 4"], "\n\n")
    with pytest.raises(UsageError, match=r"set sampling\.top_logprobs"):
        told(tree.path(tree.nodes[-1]))
