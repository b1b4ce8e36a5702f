"""A trie of sequences says what the sequences say, one by one."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiny import tiny_llama

torch = pytest.importorskip("torch", reason='training needs torch: pip install "outthink[transformers]"')
pytest.importorskip("transformers", reason='training needs transformers: pip install "outthink[transformers]"')

from outthink.learn.train.tries import Example, Trie, batch, tries  # noqa: E402


def example(*ids: int, problem: str = "p", at: dict[int, float] | None = None) -> Example:
    wanted = {len(ids) - 1: 1.0} if at is None else at
    return Example(problem=problem, ids=ids, positions=tuple(wanted), targets=tuple(wanted.values()))


SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)


@given(SEQUENCES)
def test_it_holds_each_beginning_once(sequences: list[list[int]]) -> None:
    (trie,) = tries([example(*ids) for ids in sequences], 10_000)

    assert len(trie) == len({tuple(ids[:end]) for ids in sequences for end in range(1, len(ids) + 1)})
    spelled = [_spelled(trie, place) for place in trie.targets]
    assert sorted(spelled) == sorted({tuple(ids) for ids in sequences})


def _spelled(trie: Trie, place: int) -> tuple[int, ...]:
    ids = []
    while place >= 0:
        ids.append(trie.ids[place])
        place = trie.parents[place]
    return tuple(reversed(ids))


@given(SEQUENCES, st.integers(1, 12))
def test_a_limit_is_kept_where_it_can_be(sequences: list[list[int]], limit: int) -> None:
    found = list(tries([example(*ids) for ids in sequences], limit))

    assert all(len(trie) <= max(limit, max(map(len, sequences))) for trie in found)
    assert sum(len(said) for trie in found for said in trie.targets.values()) == len(sequences)


def test_problems_are_kept_apart_and_shared_steps_hear_all() -> None:
    first, second = tries(
        [example(1, 2, at={1: 0.2}), example(1, 2, 3, at={1: 0.6, 2: 1.0}), example(1, 2, problem="q")], 100
    )

    assert list(first.targets.values()) == [[0.2, 0.6], [1.0]]
    assert len(second) == 2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_says_the_same_of_a_trie_and_of_its_sequences(tmp_path: Path, precision: str) -> None:
    from transformers import AutoModel

    dtype = getattr(torch, precision)
    model = AutoModel.from_pretrained(tiny_llama(tmp_path), dtype=dtype).eval()
    sequences = [(5, 6, 7, 8), (5, 6, 7, 9, 10), (5, 11), (5, 6, 12, 13, 14, 15)]
    alone = {ids: model(torch.tensor([ids])).last_hidden_state[0, -1] for ids in sequences}
    (trie,) = tries([example(*ids) for ids in sequences], 100)
    short, long, other = (list(tries([example(*ids)], 600)) for ids in ((9, 9), [7] * 200, [8] * 196))

    laid = batch([*long, trie, *short, *other])
    states = model(laid.ids, position_ids=laid.depths, attention_mask=laid.sees, use_cache=False).last_hidden_state
    said = states[laid.rows, laid.columns]

    # The longer ones begin a row each; the trie, which is next, goes where there is less, the short one evens them out.
    assert laid.ids.shape == (2, 196 + len(trie)) and laid.rows.tolist() == [0, 1, 1, 1, 1, 0, 1]
    assert torch.isfinite(states).all()
    for place, state in zip(trie.targets, said[1:5], strict=True):
        torch.testing.assert_close(
            state, alone[_spelled(trie, place)], atol=1e-5 if precision == "float32" else 0.05, rtol=0.02
        )


@given(st.lists(st.integers(60, 400), min_size=6, max_size=14))
def test_little_is_computed_for_nothing(lengths: list[int]) -> None:
    laid = batch([trie for place, ids in enumerate(lengths) for trie in tries([example(*[place] * ids)], 1_000)])

    rows, width = laid.ids.shape
    # One row would be filled wholly, and as wide as all together; in several less than one trie's tokens are filling.
    assert rows * width - sum(lengths) < max(lengths) * (rows - 1) + 1
    assert width * (1 + width / 2_000) * rows <= sum(lengths) * (1 + sum(lengths) / 2_000)


def test_problems_of_ordinary_lengths_fill_their_rows() -> None:
    lengths = [Random(place).randint(100, 400) for place in range(8)]

    laid = batch([trie for place, ids in enumerate(lengths) for trie in tries([example(*[place] * ids)], 1_000)])

    assert sum(lengths) / laid.ids.numel() > 0.9
