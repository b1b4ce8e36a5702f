"""HTTP to one server: JSON in, JSON or a stream of events out, every failure as one of our own errors."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from outthink.engines.retry import Fault, retry_after
from outthink.errors import ContextTooSmall, EngineError, ModelNotFound, OutthinkError, UsageError

__all__ = ["Http", "Refused"]

# Statuses that another attempt may not meet, and those among them that say the server is not there.
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}
_AWAY = {502, 503, 504, 522}
# How servers say that a path does not fit: vLLM, llama.cpp, SGLang, OpenAI and those who follow it.
_TOO_LONG = re.compile(
    r"maximum context length|max_tokens must be at least 1, got|exceeds the available context size"
    r"|exceed_context_size|longer than the model's context length|context_length_exceeded|context window",
    re.IGNORECASE,
)
# Fields of server-sent events that say nothing here: blank lines and comments, names and numbers of events.
_NO_DATA = {"", "event", "id", "retry"}
# Kept connections are given up before the usual server does so (5 s): a request on a closed one is a request lost.
_KEEP_ALIVE = 2.0
_KEPT = 64


class Refused(EngineError):
    """The server answered that it will not do this; asking again would not help.

    Args:
        message: what it said, and who.
        status: of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Http:
    """A server's address, and requests to it.

    Args:
        url: with the API's root (`.../v1`) or without; a bare host gets `/v1`.
        key: sent as a bearer token; never shown anywhere.
        key_variable: the environment variable it came from, for messages.
        timeout: seconds without a byte after which a request is given up.
    """

    def __init__(self, url: str, *, key: str | None, key_variable: str, timeout: float) -> None:
        import httpx

        self.url = url.rstrip("/")
        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise UsageError(f"{url!r} is no address: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise UsageError(f"{url!r} is no address; give one like http://localhost:8000")
        self._root = self.url.removesuffix("/v1")
        self._api = self.url if parsed.path.strip("/") else f"{self.url}/v1"
        self._key = key
        self._key_variable = key_variable
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            # How many requests are under way is decided by those who make them.
            limits=httpx.Limits(
                max_connections=None,
                # llama.cpp drops connections without a word; a new one costs nothing where it is not encrypted.
                max_keepalive_connections=_KEPT if parsed.scheme == "https" else 0,
                keepalive_expiry=_KEEP_ALIVE,
            ),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(self, path: str) -> Any:
        """The JSON at a path; paths that begin with `/v1/` are the API's, others the server's own.

        Raises:
            Fault: a failure that may pass.
            Refused, UsageError, ContextTooSmall, ModelNotFound: one that will not.
        """
        return self._json(await self.text(path))

    async def text(self, path: str) -> str:
        """What stands at a path; raises like `get`."""
        with self._faults():
            reply = await self._client.get(self._address(path))
        return self._checked(reply)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON answer to a request; raises like `get`."""
        with self._faults():
            reply = await self._client.post(self._address(path), json=body)
        return self._json(self._checked(reply))

    async def events(self, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The server-sent events of a request, each a JSON object; raises like `get`.

        Leaving the iterator closes the connection, which is how a server learns that nobody listens any more.
        """
        with self._faults():
            async with self._client.stream("POST", self._address(path), json=body) as reply:
                if reply.status_code != 200:
                    await reply.aread()
                    self._checked(reply)
                async for line in reply.aiter_lines():
                    kind, _, data = line.partition(":")
                    if kind in _NO_DATA or data.strip() == "[DONE]":
                        continue
                    if kind not in ("data", "error"):
                        raise Fault(f"{self.url} sent something that is no event: {_short(line)!r}")
                    event = self._json(data)
                    if kind == "error" or "error" in event:
                        error = event.get("error", event)
                        raise self._failure(_code(error), json.dumps(error), None)
                    yield event

    def _address(self, path: str) -> str:
        return self._api + path.removeprefix("/v1") if path.startswith("/v1/") else self._root + path

    def _checked(self, reply: Any) -> str:
        if reply.status_code != 200:
            raise self._failure(reply.status_code, reply.text, retry_after(reply.headers))
        if reply.headers.get("content-type", "").startswith("text/html"):
            raise Refused(f"{self.url} answered with a web page; is the address that of an API?", 404)
        text: str = reply.text
        return text

    def _json(self, text: str) -> Any:
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            raise Fault(f"{self.url} sent something that is no JSON: {_short(text)!r}") from None
        if not isinstance(found, dict | list):
            raise Fault(f"{self.url} sent no JSON object: {_short(text)!r}")
        return found

    def _failure(self, status: int, text: str, after: float | None) -> OutthinkError:
        if self._key:
            text = text.replace(self._key, "***")
        message = f"{self.url} answered {status}: {_short(_message(text))}"
        if status in _PASSING:
            return Fault(message, after=after, away=status in _AWAY)
        if status in (401, 403):
            return UsageError(f"{message}. Set the environment variable {self._key_variable} to a valid key")
        if _TOO_LONG.search(text):
            return ContextTooSmall(f"{message}. Serve the model with a longer context, or ask for shorter solutions")
        if status == 404 and "model" in text.lower():
            return ModelNotFound(message)
        return Refused(message, status)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Fault(f"{self.url} cannot be reached: {str(error) or 'no answer'}", away=True) from error
        except httpx.TimeoutException as error:
            raise Fault(f"{self.url} was silent for {self._timeout:g} s") from error
        except httpx.TransportError as error:
            raise Fault(f"{self.url} broke the connection: {str(error) or type(error).__name__}") from error


def _message(text: str) -> str:
    """The words of an error reply, whichever of the usual forms it has."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return text.strip()
    while isinstance(found, dict):
        found = found.get("error") or found.get("message") or found.get("detail") or str(found)
    return str(found)


def _code(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and code >= 400 else 500


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}..."
