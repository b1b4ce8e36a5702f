"""The training loop: batches in an order that hangs on the seed alone, checkpoints, and going on from one."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import Module

from outthink.errors import StoreError, UsageError
from outthink.learn.train.recipe import Fit
from outthink.learn.train.report import Record

__all__ = ["CHECKPOINT", "Course", "Task", "fit"]

CHECKPOINT = "checkpoint.pt"
"""The file in a training's folder that it goes on from; gone when it is done."""


class Task(Protocol):
    """What is trained, and on what."""

    @property
    def model(self) -> Module:
        """The weights that require gradients are trained."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each training example."""

    def loss(self, model: Module, examples: Sequence[int]) -> Tensor:
        """The mean loss of some examples, by their places."""

    def evaluate(self, model: Module) -> dict[str, float]:
        """Figures on held-out data, by name; none if nothing is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A training from its beginning to its end, sittings together."""

    records: list[Record]
    seconds: float


def fit(
    task: Task, how: Fit, *, seed: int, folder: Path, identity: str, watch: Callable[[Record, float], None]
) -> Course:
    """Train, or go on from the checkpoint in a folder.

    On the same machine and number of devices a training that was interrupted comes to the same weights as one that was
    not. On several devices start it with `accelerate launch`: each takes its share of every step's examples.

    Args:
        task: what is trained.
        how: the schedule.
        seed: of the order of examples and of dropout.
        folder: where the checkpoint lies.
        identity: of recipe and data; a checkpoint belongs to one.
        watch: told of every step, and how many seconds this sitting has taken.

    Raises:
        StoreError: the folder holds a checkpoint of another recipe or other data, or cannot be written.
        UsageError: an example alone is longer than a batch may be.
    """
    accelerator = Accelerator()
    torch.manual_seed(seed)
    weights = [weight for weight in task.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=how.learning_rate, weight_decay=0.0)
    model, optimizer = accelerator.prepare(task.model, optimizer)
    plan = _plan(task.lengths, how, seed)
    shelf = _Shelf(folder / CHECKPOINT, identity, weights, optimizer)
    records, before = shelf.load()
    began = time.perf_counter()
    ends = _epoch_ends(plan)

    def measure() -> None:
        if records and len(records) - 1 in ends and not records[-1].held_out:
            records[-1] = replace(records[-1], held_out=_held_out(task, model, how, accelerator))

    whole, random = True, torch.get_rng_state()
    try:
        # An earlier sitting may have ended while it measured.
        measure()
        for step in range(len(records), len(plan)):
            rate = how.learning_rate * _schedule(step / len(plan), how.warmup)
            loss = _gradients(task, model, plan[step].examples, how, accelerator)
            whole = False
            _follow(optimizer, rate)
            records.append(
                Record(
                    step=step + 1,
                    steps=len(plan),
                    loss=loss,
                    learning_rate=rate,
                    tokens=(records[-1].tokens if records else 0) + sum(task.lengths[i] for i in plan[step].examples),
                    held_out={},
                )
            )
            whole, random = True, torch.get_rng_state()
            measure()
            if not accelerator.is_main_process:
                continue
            watch(records[-1], time.perf_counter() - began)
            if len(records) % how.checkpoint == 0:
                shelf.save(records, before + time.perf_counter() - began, random)
    except KeyboardInterrupt:
        # Gradients that were being computed are computed anew, from the same random numbers. Only where the weights may
        # be a step ahead of the records does the last checkpoint stand.
        if whole and accelerator.is_main_process:
            shelf.save(records, before + time.perf_counter() - began, random)
        raise
    return Course(records=records, seconds=before + time.perf_counter() - began)


def _gradients(task: Task, model: Module, examples: Sequence[int], how: Fit, accelerator: Any) -> float:
    """Compute a step's gradients; its loss."""
    mine = examples[accelerator.process_index :: accelerator.num_processes] or examples[:1]
    model.train()
    with _computing(how, accelerator):
        loss = task.loss(model, mine)
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(model.parameters(), how.clip)
    return float(loss.detach())


def _follow(optimizer: Any, rate: float) -> None:
    """Move the weights as their gradients say."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()


def _held_out(task: Task, model: Module, how: Fit, accelerator: Any) -> dict[str, float]:
    model.eval()
    with torch.no_grad(), _computing(how, accelerator):
        return task.evaluate(model)


def _computing(how: Fit, accelerator: Any) -> Any:
    """The precision to compute in; entered anew at every step, since it keeps casts of the weights it met first."""
    return torch.autocast(accelerator.device.type, torch.bfloat16, enabled=how.precision == "bfloat16")


def _schedule(done: float, warmup: float) -> float:
    """The share of the highest learning rate, when so much is done."""
    if done < warmup:
        return 0.05 + 0.95 * done / warmup
    return 0.05 + 0.95 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


@dataclass(frozen=True, slots=True)
class _Batch:
    epoch: int
    examples: tuple[int, ...]


def _plan(lengths: Sequence[int], how: Fit, seed: int) -> list[_Batch]:
    """The batches of all epochs; which examples go together, and when, hangs on lengths and seed alone."""
    if (longest := max(lengths, default=0)) > how.batch_tokens:
        raise UsageError(f"fit.batch_tokens is {how.batch_tokens}, and an example alone has {longest} tokens; raise it")
    plan: list[_Batch] = []
    for epoch in range(how.epochs):
        order = list(range(len(lengths)))
        Random(f"{seed} {epoch}").shuffle(order)
        plan += [_Batch(epoch, examples) for examples in _filled(order, lengths, how.batch_tokens)]
    return plan


def _filled(order: Sequence[int], lengths: Sequence[int], limit: int) -> Iterator[tuple[int, ...]]:
    """Examples, in order, as many to a batch as fit.

    Not those of like length together: long examples are hard ones, and a batch that is all hard or all easy teaches how
    hard the batch was.
    """
    start = tokens = 0
    for end, example in enumerate(order):
        if tokens + lengths[example] > limit:
            yield tuple(order[start:end])
            start, tokens = end, 0
        tokens += lengths[example]
    yield tuple(order[start:])


def _epoch_ends(plan: Sequence[_Batch]) -> set[int]:
    """The places in the plan after which an epoch is over."""
    return {place for place, batch in enumerate(plan) if place + 1 == len(plan) or plan[place + 1].epoch > batch.epoch}


class _Shelf:
    """Where a training's state is kept between sittings."""

    def __init__(self, path: Path, identity: str, weights: Sequence[Tensor], optimizer: Any) -> None:
        self._path = path
        self._identity = identity
        self._weights = weights
        self._optimizer = optimizer

    def load(self) -> tuple[list[Record], float]:
        """What was done in earlier sittings, and the seconds it took; weights and optimiser are set to it."""
        if not self._path.exists():
            return [], 0.0
        try:
            kept = torch.load(self._path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError) as error:
            raise StoreError(f"{self._path} cannot be read: {error}; remove it to start anew") from error
        if kept["identity"] != self._identity:
            raise StoreError(
                f"{self._path} belongs to another recipe or other data; choose another --out, or remove it"
            )
        with torch.no_grad():
            for weight, was in zip(self._weights, kept["weights"], strict=True):
                weight.copy_(was)
        self._optimizer.load_state_dict(kept["optimizer"])
        torch.set_rng_state(kept["random"])
        return [Record(**record) for record in kept["records"]], kept["seconds"]

    def save(self, records: Sequence[Record], seconds: float, random: Tensor) -> None:
        """Whole or not at all: the old checkpoint stands until the new one is written.

        Args:
            records: of the steps that the weights have been through.
            seconds: that they took.
            random: the state of the random numbers that the next step draws from.
        """
        scratch = self._path.with_suffix(".part")
        state = {
            "identity": self._identity,
            "weights": [weight.detach().cpu() for weight in self._weights],
            "optimizer": self._optimizer.state_dict(),
            "random": random,
            "records": [asdict(record) for record in records],
            "seconds": seconds,
        }
        try:
            torch.save(state, scratch)
            os.replace(scratch, self._path)
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{self._path} cannot be written: {error}; make room, then go on") from error
