"""The recipe of a training: one YAML file, of a reward model or of a policy.

    train: prm                          # or orm, or policy
    model: smollm2-135m                 # what is trained: a built-in name, a GGUF file, a folder, an id on the Hub
    family: plus-minus                  # what the reward model is shown; trl for a token classifier
    data: [runs/label/labels.jsonl]
    labels: soft
    lora: {rank: 16}
    fit: {epochs: 2, batch_tokens: 2048, learning_rate: 1.0e-3}
    held_out: 0.1
    seed: 0

Instead of `data`, or beside it, a reward model learns worked solutions into which mistakes are put:

    broken: {problems: {source: builtin, split: train, limit: 4000}, times: 2}

A policy learns worked solutions, those that came with the problems or those that were found:

    train: policy
    model: smollm2-135m
    problems: {source: builtin, split: train, limit: 4000}
    rounds: 2                           # of sampling and learning what is right; 0 learns the worked solutions
    sample: {engine: {kind: llamacpp, context: 512}, n: 8, keep: 4}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from outthink.checks import above
from outthink.engines import Sampling
from outthink.errors import RecipeError, UsageError
from outthink.options import check_keys, make
from outthink.prompt import Prompt
from outthink.registry import Spec, make_engine
from outthink.runs.recipe import ProblemSource, read_recipe

__all__ = ["Broken", "Fit", "Lora", "PolicyRecipe", "RewardRecipe", "Sampled", "load_train_recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a model is fitted: AdamW, a linear warm-up, then a cosine down to a twentieth.

    Args:
        epochs: passes over the data.
        batch_tokens: most tokens of one optimiser step, all devices together; what solutions of a problem share
            counts once.
        learning_rate: at its highest.
        warmup: share of all steps.
        clip: cap on the gradient's norm.
        precision: of the base model's weights and of what is computed; what is trained is in float32. "auto" is
            bfloat16 where the device has kernels for it.
        checkpoint: optimiser steps between checkpoints.
    """

    epochs: int = 1
    batch_tokens: int = 2048
    learning_rate: float = 1e-3
    warmup: float = 0.04
    clip: float = 1.0
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    checkpoint: int = 50

    def __post_init__(self) -> None:
        above(0, epochs=self.epochs, batch_tokens=self.batch_tokens, checkpoint=self.checkpoint)
        above(0, learning_rate=self.learning_rate, clip=self.clip)
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warmup is {self.warmup}; it is a share of all steps, from 0 to below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685), on all linear layers of attention and MLP.

    Args:
        rank: of each layer's change.
        alpha: its scale is alpha / rank; twice the rank by default.
        dropout: on what goes into the change.
        start: an adapter of the same base, as peft keeps it, to start from; rank and alpha are its own.
    """

    rank: int = 16
    alpha: int | None = None
    dropout: float = 0.0
    start: str | None = None

    def __post_init__(self) -> None:
        if self.rank < 1 or not 0 <= self.dropout < 1:
            raise UsageError(
                f"rank is {self.rank} and dropout {self.dropout}; they are at least 1, and from 0 to below 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Worked solutions to be broken; see `outthink.learn.broken`.

    Args:
        problems: that come with worked solutions.
        times: broken solutions of each, beside the right one.
    """

    problems: ProblemSource
    times: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRecipe:
    """A reward model to be trained.

    Args:
        train: "prm" scores every step, "orm" the whole solution.
        model: what is trained.
        data: files of labelled solutions, as `outthink label` writes them.
        broken: worked solutions to learn from, with mistakes put into them.
        prompt: how their questions were put.
        family: what it is shown and how it answers; plus-minus for a PRM, reward for an ORM unless stated.
        labels: whether it learns values ("soft") or labels of 0 and 1 ("hard").
        last_step_only: of each solution, it learns the last step only.
        held_out: share of the problems that is not trained on but measured.
        lora: an adapter, or None to train all weights.
        fit: the schedule.
        seed: of the order of examples and of what begins at random.
        text: the recipe as canonical JSON.
    """

    train: Literal["prm", "orm"]
    model: str
    data: tuple[str, ...]
    broken: Broken | None
    prompt: Prompt
    family: str
    labels: Literal["soft", "hard"]
    last_step_only: bool
    held_out: float
    lora: Lora | None
    fit: Fit
    seed: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How solutions to learn from are found.

    Args:
        engine: writes them; its model, and the adapter of the round before, are set by the training.
        n: solutions of each problem and round.
        keep: right ones that are learnt, at most, of each problem: distinct ones, the first written first.
        sampling: how they are sampled.
    """

    engine: Spec = "llamacpp"
    n: int = 8
    keep: int = 4
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecipe:
    """A policy to be trained.

    Args:
        model: what is trained.
        problems: its worked solutions are learnt, or it is sampled on them.
        data: instead of problems: runs' folders and files of labelled solutions, of which the right ones are learnt.
        prompt: how questions are put.
        rounds: rounds of expert iteration; in each the base learns anew what the policy of the round before found.
        sample: how it is found.
        held_out, lora, fit, seed, text: as for `RewardRecipe`.
    """

    model: str
    problems: ProblemSource | None
    data: tuple[str, ...]
    prompt: Prompt
    rounds: int
    sample: Sampled
    held_out: float
    lora: Lora | None
    fit: Fit
    seed: int
    text: str


_COMMON = ("train", "model", "data", "prompt", "held_out", "lora", "fit", "seed")
_REWARD = (*_COMMON, "broken", "family", "labels", "last_step_only")
_POLICY = (*_COMMON, "problems", "rounds", "sample")
_FAMILY = {"prm": "plus-minus", "orm": "reward"}


def load_train_recipe(path: Path, overrides: Sequence[str] = ()) -> RewardRecipe | PolicyRecipe:
    """The recipe in a file.

    Args:
        path: a YAML file.
        overrides: `a.b=value` each, as for `load_recipe`.

    Raises:
        RecipeError: the file is missing or no valid recipe; the field or line is named.
    """
    given = read_recipe(path, overrides, tuple(dict.fromkeys((*_REWARD, *_POLICY))))
    what = given.get("train")
    if what not in ("prm", "orm", "policy"):
        raise RecipeError(f"{path}: train: expected prm, orm or policy, got {what!r}")
    given = check_keys(given, _POLICY if what == "policy" else _REWARD, str(path))
    if not isinstance(given.get("model"), str):
        raise RecipeError(f"{path}: model is missing: name what is to be trained")
    return _policy(given, path) if what == "policy" else _reward(given, path)


def _reward(given: Mapping[str, Any], path: Path) -> RewardRecipe:
    broken = given.get("broken")
    if not given.get("data") and broken is None:
        raise RecipeError(f"{path}: data is missing: name the files that `outthink label` wrote")
    if broken is not None:
        broken = dict(check_keys(broken, ("problems", "times"), "broken"))
        broken = make(
            Broken, broken | {"problems": make(ProblemSource, broken.get("problems"), "broken.problems")}, "broken"
        )
    options = {"family": _FAMILY[given["train"]], "labels": "soft", "last_step_only": False}
    return make(RewardRecipe, {**options, **given, "broken": broken, **_common(given)}, str(path))


def _policy(given: Mapping[str, Any], path: Path) -> PolicyRecipe:
    problems, rounds = given.get("problems"), given.get("rounds", 0)
    if (problems is None) == (not given.get("data")):
        raise RecipeError(f"{path}: name either problems or data to learn from")
    if type(rounds) is not int or rounds < 0 or (rounds and problems is None):
        raise RecipeError(f"{path}: rounds is {rounds!r}; it is a whole number from 0 on, and takes problems")
    sample = dict(check_keys(given.get("sample", {}), ("engine", "n", "keep", "sampling"), "sample"))
    sample["sampling"] = make(Sampling, sample.get("sampling", {}), "sample.sampling")
    made = make(Sampled, sample, "sample")
    make_engine(made.engine, "sample.engine")
    options = {
        "model": given["model"],
        "problems": None if problems is None else make(ProblemSource, problems, "problems"),
        "rounds": rounds,
        "sample": made,
    }
    return make(PolicyRecipe, {**options, **_common(given)}, str(path))


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    held_out = given.get("held_out", 0.1)
    if type(held_out) not in (int, float) or not 0 <= held_out < 1:
        raise RecipeError(f"held_out: expected a share from 0 to below 1, got {held_out!r}")
    data = given.get("data") or []
    lora = given.get("lora", {})
    return {
        "data": tuple(data) if isinstance(data, list) else (data,),
        "prompt": make(Prompt, given.get("prompt", {}), "prompt"),
        "held_out": float(held_out),
        "lora": None if lora is None else make(Lora, lora, "lora"),
        "fit": make(Fit, given.get("fit", {}), "fit"),
        "seed": given.get("seed", 0),
        "text": json.dumps(given, sort_keys=True, default=str),
    }
