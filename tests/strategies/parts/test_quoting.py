import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.errors import UsageError
from outthink.strategies.parts.quoting import answered, asked, check_places, fill, numbered


async def test_a_solution_is_quoted_as_the_models_own_reply(new_search: SearchFactory) -> None:
    search = new_search(question="How many?")
    (first,) = await search.complete([search.root], 1)
    chat = answered(search, asked(search), first, "Again.")
    assert [message["role"] for message in chat] == ["user", "assistant", "user"]
    assert [chat[0]["content"], chat[2]["content"]] == ["How many?", "Again."]
    assert chat[1]["content"] == search.tree.path(first).text.strip()
    assert asked(search) == [{"role": "user", "content": "How many?"}], "the chat before it is as it was"


async def test_solutions_are_numbered_from_one(new_search: SearchFactory) -> None:
    search = new_search()
    first, second = await search.complete([search.root], 2)
    texts = [search.tree.path(node).text for node in (second, first)]
    assert numbered(search, [second, first]) == f"Solution 1:\n{texts[0]}\n\nSolution 2:\n{texts[1]}"


@given(st.text(), st.text())
def test_what_is_quoted_is_not_searched_for_places(question: str, solutions: str) -> None:
    filled = fill("{question}|{solutions}|{other}", {"question": question, "solutions": solutions})
    assert filled == f"{question}|{solutions}|{{other}}"


def test_a_question_may_name_a_place_and_hold_backslashes() -> None:
    parts = {"question": r"Is {solutions} = \frac{1}{2}?", "solutions": "yes"}
    assert fill("{question} {solutions}", parts) == r"Is {solutions} = \frac{1}{2}? yes"


def test_a_prompt_without_a_place_is_refused_by_name() -> None:
    check_places("prompt", "{question} {solutions}", ("question", "solutions"))
    with pytest.raises(UsageError, match=r"prompt must contain \{solutions\}"):
        check_places("prompt", "{question}", ("question", "solutions"))
