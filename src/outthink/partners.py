"""The engines of a search: its own, and the partners that strategies call by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from outthink.engines import Engine
from outthink.errors import UsageError
from outthink.tree import Path

__all__ = ["Partners"]


class Partners:
    """A search's own engine and its partners.

    Args:
        own: writes unless another is named.
        others: the partners, by name.
    """

    def __init__(self, own: Engine, others: Mapping[str, Engine]) -> None:
        self._own = own
        self._others = others
        self._alike: dict[tuple[str, int], bool] = {}

    def named(self, by: str | None) -> Engine:
        """The partner of that name; the search's own engine if None.

        Raises:
            UsageError: there is no such partner.
        """
        if by is None:
            return self._own
        if by not in self._others:
            known = ", ".join(self._others) or "none"
            raise UsageError(f"there is no partner engine {by!r}, but {known}; name it under `partners` in the recipe")
        return self._others[by]

    async def continuing(self, paths: Iterable[Path], by: str | None) -> Engine:
        """The engine that is to continue some paths, once it is known to read their prompts as the same ids.

        Raises:
            UsageError: there is no such partner, or it reads a prompt as other ids.
        """
        engine = self.named(by)
        if by is None:
            return engine
        for path in paths:
            prompt = by, path.start.index
            if prompt not in self._alike:
                self._alike[prompt] = await engine.encode(path.messages) == list(path.start.ids)
            if not self._alike[prompt]:
                raise UsageError(
                    f"partner {by!r} splits text into other tokens than the engine that began, and cannot continue its "
                    "steps; name a model of the same family"
                )
        return engine
