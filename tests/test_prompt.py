"""How a question is put to an engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.errors import RecipeError
from outthink.prompt import DEFAULT_SYSTEM, Prompt


def test_the_default_prompt_asks_the_question_as_it_is():
    assert Prompt().messages("What is 1 + 1?") == [
        {"role": "system", "content": DEFAULT_SYSTEM},
        {"role": "user", "content": "What is 1 + 1?"},
    ]
    assert Prompt().step == "\n\n"


def test_an_empty_system_message_is_left_out():
    assert Prompt(system="").messages("Why?") == [{"role": "user", "content": "Why?"}]


def test_the_user_message_may_surround_the_question():
    assert Prompt(system="", user="Q: {question}\nA:").messages("Why?")[0]["content"] == "Q: Why?\nA:"


@given(st.text())
def test_questions_are_never_formatted(question):
    braces = "{0} {name} {{}} " + question
    assert Prompt(user="{x} {question} }{").messages(braces)[-1]["content"] == "{x} " + braces + " }{"


def test_a_question_that_holds_the_placeholder_is_not_expanded_again():
    assert Prompt().messages("What is {question}?")[-1]["content"] == "What is {question}?"


def test_a_user_message_without_a_question_is_refused():
    with pytest.raises(RecipeError, match=r"prompt\.user must contain \{question\}"):
        Prompt(user="Solve it.")


def test_an_empty_separator_is_refused():
    with pytest.raises(RecipeError, match=r"prompt\.step is empty"):
        Prompt(step="")
