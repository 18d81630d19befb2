"""Something that the engine was asked, and whose answer comes with a decision.

It is waited for either in a thread of the caller's own, or in an event loop, which then needs no thread for each
request that waits. Whether it was answered is known from the future alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from maestrale.errors import DatabaseUnavailableError

T = TypeVar("T")

TOO_LATE = "No decision was made in time. It may still be made; ask for the state before trying again."


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """See the module. ``timeout`` is in seconds; after it both ways of waiting raise DatabaseUnavailableError."""

    future: Future[Any]
    timeout: float

    def wait(self) -> T:
        """The answer, holding the calling thread until it comes."""
        try:
            answer: T = self.future.result(self.timeout)
        except FutureTimeoutError:
            raise DatabaseUnavailableError(TOO_LATE) from None
        return answer

    def __await__(self) -> Generator[Any, None, T]:
        """The answer, in an event loop."""
        return self._arrival().__await__()

    async def _arrival(self) -> T:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        def wake(_: Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrive)

        self.future.add_done_callback(wake)
        try:
            async with asyncio.timeout(self.timeout):
                await arrived
        except TimeoutError:
            raise DatabaseUnavailableError(TOO_LATE) from None
        answer: T = self.future.result()
        return answer
