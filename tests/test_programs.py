from hypothesis import given
from hypothesis import strategies as st

from outthink.programs import canonical_program, extract_program


def test_the_last_block_of_python_is_the_program() -> None:
    text = "First\n```python\nx = 1\n```\nbetter:\n```py\n\nx = 2\n```\nrun it:\n```bash\npython x.py\n```\nDone."
    assert extract_program(text) == "x = 2"


def test_a_block_without_a_language_is_python_and_one_left_open_ends_with_the_text() -> None:
    assert extract_program("```\nx = 1\n```") == "x = 1"
    assert extract_program("```python\ndef f():\n    return 1") == "def f():\n    return 1"


def test_indentation_is_kept() -> None:
    assert extract_program("```python\n    x = 1\n    y = 2\n```") == "    x = 1\n    y = 2"


def test_without_a_block_there_is_no_program() -> None:
    assert extract_program("def f(): return 1") is None
    assert extract_program("```python\n\n```") is None


def test_blank_lines_and_trailing_spaces_make_no_other_program() -> None:
    assert canonical_program("def f():  \n\n    return 1\n") == canonical_program("def f():\n    return 1")
    assert canonical_program("def f():\n  return 1") != canonical_program("def f():\n    return 1")


@given(st.text())
def test_the_key_of_a_key_is_itself(program: str) -> None:
    assert canonical_program(canonical_program(program)) == canonical_program(program)
