"""Server processes: the listening socket, one process that serves it, and a parent that keeps several alive.

With one worker the process serves by itself. With more, the parent binds the socket once, starts the
workers with it, and starts another one for each that ends; a connection that no worker has accepted yet is
taken by any other, so a killed worker is not noticed by clients that connect. Knows how to run the parts,
not what they do.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

import structlog
import uvicorn

from maestrale import clock
from maestrale.config import Settings
from maestrale.http_protocol import OneSegmentProtocol

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
QUICK_DEATH = 2.0
QUICK_DEATHS_ALLOWED = 5
PARENT_INTERVAL = 1.0
ADDRESS_TIME = 10.0
ADDRESS_INTERVAL = 0.2
ANSWER_TIME = 2
"""Seconds that requests have for their answer when what they waited for was broken off."""
# How long one thread may hold the interpreter while another one wants it: the deciding thread computes, the
# event loop answers, and the default of 5 ms would add that much to every answer.
SWITCH_INTERVAL = 0.001
# Decisions make many short-lived records and few cycles, and what is cached lives long: with Python's defaults a tenth of the
# time goes into looking through it all over and over. New objects, then collections of the younger generation, until the next one.
GARBAGE_THRESHOLDS = (20_000, 20, 20)


PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Application(Protocol):
    """What is served: an ASGI application, and the parts behind it with their start and end."""

    @property
    def asgi(self) -> Any:
        """The ASGI application."""

    def start(self) -> None:
        """Start the threads; returns at once."""

    def drain(self) -> None:
        """Take no new work. Requests are answered still."""

    def release_callers(self) -> None:
        """Answer the requests that wait for an action to end: it is broken off."""

    def stop(self, waited: float = 0.0) -> None:
        """Drain: no new work, running work ends or is handed over within the configured time, less what was waited already."""


def configure_logging(settings: Settings) -> None:
    """Structured lines on standard error, for our own loggers and those of the libraries alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.log_format == "json":
        last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # a plain traceback: the pretty ones show local variables, and so inputs and secrets
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger, cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for chatty in ("httpx", "httpcore", "sqlalchemy", "alembic", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def listen(settings: Settings, patience: float = ADDRESS_TIME) -> socket.socket:
    """The bound and listening socket. Raises OSError, e.g. for an address that is in use after ``patience`` seconds still.

    The workers of a parent that was killed let go of its address a moment after it.
    """
    deadline = clock.monotonic() + patience
    while True:
        try:
            return _bound(settings)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or clock.monotonic() >= deadline:
                raise
        time.sleep(ADDRESS_INTERVAL)


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((settings.host, settings.port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound


def address_of(bound: socket.socket) -> str:
    """The URL under which the socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, application: Application, bound: socket.socket, *, parent: int | None = None) -> None:
    """Serve in this process until SIGTERM or SIGINT, or until ``parent`` is gone; then drain."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    if parent is not None:
        _end_with_parent(signal.SIGTERM)
        threading.Thread(target=_follow, args=(parent,), name="parent", daemon=True).start()
    config = uvicorn.Config(
        application.asgi, http=OneSegmentProtocol, log_config=None, access_log=settings.access_log, server_header=False,
        proxy_headers=False, timeout_keep_alive=75, timeout_graceful_shutdown=int(settings.engine.drain_timeout) + ANSWER_TIME,
        lifespan="on", ws="none", backlog=2048,
    )
    server = _Server(config, lambda: _drain(application, settings.engine.drain_timeout))
    with _stopping_by_signal(server):
        application.start()
        _spare_garbage_collection()
        log.info("listening", url=address_of(bound), pid=os.getpid())
        try:
            server.run(sockets=[bound])
        finally:
            # requests may have taken a part of the time that there is
            application.stop(server.stopping_for())
            log.info("stopped", pid=os.getpid())


def _spare_garbage_collection() -> None:
    """Leave out what was loaded for good, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


class _Server(uvicorn.Server):
    """Knows since when it has been asked to stop, and then begins to drain beside the requests that are under way."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self.asked_at: float | None = None
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A stop signal."""
        if self.asked_at is None:
            self.asked_at = clock.monotonic()
            threading.Thread(target=self._drain, name="drain", daemon=True).start()
        super().handle_exit(sig, frame)

    def stopping_for(self) -> float:
        """Seconds since then."""
        return 0.0 if self.asked_at is None else clock.monotonic() - self.asked_at


def _drain(application: Application, timeout: float) -> None:
    """Take no new work; after ``timeout`` seconds break off what requests wait for, so that they have an answer."""
    application.drain()
    time.sleep(timeout)
    application.release_callers()


def _follow(parent: int) -> None:
    """End with the parent, however it ended: nobody else would, and the address would stay in use."""
    while os.getppid() == parent:
        time.sleep(PARENT_INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)


def _end_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends, where it can; ``_follow`` is the second way."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(number))


def _begin_worker() -> None:
    """Between fork and exec: until it serves, there is nothing in a worker to be ended in order."""
    _end_with_parent(signal.SIGKILL)


@contextlib.contextmanager
def _stopping_by_signal(server: uvicorn.Server) -> Iterator[None]:
    """While uvicorn runs, stop signals are its own; one that comes before counts too.

    Afterwards it raises them again, when they must not end the drain. A worker is started with them blocked.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*STOP_SIGNALS, signal.SIGCHLD})
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float


class Supervisor:
    """Keeps ``count`` alike workers running on one socket until it is told to stop."""

    def __init__(self, command: Callable[[int], Sequence[str]], bound: socket.socket, count: int, stop_timeout: float) -> None:
        self._command = command
        self._bound = bound
        self._count = count
        self._stop_timeout = stop_timeout
        self._workers: list[_Worker] = []
        self._quick_deaths = 0

    def run(self) -> int:
        """Block until a stop signal, or until workers only die; gives the exit status."""
        watched = {*STOP_SIGNALS, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, watched)
        try:
            for _ in range(self._count):
                self._spawn()
            log.info("supervising", url=address_of(self._bound), pid=os.getpid(), workers=self._count)
            while self._quick_deaths < QUICK_DEATHS_ALLOWED:
                received = signal.sigtimedwait(watched, 5.0)
                if received is not None and received.si_signo in STOP_SIGNALS:
                    return self._stop()
                self._replace_dead()
            log.error("the workers end as soon as they start; giving up")
            self._stop()
            return 1
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)

    def _spawn(self) -> None:
        fd = self._bound.fileno()
        command = self._command(fd)
        process = subprocess.Popen(command, pass_fds=[fd], preexec_fn=_begin_worker)  # noqa: S603, PLW1509 - our own; one thread here
        self._workers.append(_Worker(process, clock.monotonic()))

    def _replace_dead(self) -> None:
        for worker in [w for w in self._workers if w.process.poll() is not None]:
            self._workers.remove(worker)
            quick = clock.monotonic() - worker.started < QUICK_DEATH
            self._quick_deaths = self._quick_deaths + 1 if quick else 0
            log.warning("a worker ended; starting another", pid=worker.process.pid, status=worker.process.returncode)
            if quick:
                time.sleep(0.2 * self._quick_deaths)
            self._spawn()

    def _stop(self) -> int:
        for worker in self._workers:
            worker.process.terminate()
        deadline = clock.monotonic() + self._stop_timeout
        status = 0
        for worker in self._workers:
            try:
                status = max(status, abs(worker.process.wait(max(0.1, deadline - clock.monotonic()))))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
                status = 1
        return status
