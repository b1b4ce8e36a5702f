"""Every error outthink raises, one class per cause, grouped by what a caller can do about it.

    OutthinkError
    ├── UsageError               what was asked cannot be done; change the request
    │   ├── RecipeError          a recipe, an option or a name is wrong (the field is named)
    │   └── ProblemError         a problem set is empty, malformed or unreadable (file and line are named)
    ├── EngineError              the model that writes failed; another attempt may succeed
    │   ├── ModelNotFound        a model file or id is missing, broken or unreachable
    │   ├── ContextTooSmall      a prompt leaves no room to write in the engine's context
    │   └── EngineDown           the engine is gone for good: no further request can succeed
    ├── VerifierError            the verifier failed or returned something that is no score
    ├── StoreError               a run's folder cannot be used (disk full, in use, another recipe)
    └── BudgetExhausted          a search has spent what it may; the search ends with what it has

    try:
        solution = outthink.solve(question)
    except outthink.UsageError as error:
        ...  # tell the user: the message says what to change
    except outthink.OutthinkError as error:
        ...  # an engine, a verifier or a disk failed: report, perhaps try again

Within a run, an error that concerns one problem is recorded on its result and the run goes on. An engine that is gone
ends the run: what was finished is kept, and the same command goes on from there.
"""

__all__ = [
    "BudgetExhausted",
    "ContextTooSmall",
    "EngineDown",
    "EngineError",
    "ModelNotFound",
    "OutthinkError",
    "ProblemError",
    "RecipeError",
    "StoreError",
    "UsageError",
    "VerifierError",
]


class OutthinkError(Exception):
    """The root of all errors raised on purpose."""


class UsageError(OutthinkError):
    """What was asked cannot be done; the message says what to change."""


class RecipeError(UsageError):
    """A recipe, an option or a registered name is wrong."""


class ProblemError(UsageError):
    """A problem set is empty, malformed or unreadable."""


class EngineError(OutthinkError):
    """The engine failed to write."""


class ModelNotFound(EngineError):
    """A model file or id is missing, broken or unreachable."""


class ContextTooSmall(EngineError):
    """A prompt leaves no room to write in the engine's context."""


class EngineDown(EngineError):
    """The engine, or the verifier's model, is gone for good; no further request can succeed."""


class VerifierError(OutthinkError):
    """The verifier failed, or returned something that is not a score in [0, 1]."""


class StoreError(OutthinkError):
    """A run's folder cannot be read or written."""


class BudgetExhausted(OutthinkError):
    """A search has spent what it may spend on this problem."""
