"""Runs: a recipe carried out over problems, stored so that it survives being killed at any moment."""

from outthink.runs.recipe import Recipe, load_recipe
from outthink.runs.runner import run
from outthink.runs.store import Store

__all__ = ["Recipe", "Store", "load_recipe", "run"]
