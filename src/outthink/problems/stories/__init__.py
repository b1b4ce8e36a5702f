"""The words of the built-in problems: three phrase books that have no name, thing or sentence in common."""

from outthink.problems.stories.book import PhraseBook
from outthink.problems.stories.test import TEST
from outthink.problems.stories.train import TRAIN
from outthink.problems.stories.validation import VALIDATION

__all__ = ["TEST", "TRAIN", "VALIDATION", "PhraseBook"]
