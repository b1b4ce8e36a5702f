"""What the speed benchmark asks: questions that a small model answers at length, in many short steps.

Nobody looks at the answers. What matters is that solutions are as long, and as uneven in length, as solutions are.
"""

from __future__ import annotations

__all__ = ["QUESTIONS", "SYSTEM"]

SYSTEM = """Solve the problem in many short steps, like this:

Step 1: Read what is given and write down what is asked. ...

Step 2: Give each unknown a letter. ...

Step 3: Write the first equation. ...

Step 4: Write the second equation. ...

Step 5: Take one from the other. ...

Step 6: Solve what is left. ...

Step 7: Put the value back to find the rest. ...

Step 8: Check the result against the question. ...

Every step is one short sentence. Leave a blank line after every step."""

QUESTIONS = (
    "In how many ways can the letters of MISSISSIPPI be arranged so that no two S stand side by side?",
    "A shop sells pens at 3 dollars and books at 11 dollars. Lena spends exactly 100 dollars on exactly 20 things. "
    "How many books does she buy?",
    "Solve x^2 - 7x + 12 = 0 by completing the square, and check both solutions.",
    "Two trains leave towns that are 420 km apart at the same time and drive towards each other at 80 and 60 km/h. "
    "When and where do they meet?",
    "A tank is filled by one pipe in 6 hours and by another in 4, and emptied by a third in 12. How long does it "
    "take to fill it with all three open?",
    "Find the sum of all multiples of 3 or 5 below 1000.",
    "The sides of a triangle are 13, 14 and 15. Find its area, its three heights and the radius of its inscribed "
    "circle.",
    "Three fair dice are thrown. What is the probability that the largest number shown is exactly 5?",
    "A rectangle has a perimeter of 46 and a diagonal of 17. What are its sides?",
    "Find all whole numbers n for which n^2 + 19n + 92 is a perfect square.",
    "A sum of money doubles in 9 years at compound interest. In how many years does it become eight times as large?",
    "Show that the product of four consecutive whole numbers, plus one, is always a perfect square, and find it for"
    " 11, 12, 13 and 14.",
    "A ladder of 10 m leans against a wall, its foot 6 m away. The foot slips by 2 m. How far does the top come down?",
    "How many zeros are there at the end of 250 factorial, and how many at the end of 1000 factorial?",
    "The first term of an arithmetic sequence is 7 and the sum of its first 20 terms is 1090. Find its 50th term.",
    "Mix a 20 % and a 50 % solution of salt to get 9 litres of a 30 % solution. How much of each is needed?",
    "A number leaves remainders 2, 3 and 2 when divided by 3, 5 and 7. Find the smallest two such numbers.",
    "Anna is three times as old as Ben was when Anna was as old as Ben is now. Together they are 48. How old are they?",
    "Find the equation of the circle through the points (1, 1), (2, 4) and (5, 3).",
    "Ten people shake hands with each other once, except for two who do not know each other. How many handshakes "
    "are there, and how many if everybody also shakes hands with the host?",
    "Express 0.272727... and 0.1666... as fractions, and find their sum, difference, product and quotient.",
    "A cone and a cylinder have the same radius of 6 and the same volume. The cylinder is 5 high. How high is the "
    "cone, and which of the two has the larger surface?",
    "Solve the equations 2x + 3y - z = 5, x - y + 2z = 5 and 3x + y + z = 8 by elimination.",
    "How many whole numbers between 1 and 10000 contain the digit 7 at least once?",
)
