"""What an action is, and what it is given when it runs.

This is the public interface for authors of actions. An action is a class: the parameters of its
constructor are its inputs (one without default is required, ``**inputs`` takes any), ``run`` does the work::

    class Greet(Action):
        '''Say hello.'''

        name = "acme.greet"

        def __init__(self, who: str, loud: bool = False) -> None:
            self.who, self.loud = who, loud

        def run(self, context: ActionContext) -> str:
            return f"Hello {self.who}{'!' if self.loud else ''}"

It is made known by an entry point of the group ``maestrale.actions`` (``acme.greet = "acme.actions:Greet"``). ``run`` is either a
plain function, which runs in a thread, or a coroutine function, which runs on the event loop that all of them share and so
must never block. Whatever it returns is the result, made JSON-ready; a ``Result`` says more; raising means failure.
Knows nothing of workflows, the database or HTTP requests.
"""

from __future__ import annotations

import inspect
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from maestrale import clock
from maestrale.actions.project_source import NoProjectSources, ProjectSources
from maestrale.actions.settings import ActionSettings
from maestrale.core.ports import Result
from maestrale.errors import ActionError
from maestrale.lang.specs import REQUIRED, Parameter

if TYPE_CHECKING:
    from maestrale.actions.http_client import HttpClient

Ending = Literal["cancel", "timeout", "stop"]
"""Why a running action was told to end."""


class Secrets(Protocol):
    """Where an action gets secret values from; they are never part of its input."""

    def get(self, project_id: str, name: str) -> str:
        """The secret's value. Raises NotFoundError."""


class NoSecrets:
    """The answer where no store of secrets is set up."""

    def get(self, project_id: str, name: str) -> str:  # noqa: ARG002 - the port's signature
        """Refuse, since there is nothing to look into."""
        raise ActionError(f"The secret '{name}' can't be had: no store of secrets is configured.")


Emit = Callable[[str, Sequence[Mapping[str, Any]]], None]
"""Takes live events of a running action: its id, and the events in order. Called from any thread; must be quick."""


Told = Callable[[str], Iterable[Mapping[str, Any]]]
"""Gives the stored live events of an action, by its id, in order. Waits for the database."""


Keep = Callable[[str, Mapping[str, str]], bool]
"""Stores artifacts of a running action: its id, and texts by name. False if they are not kept."""


@dataclass(slots=True)
class ActionContext:
    """What a running action may know and use.

    ``security`` is the caller as ``Caller.as_security`` gives it. ``deadline`` is on ``clock.monotonic``, None without
    a time limit. ``created_at``: when the action execution was (naive UTC); ``repeated``: a process that died may have begun it
    before. ``cancelled`` is set when the action should end; ``ending`` then says why. The workflow's and the
    task's fields are None for an action that was run on its own.
    """

    action_execution_id: str
    action_name: str
    settings: ActionSettings
    http: HttpClient
    workflow_name: str | None = None
    workflow_execution_id: str | None = None
    task_name: str | None = None
    task_execution_id: str | None = None
    project_id: str = ""
    security: Mapping[str, Any] = field(default_factory=dict)
    deadline: float | None = None
    secrets: Secrets = field(default_factory=NoSecrets)
    sink: Emit | None = None
    keeper: Keep | None = None
    teller: Told | None = None
    created_at: datetime = field(default_factory=clock.now)
    repeated: bool = False
    project_sources: ProjectSources = field(default_factory=NoProjectSources)
    cancelled: threading.Event = field(default_factory=threading.Event)
    ending: Ending | None = None

    @property
    def callback_url(self) -> str:
        """Where an asynchronous action is completed, without the server's address (4.1)."""
        return f"/v2/action_executions/{self.action_execution_id}"

    @property
    def working_root(self) -> Path:
        """The directory below which an action may make private directories of its own, and has to remove them."""
        return Path(self.settings.playbooks.work_dir or tempfile.gettempdir())

    @property
    def is_admin(self) -> bool:
        """Whether the action runs for an administrator."""
        return bool(self.security.get("is_admin"))

    def emit(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Hand on live output, JSON-ready, in order."""
        if self.sink is not None and events:
            self.sink(self.action_execution_id, events)

    def told(self) -> Iterable[Mapping[str, Any]]:
        """The live output that was stored of the action before, by a process that died, in order. Waits for the database."""
        return () if self.teller is None or not self.repeated else self.teller(self.action_execution_id)

    def keep(self, texts: Mapping[str, str]) -> bool:
        """Store texts that are too large for the result as artifacts, by name. Waits for the database.

        False if they are not kept: together they are larger than a result may be, the run itself isn't kept, or there is no database.
        """
        if self.keeper is None or sum(len(text.encode()) for text in texts.values()) > self.settings.result_max:
            return False
        return self.keeper(self.action_execution_id, texts)

    def remaining(self) -> float | None:
        """Seconds left until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - clock.monotonic())


class Action(ABC):
    """One action. Class attributes describe it; an instance is one run with its inputs.

    ``name``: what workflows call it. ``is_sync`` False: the value of ``run`` is ignored and the action goes on until it is
    completed from outside; only an error ends it. ``idempotent``: running it again after a crash does no harm. ``slot``: a
    named pool that bounds how many run at once. ``class_name`` shows in texts of errors. ``json_ready``: what ``run``
    returns needs no conversion. ``extra_grace``: seconds that ending early may take beyond the usual.
    ``pure``: the result from the inputs alone, None where ``run`` is needed. ``inert``: ``run`` does nothing at all.
    ``construct_error``: the reason for which the constructor refuses the inputs, or None.
    ``modes``: which of the inputs ``check`` and ``diff`` the params of an execution decide where a task doesn't.
    ``remainder``: the inputs that repeat only what failed, from a failed result; None where it doesn't tell.
    ``subjects``: from the inputs what a run is about, for limits of how many may run at once; None where that can't be limited.
    """

    name: ClassVar[str] = ""
    is_sync: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    slot: ClassVar[str] = ""
    class_name: ClassVar[str] = ""
    json_ready: ClassVar[bool] = False
    extra_grace: ClassVar[float] = 0.0
    inert: ClassVar[bool] = False
    pure: ClassVar[Callable[[Mapping[str, Any]], Result | None] | None] = None
    construct_error: ClassVar[Callable[[Mapping[str, Any]], str | None] | None] = None
    modes: ClassVar[tuple[str, ...]] = ()
    remainder: ClassVar[Callable[[Any], Mapping[str, Any] | None] | None] = None
    subjects: ClassVar[Callable[[Mapping[str, Any]], Iterable[str]] | None] = None

    @abstractmethod
    def run(self, context: ActionContext) -> Any:
        """Do the work; plain or ``async``. Returns the result's value or a ``Result``; raises to fail."""

    def cancel(self) -> None:  # noqa: B027 - not every action can do something about it
        """End early. Called from another thread, once, for plain ``run``; a coroutine gets ``CancelledError`` instead."""

    @classmethod
    def qualified_name(cls) -> str:
        """The class as named in texts of errors."""
        return cls.class_name or f"{cls.__module__}.{cls.__qualname__}"

    @classmethod
    def description(cls) -> str:
        """The class's docstring, cleaned; empty without one of its own."""
        return inspect.cleandoc(cls.__doc__) if cls.__doc__ else ""

    @classmethod
    def parameters(cls) -> tuple[tuple[Parameter, ...], bool]:
        """The inputs, and whether any others are taken too.

        Positional-only parameters are not inputs: they are what the registry gives to the constructor.
        """
        named: list[Parameter] = []
        is_open = False
        if cls.__init__ is object.__init__:
            return (), False
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                is_open = True
            elif parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
                default = REQUIRED if parameter.default is parameter.empty else parameter.default
                named.append(Parameter(parameter.name, default))
        return tuple(named), is_open

    def __repr__(self) -> str:
        return f"<{self.qualified_name()} object>"
