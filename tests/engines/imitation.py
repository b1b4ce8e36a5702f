"""A server that imitates vLLM, SGLang or a plain OpenAI-compatible endpoint, on a model that is a hash, with faults.

Its tokens are bytes and a few strings of them, so that separators end inside tokens and characters span several.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from random import Random
from typing import Any

from outthink.tree import Message

__all__ = ["END", "Imitation", "Written", "encode", "serving", "text_of", "write"]

_STRINGS = ["\n\n", ".\n\n", "\n\n\n"]
END = 256 + len(_STRINGS)
_FIRST, _SECOND = "é".encode()


def encode(text: str) -> list[int]:
    """Bytes only: what was sampled as one token is never found again by tokenising."""
    return list(text.encode())


def text_of(ids: Sequence[int], *, special: bool = False) -> str:
    raw = b"".join(bytes([each]) if each < 256 else _STRINGS[each - 256].encode() for each in ids if each != END)
    return raw.decode(errors="replace") + ("<end>" * ids.count(END) if special else "")


def next_token(ids: Sequence[int], seed: int) -> int:
    """What the model writes next; it writes é in two tokens."""
    if ids and ids[-1] == _FIRST:
        return _SECOND
    draw = int.from_bytes(blake2b(repr((list(ids), seed)).encode(), digest_size=4).digest()) / 2**32
    for token, share in ((END, 0.04), (256, 0.04), (257, 0.04), (258, 0.02), (10, 0.06), (_FIRST, 0.1)):
        if draw < share:
            return token
        draw -= share
    return ord("a") + int(draw * 1000) % 26


@dataclass
class Written:
    ids: list[int]
    text: str
    finish: str
    matched: str | None = None


def write(prompt: Sequence[int], seed: int, cap: int, stop: Sequence[str], context: int) -> Written:
    """A continuation, as vLLM gives it: the text cut behind a stop string, the last token whole."""
    ids: list[int] = []
    while len(ids) < min(cap, context - len(prompt)):
        ids.append(next_token([*prompt, *ids], seed))
        if ids[-1] == END:
            return Written(ids, text_of(ids), "stop")
        text = text_of(ids)
        for each in stop:
            if each in text:
                return Written(ids, text[: text.index(each) + len(each)], "stop", each)
    # An unfinished character is never shown.
    return Written(ids, text_of(ids).removesuffix("\ufffd"), "length")


@dataclass
class Imitation:
    """What it imitates, how it fails, and what it has seen.

    Args:
        kind: "vllm", "sglang", "chat" or "completions".
        gather: tokens in a piece.
        fault_rate: share of requests that fail, each in one of the ways of `faults`.
        refuses: fields of a chat request that it refuses with a 400.
        way: how it is asked to continue a reply: "flag", "prefix", "last", or None if it cannot.
        strips: whether its template strips the reply it continues.
        echoes: whether it sends the reply it continues along.
        priorities, tells_cached: of vLLM.
        tells_logprobs: of a plain endpoint, for each piece.
        key: it wants to see.
        endless: falls silent in the middle of a stream.
        poison: prompts that hold this id make it fail.
        down: answers nothing while set.
    """

    kind: str = "vllm"
    models: tuple[str, ...] = ("hash",)
    context: int = 4096
    gather: int = 3
    fault_rate: float = 0.0
    faults: tuple[str, ...] = ("500", "429", "503", "garbage", "broken", "silent")
    refuses: tuple[str, ...] = ()
    way: str | None = "flag"
    strips: bool = False
    echoes: bool = False
    priorities: bool = True
    tells_cached: bool = True
    tells_logprobs: bool = False
    key: str | None = None
    endless: bool = False
    poison: int | None = None
    url: str = ""
    down: bool = False
    prompts: list[list[int]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens_written: int = 0
    prompts_seen: set[tuple[int, ...]] = field(default_factory=set)
    hung_up: int = 0
    failed: int = 0
    rng: Random = field(default_factory=lambda: Random(5))
    listening: asyncio.Server | None = None
    open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = field(default_factory=dict)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open[asyncio.current_task()] = writer
        try:
            while request := await _request(reader):
                if self.down:
                    break
                fault = self.rng.choice(self.faults) if self.rng.random() < self.fault_rate else None
                self.failed += fault is not None
                if not await self._answer(reader, writer, fault, *request):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            writer.close()
            del self.open[asyncio.current_task()]

    async def start(self) -> None:
        port = int(self.url.rpartition(":")[2] or 0)
        self.listening = await asyncio.start_server(self.handle, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self.listening is not None:
            self.listening.close()
        for writer in self.open.values():
            writer.close()
        while self.open:
            await asyncio.sleep(0)

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: str | None,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any],
    ) -> bool:
        """Answer one request; whether the connection is of further use."""
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return _reply(writer, 401, {"error": {"message": f"Incorrect API key: {headers.get('authorization')}"}})
        if fault in ("500", "429", "503"):
            return _reply(writer, int(fault), {"error": {"message": "try again"}}, retry="0.001")
        if fault == "garbage":
            return _reply(writer, 200, '{"choices": [{"ind')
        if fault == "silent":
            await reader.read()  # Until the client gives up.
            return False
        status, answer = self._respond(path, body)
        if isinstance(answer, str | dict):
            return fault != "broken" and _reply(writer, status, answer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = list(answer)
        lost = self.rng.randrange(len(pieces)) if fault == "broken" else None
        for number, piece in enumerate(pieces):
            if number == lost:
                return False
            data = f"data: {piece if isinstance(piece, str) else json.dumps(piece)}\n\n".encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
            if self.endless and number == len(pieces) // 2:
                await reader.read()
                self.hung_up += 1
                return False
        writer.write(b"0\r\n\r\n")
        return True

    def _respond(self, path: str, body: dict[str, Any]) -> tuple[int, str | dict[str, Any] | Iterator[Any]]:
        if path == "/v1/models":
            entry = {"owned_by": self.kind, "max_model_len": self.context}
            return 200, {"data": [{"id": name, **entry} for name in self.models]}
        if "model" in body and body["model"] not in self.models:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}}
        respond = {
            ("vllm", "/version"): lambda body: {"version": "0.0"},
            ("vllm", "/metrics"): lambda body: 'vllm:cache_config_info{a="1",block_size="16",num_gpu_blocks="100"} 1.0',
            ("vllm", "/tokenize"): self._tokenize,
            ("vllm", "/detokenize"): lambda body: {"prompt": text_of(body["tokens"], special=True)},
            ("vllm", "/v1/completions"): self._vllm,
            ("sglang", "/get_server_info"): lambda body: {"max_total_num_tokens": 1600},
            ("sglang", "/tokenize"): self._tokenize,
            ("sglang", "/detokenize"): lambda body: {"text": text_of(body["tokens"], special=True)},
            ("sglang", "/generate"): self._sglang,
            ("chat", "/v1/chat/completions"): self._text,
            ("completions", "/v1/completions"): self._text,
        }.get((self.kind, path))
        if respond is None:
            return 404, {"detail": "Not Found"}
        try:
            return 200, respond(body)
        except ValueError as error:
            return 400, {"error": {"message": str(error), "code": 400}}
        except RuntimeError as error:
            return 500, {"error": {"message": str(error)}}

    def _tokenize(self, body: dict[str, Any]) -> dict[str, Any]:
        ids = encode(body["prompt"]) if "prompt" in body else encode(prompt_of(body["messages"]))
        return {"tokens": ids, "count": len(ids), "max_model_len": self.context}

    def _siblings(self, prompt: list[int], n: int, seed: int, cap: int, stop: Sequence[str]) -> list[Written]:
        found = [write(prompt, seed + sibling, cap, stop, self.context) for sibling in range(n)]
        if self.poison in prompt:
            raise RuntimeError("cannot")
        self.prompts.append(prompt)
        self.tokens_written += sum(len(each.ids) for each in found)
        return found

    def _cached(self, prompt: list[int]) -> int:
        """Prefix caching in blocks of 4."""
        blocks = [tuple(prompt[:end]) for end in range(4, len(prompt), 4)]
        cached = next((len(each) for each in reversed(blocks) if each in self.prompts_seen), 0)
        self.prompts_seen.update(blocks)
        return cached

    def _vllm(self, body: dict[str, Any]) -> dict[str, Any] | Iterator[Any]:
        prompt = body["prompt"]
        if body.get("priority") and not self.priorities:
            raise ValueError("Got priority but priority scheduling is not enabled.")
        if body.get("n", 1) > 1 and not body["temperature"]:
            raise ValueError("n must be 1 when using greedy sampling.")
        if len(prompt) >= self.context:
            raise ValueError(f"This model's maximum context length is {self.context} tokens.")
        usage: dict[str, Any] = {"prompt_tokens": len(prompt)}
        if self.tells_cached:
            usage["prompt_tokens_details"] = {"cached_tokens": self._cached(prompt)}
        if "logprob_token_ids" in body:
            told = {f"token_id:{token}": -1.0 - place for place, token in enumerate(body["logprob_token_ids"])}
            return {"choices": [{"logprobs": {"top_logprobs": [told]}}], "usage": usage}
        found = self._siblings(prompt, body.get("n", 1), body.get("seed", 0), body["max_tokens"], body.get("stop", ()))
        usage["completion_tokens"] = sum(len(each.ids) for each in found)
        if not body.get("stream"):
            (only,) = found
            choice = {"text": only.text, "token_ids": only.ids, "prompt_token_ids": prompt}
            return {"choices": [choice], "usage": usage}
        return self._vllm_events(body, found, usage)

    def _vllm_events(self, body: dict[str, Any], found: list[Written], usage: dict[str, Any]) -> Iterator[Any]:
        self.bodies.append(body)
        for sibling, ids, text, last in _interleaved(found, self.gather):
            choice = {"index": sibling, "text": text, "token_ids": ids, "finish_reason": None}
            if "logprobs" in body:
                top = {f"token_id:{token}": -0.5 - token for token in range(body["logprobs"])}
                choice["logprobs"] = {"token_logprobs": [-0.5] * len(ids), "top_logprobs": [top] * len(ids)}
            if last:
                choice |= {"finish_reason": found[sibling].finish, "stop_reason": found[sibling].matched}
            yield {"choices": [choice]}
        yield {"choices": [], "usage": usage}
        yield "[DONE]"

    def _sglang(self, body: dict[str, Any]) -> dict[str, Any] | Iterator[Any]:
        prompt, params = body["input_ids"], body["sampling_params"]
        if len(prompt) >= self.context:
            raise ValueError(f"The input ({len(prompt)} tokens) is longer than the model's context length.")
        cached = self._cached(prompt)
        if "token_ids_logprob" in body:
            told = [[-1.0 - place, token, None] for place, token in enumerate(body["token_ids_logprob"])]
            meta = {"output_token_ids_logprobs": [told], "prompt_tokens": len(prompt), "cached_tokens": cached}
            return {"meta_info": meta}
        found = self._siblings(prompt, params["n"], 0, params["max_new_tokens"], params["stop"])
        return self._sglang_events(body, found, cached)

    def _sglang_events(self, body: dict[str, Any], found: list[Written], cached: int) -> Iterator[Any]:
        """Everything from the beginning in every piece, as SGLang does unless it is told otherwise."""
        self.bodies.append(body)
        so_far: dict[int, tuple[list[int], str]] = {}
        for sibling, ids, text, last in _interleaved(found, self.gather):
            before = so_far.get(sibling, ([], ""))
            all_ids, all_text = so_far[sibling] = (before[0] + ids, before[1] + text)
            written = found[sibling]
            reason = {"type": written.finish, "matched": written.matched or END} if last else None
            meta = {"prompt_tokens": len(body["input_ids"]), "cached_tokens": cached, "finish_reason": reason}
            if body["return_logprob"]:
                meta["output_token_logprobs"] = [[-0.5, token, None] for token in all_ids]
                top = [[-0.5 - token, token, None] for token in range(body["top_logprobs_num"])]
                meta["output_top_logprobs"] = [top] * len(all_ids)
            yield {"index": sibling, "output_ids": all_ids, "text": all_text, "meta_info": meta}
        yield "[DONE]"

    def _text(self, body: dict[str, Any]) -> dict[str, Any] | Iterator[Any]:
        for name in self.refuses:
            if name in body:
                hint = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
                raise ValueError(f"Unsupported parameter: '{name}'.{hint}")
        if "stop" in body or not body.keys() & {"max_tokens", "max_completion_tokens"}:
            raise ValueError("expected a cap and no stop strings")
        prompt, begun = self._asked(body)
        cap = body.get("max_tokens") or body["max_completion_tokens"]
        if "1, 2, 3, 4" in begun:  # The probe: this model, too, can count.
            said = " 8, 9" if self.way else "1, 2, 3"
            return {"choices": [{"message": {"content": (begun if self.echoes and self.way else "") + said}}]}
        found = self._siblings(encode(prompt), body.get("n", 1), body.get("seed", 0), cap, ())
        for each in found:
            # A model whose template stripped the separator writes it again.
            again = begun[len(begun.rstrip()) :] if self.strips else ""
            each.text = (begun if self.echoes else again) + each.text
        return self._text_events(body, found)

    def _asked(self, body: dict[str, Any]) -> tuple[str, str]:
        """The prompt as the model sees it, and the part of it that is the reply so far."""
        if self.kind == "completions":
            return body["prompt"], ""
        *messages, last = body["messages"]
        if last["role"] != "assistant":
            return prompt_of(body["messages"]), ""
        ways = {"flag": body.get("continue_final_message"), "prefix": last.get("prefix"), "last": True}
        if not (self.way and ways[self.way]):
            if self.way != "last" and self.way is not None:
                raise ValueError("the last message must be the user's")
            return prompt_of(body["messages"]), last["content"]
        begun = last["content"].rstrip() if self.strips else last["content"]
        return prompt_of(messages) + begun, last["content"]

    def _text_events(self, body: dict[str, Any], found: list[Written]) -> Iterator[Any]:
        self.bodies.append(body)
        for sibling, written in enumerate(found):
            for start in range(0, len(written.text), self.gather):
                text = written.text[start : start + self.gather]
                said: dict[str, Any] = {"delta": {"content": text}} if self.kind == "chat" else {"text": text}
                if self.tells_logprobs and "logprobs" in body:
                    said["logprobs"] = self._text_logprobs(body)
                yield {"choices": [{"index": sibling, **said, "finish_reason": None}]}
            yield {"choices": [{"index": sibling, "delta": {}, "finish_reason": written.finish}]}
        if "stream_options" in body:
            tokens = sum(len(each.ids) for each in found)
            yield {"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": tokens}}
        yield "[DONE]"

    def _text_logprobs(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.kind == "completions":
            top = {f"t{token}": -0.5 - token for token in range(body["logprobs"])}
            return {"token_logprobs": [-0.5], "top_logprobs": [top]}
        tops = [{"token": f"t{token}", "logprob": -0.5 - token} for token in range(body.get("top_logprobs", 0))]
        return {"content": [{"token": "t0", "logprob": -0.5, "top_logprobs": tops}]}


def prompt_of(messages: Sequence[Message]) -> str:
    return "".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>"


def _interleaved(found: list[Written], gather: int) -> Iterator[tuple[int, list[int], str, bool]]:
    """Pieces of all siblings in turn: ids, and the text that is complete with them."""
    for round_ in count():
        running = False
        for sibling, written in enumerate(found):
            start, end = round_ * gather, (round_ + 1) * gather
            if start >= max(1, len(written.ids)):
                continue
            running = True
            last = end >= len(written.ids)
            shown = len(text_of(written.ids[:start]).removesuffix("\ufffd")) if start else 0
            complete = written.text if last else text_of(written.ids[:end]).removesuffix("\ufffd")
            yield sibling, written.ids[start:end], complete[shown:], last
        if not running:
            return


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], dict[str, Any]] | None:
    line = await reader.readline()
    if not line:
        return None
    headers = {}
    while (header := (await reader.readline()).decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return line.decode().split()[1], headers, json.loads(body or b"{}")


def _reply(writer: asyncio.StreamWriter, status: int, body: str | dict[str, Any], retry: str | None = None) -> bool:
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    extra = f"Retry-After: {retry}\r\n" if retry else ""
    writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return True


@asynccontextmanager
async def serving(imitation: Imitation) -> AsyncIterator[Imitation]:
    """The imitation, listening; always at the same address."""
    await imitation.start()
    try:
        yield imitation
    finally:
        await imitation.stop()
