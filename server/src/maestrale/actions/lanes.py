"""Where actions run: one event loop in a thread of its own, and a pool of threads. Both bound what runs at once.

A lane takes jobs from any thread, runs them in the order given as room allows, and tells the job when it starts and what it came
to. What a job means is the runner's business.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

try:
    import uvloop
except ImportError:  # not made for this system
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop


class Job(Protocol):
    """What a lane needs of a job. Each method is called once, in this order, unless the job is withdrawn while it waits."""

    slot: str

    def perform(self) -> Any:
        """Do the work: plain in a pool's thread, a coroutine on the loop. Raises nothing."""


class ThreadLane:
    """Runs plain functions in at most ``size`` threads, made as they are needed."""

    def __init__(self, size: int, *, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._busy = 0
        self._pool: ThreadPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """How many jobs have no thread yet."""
        return len(self._waiting)

    def submit(self, job: Job) -> None:
        """Run the job when a thread is free."""
        with self._lock:
            self._waiting.append(job)
            if self._busy >= self._size:
                return
            self._busy += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._size, thread_name_prefix=self._name)
            pool = self._pool
        pool.submit(self._work)

    def withdraw(self, job: Job) -> bool:
        """Take a job back that waits; False if it has started."""
        with self._lock:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
            return True

    def close(self) -> None:
        """Take no more; threads end when their job does."""
        with self._lock:
            self._waiting.clear()
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy -= 1
                    return
                job = self._waiting.popleft()
            job.perform()


class Timer:
    """A call of a function on a lane's loop at a time to come. ``stop`` may be called from any thread."""

    def __init__(self, lane: LoopLane, function: Callable[[], None]) -> None:
        self._lane = lane
        self._function: Callable[[], None] | None = function
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, delay: float) -> None:
        """Begin to wait; on the loop."""
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def stop(self) -> None:
        """Don't call the function any more."""
        self._function = None
        self._lane.call(self._disarm)

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        if self._function is not None:
            self._function()


class LoopLane:
    """Runs coroutines on an event loop in a thread of its own, which starts with the first job.

    ``sizes`` bounds how many jobs of a slot run at once; the slot ``''`` is everybody's.
    """

    def __init__(self, sizes: Mapping[str, int], *, name: str) -> None:
        self._sizes = dict(sizes)
        self._name = name
        self._lock = threading.Lock()
        self._inbox: deque[Callable[[], None]] = deque()
        self._awake = False
        self._waiting: dict[str, deque[Job]] = {}
        self._busy: Counter[str] = Counter()
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing: list[Callable[[], None]] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many jobs have no room yet."""
        return sum(map(len, tuple(self._waiting.values())))

    def submit(self, job: Job) -> None:
        """Run the job's coroutine when its slot has room."""
        self.call(lambda: self._admit(job))

    def cancel(self, job: Job) -> None:
        """Raise CancelledError in the job's coroutine, if it runs."""
        self.call(lambda: self._cancel(job))

    def withdraw(self, job: Job, withdrawn: Callable[[], None]) -> None:
        """Take the job back if it waits, and call ``withdrawn`` on the loop; else cancel it."""
        self.call(lambda: self._withdraw(job, withdrawn))

    def call(self, function: Callable[[], None]) -> None:
        """Call a function on the loop, soon and in order; not at all once the lane is being closed.

        One wake-up serves all that were called meanwhile.
        """
        if self._closed:
            return
        loop = self._loop or self._start()
        self._inbox.append(function)
        if not self._awake:
            self._awake = True
            loop.call_soon_threadsafe(self._drain)

    def call_later(self, delay: float, function: Callable[[], None]) -> Timer:
        """Call a function on the loop after ``delay`` seconds, unless the timer is stopped."""
        timer = Timer(self, function)
        self.call(lambda: timer.arm(delay))
        return timer

    def at_close(self, function: Callable[[], None]) -> None:
        """Call a function on the loop when the lane is closed."""
        self._closing.append(function)

    def close(self, timeout: float) -> None:
        """Cancel what runs, wait for it for up to ``timeout`` seconds, and end the loop."""
        with self._lock:
            thread, loop = self._thread, self._loop
            self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(lambda: loop.create_task(self._wind_up(timeout)))
        thread.join(timeout + 5)

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = _new_loop()
                self._thread = threading.Thread(target=self._serve, args=(loop,), name=self._name, daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def _drain(self) -> None:
        self._awake = False
        while self._inbox:
            self._inbox.popleft()()

    def _admit(self, job: Job) -> None:
        if self._busy[job.slot] < self._sizes.get(job.slot, self._sizes[""]):
            self._launch(job)
        else:
            self._waiting.setdefault(job.slot, deque()).append(job)

    def _launch(self, job: Job) -> None:
        self._busy[job.slot] += 1
        self._tasks[job] = asyncio.get_running_loop().create_task(self._work(job, job.perform()))

    async def _work(self, job: Job, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            del self._tasks[job]
            self._busy[job.slot] -= 1
            if waiting := self._waiting.get(job.slot):
                self._launch(waiting.popleft())

    def _cancel(self, job: Job) -> None:
        if task := self._tasks.get(job):
            # Not at once: a task that is cancelled before its first step never gets to its ``finally``.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _withdraw(self, job: Job, withdrawn: Callable[[], None]) -> None:
        waiting = self._waiting.get(job.slot, ())
        if isinstance(waiting, deque) and job in waiting:
            waiting.remove(job)
            withdrawn()
        else:
            self._cancel(job)

    async def _wind_up(self, grace: float) -> None:
        self._waiting.clear()
        await asyncio.sleep(0)
        self._closed = True
        for task in tuple(self._tasks.values()):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()), timeout=grace)
        for function in self._closing:
            function()
        await asyncio.sleep(0)
        asyncio.get_running_loop().stop()
