"""Bodies: transformers without a head. Token ids go in, hidden states come out, keys and values are handed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outthink.errors import ModelNotFound
from outthink.shape import shape_of_transformer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Body", "quiet"]

_AT_ONCE = 256
"""Positions whose log-probabilities over the whole vocabulary are in memory at the same time."""


class Body:
    """A decoder of a standard architecture.

    Args:
        folder: its checkpoint.
        dtype: "auto" is the checkpoint's own.
        device: as torch names it.
        words: keep the language-model head too.

    Raises:
        ModelNotFound: the checkpoint cannot be loaded.
    """

    def __init__(self, folder: Path, *, dtype: str, device: str, words: bool = False) -> None:
        from transformers import AutoModel, AutoModelForCausalLM

        auto: Any = AutoModelForCausalLM if words else AutoModel
        try:
            with quiet():
                # Never the checkpoint's own code: its config names a standard architecture, and that is loaded.
                whole, told = auto.from_pretrained(
                    folder, dtype=dtype, trust_remote_code=False, output_loading_info=True
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelNotFound(f"transformers cannot load {folder}: {error}") from error
        if told["missing_keys"]:
            # transformers would draw them at random.
            missing = ", ".join(sorted(told["missing_keys"])[:3])
            raise ModelNotFound(f"{folder} lacks weights ({missing}, ...): it is incomplete; fetch it again")
        self._model = whole.to(device).eval().base_model
        self._words = whole.get_output_embeddings() if words else None
        self.device = device
        self.context: int = whole.config.max_position_embeddings
        self.vocabulary: int = whole.config.vocab_size
        self.shape = shape_of_transformer(whole)

    def run(self, rows: Sequence[tuple[Tensor | None, Sequence[int]]]) -> list[tuple[Tensor, Tensor]]:
        """Compute the new tokens of some sequences, together.

        Args:
            rows: for each sequence its past, [layers, 2, heads, tokens, size] or None, and its new ids.

        Returns:
            For each sequence the new tokens' hidden states, [tokens, size], and their keys and values, as in a past.
        """
        import torch

        olds = [0 if past is None else past.shape[-2] for past, _ in rows]
        old, new = max(olds), max(len(ids) for _, ids in rows)
        ids = torch.zeros(len(rows), new, dtype=torch.long)
        positions = torch.zeros(len(rows), new, dtype=torch.long)
        mask = torch.zeros(len(rows), old + new, dtype=torch.long)
        for row, (_, fresh) in enumerate(rows):
            ids[row, : len(fresh)] = torch.tensor(fresh)
            positions[row, : len(fresh)] = torch.arange(olds[row], olds[row] + len(fresh))
            # Pasts end where the new tokens begin, so that distances are true ones: sliding windows count them.
            mask[row, old - olds[row] : old + len(fresh)] = 1
        cache = self._past([past for past, _ in rows], old)
        with torch.inference_mode():
            hidden = self._model(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                position_ids=positions.to(self.device),
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
        return [
            (
                hidden[row, : len(fresh)],
                torch.stack(
                    [
                        torch.stack([kept[row, :, old : old + len(fresh)] for kept in (layer.keys, layer.values)])
                        for layer in cache.layers
                    ]
                ),
            )
            for row, (_, fresh) in enumerate(rows)
        ]

    def log_probabilities(self, hidden: Tensor, following: Sequence[int]) -> Tensor:
        """log P of the token that follows each position, in float64."""
        import torch

        assert self._words is not None
        found = []
        with torch.inference_mode():
            for at in range(0, len(following), _AT_ONCE):
                logits = self._words(hidden[at : at + _AT_ONCE]).float()
                wanted = torch.tensor(following[at : at + _AT_ONCE], device=logits.device)
                found.append(logits.log_softmax(-1).gather(-1, wanted[:, None])[:, 0].double().cpu())
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)

    def _past(self, pasts: Sequence[Tensor | None], length: int) -> Any:
        """Pasts of different lengths as one cache, filled up at the front."""
        from transformers import DynamicCache

        cache = DynamicCache()
        some = next((past for past in pasts if past is not None), None)
        if some is None:
            return cache
        layers, two, heads, _, size = some.shape
        filled = some.new_zeros(layers, two, len(pasts), heads, length, size)
        for row, past in enumerate(pasts):
            if past is not None:
                filled[:, :, row, :, length - past.shape[-2] :] = past
        for layer, (keys, values) in enumerate(filled):
            cache.update(keys, values, layer)
        return cache


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars, and its report on weights that a model has too many of or too few: a head's."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
