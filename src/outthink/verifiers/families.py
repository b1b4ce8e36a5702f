"""Families: what each published kind of reward model is shown, and how its answer becomes a score.

A family is plain data: a layout, a head, and the tokens its checkpoints are known by. To add one, add an entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outthink.errors import UsageError
from outthink.models import BUILT_IN
from outthink.options import nearest
from outthink.select import Aggregate
from outthink.verifiers.heads import Head, Labels, Pair, Ratio, Signs, Value
from outthink.verifiers.layouts import Asked, Layout, Marked, Turns, Whole

__all__ = ["FAMILY_KEY", "OUTCOME", "PROCESS", "REFERENCES", "Family", "family_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of reward model.

    Args:
        layout: how question and steps become token ids.
        head: what is read, and how it becomes a score.
        tokens: texts and the token their ids end with in every tokenizer of this family, checked when one is opened.
        models: ids on the Hugging Face Hub.
        architectures: as a checkpoint's config.json has them, where they tell the family.
        aggregate: how its authors make its step scores one number; "last" where they do not say.
    """

    layout: Layout
    head: Head
    tokens: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    aggregate: Aggregate = "last"


_BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
_QWEN_MARK = {"<extra_0>": 151651}
_MISTRAL_PAIR = {" ки": 12902, "+": 648, "-": 387}
_LLAMA_PAIR = {"+": 10, "-": 12}

PROCESS: Mapping[str, Family] = {
    # Wang et al. 2023, arXiv 2312.08935. The model card's form.
    "math-shepherd": Family(
        layout=Marked(mark=" ки", bos="<s>", first=" ", joint="\n"),
        head=Pair(good=648, bad=387),
        tokens=_MISTRAL_PAIR,
        models=("peiyi9979/math-shepherd-mistral-7b-prm",),
        aggregate="min",
    ),
    # The same model as huggingface/search-and-learn shows it: after the policy's system prompt, with blank lines.
    "math-shepherd-sal": Family(
        layout=Marked(mark=" ки", opening="{system}\n{question}\n", bos="<s>", first=" ", joint="\n\n"),
        head=Pair(good=648, bad=387),
        tokens=_MISTRAL_PAIR,
    ),
    # Xiong et al. 2024, github.com/RLHFlow/RLHF-Reward-Modeling (math-rm/prm_evaluate.py).
    "rlhflow": Family(
        layout=Turns(),
        head=Pair(good=10, bad=12),
        tokens=_LLAMA_PAIR,
        models=("RLHFlow/Llama3.1-8B-PRM-Mistral-Data", "RLHFlow/Llama3.1-8B-PRM-Deepseek-Data"),
        aggregate="mean",
    ),
    # The same models as Zheng et al. 2024 (ProcessBench, arXiv 2412.06559) show them.
    "rlhflow-processbench": Family(layout=Turns(joint="\n\n"), head=Pair(good=10, bad=12), tokens=_LLAMA_PAIR),
    # Skywork-o1 2024, github.com/SkyworkAI/skywork-o1-prm-inference: every line is a step of its own.
    "skywork": Family(
        layout=Marked(mark="\n", opening="{question}\n", bos=None, apart=True, unit="line"),
        head=Value(),
        models=("Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B", "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-7B"),
    ),
    # The same models with one mark a step, its lines joined, as Liu et al. 2025 (arXiv 2502.06703) show them.
    "skywork-step": Family(
        layout=Marked(mark="\n", opening="{question}\n", bos=None, apart=True, unit="joined"), head=Value()
    ),
    # Zhang et al. 2025, arXiv 2501.07301.
    "qwen": Family(
        layout=Marked(mark="<extra_0>", chat=True, system=_BOXED),
        head=Labels(),
        tokens=_QWEN_MARK,
        models=("Qwen/Qwen2.5-Math-PRM-7B", "Qwen/Qwen2.5-Math-PRM-72B", "Qwen/Qwen2.5-Math-7B-PRM800K"),
        architectures=("Qwen2ForProcessRewardModel",),
        aggregate="prod",
    ),
    # Tan et al. 2025 (AURORA), arXiv 2502.11520, told that there is no reference answer.
    "universal": Family(
        layout=Marked(
            mark="\n\n",
            opening="{question}\n\n###\n\nThe reference answer is: There is no reference answer for this question.",
            chat=True,
            system="You are a helpful assistant.",
            ended=True,
        ),
        head=Value(),
        models=("infly/Universal-PRM-7B",),
    ),
    # Zou et al. 2025, arXiv 2506.18896: Qwen's marks, no system prompt but the template's own.
    "reasonflux": Family(
        layout=Marked(mark="<extra_0>", chat=True),
        head=Labels(),
        tokens=_QWEN_MARK,
        models=("Gen-Verse/ReasonFlux-PRM-7B",),
    ),
    # The same paper's small model: question and solution as one text, a number at its end.
    "reasonflux-text": Family(layout=Whole(chat=False), head=Value(), models=("Gen-Verse/ReasonFlux-PRM-1.5B",)),
    # Token classifiers as trl's PRMTrainer trains them; the separator is the trainer's `step_separator`.
    "trl": Family(
        layout=Marked(mark="\n", bos=None, apart=True),
        head=Labels(),
        models=("trl-lib/Qwen2-0.5B-Reward-Math-Sheperd",),
    ),
    "trl-blank-line": Family(
        layout=Marked(mark="\n\n", bos=None, apart=True),
        head=Labels(),
        models=(
            "HuggingFaceH4/Qwen2.5-Math-1.5B-Instruct-PRM-0.2",
            "HuggingFaceH4/Qwen2.5-Math-7B-Instruct-PRM-0.2",
        ),
    ),
    # Zeng et al. 2025, arXiv 2502.06737, on Llama-3.1.
    "versaprm": Family(
        layout=Marked(mark=" \n\n\n\n", opening="{question} \n\n", bos="<|begin_of_text|>"),
        head=Pair(good=10, bad=12),
        tokens={" \n\n\n\n": 23535, **_LLAMA_PAIR},
        models=tuple(
            f"UW-Madison-Lee-Lab/{name}"
            for name in (
                *("VersaPRM", "VersaPRM-Aug", "VersaPRM-Math-Subset", "VersaPRM-Small-Subset"),
                *("VersaPRM-Base-3B", "VersaPRM-Base-8B", "Llama-PRM800K"),
            )
        ),
    ),
    # The same paper's model on Qwen2.5-Math.
    "versaprm-qwen": Family(
        layout=Marked(mark=" \n\n\n\n", opening="{question} \n\n"),
        head=Pair(good=10, bad=12),
        tokens={" \n\n\n\n": 22701, "+": 10, "-": 12},
        models=("UW-Madison-Lee-Lab/Qwen-PRM800K",),
    ),
    # Wang et al. 2024 (OpenR), arXiv 2410.09671, on Qwen2.5-Math; an adapter, to be merged first.
    "math-psa": Family(
        layout=Marked(mark=" \n\n\n\n\n", first=" ", joint=" "),
        head=Pair(good=488, bad=481),
        tokens={" \n\n\n\n\n": 76325, " +": 488, " -": 481},
    ),
    # What `outthink train` writes: after each step a blank line, and at it the choice between + and - of any tokenizer.
    # The least score of a path chose better answers than its last one (docs/learning.md).
    "plus-minus": Family(layout=Asked(mark="\n\n"), head=Signs(), aggregate="min"),
    # Yuan et al. 2024, arXiv 2412.01981; the separator's tokens count to the step that they end.
    "implicit": Family(
        layout=Marked(mark="\n\n", chat=True),
        head=Ratio(reference=""),
        models=("PRIME-RL/EurusPRM-Stage1", "PRIME-RL/EurusPRM-Stage2"),
    ),
}
"""Families that score every step, for `prm`."""

OUTCOME: Mapping[str, Family] = {
    # Liu et al. 2025, arXiv 2507.01352; any sequence classifier with one output.
    "reward": Family(
        layout=Whole(),
        head=Value(),
        models=tuple(
            f"Skywork/Skywork-Reward-V2-{base}"
            for base in (
                *("Qwen3-0.6B", "Qwen3-1.7B", "Qwen3-4B", "Qwen3-8B"),
                *("Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Llama-3.1-8B-40M"),
            )
        ),
    ),
    # Yang et al. 2024, arXiv 2409.12122.
    "qwen-reward": Family(
        layout=Whole(system=_BOXED),
        head=Value(),
        models=("Qwen/Qwen2.5-Math-RM-72B",),
        architectures=("Qwen2ForRewardModel",),
    ),
    # Any sequence classifier whose class 1 means correct.
    "classifier": Family(layout=Whole(), head=Labels()),
}
"""Families that score a solution as a whole, for `orm`."""

FAMILY_KEY = "outthink_family"
"""The field of a checkpoint's config.json in which `outthink train` names its family."""

REFERENCES = {
    "PRIME-RL/EurusPRM-Stage1": "Qwen/Qwen2.5-Math-7B-Instruct",
    "PRIME-RL/EurusPRM-Stage2": "Qwen/Qwen2.5-Math-7B-Instruct",
}
"""The models that implicit reward models were trained from."""


def family_of(model: str, named: str | None, families: Mapping[str, Family]) -> Family:
    """The family a model is of: the one named, else the one it is known or recognised to be of.

    Args:
        model: a built-in name, a local folder, or an id on the Hub.
        named: the family's name, where the user gave it.
        families: `PROCESS` or `OUTCOME`.

    Raises:
        UsageError: there is no such family, or none was named and the model tells nothing.
    """
    if named is not None:
        if named not in families:
            raise UsageError(f"there is no family {named!r} of reward models{nearest(named, families)}")
        return families[named]
    built_in = BUILT_IN.get(model)
    if built_in is not None and built_in.family is not None and built_in.family in families:
        return families[built_in.family]
    for family in families.values():
        if model.lower() in map(str.lower, family.models):
            return family
    found = _recognised(Path(model).expanduser(), families)
    if found is None:
        names = ", ".join(families)
        raise UsageError(f"cannot tell what kind of reward model {model} is; set `family` to one of {names}")
    return families[found]


def _recognised(folder: Path, families: Mapping[str, Family]) -> str | None:
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return None
    if config.get(FAMILY_KEY) in families:
        return str(config[FAMILY_KEY])
    architecture = next(iter(config.get("architectures") or ()), "")
    named = next((name for name, family in families.items() if architecture in family.architectures), None)
    if named is None and architecture.endswith("ForTokenClassification"):
        named = "trl"
    if named is None and architecture.endswith("ForSequenceClassification"):
        named = "reward" if _outputs(config) == 1 else "classifier"
    return named if named in families else None


def _outputs(config: Mapping[str, object]) -> int:
    """How many numbers a classifier returns; transformers writes their names, and nothing at all for two."""
    labels = config.get("id2label")
    return len(labels) if isinstance(labels, Mapping) else 2
