import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import SearchFactory
from outthink.cost import Usage
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import RecipeError, UsageError
from outthink.models import BUILT_IN
from outthink.registry import make_verifier
from outthink.strategies.beam import Beam
from outthink.strategies.revisions import REVISE, Revisions
from outthink.tree import Message
from outthink.verifiers import Scores, scorer
from outthink.verifiers.backends import Reading
from outthink.verifiers.families import OUTCOME, PROCESS, REFERENCES, Family, family_of
from outthink.verifiers.heads import Head, Ratio
from outthink.verifiers.orm import Orm
from outthink.verifiers.prm import Prm
from rewards import chunked, grow

QWEN = "Qwen/Qwen2.5-Math-PRM-7B"
REWARD = "Skywork/Skywork-Reward-V2-Qwen3-0.6B"


class Believer:
    """A backend whose rows say how many ids there were; its tokens are characters, but for names of special tokens."""

    def __init__(self, special: Mapping[str, int] | None = None) -> None:
        self.special = {"<extra_0>": 151651} if special is None else special
        self.usage = Usage()
        self.head: Head | None = None
        self.reads: list[tuple[list[int], list[int]]] = []
        self.closed = 0

    async def open(self, model: str, head: Head) -> None:
        self.head = head

    async def close(self) -> None:
        self.closed += 1

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        return await self.tokenize("".join(message["content"] for message in messages))

    async def tokenize(self, text: str) -> list[int]:
        names = "|".join(map(re.escape, self.special))
        pieces = re.findall(f"{names}|." if names else ".", text, re.DOTALL)
        return [self.special.get(piece) or ord(piece) for piece in pieces]

    async def read(self, ids: Sequence[int], positions: Sequence[int]) -> Reading:
        self.reads.append((list(ids), list(positions)))
        wide = {"Pair": 2, "Labels": 2}.get(type(self.head).__name__, 1)
        usage = Usage(scored_tokens=len(ids), calls=1)
        self.usage += usage
        return Reading(rows=[[0.0] * (wide - 1) + [at / 100] for at in positions], usage=usage)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Believer:
    made = Believer()
    monkeypatch.setattr(scorer, "make_backend", lambda spec: made)
    monkeypatch.setattr(scorer, "find_spec", lambda name: name)
    return made


async def test_all_unscored_steps_are_read_at_once_and_none_twice(backend: Believer) -> None:
    prm = Prm(model=QWEN)
    await prm.open(ScriptedEngine())
    tree = grow("Q", ["A\n\n", "B\n\n", "C\n\n"])
    first, *_, last = chunked(tree)
    first.node.score = (await prm.score(first)).values[0]
    scores = await prm.score(last)
    assert len(scores.values) == 2
    assert [len(positions) for _, positions in backend.reads] == [1, 2]
    assert backend.reads[1][0][: len(backend.reads[0][0])] == backend.reads[0][0]
    assert prm.usage == backend.usage
    await prm.close()
    assert backend.closed == 1


async def test_a_path_that_says_nothing_costs_nothing(backend: Believer) -> None:
    prm = Prm(model=QWEN)
    await prm.open(ScriptedEngine())
    tree = grow("Q", ["\n\n"])
    assert (await prm.score(tree.path(tree.nodes[-1]))).values == [] and backend.reads == []


async def test_a_search_pays_for_what_the_model_did(backend: Believer, new_search: SearchFactory) -> None:
    prm = Prm(model=QWEN)
    await prm.open(ScriptedEngine())
    search = new_search(verifier=prm)
    await search.run(Beam(n=8, width=4))
    assert all(node.score is not None for node in search.tree.nodes[1:])
    assert search.tree.cost.verifier == prm.usage == backend.usage


async def test_a_tokenizer_of_another_family_is_refused(backend: Believer) -> None:
    backend.special = {}
    with pytest.raises(UsageError, match="token 151651: it is of another family"):
        await Prm(model=QWEN).open(ScriptedEngine())


async def test_what_the_prompt_contributes_is_no_merit(backend: Believer) -> None:
    prm = Prm(model="PRIME-RL/EurusPRM-Stage2")
    await prm.open(ScriptedEngine())
    assert backend.head == Ratio(reference="Qwen/Qwen2.5-Math-7B-Instruct", beta=0.001)
    tree = grow("Question", ["A"])
    scores = await prm.score(tree.path(tree.nodes[-1]))
    ((ids, (prompt, end)),) = backend.reads
    assert prompt == len("Question") - 1 and end == len(ids) - 1
    assert scores.values == pytest.approx([Ratio(reference="").score([(end - prompt) / 100])])


async def test_a_finished_solution_is_scored_once_for_all_its_steps(backend: Believer) -> None:
    orm = Orm(model=REWARD)
    await orm.open(ScriptedEngine())
    tree = grow("Q", ["A\n\n", "B\n\n", "C", "\n\n"])
    for path in chunked(tree)[:3]:
        assert await orm.score(path) == Scores(values=[0.5] * len(path.steps), usage=Usage())
    assert backend.reads == []
    scores = await orm.score(chunked(tree)[-1])
    ((ids, positions),) = backend.reads
    assert positions == [len(ids) - 1] and scores.values == [scores.values[0]] * 3 and scores.usage == backend.usage


async def test_with_its_history_a_revision_is_shown_after_the_attempts_before_it(
    backend: Believer, new_search: SearchFactory
) -> None:
    orm = Orm(model=REWARD, history=True)
    await orm.open(ScriptedEngine())
    search = new_search(verifier=orm)
    await search.run(Revisions(n=3, sequential=3, context=2))
    shown = ["".join(map(chr, ids)) for ids, _ in backend.reads]
    ends = [search.tree.path(node) for node in search.tree.nodes if node.finished]
    said = [path.text.strip() for path in ends]
    asked = search.tree.question
    assert shown == [
        asked + said[0],
        asked + said[0] + REVISE + said[1],
        asked + said[0] + REVISE + said[1] + REVISE + said[2],
    ]
    # What answers another chat continues nothing.
    backend.reads.clear()
    search.tree.turns[ends[2].start.index] = [{"role": "user", "content": "Which is right?"}]
    for node in ends[2].nodes:
        node.score = None
    await orm.score(ends[2])
    assert ["".join(map(chr, ids)) for ids, _ in backend.reads] == [asked + said[2]]


async def test_of_steps_each_end_is_scored(backend: Believer) -> None:
    orm = Orm(model=REWARD, of="step")
    await orm.open(ScriptedEngine())
    tree = grow("Q", ["A\n\n", "B\n\n"], finish="step")
    scores = await orm.score(tree.path(tree.nodes[-1]))
    assert len(scores.values) == len(backend.reads) == 2 and scores.values[0] != scores.values[1]


async def test_a_verifier_is_opened_before_it_scores(backend: Believer) -> None:
    tree = grow("Q", ["A"])
    with pytest.raises(UsageError, match="not opened"):
        await Prm(model=QWEN).score(tree.path(tree.nodes[-1]))


@pytest.mark.parametrize("families", [PROCESS, OUTCOME])
def test_published_models_need_no_naming(families: Mapping[str, Family]) -> None:
    for family in families.values():
        for model in family.models:
            assert family_of(model, None, families) is family
            assert family_of(model.upper(), None, families) is family
    assert set(REFERENCES) == set(PROCESS["implicit"].models)


@pytest.mark.parametrize(
    ("config", "families", "name"),
    [
        ({"architectures": ["LlamaForTokenClassification"]}, PROCESS, "trl"),
        ({"architectures": ["Qwen2ForProcessRewardModel"]}, PROCESS, "qwen"),
        ({"architectures": ["Qwen3ForSequenceClassification"], "id2label": {"0": "LABEL_0"}}, OUTCOME, "reward"),
        ({"architectures": ["Qwen3ForSequenceClassification"]}, OUTCOME, "classifier"),
        ({"architectures": ["Qwen2ForRewardModel"]}, OUTCOME, "qwen-reward"),
        ({"architectures": ["Qwen3ForSequenceClassification"]}, PROCESS, None),
        ({"architectures": ["LlamaForTokenClassification"]}, OUTCOME, None),
        ({"architectures": ["LlamaForCausalLM"]}, PROCESS, None),
        ({"architectures": None}, PROCESS, None),
        ({}, PROCESS, None),
    ],
)
def test_a_local_checkpoint_is_recognised_where_it_is_plain(
    config: dict[str, object], families: Mapping[str, Family], name: str | None, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    if name is not None:
        assert family_of(str(tmp_path), None, families) is families[name]
    else:
        with pytest.raises(UsageError, match="set `family` to one of"):
            family_of(str(tmp_path), None, families)


def test_scores_are_aggregated_as_the_authors_do(backend: Believer) -> None:
    named = {name: family.aggregate for name, family in PROCESS.items() if family.aggregate != "last"}
    assert named == {"math-shepherd": "min", "rlhflow": "mean", "qwen": "prod", "plus-minus": "min"}
    assert Prm(model=QWEN).aggregate == "prod" and Orm(model=REWARD).aggregate == "last"


def test_a_named_family_goes_before_what_is_known() -> None:
    assert family_of(QWEN, "trl", PROCESS) is PROCESS["trl"]
    with pytest.raises(UsageError, match="did you mean 'rlhflow'"):
        family_of(QWEN, "rlhflo", PROCESS)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "prm", "model": "some/model"}, "verifier: cannot tell what kind"),
        ({"kind": "prm", "model": "m", "family": "implicit"}, "verifier: .*set `reference`"),
        ({"kind": "prm", "model": QWEN, "reference": "m"}, "verifier: `reference` is for implicit"),
        ({"kind": "prm", "model": QWEN, "backend": "vlm"}, r"verifier\.backend: .*did you mean 'vllm'"),
        ({"kind": "orm", "model": REWARD, "scale": 0.0}, "verifier: scale is 0.0"),
        ({"kind": "orm", "model": "m", "family": "classifier", "scale": 2.0}, "verifier: `scale` is for"),
        ({"kind": "orm", "model": REWARD, "of": "steps"}, r"verifier\.of"),
    ],
)
def test_wrong_options_are_refused_by_name(spec: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_verifier(spec)


@pytest.mark.parametrize(
    ("installed", "family", "picked"),
    [
        ({"vllm", "torch", "transformers"}, "qwen", "vllm"),
        ({"vllm", "torch", "transformers"}, "implicit", "transformers"),
        ({"torch", "transformers"}, "qwen", "transformers"),
        ({"torch"}, "qwen", None),
        (set(), "qwen", None),
    ],
)
def test_the_backend_is_the_first_that_is_installed_and_can(
    installed: set[str], family: str, picked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setattr(scorer, "make_backend", lambda spec: spec)
    head = PROCESS[family].head
    if picked is not None:
        assert scorer.pick_backend("auto", "owner/model", head) == picked  # type: ignore[comparison-overlap]
    else:
        with pytest.raises(UsageError, match=r"outthink\[vllm\]"):
            scorer.pick_backend("auto", "owner/model", head)


def test_a_built_in_reward_model_is_known_and_runs_on_llamacpp_whatever_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BUILT_IN, "checker", replace(BUILT_IN["smollm2-135m"], family="plus-minus"))
    made: list[Mapping[str, object]] = []
    monkeypatch.setattr(scorer, "make_backend", made.append)
    monkeypatch.setattr(scorer, "find_spec", lambda name: name)
    assert make_verifier("prm:checker").aggregate == PROCESS["plus-minus"].aggregate
    engine = {"kind": "llamacpp", "context": 512, "parallel": 8}
    assert made == [{"kind": "generate", "engine": engine}]
    Prm(model="checker", backend="transformers")
    assert made[1:] == ["transformers"]


def test_a_built_in_reward_model_is_of_its_own_kind_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN, "checker", replace(BUILT_IN["smollm2-135m"], family="plus-minus"))
    assert family_of("checker", None, PROCESS) is PROCESS["plus-minus"]
    assert family_of("checker", "trl", PROCESS) is PROCESS["trl"]
    for model, families in (("checker", OUTCOME), ("smollm2-135m", PROCESS)):
        with pytest.raises(UsageError, match="cannot tell what kind"):
            family_of(model, None, families)
