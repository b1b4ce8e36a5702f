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
from outthink.strategies.ab_mcts import AbMcts
from outthink.strategies.adaptive import Adaptive
from outthink.strategies.aggregation import RecursiveAggregation
from outthink.strategies.auto import Auto
from outthink.strategies.beam import Beam
from outthink.strategies.budget_forcing import BudgetForcing
from outthink.strategies.deepconf import DeepConf
from outthink.strategies.deepconf_online import DeepConfOnline
from outthink.strategies.dora import Dora
from outthink.strategies.dvts import Dvts
from outthink.strategies.ets import Ets
from outthink.strategies.granularity import Granularity
from outthink.strategies.greedy import Greedy
from outthink.strategies.lookahead import Lookahead
from outthink.strategies.mcts import Mcts
from outthink.strategies.particle_gibbs import ParticleGibbs
from outthink.strategies.particles import Particles
from outthink.strategies.rebase import Rebase
from outthink.strategies.revisions import Revisions
from outthink.strategies.rsd import Rsd
from outthink.strategies.sample import Sample
from outthink.strategies.scrutiny import Scrutiny
from outthink.strategies.self_certainty import SelfCertainty
from outthink.strategies.self_refine import SelfRefine
from outthink.strategies.speculative_rejection import SpeculativeRejection
from outthink.strategies.tournament import Tournament
from outthink.strategies.universal import Universal
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores, Verifier

__all__ = [
    "AbMcts",
    "Adaptive",
    "Auto",
    "Beam",
    "Budget",
    "BudgetExhausted",
    "BudgetForcing",
    "Candidate",
    "Choice",
    "ContextTooSmall",
    "Cost",
    "DeepConf",
    "DeepConfOnline",
    "Dora",
    "Dvts",
    "Engine",
    "EngineError",
    "Ets",
    "Granularity",
    "Greedy",
    "Lookahead",
    "Mcts",
    "ModelNotFound",
    "Node",
    "OutthinkError",
    "ParticleGibbs",
    "Particles",
    "Path",
    "Problem",
    "ProblemError",
    "Prompt",
    "Rebase",
    "RecipeError",
    "RecursiveAggregation",
    "Request",
    "Revisions",
    "Rsd",
    "Sample",
    "Sampling",
    "Scores",
    "Scrutiny",
    "Search",
    "SelfCertainty",
    "SelfRefine",
    "Solution",
    "Solver",
    "SpeculativeRejection",
    "Step",
    "StoreError",
    "Strategy",
    "Tournament",
    "Tree",
    "Universal",
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
