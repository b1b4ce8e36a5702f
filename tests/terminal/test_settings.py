import re

import pytest

from outthink.errors import RecipeError
from outthink.terminal.settings import settings, spec


def test_settings_are_parted_and_read_as_yaml() -> None:
    found = settings(["engine.context=4096", "strategy.n=8", 'prompt.step="\\n"', "sampling.logprobs=true"])
    assert found == {
        "engine": {"context": 4096},
        "prompt": {"step": "\n"},
        "sampling": {"logprobs": True},
        "strategy": {"n": 8},
        "verifier": {},
    }


@pytest.mark.parametrize("change", ["n=8", "strategy.n", "strategy.=8", "strategi.n=8", "strategy.n={"])
def test_other_settings_are_refused(change: str) -> None:
    with pytest.raises(RecipeError, match=f"^--set {re.escape(change)}: "):
        settings([change])


def test_a_spec_is_a_kind_perhaps_a_model_and_options() -> None:
    assert spec("beam", {"n": 4}) == {"kind": "beam", "n": 4}
    assert spec("llamacpp:a/b:c.gguf", {}) == {"kind": "llamacpp", "model": "a/b:c.gguf"}
