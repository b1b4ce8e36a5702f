"""A built-in model's weights with its adapter added once, for the embedded engine.

llama.cpp can add an adapter anew with every token. On a CPU that, and the four bits of the weights that are fetched,
take 1.5 times as long as eight bits that hold the adapter already (`benchmarks/embedded.py`).
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from outthink.adapter import changes
from outthink.errors import ModelNotFound
from outthink.gguf import write_out
from outthink.models import cached

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter

__all__ = ["merged"]

_log = logging.getLogger(__name__)


def merged(weights: Path, adapter: Path, numbers: str) -> Path:
    """A GGUF file of the weights with the adapter's added, made on first use and kept.

    Args:
        weights: a model in GGUF format.
        adapter: a LoRA adapter for it in GGUF format.
        numbers: how weights are kept, by GGUF's names: `Q8_0`, `F16`.

    Raises:
        ModelNotFound: there is no room for it.
        UsageError: the adapter is for another model.
    """
    version = hashlib.sha256(weights.name.encode() + adapter.read_bytes()).hexdigest()[:12]
    # The name is only ever given to a whole file.
    with cached(f"{adapter.stem}.{version}.{numbers}.gguf") as path:
        if not path.exists():
            _log.info("merging the adapter %s into its model, once: %s", adapter.stem, path)
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
                try:
                    _write(Path(scratch) / path.name, weights, adapter, numbers)
                    os.replace(Path(scratch) / path.name, path)
                except OSError as error:
                    way_out = "make room, or set OUTTHINK_CACHE to a folder that has it"
                    raise ModelNotFound(f"{path} cannot be written: {error.strerror}; {way_out}") from error
    return path


def _write(destination: Path, weights: Path, adapter: Path, numbers: str) -> None:
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
    from gguf.quants import dequantize, quantize

    model, kind = GGUFReader(weights), GGMLQuantizationType[numbers]
    added = changes(adapter, weights, model)
    writer = GGUFWriter(destination, model.fields["general.architecture"].contents())
    _copy_fields(model, writer)
    for tensor in model.tensors:
        change = added.get(tensor.name)
        # What is in full precision, norms above all, is not what takes time.
        if change is None and tensor.tensor_type in (kind, GGMLQuantizationType.F32):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        weight = dequantize(tensor.data, tensor.tensor_type)
        whole = weight if change is None else weight + change
        writer.add_tensor(tensor.name, quantize(whole, kind), raw_dtype=kind)
    write_out(writer)


def _copy_fields(model: GGUFReader, writer: GGUFWriter) -> None:
    """All that the file says of its model: its shape, its tokenizer, its template."""
    from gguf import Keys

    for name, field in model.fields.items():
        # The writer says these by itself; the reader makes fields of the file's own first numbers, too.
        if name == Keys.General.ARCHITECTURE or name.startswith("GGUF."):
            continue
        kind, *inner = field.types
        writer.add_key_value(name, field.contents(), kind, inner[-1] if inner else None)
