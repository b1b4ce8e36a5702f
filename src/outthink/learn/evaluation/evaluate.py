"""From a verifier and solutions to every figure there is to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from outthink.checks import at_least
from outthink.cost import Usage
from outthink.errors import StoreError, VerifierError
from outthink.learn.evaluation.scoring import PARALLEL, SELF_SUFFICIENT, Watch, score_all
from outthink.learn.evaluation.sources import Findings, read_source
from outthink.options import make
from outthink.prompt import Prompt
from outthink.registry import make_engine, make_verifier
from outthink.select import Aggregate

__all__ = ["EVALUATION", "SCORES", "Evaluation", "evaluate"]

EVALUATION, SCORES = "evaluation.json", "scores.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a verifier is worth on some data.

    Args:
        verifier: its spec.
        data: where the solutions came from.
        aggregate: how step scores became one number.
        threshold: a step that was scored lower was taken to be wrong.
        solutions: different ones that were to be scored.
        failed: those of them that could not be.
        failure: why the first of these could not.
        cost: of scoring, earlier sittings included.
        findings: what came out.
    """

    verifier: Mapping[str, Any]
    data: str
    aggregate: Aggregate
    threshold: float
    solutions: int
    failed: int
    failure: str | None
    cost: Usage
    findings: Findings


async def evaluate(
    data: str,
    folder: Path,
    *,
    verifier: Mapping[str, Any],
    engine: Mapping[str, Any],
    prompt: Mapping[str, Any],
    aggregate: Aggregate | None = None,
    threshold: float = 0.5,
    parallel: int = PARALLEL,
    limit: int | None = None,
    watch: Watch = lambda done, total: None,
) -> Evaluation:
    """Score every solution, or those not scored yet, and work out what the scores are worth.

    Args:
        data: as for `read_source`.
        folder: receives `scores.jsonl` and `evaluation.json`; the same call goes on there.
        verifier: a spec.
        engine: a spec; it is loaded only for a verifier that may ask it.
        prompt: options of `Prompt`, instead of those of the run that wrote the solutions or of the usual ones.
        aggregate: how step scores become one number; the verifier's own way if None.
        threshold: a step that is scored lower is taken to be wrong.
        parallel: solutions under way at once.
        limit: only so many problems, from the first on; of ProcessBench, of each split.
        watch: told of every solution done.

    Raises:
        ProblemError, StoreError: the data is missing or malformed, or the folder cannot be used.
        UsageError: an option is wrong, or the data of no known kind.
        ModelNotFound, EngineDown: the verifier cannot be loaded, or is gone.
        VerifierError: it could score nothing.
    """
    at_least(1, parallel=parallel, limit=1 if limit is None else limit)
    judge, writer = make_verifier(verifier), make_engine(engine)
    source = read_source(data, limit)
    asks = verifier["kind"] not in SELF_SUFFICIENT
    judged = await score_all(
        source.written,
        judge,
        engine=writer,
        asks=asks,
        prompt=make(Prompt, {**asdict(source.prompt), **prompt}, "prompt"),
        identity={"judges": [{**each, "files": _files(each)} for each in ([verifier, engine] if asks else [verifier])]},
        file=folder / SCORES,
        parallel=parallel,
        watch=watch,
    )
    failures = [each.error for each in judged.values() if each.error is not None]
    if len(failures) == len(judged):
        why = f"the first: {failures[0]}" if failures else "there are none that came to an end"
        raise VerifierError(f"{data}: none of {len(judged)} solutions could be scored; {why}")
    how = aggregate or judge.aggregate
    evaluation = Evaluation(
        verifier=verifier,
        data=data,
        aggregate=how,
        threshold=threshold,
        solutions=len(judged),
        failed=len(failures),
        failure=failures[0] if failures else None,
        cost=sum((each.cost for each in judged.values()), Usage()),
        findings=await source.findings(judged, how, threshold),
    )
    _write(folder / EVALUATION, evaluation)
    return evaluation


def _files(spec: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """What a local model's files look like: one that was trained anew in its old place is another verifier."""
    model = Path(str(spec.get("model", ""))).expanduser()
    found = sorted(model.rglob("*")) if "model" in spec and model.is_dir() else [model]
    return [(path.name, (seen := path.stat()).st_size, seen.st_mtime_ns) for path in found if path.is_file()]


def _write(path: Path, evaluation: Evaluation) -> None:
    scratch = path.with_name(f"{path.name}.part")
    try:
        # What is not known is null: NaN would be no JSON.
        scratch.write_text(json.dumps(asdict(evaluation), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: {error}. The scores are safe; make room, then try again") from error
