"""The prompt: how a question is put to an engine."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.errors import RecipeError

DEFAULT_SYSTEM = 'Solve the problem step by step, with a blank line between steps. End with "The answer is ...".'

_QUESTION = "{question}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """How a question is put to an engine, and where the steps of its answer end.

    Args:
        system: The system message; empty for none.
        user: The user message, with `{question}` where the question goes.
        step: The separator that ends a step.

    Raises:
        RecipeError: The user message has no place for the question, or the separator is empty.
    """

    system: str = DEFAULT_SYSTEM
    user: str = _QUESTION
    step: str = "\n\n"

    def __post_init__(self) -> None:
        if _QUESTION not in self.user:
            raise RecipeError(f"prompt.user must contain {_QUESTION} where the question goes: {self.user!r}")
        if not self.step:
            raise RecipeError('prompt.step is empty: name the text that ends a step, such as "\\n\\n"')

    def messages(self, question: str) -> list[dict[str, str]]:
        """The chat that asks the question."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        # Not str.format: questions and prompts about sets or LaTeX are full of braces.
        return [*system, {"role": "user", "content": self.user.replace(_QUESTION, question)}]
