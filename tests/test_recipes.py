"""The recipes that come with the code: all are valid, and those that reproduce run from end to end on stand-ins."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from outthink.cli import main
from outthink.learn.label import load_label_recipe
from outthink.learn.train.recipe import load_train_recipe
from outthink.runs import Store, load_recipe
from outthink.study.carry_out import run_folder
from outthink.study.recipe import load_study_recipe
from outthink.study.smoke import StandIns, smoke

RECIPES = Path(__file__).parents[1] / "recipes"
ALL = sorted(RECIPES.rglob("*.yaml"))
REPRODUCING = sorted((RECIPES / "reproduce").glob("*.yaml"))

Try = Callable[[Path, StandIns], None]


def name(path: Path) -> str:
    return path.relative_to(RECIPES).with_suffix("").as_posix()


def load(path: Path) -> object:
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "budgets" in given:
        return load_study_recipe(path)
    if "train" in given:
        return load_train_recipe(path)
    return load_label_recipe(path) if "label" in given else load_recipe(path)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_recipe_is_valid(path: Path) -> None:
    assert load(path) is not None


@pytest.mark.parametrize("path", REPRODUCING, ids=name)
def test_a_recipe_says_how_it_is_carried_out(path: Path) -> None:
    assert f"#   outthink study recipes/{name(path)}.yaml\n" in path.read_text(encoding="utf-8")


@pytest.fixture
def carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Try:
    """Carries out a recipe in smoke size, finds all of its searches done, and reports them."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(words))
        out, err = capsys.readouterr()
        assert not left.value.code, err
        return out, err

    def carry_out(path: Path, stand_ins: StandIns) -> None:
        out, err = command("study", str(path), "--smoke", stand_ins)
        assert "Its figures mean nothing." in err
        folder = tmp_path / "studies" / f"{path.stem}-smoke-{stand_ins}"
        for label, run in smoke(load_study_recipe(path), stand_ins).runs.items():
            assert f"{label}: " in out
            with Store.read(run_folder(folder, label)) as store:
                results = store.results()
                assert len(results) == len(run.strategies) * len(store.problems())
                assert not [result.error for result in results if result.error]
        command("report", str(folder), "-o", "report.html")
        assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")

    return carry_out


@pytest.mark.parametrize("path", REPRODUCING, ids=name)
def test_a_recipe_that_reproduces_runs_from_end_to_end(path: Path, carried_out: Try) -> None:
    carried_out(path, "scripted")


@pytest.mark.model
def test_one_of_them_runs_on_the_embedded_model(default_model: Path, carried_out: Try) -> None:
    carried_out(RECIPES / "reproduce" / "beeching-1b.yaml", "embedded")
