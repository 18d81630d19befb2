"""One HTTP/1.1 connection: sends a request, reads the response. Knows no policy, pool or redirects."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from dataclasses import dataclass, field
from typing import Any, cast

import httptools

from maestrale import clock

_HIGH_WATER = 65536


class HttpFailure(Exception):  # noqa: N818 - the protocol calls it a failure; errors of actions are made from it
    """The request could not be sent, or its response not be read. ``fresh`` tells that no byte of a response came."""

    def __init__(self, message: str, *, fresh: bool = False) -> None:
        super().__init__(message)
        self.fresh = fresh


class ResponseTooLargeError(Exception):
    """The response has more bytes than are allowed."""


@dataclass(slots=True)
class RawResponse:
    """A response as read: header names in the server's spelling, the body decoded from its content encoding."""

    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    elapsed: float = 0.0

    def header(self, name: str) -> str | None:
        """The first header of that lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time; ``usable`` says whether another one may follow."""

    def __init__(self) -> None:
        self.usable = True
        self.used = 0
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._exchange: _Exchange | None = None
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the response that is being read; data that nobody asked for ends the connection."""
        if self._exchange is None:
            self.close()
        else:
            self._exchange.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the response that is being read; it may be complete by that."""
        self.usable = False
        self.resume_writing()
        if self._exchange is not None:
            self._exchange.end_of_stream(exc)

    def pause_writing(self) -> None:
        """The peer is slow to read: wait before writing more."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """The peer has read."""
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def close(self) -> None:
        """End the connection at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> Connection:
        """Put TLS on top, after a proxy has made a tunnel of it. Raises OSError."""
        if self._transport is None:
            raise OSError("the connection is closed")
        self._transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if self._transport is None:
            raise OSError("the connection was closed")
        return self

    async def request(
        self, head: bytes, body: bytes, *, is_head: bool = False, is_tunnel: bool = False, limit: int,
        timeout: float,  # noqa: ASYNC109 - it counts from the last byte
    ) -> RawResponse:
        """Send and wait. ``limit`` bounds the body, ``timeout`` the seconds without any byte moving.

        ``is_head``, ``is_tunnel``: by the request's method the response has no body; after a tunnel's the connection is the tunnel.

        Raises HttpFailure, ResponseTooLargeError, TimeoutError. The connection is closed after anything raised.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise HttpFailure("Connection closed before the request was sent.", fresh=True)
        self.used += 1
        exchange = self._exchange = _Exchange(self._loop, is_head=is_head or is_tunnel, limit=limit, timeout=timeout)
        try:
            if len(body) <= _HIGH_WATER:
                transport.write(head + body)
            else:
                transport.write(head)
                for start in range(0, len(body), _HIGH_WATER):
                    transport.write(body[start:start + _HIGH_WATER])
                    if self._drained is not None:
                        async with asyncio.timeout(timeout):
                            await self._drained
                        exchange.touch()
                    if exchange.done.done():
                        break
            response = await exchange.done
        except BaseException:
            self.close()
            raise
        finally:
            exchange.stop()
            self._exchange = None
        if not exchange.keep_alive and not (is_tunnel and response.status == 200):
            self.close()
        return response


class _Exchange:
    """One response in the making, with the callbacks that the parser calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, is_head: bool, limit: int, timeout: float) -> None:
        self.done: asyncio.Future[RawResponse] = loop.create_future()
        self.keep_alive = False
        self._loop = loop
        self._is_head = is_head
        self._limit = limit
        self._timeout = timeout
        self._started = self._heard = clock.monotonic()
        self._timer = loop.call_later(timeout, self._check_time)
        self._response = RawResponse()
        self._chunks: list[bytes] = []
        self._size = 0
        self._headers_done = False
        self._inflate: Any = None
        self._parser = httptools.HttpResponseParser(self)

    def stop(self) -> None:
        """Forget the timer."""
        self._timer.cancel()

    def touch(self) -> None:
        """Something moved: the time-out counts from now."""
        self._heard = clock.monotonic()

    def feed(self, data: bytes) -> None:
        """Bytes of the response."""
        self.touch()
        if self.done.done():
            self.keep_alive = False
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(keep_alive=False)
        except httptools.HttpParserError as error:
            self._fail(_reason(error))

    def end_of_stream(self, error: Exception | None) -> None:
        """The peer closed: that ends a body of unannounced length, and is a failure otherwise."""
        if self.done.done():
            return
        response = self._response
        if self._headers_done and error is None and response.header("content-length") is None \
                and (response.header("transfer-encoding") or "").lower() != "chunked":
            self._finish(keep_alive=False)
            return
        if self._headers_done:
            text = "Connection broken before the response was complete"
        else:
            text = "Connection closed by the server without a response"
        self._fail(HttpFailure(f"{text}{f': {error}' if error else '.'}", fresh=not response.status and not self._headers_done))

    def on_status(self, status: bytes) -> None:
        """Part of the status line's reason."""
        self._response.reason += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._response.headers.append((name.decode("latin-1"), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        """Judge the announced length, and prepare for the content's encoding."""
        response = self._response
        response.status = self._parser.get_status_code()
        if response.status < 200 and response.status != 101:
            return
        response.elapsed = self._heard - self._started
        self._headers_done = True
        if self._is_head:
            self._finish(keep_alive=self._parser.should_keep_alive())
            return
        length = response.header("content-length")
        if length is not None and length.isdigit() and int(length) > self._limit:
            raise ResponseTooLargeError(f"HTTP response is too large (Content-Length={length}, limit={self._limit} bytes).")
        encoding = (response.header("content-encoding") or "").lower()
        if encoding in {"gzip", "x-gzip"}:
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif encoding == "deflate":
            self._inflate = zlib.decompressobj()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._inflate is not None:
            body = self._decoded(body)
        self._size += len(body)
        if self._size > self._limit:
            raise ResponseTooLargeError(f"HTTP response is too large (received={self._size}, limit={self._limit} bytes).")
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The end; an interim response (1xx) is forgotten and the real one awaited."""
        if self._response.status < 200 and self._response.status != 101:
            self._response = RawResponse()
            return
        if not self.done.done():
            self._finish(keep_alive=self._parser.should_keep_alive())

    def _decoded(self, body: bytes) -> bytes:
        room = self._limit - self._size + 1
        try:
            return cast("bytes", self._inflate.decompress(body, room))
        except zlib.error:
            if self._chunks or (self._response.header("content-encoding") or "").lower() != "deflate":
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return cast("bytes", self._inflate.decompress(body, room))

    def _finish(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self._response.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if not self.done.done():
            self.done.set_result(self._response)

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def _check_time(self) -> None:
        """Fail if nothing was heard for the time-out; look again when the rest of it is over."""
        left = self._heard + self._timeout - clock.monotonic()
        if left <= 0:
            self._fail(TimeoutError())
        else:
            self._timer = self._loop.call_later(left, self._check_time)


def _reason(error: httptools.HttpParserError) -> Exception:
    """What the parser's error means: one of ours, raised in a callback, or what the peer did wrong."""
    cause = error.__context__
    if isinstance(cause, ResponseTooLargeError):
        return cause
    if isinstance(cause, zlib.error):
        return HttpFailure(f"The response's content encoding is broken: {cause}")
    return HttpFailure(f"The response is not valid HTTP: {error}")
