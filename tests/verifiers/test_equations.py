import time
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from outthink.verifiers.equations import Equality, check_step, equalities

RIGHT = r"""
24 + 31 = 55
2*3 = 5 + 1 = 6
1/2 + 1/3 = 5/6
\frac{1}{2} + \frac{1}{3} = \frac{5}{6}
$\dfrac12 + \tfrac{1}{2} = 1$
3 1/2 + 1/2 = 4
3\frac{1}{2} \cdot 2 = 7
0.1 + 0.2 = 0.3
.5 + .25 = .75
20% of 50 = 10
20% of the 50 = 10
20% * 50 = 10
50\% \cdot 40 = 20
0.2 = 20%
(3/4) of 20 = 15
0.5 of 10 = 5
5 / 20 * 100 = 25%
100 - 20 = 80%
2/3 = 67%
$12 + $3 = $15
\$12 + \$3 = \$15
12 * $2 = $24
3 km + 4 km = 7 km
5kg + 3kg = 8kg
5 cm * 3 cm = 15 cm^2
5 \text{ cm} \cdot 3 \text{ cm} = 15 \text{ cm}^2
30^\circ + 60^\circ = 90^\circ
180° - 90° = 90°
60 km/h * 2 = 120 km
60 minutes / 4 = 15 minutes
3 hours * 60 minutes/hour = 180 minutes
3 apples + 4 apples = 7 apples
2 cups of flour + 3 cups of flour = 5 cups of flour
1,000 + 2,345 = 3,345
1{,}000 \times 2 = 2{,}000
6 × 7 = 42
42 ÷ 6 = 7
10 − 3 = 7
6 \div 2 \cdot 3 \times 1 = 9
12 x 2 = 24
2x3 = 6
24 plus 31 equals 55
30 divided by 5 times 2 equals 12
2^10 = 1024
2**3 = 8
2^{-2} = 0.25
2 \times 10^3 = 2000
3^2 + 4^2 = 5^2 = 25
-2^2 = -4
(2 + 3)(4) = 20
\left(2 + 3\right) \cdot 4 = 20
-3 + 5 = 2
The sum is -3 + 5 = 2
5 * -3 = -15
-(3 + 4) = -7
15 = 3 * 5
10 / 3 = 3.33
10 / 3 = 3.333...
10 / 3 ≈ 3
10 / 3 \approx 3.3
199 + 0 ≈ 200
Total = 5 * 3 = 15
The cost of 3 apples = 3 * 4 = 12
f(x) = 2(2) + 3 = 7
He has 5 apples and 3 + 4 = 7 pears.
3 + 4 = 7 apples and 2 + 5 = 7 pears
So 3 * 4 = 12 eggs => 12 - 2 = 10 eggs
She has 7 apples (3 + 4 = 7).
5 < 3 + 4 = 7
1 + 1 = 2, 2 + 2 = 4; 3 + 3 = 6
- 3 + 4 = 7
2. 3 + 4 = 7
2) 3 + 4 = 7
Step 1: 3 + 4 = 7
**3 + 4 = 7**
3 + 4 = **7**
2 + 3 = \boxed{5}
\(3 + 4 = 7\)
$$3 + 4 = 7$$
\begin{align*} 2 + 3 &= 5 \\ &= 4 + 1 \end{align*}
48/2 = <<48/2=24>>24 clips in May
12/60 = $<<12/60=0.2>>0.2 per minute
She sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs a day.
3 * 20 = 60 minutes = 1 hour
The discriminant is $(-4)^2 - 4 \cdot 1 \cdot (-5) = 16 + 20 = 36$, so $x = \frac{4 \pm 6}{2}$.
"""

WRONG = r"""
24 + 31 = 56
2*3 = 6 + 1 = 7
3 * 5 = 15 = 16
3 1/2 + 1/2 = 5
\frac{1}{2} + \frac{1}{3} = \frac{2}{5}
20% of 50 = 12
$12 + $3 = $16
2^3 = 6
15 = 3 * 6
10 / 3 = 3.34
10 / 3 = 3
2/3 = 0.66
10 / 4 ≈ 9
3 apples + 4 apples = 8 apples
3 hours * 60 minutes/hour = 181 minutes
8 * 18 = $145 a day
Total = 5 * 3 = 16
1 + 1 = 2, 2 + 2 = 5; 3 + 3 = 6
3 + 4 = 7 apples and 2 + 5 = 8 pears
24 plus 31 equals 56
2 + 2 == 5
48/2 = <<48/2=23>>24
48/2 = <<48/2=24>>25
\begin{align*} 2 + 3 &= 5 \\ &= 4 + 2 \end{align*}
So she was able to read a total of 12 + 24 = 35 pages since yesterday.
"""

# Nothing to check, or nothing that can be judged for certain; most of these would be wrong if read carelessly.
SILENT = r"""
no arithmetic here
The answer is 12.
x + 3 = 7
2x = 8
ab = 6
x^2 + 3 = 7
x_1 + 3 = 4
n(n+1)/2 = 6
y = 2x + 3 = 7
5 * price = 20
8/3 = 24/Y
3 + 4 = 7x
3 + 4 = 7 + x
3 + 4 = 8 - tax
3 + 4 = x = 8
x = 5, y = 7
a = 3 and b = 4
f(3) = 7
f(3) + 1 = 9
a[3] + 1 = 5
\sqrt{9} + 1 = 5
\log_2 8 = 3
sin 30 + 1 = 2
5! = 121
|3 - 5| = 2
2\pi = 6.28
3 ± 1 = 4
17 mod 5 = 2
x == 3
x != 3 + 4
5/0 = 3
0^{-1} = 1
9**9**9**9 = 1
6/2(1+2) = 9
2x(3) = 6
3:4 = 6:8
3 : 4 = 6 : 8
3,5 + 1 = 4,6
0.999... = 1
1 + 2 + ... + 10 = 55
1 + 2 + … 10 = 55
1/3 = 0.\overline{3}
4 / 3 = 1 and 1/3
25 / 1/3 = 75
17 / 3 = 5 R 2
1 hour = 60 minutes
2 * 30 minutes = 1 hour
4 weeks - 3 days = 25 days
$1 / 2 = 50 cents
20% = 10 apples
100% - 20 = 80%
50 + 20% = 60
$45/$300 = 15% of $300
3 dozen + 1 = 37
half of 10 + 2 = 7
Step 1 - 3 + 4 = 7
In 2 3 + 4 = 8
The cost of 3 apples = 12
3 toys @ $5 = $15
Then 0 = -12, a contradiction.
\mathbf{A} \begin{pmatrix} 3 \\ 1 \end{pmatrix} = \begin{pmatrix} 2 \\ 4 \end{pmatrix}
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("text", lines(RIGHT))
def test_right_steps(text):
    assert check_step(text) == 1.0


@pytest.mark.parametrize("text", lines(WRONG))
def test_wrong_steps(text):
    assert check_step(text) == 0.0


@pytest.mark.parametrize("text", ["", " \n\n", *lines(SILENT)])
def test_what_is_not_certain_is_left_alone(text):
    assert check_step(text) == 0.5
    assert equalities(text) == []


@pytest.mark.parametrize(
    ("text", "score"),
    [("3 + 4 =\n7", 1.0), ("3 * 5\n= 15", 1.0), ("A: 3 * 5\n= 16", 0.0), ("the 3\n4 + 5 = 9", 1.0)],
)
def test_a_chain_goes_on_across_a_line_break_beside_its_sign(text, score):
    assert check_step(text) == score


def test_every_equality_is_shown_where_it_stands():
    text = "First 2 + 3 = <<2+3=5>>5 eggs, then 5 * 2 = 11 = 4 + 7."
    found = equalities(text)
    assert [(text[one.start : one.end], one.holds) for one in found] == [
        ("2 + 3 = <<2+3=5>>5 eggs", True),
        ("2+3=5", True),
        ("5 * 2 = 11", False),
        ("11 = 4 + 7", True),
    ]
    assert found[2] == Equality(start=text.index("5 * 2"), end=text.index(" = 4 + 7"), holds=False)


def test_of_a_very_long_text_only_whole_lines_are_read():
    line = "1 + 1 = 2\n"
    assert check_step(line * 2000 + "1 + 1 = 3") == 1.0
    assert len(equalities(line * 2000)) == 16_384 // len(line)
    assert check_step("1 + 1 = 2 " * 2000) == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        ")" * 16_000 + "= 1",
        "(" * 8_000 + "1" + ")" * 8_000 + "= 1",
        "1=" * 50_000,
        "1=1\n" * 25_000,
        "9**9**9**9 = 1",
        "2^" * 8_000 + "2 = 1",
        "9" * 16_000 + "= 1",
        "-" * 16_000 + "1 = 1",
        "1/3+" * 4_000 + "1 = 1",
        "1/7+" * 60 + "1 = 1",
        "a " * 8_000 + "= 1",
        "<<" * 8_000 + "=",
        "\\text{" * 2_700 + "= 1",
        "\\frac" * 3_200 + "= 1",
        "1,234" * 3_000 + "= 1",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_is_read_in_linear_time(text):
    began = time.process_time()
    assert check_step(text) in (0.0, 0.5, 1.0)
    assert time.process_time() - began < 2  # a tenth of that in truth; exponential or cubic time would be minutes


@pytest.mark.parametrize("text", ["(" * 33 + "1 + 1" + ")" * 33 + " = 2", "2^65 + 1 = 5", "1 + " + "1" * 41 + " = 2"])
def test_beyond_its_bounds_an_expression_is_not_worked_out(text):
    assert check_step(text) == 0.5


Written = tuple[str, Fraction]


def joined(left: Written, operator: str, right: Written) -> Written:
    (one, a), (other, b) = left, right
    assume(operator != "/" or b != 0)
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[operator]
    return f"({one}) {operator} ({other})", value


NUMBERS = st.one_of(
    st.integers(0, 999).map(lambda n: (str(n), Fraction(n))),
    st.integers(1000, 99_999).map(lambda n: (f"{n:,}", Fraction(n))),
    st.integers(0, 9999).map(lambda n: (f"{n / 100:.2f}", Fraction(n, 100))),
    st.integers(1, 99).map(lambda n: (f"-{n}", Fraction(-n))),
    st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda p: (rf"\frac{{{p[0]}}}{{{p[1]}}}", Fraction(*p))),
    st.tuples(st.integers(2, 9), st.integers(0, 4)).map(lambda p: (f"{p[0]}^{p[1]}", Fraction(p[0] ** p[1]))),
)
EXPRESSIONS = st.builds(
    joined,
    NUMBERS,
    st.sampled_from("+-*/"),
    st.recursive(NUMBERS, lambda inner: st.builds(joined, inner, st.sampled_from("+-*/"), inner), max_leaves=5),
)


@given(EXPRESSIONS)
def test_a_true_equality_holds(expression):
    text, value = expression
    assert check_step(f"{text} = {value}") == 1.0
    assert check_step(f"So we get {value.numerator} / {value.denominator} = {text}, which is it.") == 1.0


@given(EXPRESSIONS, st.fractions(-(10**6), 10**6, max_denominator=50).filter(bool))
def test_a_false_equality_does_not(expression, error):
    text, value = expression
    assert check_step(f"{text} = {value + error}") == 0.0


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 4), st.sampled_from([-1, 1]))
def test_a_decimal_result_holds_if_it_is_correctly_rounded(upper, lower, digits, direction):
    rounded = round(Fraction(upper, lower), digits)
    off = rounded + Fraction(direction, 10**digits)
    assume(abs(off - Fraction(upper, lower)) > Fraction(1, 2 * 10**digits))
    assume(off > 0)
    assert check_step(f"{upper} / {lower} = {decimal(rounded, digits)}") == 1.0
    assert check_step(f"{upper} / {lower} = {decimal(off, digits)}") == 0.0


def decimal(value: Fraction, digits: int) -> str:
    scaled = str(int(value * 10**digits)).rjust(digits + 1, "0")
    return f"{scaled[:-digits]}.{scaled[-digits:]}"


PIECES = st.sampled_from(
    [*"0123456789.,:;=+-*/^%$(){}[]<>|!?\n\\&x×−½²١", " ", " and ", "apples", "2 km", "equals", "x_1", "of "]
)
MARKUP = st.sampled_from(
    ["==", "≈", "<<", ">>", "**", "...", r"\frac", r"\text{", r"\begin{align}", r"\left(", "^\\circ"]
)


@given(st.one_of(st.text(), st.lists(PIECES | MARKUP, max_size=60).map("".join)))
def test_any_text_gets_a_verdict(text):
    assert check_step(text) in (0.0, 0.5, 1.0)
    for one in equalities(text):
        assert 0 <= one.start < one.end <= len(text)
