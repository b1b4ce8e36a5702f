import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from outthink.cost import Cost, Usage
from outthink.errors import StoreError
from outthink.problems import Problem
from outthink.runs.results import Result, Unit, Verdict
from outthink.runs.store import Store
from outthink.shape import Shape
from outthink.tree import Tree

PROBLEMS = [Problem(id="p1", question="1 + 1?", answer="2", level="1"), Problem(id="p2", question="2 + 2?")]
TREE = Tree.plant("1 + 1?", [{"role": "user", "content": "1 + 1?"}], [1, 2], 0)
RESULT = Result(
    unit=Unit("beam-4", 0, "p1"),
    error=None,
    stopped="tokens",
    leaves=3,
    cost=Cost(engine=Usage(generated_tokens=9, seconds=0.25), verifier=Usage(scored_tokens=9)),
    began=1.5,
    ended=2.5,
    digest=TREE.digest(),
    verdicts=(
        Verdict(selection="majority", answer="2", correct=True, ungraded=None, votes=2, weight=0.75),
        Verdict(selection="best", answer=None, correct=None, ungraded="timeout", votes=0, weight=0.0),
    ),
)


def test_what_is_stored_loads_back_equal(tmp_path: Path) -> None:
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        store.add(RESULT, TREE)
    with Store.read(tmp_path) as store:
        assert store.results() == [RESULT]
        assert store.problems() == PROBLEMS
        assert store.tree(RESULT.unit) == TREE
        assert store.recipe() == "recipe"
        assert store.done() == {RESULT.unit}


def test_a_result_is_stored_once(tmp_path: Path) -> None:
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        store.add(RESULT, TREE)
        with pytest.raises(StoreError, match="UNIQUE"):
            store.add(RESULT, TREE)
        assert len(store.results()) == 1


def test_a_result_is_stored_wholly_or_not_at_all(tmp_path: Path) -> None:
    twice = replace(RESULT, verdicts=RESULT.verdicts[:1] * 2)
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        with pytest.raises(StoreError):
            store.add(twice, TREE)
        assert store.results() == []


def test_results_belong_to_their_problems(tmp_path: Path) -> None:
    Store.create(tmp_path, "recipe", PROBLEMS).close()
    with Store.create(tmp_path, "another", PROBLEMS[:1]) as store:
        assert (store.problems(), store.recipe()) == (PROBLEMS[:1], "another"), "nothing was stored that would bind it"
        store.add(RESULT, TREE)
    with pytest.raises(StoreError, match=r"results on other problems; choose another --out"):
        Store.create(tmp_path, "another", PROBLEMS)


def test_only_planned_failures_are_forgotten(tmp_path: Path) -> None:
    failed = replace(RESULT, error="EngineError: dead", verdicts=())
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        for seed in (0, 1):
            store.add(replace(failed, unit=Unit("beam-4", seed, "p1")), TREE)
        store.record("recipe", [("beam-4", 1)])
        store.forget_failed()
        assert store.done() == {Unit("beam-4", 0, "p1")}


def test_verdicts_are_added_and_outdated_ones_dropped(tmp_path: Path) -> None:
    majority, best = RESULT.verdicts
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        store.add(replace(RESULT, verdicts=(majority,)), TREE)
        store.judge(RESULT.unit, [best])
        assert store.results() == [RESULT]
        store.record("new", [("beam-4", 0)], outdated=[("beam-4", "best"), ("other", "majority")])
        assert store.results() == [replace(RESULT, verdicts=(majority,))]
        assert (store.recipe(), store.plan()) == ("new", {("beam-4", 0)})


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with Store.create(tmp_path, "recipe", PROBLEMS) as store:
        store.add(RESULT, TREE)
        store._connection.executescript("DROP TABLE plan; PRAGMA user_version = 1")
    for _ in range(2):
        with Store.read(tmp_path) as store:
            assert (store.plan(), store.results(), store.recipe()) == ({("beam-4", 0)}, [RESULT], "recipe")


def test_one_writer_at_a_time_but_readers_beside_it(tmp_path: Path) -> None:
    code = f"from outthink.runs import Store; from pathlib import Path; Store.create(Path({str(tmp_path)!r}), 'r', [])"
    with Store.create(tmp_path, "r", []) as store:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "another process is carrying out this run" in done.stderr
        store.add(RESULT, TREE)
        with Store.read(tmp_path) as reader:
            assert reader.results() == [RESULT]
    Store.create(tmp_path, "r", []).close()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run here"):
        Store.read(tmp_path)


def test_a_run_killed_before_it_began_says_so(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(StoreError, match="before it began"):
        Store.read(tmp_path)


def test_models_are_noted_by_role_and_noted_anew(tmp_path: Path) -> None:
    first, second = Shape(parameters=5), Shape(parameters=7, layers=2, width=3, kv_width=4)
    with Store.create(tmp_path, "r", []) as store:
        assert store.models() == {}
        store.note_models({"engine": first, "verifier": None})
        store.note_models({"engine": second})
        assert store.models() == {"engine": second, "verifier": None}
    with Store.read(tmp_path) as reader:
        assert reader.models() == {"engine": second, "verifier": None}


def test_a_tree_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Store.create(tmp_path, "recipe", PROBLEMS) as store, pytest.raises(StoreError, match="beam-4, seed 0"):
        store.tree(RESULT.unit)


def test_a_broken_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.create(tmp_path, "recipe", PROBLEMS)


@pytest.mark.skipif(os.geteuid() != 0, reason="filling a disk needs a small one of its own, which only root can mount")
def test_a_full_disk_is_reported_and_what_was_stored_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    try:
        tree = Tree.plant("q", [{"role": "user", "content": os.urandom(20_000).hex()}], [], 0)
        with Store.create(disk / "run", "recipe", PROBLEMS) as store:
            stored = 0
            with pytest.raises(StoreError, match=r"(full|disk|space).*What was stored before is safe"):
                for number in range(1000):
                    store.add(replace(RESULT, unit=Unit("s", number, "p1")), tree)
                    stored += 1
            assert 0 < stored < 1000
            assert len(store.results()) == stored
        with Store.read(disk / "run") as store:
            assert len(store.done()) == stored
    finally:
        subprocess.run(["umount", disk], check=True)
