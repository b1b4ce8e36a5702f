"""How a chat becomes a prompt for vLLM; no vLLM is needed for that."""

from typing import Any

import pytest

from outthink.engines.vllm import Vllm
from outthink.engines.vllm_sibling import Model
from outthink.errors import UsageError
from outthink.shape import Shape

CHAT = [{"role": "system", "content": "S"}, {"role": "user", "content": "Q?"}]


class Characters:
    """A tokenizer without a chat template, as `transformers` has them; a template here is a format string."""

    chat_template = None

    def apply_chat_template(
        self, chat: list[dict[str, str]], *, chat_template: str | None, add_generation_prompt: bool, return_dict: bool
    ) -> list[int]:
        if chat_template is None:
            raise ValueError("tokenizer.chat_template is not set")
        assert add_generation_prompt and not return_dict
        return list(map(ord, chat_template.format(*(message["content"] for message in chat))))


def opened(**options: Any) -> Vllm:
    engine = Vllm(model="base", **options)
    engine._opened = Model(tokenizer=Characters(), context=64, shape=Shape(parameters=0), lora=None, seeded=False)
    return engine


async def test_a_chat_is_put_into_the_template_that_is_given() -> None:
    assert "".join(map(chr, await opened(template="{0}|{1}\n").encode(CHAT))) == "S|Q?\n"


async def test_a_model_without_a_template_asks_for_one() -> None:
    with pytest.raises(UsageError, match="give one in `template`"):
        await opened().encode(CHAT)
