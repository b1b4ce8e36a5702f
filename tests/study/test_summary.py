import pytest

from outthink.cost import Cost, Usage
from outthink.runs.results import Result, Unit, Verdict
from outthink.study.summary import summarise


def result(strategy: str, problem: str, right: bool | None, *, error: str | None = None, **times: float) -> Result:
    verdicts = tuple(
        Verdict(selection=name, answer="4", correct=right, ungraded=None, votes=1, weight=1.0)
        for name in ("majority", "weighted")
    )
    return Result(
        unit=Unit(strategy, 0, problem),
        error=error,
        stopped=None,
        leaves=0 if error else 4,
        cost=Cost(engine=Usage(generated_tokens=10, flops=2.0), verifier=Usage(scored_tokens=6, flops=4.0)),
        began=times.get("began", 0.0),
        ended=times.get("ended", 1.0),
        digest="",
        verdicts=() if error else verdicts,
    )


def test_a_row_for_each_strategy_and_selection_with_the_gain_over_the_first() -> None:
    results = [result("a", str(i), i < 2) for i in range(4)] + [result("b", str(i), i < 3) for i in range(4)]
    first, second, missing = ("a", "majority"), ("b", "weighted"), ("c", "best")
    rows = summarise(results, [first, second, missing])
    assert [(row.strategy, row.selection, row.accuracy) for row in rows] == [(*first, 0.5), (*second, 0.75)]
    assert rows[0].gain is None
    assert rows[1].gain is not None and rows[1].gain[0] == 0.25


def test_only_selections_that_read_scores_pay_the_verifier() -> None:
    by_votes, by_weight = summarise([result("a", "1", True)], [("a", "majority"), ("a", "weighted")])
    assert (by_votes.cost.verifier.scored_tokens, by_votes.cost.flops) == (0, 2.0)
    assert (by_weight.cost.verifier.scored_tokens, by_weight.cost.flops) == (6, 6.0)


def test_a_strategy_that_reads_scores_pays_the_verifier_whatever_selects() -> None:
    (row,) = summarise([result("beam", "1", True)], [("beam", "majority")], {"beam"})
    assert row.cost.verifier.scored_tokens == 6


def test_a_failed_search_is_wrong_and_counted() -> None:
    rows = summarise([result("a", "1", True), result("a", "2", None, error="EngineError: dead")], [("a", "majority")])
    assert (rows[0].accuracy, rows[0].failed, rows[0].short) == (0.5, 1, 0)


def test_without_reference_answers_there_is_no_accuracy() -> None:
    (row,) = summarise([result("a", "1", None)], [("a", "majority")])
    assert (row.accuracy, row.interval) == (None, None)


def test_pauses_between_sittings_and_overlaps_do_not_count_as_time() -> None:
    results = [
        result("a", "1", True, began=0, ended=2),
        result("a", "2", True, began=1, ended=3),
        result("a", "3", True, began=100, ended=101),
    ]
    (row,) = summarise(results, [("a", "majority")])
    assert row.seconds == pytest.approx(4 / 3)
