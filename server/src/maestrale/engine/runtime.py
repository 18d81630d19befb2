"""The engine's threads: their beginning, their end, and the handing over of what is left at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from maestrale.actions import Leftover, Runner
from maestrale.engine.dispatch import Dispatcher
from maestrale.engine.inbox import Inbox
from maestrale.engine.items import Operation
from maestrale.engine.loop import DecisionLoop
from maestrale.engine.notifications import Notifications
from maestrale.engine.periodic import Periodic
from maestrale.engine.service import Engine
from maestrale.engine.standalone import StandaloneActions
from maestrale.engine.sweeper import Sweeper
from maestrale.errors import DatabaseUnavailableError
from maestrale.store import Connection, Database, action_places, dispatch, execution_troubles, jobs, nodes

log = structlog.get_logger(__name__)

JOIN_TIMEOUT = 30.0
RETRY_INTERVAL = 1.0


@dataclass(slots=True, kw_only=True)
class EngineRuntime:
    """Everything of the engine that lives. ``prepare`` is called before any work is taken, until it raises nothing."""

    node_id: str
    engine: Engine
    database: Database
    inbox: Inbox
    loop: DecisionLoop
    sweeper: Sweeper
    dispatcher: Dispatcher
    notifications: Notifications
    standalone: StandaloneActions
    runner: Runner
    drain_timeout: float
    chores: Periodic
    prepare: Callable[[], None] = lambda: None
    flush_output: Callable[[], None] = lambda: None
    _registered: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: bool = False
    _fault: str = ""

    def connect(self) -> None:
        """Tie the callbacks together; once, before anything runs."""
        self.dispatcher.attach(self.runner)
        self.dispatcher.on_room = self.sweeper.hurry
        self.dispatcher.on_released = lambda: self.inbox.put(Operation("let go", self.let_go))
        self.dispatcher.on_standalone = lambda attempt_id, result: self.inbox.put(
            Operation("finish an action", lambda: self.standalone.finish(attempt_id, result)))
        self.notifications.runner = self.runner

    def let_go(self) -> None:
        """Take this process's name off asynchronous actions that have been set going."""
        released = self.dispatcher.take_released()
        if not released:
            return
        try:
            self.database.run_write(lambda conn: dispatch.let_go(conn, self.node_id, released))
        except DatabaseUnavailableError:
            for attempt_id in released:
                self.dispatcher.released(attempt_id)
            raise
        self.dispatcher.settle(released)

    # ---- threads

    def start(self) -> None:
        """Start the threads and return at once; work begins when this process has its row."""
        self._thread("heartbeat", self._live)
        self._thread("engine", self._decide)
        self._thread("sweeper", lambda: self._once_registered(self.sweeper.sweeps))
        self._thread("chores", lambda: self._once_registered(self.chores))

    def _thread(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _live(self) -> None:
        pause = threading.Event()
        while not self._stopping:
            try:
                self.prepare()
                self.sweeper.beat()
            except DatabaseUnavailableError as error:
                self._fault = "The database can't be reached."
                log.warning("waiting for the database", error=str(error))
            except Exception as error:
                self._fault = f"The database can't be used: {error}"
                log.exception("waiting for a database that can be used")
            else:
                self._registered.set()
                break
            pause.wait(RETRY_INTERVAL)
        self.sweeper.heartbeats.run()

    def _decide(self) -> None:
        while not self._registered.wait(0.1) and not self._stopping:
            if self._fault:
                self.loop.refuse_requests()
        self.loop.run()

    def _once_registered(self, periodic: Periodic) -> None:
        while not self._registered.wait(0.5):
            if self._stopping:
                return
        periodic.run()

    def not_ready(self) -> str:
        """Why no request can be served now, or ''."""
        if self._stopping:
            return "The server is stopping."
        if not self._registered.is_set():
            return self._fault or "The engine is starting."
        if not all(thread.is_alive() for thread in self._threads if thread.name != "chores"):
            return "A thread of the engine has ended."
        return ""

    def drain(self) -> None:
        """Take no new work; decide what comes. Callable from any thread."""
        self.sweeper.draining = True
        self.loop.decider.room_for_actions = False
        self.chores.stop()

    def stop(self, waited: float = 0.0) -> None:
        """Take no new work, let running actions end within ``drain_timeout``, of which ``waited`` has passed, hand over the rest."""
        self._stopping = True
        self.drain()
        leftover = self.runner.stop(max(0.0, self.drain_timeout - waited))
        self.flush_output()
        self.loop.stop()
        self._join("engine")
        self.sweeper.stop()
        for name in ("sweeper", "heartbeat", "chores"):
            self._join(name)
        try:
            self.database.run_write(lambda conn: self._hand_over(conn, leftover))
        except DatabaseUnavailableError as error:
            log.warning("the rest could not be handed over; it will be taken over when this process is missed", error=str(error))
        log.info("drained", broken_off=len(leftover.started), handed_over=len(leftover.waiting))
        self.database.close()

    def _join(self, name: str) -> None:
        for thread in self._threads:
            if thread.name == name:
                thread.join(JOIN_TIMEOUT)

    def _hand_over(self, conn: Connection, leftover: Leftover) -> None:
        dispatch.release_actions(conn, self.node_id, (*leftover.waiting, *self.dispatcher.unbegun))
        action_places.leave(conn, self.node_id, leftover.waiting)
        action_places.forget(conn, self.node_id)
        jobs.release_all(conn, self.node_id)
        nodes.remove(conn, [self.node_id])
        execution_troubles.forget_of_the_dead(conn)
