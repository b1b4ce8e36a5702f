import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.answer import canonical, extract_answer, is_number, is_words


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a {b {c}} d}", "a {b {c}} d"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed 5.", "5"),
        (r"$\boxed5$", "5"),
        (r"\boxed{5} and then \boxed{}", "5"),
        (r"a stray { here, \boxed{5}", "5"),
        (r"a line break \\\boxed{5}", "5"),
        (r"\boxed{5}. The answer is 6.", "5"),
        (r"The answer is 6. \boxed{5", "6"),
        ("The answer is 12 apples.", "12"),
        ("The answer is $12.50.", "$12.50"),
        ("The answer is $12, which is $3 more.", "$12"),
        ("The answer is $x = 5$, so there.", "x = 5"),
        (r"The answer is \(x^2\).", "x^2"),
        ("**Answer:** 5", "5"),
        ("**Answer**: $\\frac{1}{2}$", r"\frac{1}{2}"),
        ("The answer is **7**.", "7"),
        ("FINAL ANSWER: 1,234. I hope it is correct.", "1,234"),
        ("the answer is:\n\n 42\n", "42"),
        ("Step 2: The answer is: 42 ки", "42"),
        (r"Step 2: The answer is: \frac{1}{2} ки", r"\frac{1}{2}"),
        ("The answer is 1. Wait. The answer is 2.", "2"),
        ("The answer is (C).", "(C)"),
        ("The answer is 5x + 3.", "5x + 3"),
        ("The answer is 5 million.", "5 million"),
        ("The answer is 12, because 3 * 4 = 12", "12"),
        ("The answer is 1, 2", "1, 2"),
        ("The answer is therefore 5", "5"),
        ("Answer: She has 12 apples left, not 13 pears", "13"),
        ("The answer is Monday.", "Monday"),
        ("The answer is 3.\n#### 4", "3"),
        ("9 + 9 = 18\n#### 1,018", "1,018"),
        ("#### 2. Compute\nthis gives 7", "7"),
        ("24 + 31 = 55", "55"),
        ("the sum is -5 degrees.", "-5"),
        ("that leaves 10-4", "4"),
        ("it is 3.50.", "3.50"),
        ("we get 3/4", "3/4"),
        (r"we get -\frac{3}{4} then", r"-\frac{3}{4}"),
        ("H2O", None),
        ("no number at all", None),
        ("", None),
        ("answer:", None),
    ],
)
def test_extract(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


ONE_KEY = {
    "1234": ["1,234", "1234.0", "$1234", r"\$1,234.00", "+1234", "01234", r"1{,}234", r"1\,234", r"1,\!234",
             "1234 apples", r"1234\text{ cm}^2", r"1234\,\mathrm{m}", "x = 1234", "{1234}", "(1234)", "**1234**",
             "$1234$.", "1.234e3", r"\boxed{1234}", r"\(1234\)", "1200 + 34 = 1234", "f(x) = 1234",
             "1234 km/h", "1234\n"],
    "-5": ["\N{MINUS SIGN}5", "- 5", "-5.", "-$5", "$-5", r"-5^\circ", "-5\N{DEGREE SIGN}", "-5 degrees", "-10/2"],
    "1/2": ["0.5", ".5", r"\frac{1}{2}", r"\dfrac12", r"\tfrac{1}{2}", "2/4", r"\frac{-1}{-2}", "0.50"],
    "-1/2": [r"-\frac{1}{2}", r"\frac{-1}{2}", "-1/2", "-0.5"],
    "7/2": ["3 1/2", r"3\frac{1}{2}", r"3 \frac12", "3.5"],
    "50": [r"50\%", "50%", "50 percent", "50"],
    "0": ["-0", "0.00", "0/7"],
    "x^2+1": ["x^{2} + 1", "$x^2+1$", "y = x^2 + 1"],
    "(1,2)": [r"\left( 1, 2 \right)", r"\bigl(1,\ 2\bigr)"],
    r"\frac{\sqrt{3}}{2}": [r"\dfrac{\sqrt3}{2}", r"\tfrac{\sqrt{3}}{2}."],
    r"2\pi r": [r"2\pi\,r", r"2 \pi r", r"2πr"],
    "monday": ["Monday", "MONDAY.", r"\text{Monday}"],
    "C": ["(C)", r"\text{(C)}", "C.", r"\textbf{C}"],
    "30,40": [r"30\text{ or }40", "30 and 40", "30, 40"],
    "[1,2]": [r"x \in [1,2]", "[1, 2]"],
}  # fmt: skip


@pytest.mark.parametrize(("key", "spelling"), [(key, s) for key, spellings in ONE_KEY.items() for s in spellings])
def test_one_key_for_every_plain_spelling(key: str, spelling: str) -> None:
    assert canonical(spelling) == key


def test_different_answers_keep_different_keys() -> None:
    answers = ["5", "5x", "5 million", "5 pm", "5 am", "5!", "5^2", "(5,2)", "52", "5 2", "5/2", "5:2", "5 pi",
               "5,2", "5 + 2i", "0.333", "0.333...", "1/3", "1/0", "x", "X", "a=b=c", "x^2+y^2=5"]  # fmt: skip
    assert len({canonical(answer) for answer in answers}) == len(answers)


def test_numbers_beyond_reason_stay_strings() -> None:
    assert canonical("1" * 1001) == "1" * 1001
    assert canonical("1e999999999") == "1e999999999"
    assert canonical("9**9**9**9") == "9**9**9**9"
    assert canonical("10^{10^{10}}") == "10^{10^{10}}"
    assert not is_number(canonical("nan")) and not is_number(canonical("inf"))


@pytest.mark.parametrize(
    ("key", "number", "words"),
    [("5", True, False), ("-1/2", True, False), ("x", False, False), ("2x", False, False), ("listen", False, True),
     ("tom,mary", False, True), ("abc", False, False), (r"\infty", False, False), ("", False, False)],
)  # fmt: skip
def test_kinds_of_key(key: str, number: bool, words: bool) -> None:
    assert (is_number(key), is_words(key)) == (number, words)


@given(st.integers())
def test_integers_are_their_own_keys(number: int) -> None:
    assert canonical(str(number)) == canonical(f"{number:,}") == canonical(f"{number}.00") == str(number)


@given(st.fractions(max_denominator=10**6))
def test_fractions_have_one_key(number: Fraction) -> None:
    n, d = number.numerator, number.denominator
    key = canonical(str(number))
    assert Fraction(key) == number
    assert key == canonical(rf"\frac{{{n}}}{{{d}}}") == canonical(rf"{'-' if n < 0 else ''}\dfrac{{{abs(n)}}}{{{d}}}")
    assert key == canonical(f"{3 * n}/{3 * d}")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_decimals_are_exact(number: object) -> None:
    assert Fraction(canonical(f"{number:f}")) == Fraction(str(number))


LATEX = st.lists(
    st.sampled_from([*"0123456789.,-+=^_{}()[]$~*:;% \\abxCi", r"\frac", r"\dfrac", r"\text{", r"\text{ cm}", r"\left(",
                     r"\right)", r"\sqrt", r"\,", r"\!", r"\%", r"\$", r"\pi", r"\circ", r"\boxed{", " and ", "...",
                     "°", r"\in", "x=", "π", " apples", "\0", "\ud800"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(LATEX | st.text())
def test_canonical_is_idempotent(answer: str) -> None:
    key = canonical(answer)
    assert canonical(key) == key


@given(LATEX | st.text())
def test_anything_can_be_extracted_from(text: str) -> None:
    answer = extract_answer(text)
    assert answer is None or answer.strip()


NESTED = st.recursive(
    st.text(alphabet="ab1+ ", max_size=5), lambda inner: st.lists(inner.map("{{{}}}".format), max_size=3).map("x".join)
)


@given(NESTED.filter(str.strip))
def test_what_is_boxed_comes_back(content: str) -> None:
    assert extract_answer(rf"Not 7. It is \boxed{{{content}}}, not 8.") == content.strip()


POISON = [
    "{" * 100_000,
    "}" * 100_000,
    r"\boxed{" * 14_000,
    r"\boxed{1}" * 11_000,
    r"\boxed{" * 9_000 + "1" + "}" * 9_000,
    r"\frac{" * 5_000,
    "(" * 50_000,
    "answer is " * 10_000,
    "answer:\n" * 12_000,
    "answer" + " " * 100_000,
    "1" * 100_000,
    "1/" * 50_000,
    "1/" + "1" * 50_000 + "/",
    "1,111" * 20_000,
    "#### " * 20_000,
    "#### " + "1." * 50_000 + "x",
    "#### 1" + "." * 50_000 + "x",
    "\\" * 100_000,
    "$" * 100_000,
    "-" * 100_000,
    "{" * 1_000 + "}" * 1_000,
    "a" + ". " * 990,
    r"\text{" * 200 + "}" * 200,
    "5 " + "ab " * 600,
]


@pytest.mark.parametrize("text", POISON, ids=lambda text: f"{text[:8]!r}x{len(text)}")
def test_no_text_is_slow(text: str) -> None:
    started = time.process_time()
    extract_answer(text)
    key = canonical(text)
    # About 30 ms at most here; quadratic work on any of these takes many seconds.
    assert time.process_time() - started < 1.0
    assert canonical(key) == key
