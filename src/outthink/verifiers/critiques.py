"""Critiques: what the published generative verifiers are asked, how they begin, and what leads to their verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from outthink.tree import Message

__all__ = ["FORMATS", "Draft", "Format"]

_NUMBERED = re.compile(r"(?:## )?Step \d+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A critique to be written.

    Args:
        messages: the chat that asks for it.
        opening: how the reply begins.
        stops: texts at which it is over; they, and what follows, are no part of it.
        before: critiques that stand before it in the chat.
    """

    messages: list[Message]
    opening: str
    stops: tuple[str, ...]
    before: tuple[str, ...] = ()


class Format(Protocol):
    """One verifier's way.

    Args:
        judges: "solution" judges finished solutions, "path" also unfinished ones, both once for all steps; "step"
            judges each step in a turn of its own, the critiques of those before it in the chat.
        close: what closes the critique.
        check: how a check by programs begins, which may follow; empty where there is none.
        lead: text before the verdict.
        words: the verdicts, good and bad; the score is the probability of the good one.
        tail: what closes a verdict in the turns of a chat.
        temperature, top_p, top_k, max_tokens: as its authors sample it.
    """

    judges: Literal["solution", "path", "step"]
    close: str
    check: str
    lead: str
    words: tuple[str, str]
    tail: str
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int

    def draft(self, question: str, steps: Sequence[str], critiques: Sequence[str]) -> Draft:
        """The critique of the last of some steps, or of all of them.

        Args:
            question: as asked.
            steps: of the solution so far, without separators.
            critiques: of all but the last, whole replies; for those that judge each step in its turn.
        """


class GenRm:
    """GenRM-CoT (Zhang et al. 2024, arXiv 2408.15240): a chain of thought, then "Is the answer correct (Yes/No)?".

    The prompt is the authors' for grading, without the reference solution that their training leaves out; their
    checkpoints are not public. Temperature and length are ours.
    """

    judges: Literal["solution", "path", "step"] = "solution"
    close = check = ""
    lead = "\nVerification: Is the answer correct (Yes/No)?"
    words = (" Yes", " No")
    tail = ""
    temperature, top_p, top_k, max_tokens = 0.7, 1.0, 0, 1024

    def draft(self, question: str, steps: Sequence[str], critiques: Sequence[str]) -> Draft:
        """One for the solution."""
        solution = "\n\n".join(steps)
        content = (
            "You are a math teacher. Grade the Solution, verifying correctness step by step. At the end of the "
            'Solution verification, when you give your final grade, write it in the form "Verification: Is the answer '
            'correct (Yes/No)? X", where X is either Yes or No.\n\n'
            f"Question: {question}\nSolution: {solution}"
        )
        return Draft(
            messages=[{"role": "user", "content": content}],
            opening="Let's verify step by step.",
            stops=(self.lead, self.lead.strip()),
        )


class ThinkPrm:
    """ThinkPRM (Khalifa et al. 2025, arXiv 2504.16828; `launch/ThinkPRM-1.5B` and larger): thinks long about a prefix.

    It closes each step with a boxed verdict; as with its authors the score is P(yes) at the end, not those verdicts.
    """

    judges: Literal["solution", "path", "step"] = "path"
    close = check = ""
    lead = "\nIs the solution correct?"
    words = (" yes", " no")
    tail = ""
    temperature, top_p, top_k, max_tokens = 0.7, 1.0, 0, 8192

    def draft(self, question: str, steps: Sequence[str], critiques: Sequence[str]) -> Draft:
        """One for the steps there are; it is over where the model goes on to a step that does not exist."""
        bare = [_NUMBERED.sub("", step).strip() for step in steps]
        solution = "\n".join(f"Step {number}: {step}" for number, step in enumerate(bare, start=1))
        content = (
            "You are given a math problem and a proposed step-by-step solution:\n\n"
            f"[Math Problem]\n\n{question}\n\n[Solution]\n\n{solution}\n\n"
            "Review and critique each step in the proposed solution to determine whether each step is correct. If the "
            "solution is incomplete, only verify the provided steps."
        )
        return Draft(
            messages=[{"role": "user", "content": content}],
            opening="\nLet's verify step by step:",
            stops=(self.lead.strip(), "</think>", f"Step {len(steps) + 1}:"),
        )


class GenPrm:
    """GenPRM (Zhao et al. 2025, arXiv 2504.00891; `GenPRM/GenPRM-1.5B`, `-7B`, `-32B`): an analysis of each paragraph.

    Without a sandbox as with its authors' `verify=False`: no code is written, let alone executed. The chat ends as on
    the model card, with the template's own beginning of a reply.
    """

    judges: Literal["solution", "path", "step"] = "step"
    close = "</analyze>\n"
    check = "<verify>\nLet's use python code to find any potential error:\n```python\n"
    lead = "<output>\n**Judgement**: $\\boxed{"
    words = ("Yes", "No")
    tail = "}$\n</output>\n"
    temperature, top_p, top_k, max_tokens = 0.6, 0.95, 20, 2048

    def draft(self, question: str, steps: Sequence[str], critiques: Sequence[str]) -> Draft:
        """One for the last step, in a chat of steps and critiques."""
        system = "You are a math teacher. Your task is to review and critique the paragraphs in solution step by step."
        messages = [{"role": "system", "content": system}]
        for number, step in enumerate(steps):
            messages.append({"role": "user", "content": f"Question: {question}\n\n{step}" if number == 0 else step})
            if number < len(critiques):
                messages.append({"role": "assistant", "content": critiques[number]})
        opening = f"<analyze>\nLet's analyze the Paragraph {len(steps)} step by step: "
        return Draft(messages=messages, opening=opening, stops=("</analyze>",), before=tuple(critiques))


FORMATS: Mapping[str, Format] = {"genrm": GenRm(), "thinkprm": ThinkPrm(), "genprm": GenPrm()}
