"""Others' completions become a run's folder, so that whatever reads one reads them: no engine is asked.

Each problem gets one tree, each completion a path of its own in it. What the file does not tell is not made up: trees
have no token ids and no times, and no model was called for them; a token count stands at the end of its completion, and
if any is missing, none is kept, since sums would be too small.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from outthink.cost import Cost, Usage
from outthink.errors import ProblemError
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.registry import make_engine, make_verifier
from outthink.runs.extension import extend
from outthink.runs.recipe import Recipe, parse_recipe
from outthink.runs.results import Unit
from outthink.runs.runner import result_of
from outthink.runs.store import Store
from outthink.runs.verdicts import verdict
from outthink.sandbox import Sandbox
from outthink.select import Aggregate
from outthink.solver import Attempt, Solver
from outthink.study.interchange.completions import Completion
from outthink.study.interchange.reading import Layout, Pool, cut, read_pools
from outthink.tree import Node, Tree

__all__ = ["SKIPPED", "Imported", "import_completions", "planted"]

SKIPPED = "skipped.txt"
"""The file in the run's folder that lists what was passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was imported.

    Args:
        problems, completions: how many.
        unfinished: completions that did not come to their end, and do not vote.
        scored: whether they have scores.
        uncounted: completions whose tokens nobody counted; if there are any, no count is kept.
        skipped: why rows were passed over, one message each.
    """

    problems: int
    completions: int
    unfinished: int
    scored: bool
    uncounted: int
    skipped: tuple[str, ...]


async def import_completions(
    source: str,
    folder: Path,
    *,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    step: str = "\n\n",
    scores: Literal["steps", "last"] = "steps",
    aggregate: Aggregate = "last",
    searched: bool = False,
    skip_broken: bool = False,
    watch: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> Imported:
    """Make a run's folder of a file of completions; what an interrupted import has stored is kept, and gone on from.

    Args:
        source: a path that ends in .jsonl, .json, .csv or .parquet, or the id of a data set on the Hub.
        folder: the run's own.
        split: of a data set; by default `test`.
        columns: other names of columns, by field.
        step: text that ends a step.
        scores: "steps" expects a score for each step or one for the whole; "last" keeps each completion's last alone.
        aggregate: how step scores become one number.
        searched: a search wrote the completions, so that they depend on each other; if not, they are the strategy
            `sample`, and any k of them are what k samples would have been.
        skip_broken: pass rows over that cannot be used, and list them, instead of refusing the file.
        watch: told what is being done, how much of it is done, and of how much, if that is known.

    Raises:
        ProblemError: the file is missing, or a row cannot be used; it is named.
        UsageError: an option is wrong, or an extra is not installed.
        StoreError: the folder holds another run, or cannot be written.
    """
    skipped: list[str] = []

    def broken(error: ProblemError) -> None:
        if not skip_broken:
            raise error
        skipped.append(str(error))

    pools = read_pools(
        source,
        Layout(columns=columns or {}, step=step, scores=scores, searched=searched),
        split=split,
        broken=broken,
        watch=lambda rows: watch("rows read", rows, None),
    )
    uncounted = sum(each.tokens is None for pool in pools for each in pool.completions)
    scored = any(each.scores for pool in pools for each in pool.completions)
    recipe = _recipe(source, columns, step, aggregate if scored else None, pools, searched=searched)
    if uncounted:
        pools = [_without_tokens(pool) for pool in pools]
    await _store(recipe, folder, pools, lambda done: watch("problems graded", done, len(pools)))
    if skipped:
        (folder / SKIPPED).write_text("\n".join(skipped) + "\n", encoding="utf-8")
    return Imported(
        problems=len(pools),
        completions=sum(len(pool.completions) for pool in pools),
        unfinished=sum(not each.finished for pool in pools for each in pool.completions),
        scored=scored,
        uncounted=uncounted,
        skipped=tuple(skipped),
    )


def _recipe(
    source: str,
    columns: Mapping[str, str] | None,
    step: str,
    aggregate: Aggregate | None,
    pools: Sequence[Pool],
    *,
    searched: bool,
) -> Recipe:
    """What the folder says of itself."""
    given: dict[str, Any] = {
        "problems": {"source": source, "columns": dict(columns)} if columns else {"source": source},
        "prompt": {"system": "", "step": step},
        "engine": {"kind": "imported", "source": source},
        "strategies": [
            {
                "kind": "imported" if searched else "sample",
                "n": max(len(pool.completions) for pool in pools),
                "select": ["majority"] if aggregate is None else ["majority", "best", "weighted"],
            }
        ],
    }
    if aggregate is not None or searched:
        given["verifier"] = {"kind": "imported", "aggregate": aggregate or "last"}
    return parse_recipe(given, "import")


async def _store(recipe: Recipe, folder: Path, pools: Sequence[Pool], watch: Callable[[int], None]) -> None:
    """Plant, grade and store what the folder does not hold yet."""
    (entry,), (seed,) = recipe.strategies, recipe.seeds
    sandbox = Sandbox()
    if any(pool.problem.tests for pool in pools):
        await sandbox.open()
    solver = Solver(
        engine=make_engine(recipe.engine),
        verifier=None if recipe.verifier is None else make_verifier(recipe.verifier),
        sandbox=sandbox,
    )
    with Store.create(folder, recipe.text, [pool.problem for pool in pools]) as store:
        extend(store, recipe)
        kept = store.done()
        async with solver.grader:
            for done, pool in enumerate(pools, start=1):
                unit = Unit(entry.name, seed, pool.problem.id)
                if unit not in kept:
                    tree = planted(pool.problem, pool.completions, recipe.prompt)
                    verdicts = [
                        await verdict(solver, pool.problem, tree, each, entry.aggregate) for each in entry.select
                    ]
                    now = time.time()
                    result = result_of(unit, Attempt(tree=tree, error=None, seconds=0.0), now, tuple(verdicts))
                    # Grading took time, the search did not.
                    store.add(replace(result, ended=now), tree)
                watch(done)


def _without_tokens(pool: Pool) -> Pool:
    return replace(pool, completions=tuple(replace(each, tokens=None) for each in pool.completions))


def planted(problem: Problem, completions: Sequence[Completion], prompt: Prompt) -> Tree:
    """The tree of a problem's completions: a path for each, in their order."""
    tree = Tree.plant(problem.question, prompt.messages(problem.question), [], 0)
    for ordinal, completion in enumerate(completions):
        tip = tree.root
        for piece in cut(completion.text, prompt.step):
            tip = _hang(tree, tip, ordinal if tip is tree.root else 0, piece, completion.weight)
        tip.finish = "end" if completion.finished else "step" if completion.text.endswith(prompt.step) else "length"
        tip.length = completion.tokens or 0
        tip.cost = Cost(engine=Usage(generated_tokens=tip.length))
        said = tree.path(tip).steps
        # There is one for each, or one for the whole, which stands at its end.
        for node, score in zip(said[len(said) - len(completion.scores) :], completion.scores, strict=True):
            node.score = score
    return tree


def _hang(tree: Tree, above: Node, ordinal: int, text: str, weight: float) -> Node:
    node = replace(
        tree.root,
        index=len(tree.nodes),
        parent=above.index,
        ordinal=ordinal,
        depth=above.depth + 1,
        ids=array("i"),
        text=text,
        cost=Cost(),
        children=0,
        weight=weight,
    )
    above.children += 1
    tree.nodes.append(node)
    return node
