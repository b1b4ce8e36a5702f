"""The tables of a run's file, and how a file of an earlier version becomes one of this."""

from __future__ import annotations

import sqlite3

__all__ = ["MODELS", "lay_out", "migrate", "version"]

MODELS = "CREATE TABLE IF NOT EXISTS models (role TEXT PRIMARY KEY, shape TEXT NOT NULL)"
"""What is known of the models. It is there once it was told: no version depends on it."""

_PLAN = "CREATE TABLE plan (strategy TEXT NOT NULL, seed INTEGER NOT NULL, PRIMARY KEY (strategy, seed))"

_TABLES = f"""
CREATE TABLE run (recipe TEXT NOT NULL);
CREATE TABLE problems (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, question TEXT NOT NULL,
    answer TEXT, solution TEXT, subject TEXT, level TEXT, tests TEXT NOT NULL, example_tests TEXT NOT NULL
);
CREATE TABLE results (
    strategy TEXT NOT NULL, seed INTEGER NOT NULL, problem TEXT NOT NULL REFERENCES problems (id),
    error TEXT, stopped TEXT, leaves INTEGER NOT NULL, cost TEXT NOT NULL,
    began REAL NOT NULL, ended REAL NOT NULL, digest TEXT NOT NULL, tree BLOB NOT NULL,
    PRIMARY KEY (strategy, seed, problem)
);
CREATE TABLE verdicts (
    strategy TEXT NOT NULL, seed INTEGER NOT NULL, problem TEXT NOT NULL, selection TEXT NOT NULL,
    answer TEXT, correct INTEGER, ungraded TEXT, votes INTEGER NOT NULL, weight REAL NOT NULL,
    PRIMARY KEY (strategy, seed, problem, selection)
);
{_PLAN};
PRAGMA user_version = 2
"""

# The first version had no plan. What it holds was asked for; the rest is told when the run goes on.
_FROM_FIRST = f"""
{_PLAN};
INSERT INTO plan SELECT DISTINCT strategy, seed FROM results;
PRAGMA user_version = 2
"""


def version(connection: sqlite3.Connection) -> int:
    """The file's version; 0 for one without tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables, as part of the transaction under way."""
    _execute(connection, _TABLES)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file of an earlier version up to date, where it lies."""
    if version(connection) == 1:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have done it meanwhile.
            if version(connection) == 1:
                _execute(connection, _FROM_FIRST)


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    # Not `executescript`, which would commit what is under way.
    for statement in statements.split(";"):
        connection.execute(statement)
