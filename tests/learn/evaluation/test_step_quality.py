from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.learn.evaluation.ranks import auc
from outthink.learn.evaluation.steps import length_bias, step_quality
from outthink.learn.labels import Labelled

Scored = tuple[list[Labelled], list[list[float]]]


def solution(problem: str, values: Sequence[float], *, correct: bool = True, width: int = 5) -> Labelled:
    return Labelled(
        problem=problem,
        question=problem,
        steps=("x" * width,) * len(values),
        labels=tuple(int(value >= 0.5) for value in values),
        values=tuple(values),
        correct=correct,
    )


def noisy(problems: int, *, seed: int = 0, kindness: float = 0.0) -> Scored:
    """Five solutions a problem of up to four steps, and scores that are near their targets."""
    rng = Random(seed)
    labelled, scores = [], []
    for problem in range(problems):
        for _ in range(5):
            values = [rng.random() for _ in range(rng.randint(1, 4))]
            labelled.append(solution(f"p{problem}", values))
            scores.append([min(1.0, max(0.0, value + rng.gauss(kindness, 0.2))) for value in values])
    return labelled, scores


def test_scores_that_are_the_targets_are_perfect() -> None:
    labelled, _ = noisy(20)
    quality = step_quality(labelled, [each.targets for each in labelled])
    assert quality.auc == (1.0, (1.0, 1.0))
    assert quality.brier == quality.ece == (0.0, (0.0, 0.0))
    assert [(each.score, each.target) for each in quality.bins] == [(each.target, each.target) for each in quality.bins]
    assert all(each.bias.value == 0.0 for each in quality.positions)


def test_a_verifier_that_means_what_it_says_is_calibrated_although_it_is_not_sure() -> None:
    rng = Random(1)
    scores = [[rng.random()] for _ in range(5000)]
    labelled = [solution(f"p{place // 5}", [float(rng.random() < score)]) for place, (score,) in enumerate(scores)]
    quality = step_quality(labelled, scores)
    assert quality.ece.value is not None and quality.ece.value < 0.03
    assert quality.brier.value == pytest.approx(1 / 6, abs=0.01)
    assert quality.auc.value == pytest.approx(5 / 6, abs=0.02)
    assert [each.count for each in quality.bins] == [500] * 10


def test_a_constant_verifier_is_wrong_by_a_constant() -> None:
    labelled = [solution(f"p{place}", [1.0, 0.0, 1.0, 1.0]) for place in range(10)]
    quality = step_quality(labelled, [[0.5] * 4] * 10)
    assert quality.auc == (0.5, (0.5, 0.5))
    assert quality.brier.value == 0.25
    assert (quality.ece.value, quality.good) == (0.25, 0.75)
    assert [(each.score, each.target, each.count) for each in quality.bins] == [(0.5, 0.75, 40)]
    assert [(each.name, each.bias.value) for each in quality.positions] == [
        ("1", -0.5),
        ("2", 0.5),
        ("3", -0.5),
        ("4", -0.5),
        ("last", -0.5),
    ]
    assert quality.positions[0].auc == (None, None)


def test_a_label_stands_in_for_a_value_that_was_not_estimated() -> None:
    each = Labelled(problem="p", question="q", steps=("a", "b"), labels=(1, 0), values=(None, 0.8))
    quality = step_quality([each], [[1.0, 0.8]])
    # A value of 0.8 makes the second step a good one, whatever its label.
    assert (quality.brier.value, quality.good, quality.auc.value) == (0.0, 1.0, None)


@settings(max_examples=4, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_solutions_makes_no_difference(rng: Random) -> None:
    labelled, scores = noisy(6)
    order = list(range(len(labelled)))
    rng.shuffle(order)
    shuffled = step_quality([labelled[place] for place in order], [scores[place] for place in order])
    plain = step_quality(labelled, scores)
    for name in ("auc", "brier", "ece"):
        ours, theirs = getattr(plain, name), getattr(shuffled, name)
        assert ours.value == pytest.approx(theirs.value)
        assert ours.interval == pytest.approx(theirs.interval)
    assert [each.score for each in plain.bins] == pytest.approx([each.score for each in shuffled.bins])
    assert [each.target for each in plain.bins] == pytest.approx([each.target for each in shuffled.bins])


def test_the_interval_of_the_auc_is_that_of_ranking_every_draw_anew() -> None:
    labelled, scores = noisy(40)
    found = step_quality(labelled, scores).auc
    groups: dict[str, list[tuple[float, bool]]] = {}
    for each, given_scores in zip(labelled, scores, strict=True):
        pairs = zip(given_scores, (value >= 0.5 for value in each.targets), strict=True)
        groups.setdefault(each.problem, []).extend(pairs)
    rng, drawn = Random(3), []
    for _ in range(300):
        cases = [case for name in rng.choices(sorted(groups), k=len(groups)) for case in groups[name]]
        drawn.append(auc([score for score, _ in cases], [good for _, good in cases]))
    drawn.sort()
    assert found.interval == pytest.approx((drawn[7], drawn[292]), abs=0.006)


def test_repeating_every_solution_is_no_news() -> None:
    labelled, scores = noisy(30)
    once, twice = step_quality(labelled, scores), step_quality(labelled * 2, scores * 2)
    assert once.auc.interval == pytest.approx(twice.auc.interval)
    assert once.brier.interval == pytest.approx(twice.brier.interval)


def test_kindness_to_the_last_step_is_seen_there() -> None:
    labelled = [solution(f"p{place}", [0.5, 0.5, 0.5]) for place in range(30)]
    quality = step_quality(labelled, [[0.5, 0.5, 0.9]] * 30)
    bias = {each.name: each.bias.value for each in quality.positions}
    assert bias == pytest.approx({"1": 0.0, "2": 0.0, "3": 0.4, "last": 0.4})


def test_late_steps_are_taken_together() -> None:
    quality = step_quality([solution("p", [0.5] * 12)], [[0.5] * 12])
    assert [(each.name, each.steps) for each in quality.positions][-3:] == [("8", 1), ("9+", 4), ("last", 1)]


def test_a_verifier_that_likes_length_is_caught_in_the_class_where_it_does() -> None:
    rng = Random(0)
    labelled, scores = [], []
    for place in range(120):
        width, correct = rng.randint(1, 50), place % 2 == 0
        labelled.append(solution(f"p{place // 4}", [0.5, 0.5], correct=correct, width=width))
        scores.append([0.5, width / 50 if correct else rng.random()])
    right, wrong = length_bias(labelled, scores, "last")
    assert (right.correct, right.solutions, wrong.correct, wrong.solutions) == (True, 60, False, 60)
    assert right.characters.value == pytest.approx(1.0)
    assert wrong.characters.interval is not None
    assert wrong.characters.interval.low < 0 < wrong.characters.interval.high
    # All have two steps: there is nothing to correlate with.
    assert right.steps == (None, None)


def test_solutions_that_may_be_right_or_wrong_tell_nothing_of_length() -> None:
    unknown = Labelled(problem="p", question="q", steps=("a",), labels=(1,))
    assert [each.solutions for each in length_bias([unknown], [[0.5]], "last")] == [0, 0]
