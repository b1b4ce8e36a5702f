"""outthink: small language models out-think large ones by searching against verifiers at inference."""

from outthink.budget import Budget
from outthink.cost import Cost, Usage
from outthink.engines import Engine, Request, Sampling, Step
from outthink.errors import (
    BudgetExhausted,
    ContextTooSmall,
    EngineError,
    ModelNotFound,
    OutthinkError,
    ProblemError,
    RecipeError,
    StoreError,
    UsageError,
    VerifierError,
)
from outthink.problems import Problem, load_problems
from outthink.prompt import Prompt
from outthink.registry import make_engine, make_strategy, make_verifier
from outthink.search import Search
from outthink.select import Candidate, Choice
from outthink.solve import asolve, solve
from outthink.solver import Solution, Solver
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.greedy import Greedy
from outthink.strategies.sample import Sample
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores, Verifier

__all__ = [
    "Beam",
    "Budget",
    "BudgetExhausted",
    "Candidate",
    "Choice",
    "ContextTooSmall",
    "Cost",
    "Dvts",
    "Engine",
    "EngineError",
    "Greedy",
    "ModelNotFound",
    "Node",
    "OutthinkError",
    "Path",
    "Problem",
    "ProblemError",
    "Prompt",
    "RecipeError",
    "Request",
    "Sample",
    "Sampling",
    "Scores",
    "Search",
    "Solution",
    "Solver",
    "Step",
    "StoreError",
    "Strategy",
    "Tree",
    "Usage",
    "UsageError",
    "Verifier",
    "VerifierError",
    "asolve",
    "load_problems",
    "make_engine",
    "make_strategy",
    "make_verifier",
    "solve",
]
