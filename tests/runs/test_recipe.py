from pathlib import Path

import pytest

from outthink.budget import Budget
from outthink.errors import RecipeError
from outthink.runs.recipe import load_recipe
from outthink.strategies.beam import Beam

GOOD = """
problems: {source: builtin, limit: 3}
engine: {kind: scripted, steps: 3}
verifier: {kind: scripted}
budget: {tokens: 900}
strategies:
  - greedy
  - {kind: sample, n: 4, select: [majority, best]}
  - {kind: beam, n: 4, width: 2, aggregate: min, budget: {tokens: 500, samples: 3}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_says_everything_about_a_run(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert [entry.name for entry in recipe.strategies] == ["greedy", "sample-4", "beam-4"]
    greedy, sample, beam = recipe.strategies
    assert (greedy.select, greedy.scored) == (("majority",), False)
    assert (sample.select, sample.scored) == (("majority", "best"), True)
    assert (beam.strategy, beam.select, beam.aggregate) == (Beam(n=4, width=2), ("weighted",), "min")
    assert sample.budget == Budget(samples=4, tokens=900)
    assert beam.budget == Budget(samples=3, tokens=500)
    assert recipe.seeds == (0,)


def test_overrides_reach_every_field(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    overrides = ["strategies.2.width=1", "engine.steps=7", "seeds=[1, 2]", "strategies.0={kind: sample, n: 2}"]
    recipe = load_recipe(path, overrides)
    assert recipe.strategies[2].strategy == Beam(n=4, width=1)
    assert recipe.engine == {"kind": "scripted", "steps": 7}
    assert recipe.seeds == (1, 2)
    assert recipe.strategies[0].name == "sample-2"


def test_an_override_gives_options_to_a_kind_named_bare(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("{kind: scripted, steps: 3}", "scripted"))
    assert load_recipe(path, ["engine.steps=5"]).engine == {"kind": "scripted", "steps": 5}


def test_what_cannot_change_a_result_is_not_part_of_the_runs_identity(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_recipe(path, ["in_flight=2"]).text == load_recipe(path).text
    assert load_recipe(path, ["engine.steps=4"]).text != load_recipe(path).text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("problms={}", r"unknown key 'problms'; did you mean 'problems'\?"),
        ("problems=", "problems is missing"),
        ("problems.sorce=x", r"problems: unknown key 'sorce'; did you mean 'source'\?"),
        ("problems.limit=many", r"problems\.limit: .*'many'"),
        ("engine.kind=lamacpp", r"engine: .*'lamacpp'; did you mean 'llamacpp'\?"),
        ("engine.stepz=2", r"engine: unknown key 'stepz'; did you mean 'steps'\?"),
        ("partners={big: {kind: scripted, stepz: 2}}", r"partners\.big: unknown key 'stepz'; did you mean 'steps'\?"),
        ("partners=scripted", "partners: expected engines by name"),
        ("verifier=rulez", r"verifier: .*did you mean 'rules'\?"),
        ("verifier=null", "'sample-4' reads scores; name a verifier"),
        ("sampling={heat: 1}", "sampling: unknown key 'heat'"),
        ("prompt={user: hello}", r"prompt: .*\{question\}"),
        ("budget.tokens=0", r"budget: budget\.tokens is 0"),
        ("strategies=beam", "strategies: expected a list"),
        ("strategies.0=bean", r"strategies\.0: .*did you mean 'beam'\?"),
        ("strategies.1.select=majorty", r"strategies\.1\.select: 'majorty' is none of majority, best, weighted"),
        ("strategies.2.aggregate=max", r"strategies\.2\.aggregate: 'max'"),
        ("strategies.2.width=9", r"strategies\.2: width is 9"),
        ("strategies.0={kind: sample, n: 4}", r"strategies\.1: a second strategy called 'sample-4'"),
        ("strategies.9.n=1", "the list has entries 0 to 2"),
        ("seeds=[]", "seeds: expected a list"),
        ("seeds=[1, 1]", "repeats a seed"),
        ("in_flight=0", "in_flight: expected"),
        ("seeds", "expected a.b=value"),
        ("seeds=[", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(tmp_path: Path, override: str, message: str) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problems:\n  - [", r"recipe\.yaml:2: not valid YAML"),
        ("- a", "expected options by name"),
        ("", "expected options by name"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.yaml: no such file"):
        load_recipe(tmp_path / "nowhere.yaml")
