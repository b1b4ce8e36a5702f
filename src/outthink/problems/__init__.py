"""Problems: what they are, the built-in set, and loading them from files and from the Hub."""

from outthink.problems.arithmetic import arithmetic
from outthink.problems.load import load_problems
from outthink.problems.problem import Problem

__all__ = ["Problem", "arithmetic", "load_problems"]
