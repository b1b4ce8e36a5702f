"""GGUF files: the fields of a header and how large the tensors are, read without any weight; and files written whole.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import struct
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from gguf import GGUFWriter

__all__ = ["Gguf", "read_gguf", "write_out"]

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf(NamedTuple):
    """A GGUF file's header.

    Args:
        fields: its key-value pairs.
        elements: how many numbers each tensor has, by name.
    """

    fields: dict[str, Any]
    elements: dict[str, int]


def read_gguf(path: Path) -> Gguf:
    """The header of a GGUF file.

    Raises:
        ValueError: it is none, or of a version this does not know.
    """
    with path.open("rb") as file:
        magic, version, tensors, fields = struct.unpack("<4sIQQ", file.read(24))
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path}: no GGUF file of version 2 or 3")
        return Gguf(
            {_string(file): _value(file, _number(file, "I")) for _ in range(fields)},
            dict(_tensor(file) for _ in range(tensors)),
        )


def write_out(writer: GGUFWriter) -> None:
    """Write what a writer was given, and close its file, also if there is no room for it."""
    with closing(writer):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()


def _tensor(file: BinaryIO) -> tuple[str, int]:
    name = _string(file)
    sizes = [_number(file, "Q") for _ in range(_number(file, "I"))]
    file.read(12)  # how it is packed, and where it lies
    return name, math.prod(sizes)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind != _ARRAY:
        return _number(file, _SCALARS[kind])
    kind, length = _number(file, "I"), _number(file, "Q")
    if kind in _SCALARS:
        form = f"<{length}{_SCALARS[kind]}"
        return list(struct.unpack(form, file.read(struct.calcsize(form))))
    return [_value(file, kind) for _ in range(length)]


def _string(file: BinaryIO) -> str:
    return file.read(_number(file, "Q")).decode(errors="replace")


def _number(file: BinaryIO, form: str) -> Any:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
