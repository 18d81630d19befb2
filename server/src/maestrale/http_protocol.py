"""uvicorn's HTTP protocol, with the head and the body of an answer in one segment.

uvicorn writes them one after the other and its transport sends each at once: two system calls here, and a client that
wakes twice for every answer. What is written in one turn of the event loop is sent together instead, at its end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneSegmentProtocol(HttpToolsProtocol):
    """See the module."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(GatheringTransport(transport, self.loop))


class GatheringTransport(asyncio.Transport):
    """A transport that hands on at the end of the loop's turn what was written in it; nothing is held any longer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take some bytes to send."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(bytes(data))

    def _send(self) -> None:
        written, self._written = self._written, []
        if written:
            self._transport.write(written[0] if len(written) == 1 else b"".join(written))

    def close(self) -> None:
        """Send what was written, then end the connection."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._written.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known about the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Let the client wait."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._transport.set_protocol(protocol)
