"""The runner and the registry: results, errors, cancel, time limits, room, stopping."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from desk import IDENT

from maestrale.actions import Action, ActionContext, Registry, Result, RunRequest, registry
from maestrale.actions.results import json_ready
from maestrale.errors import InvalidActionError, StoppingError


class Call(Action):
    """Call a function that the test gives."""

    name = "t.call"

    def __init__(self, do: Any, *, on_cancel: Any = None) -> None:
        self.do, self.on_cancel = do, on_cancel

    def run(self, context: ActionContext) -> Any:
        return self.do(context)

    def cancel(self) -> None:
        if self.on_cancel:
            self.on_cancel()


class AsyncCall(Action):
    name = "t.async_call"
    class_name = "acme.AsyncCall"

    def __init__(self, do: Any) -> None:
        self.do = do

    async def run(self, context: ActionContext) -> Any:
        return await self.do(context)


class Outside(AsyncCall):
    name = "t.outside"
    is_sync = False


class Odd(Action):
    """Any input."""

    name = "t.odd"

    def __init__(self, given: str, /, first: int, *, second: str = "x", **more: Any) -> None:
        self.values = {"given": given, "first": first, "second": second, **more}

    def run(self, context: ActionContext) -> Any:
        return self.values


@pytest.fixture
def desk(make_desk: Callable[..., Any]) -> Any:
    actions = Registry(plugins=False)
    for action in (Call, AsyncCall, Outside):
        actions.add(action)
    actions.add(Odd, "by the registry")
    return make_desk(actions, threads=2)


class Gate:
    """Something for an action to wait at."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, context: ActionContext) -> str:
        self.entered.release()
        assert self.opened.wait(20)
        return "through"


@pytest.fixture
def gate() -> Any:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.mark.parametrize(("value", "expected"), [
    (b"caf\xc3\xa9", "caf\u00e9"), (b"\xff", "\ufffd"), ({1}, [1]), ((1, 2), [1, 2]), (range(3), "range(0, 3)"),
    (iter([1, 2]), [1, 2]), (dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
    (dt.date(2026, 1, 2), "2026-01-02"), (Decimal("1.50"), "1.50"), ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
    (2**80, 2**80), ({"big": 2**70, "t": (1,), "b": b"x", "s": {2}}, {"big": 2**70, "t": [1], "b": "x", "s": [2]}),
])
def test_results_become_json_ready(desk: Any, value: Any, expected: Any) -> None:
    assert desk.run("t.call", do=lambda _: value).data == expected


def test_an_object_becomes_its_text(desk: Any) -> None:
    class Thing:
        def __str__(self) -> str:
            return "a thing"

    assert desk.run("t.call", do=lambda _: {"x": Thing()}).data == {"x": "a thing"}


def test_the_size_of_a_result_is_limited(make_desk: Callable[..., Any]) -> None:
    actions = Registry(plugins=False)
    actions.add(Call)
    desk = make_desk(actions, result_max=100)
    result = desk.run("t.call", do=lambda _: "x" * 200)
    assert "The result of the action is too large (size=202, limit=100 bytes)." in result.error


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="nested too deeply"):
        json_ready(loop, limit=1000)


@pytest.mark.parametrize("name", ["t.call", "t.async_call"])
def test_an_exception_is_a_failure_with_the_reference_s_text(desk: Any, name: str) -> None:
    def fail(_: Any) -> Any:
        raise KeyError("lost")

    result = desk.run(name, do=fail)
    assert result.failed
    assert result.error.startswith("The action raised an exception [action=<")
    assert result.error.endswith(f"Call object>, action_ex_id={IDENT}, msg=''lost'']")


def test_a_result_says_more_than_a_value(desk: Any) -> None:
    assert desk.run("t.call", do=lambda _: Result(error={"code": 1}, failed=True)).value == {"code": 1}
    assert desk.run("t.call", do=lambda _: Result(cancelled=True)).state == "CANCELLED"


def test_inputs_that_do_not_fit_the_constructor_fail_to_instantiate(desk: Any) -> None:
    result = desk.run("t.call", wrong=1)
    assert result.error.startswith(
        "Failed to instantiate an action [action_desc=Python action [name=t.call, cls=<class 'test_runner.Call'>]]: ")


def test_an_unknown_action_fails(desk: Any) -> None:
    assert desk.run("t.nothing").error == "Failed to find action [action_name=t.nothing]"


def test_positional_only_parameters_are_given_by_the_registry(desk: Any) -> None:
    descriptor = desk.registry.descriptor("t.odd")
    assert ([p.name for p in descriptor.parameters], descriptor.open_input) == (["first", "second"], True)
    assert desk.run("t.odd", first=1, third=3).data == {"given": "by the registry", "first": 1, "second": "x", "third": 3}


def test_the_context_tells_who_and_where(desk: Any) -> None:
    seen = []
    request = RunRequest(
        attempt_id=IDENT, name="t.call", input={"do": seen.append}, workflow_name="w", workflow_execution_id="e", task_name="t",
        task_execution_id="te", project_id="p", security={"user_name": "u"}, timeout=5)
    desk.runner.run(request)
    [context] = seen
    assert (context.workflow_name, context.workflow_execution_id, context.task_name, context.task_execution_id) == ("w", "e", "t", "te")
    assert (context.callback_url, context.project_id, context.security) == (f"/v2/action_executions/{IDENT}", "p", {"user_name": "u"})
    assert 0 < context.remaining() <= 5


def test_events_reach_the_sink(desk: Any) -> None:
    desk.run("t.call", do=lambda context: context.emit([{"line": 1}, {"line": 2}]))
    assert desk.events == [{"line": 1}, {"line": 2}]


def test_an_asynchronous_action_that_fails_ends_at_once(desk: Any) -> None:
    async def fail(_: Any) -> None:
        raise ValueError("refused")

    desk.submit("t.outside", do=fail)
    assert "refused" in desk.wait().error


def test_an_asynchronous_action_is_not_run_synchronously(desk: Any) -> None:
    with pytest.raises(InvalidActionError, match="Action does not support synchronous execution"):
        desk.run("t.outside", do=None)


def test_the_same_attempt_is_not_run_twice_at_once(desk: Any, gate: Gate) -> None:
    desk.submit("t.call", do=gate)
    assert not desk.runner.submit(RunRequest(attempt_id=IDENT, name="t.call", input={"do": gate}))
    gate.opened.set()
    assert desk.wait().data == "through"


def test_no_more_threads_than_allowed_and_waiting_is_shown(desk: Any, gate: Gate) -> None:
    for number in range(5):
        desk.submit("t.call", ident=f"n{number}", do=gate)
    assert gate.entered.acquire(timeout=5)
    assert gate.entered.acquire(timeout=5)
    assert (desk.runner.load.running, desk.runner.load.waiting) == (2, 3)
    assert sorted(desk.runner.running()) == [f"n{number}" for number in range(5)]
    gate.opened.set()
    desk.wait_for(lambda: len(desk.results) == 5)
    assert desk.runner.load.running == 0


def test_cancel_takes_back_what_waits(desk: Any, gate: Gate) -> None:
    for number in range(3):
        desk.submit("t.call", ident=f"n{number}", do=gate)
    gate.entered.acquire(timeout=5)
    gate.entered.acquire(timeout=5)
    assert desk.runner.cancel("n2")
    assert desk.wait("n2").cancelled
    gate.opened.set()
    desk.wait_for(lambda: len(desk.results) == 3)
    assert desk.results["n0"].data == "through"


def test_cancel_raises_in_a_coroutine_and_reports_when_it_has_ended(desk: Any) -> None:
    cleaned = []
    entered = threading.Event()

    async def sleep(_: Any) -> None:
        entered.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    desk.submit("t.async_call", do=sleep)
    assert entered.wait(5)
    assert desk.runner.cancel(IDENT)
    assert desk.wait().cancelled
    assert cleaned == [True]
    assert not desk.runner.cancel(IDENT)


def test_cancel_tells_a_plain_action_in_two_ways(desk: Any) -> None:
    told = threading.Event()
    entered = threading.Event()

    def work(context: ActionContext) -> None:
        entered.set()
        assert context.cancelled.wait(20)
        assert told.wait(20)
        raise RuntimeError("broken off")

    desk.submit("t.call", do=work, on_cancel=told.set)
    assert entered.wait(5)
    desk.runner.cancel(IDENT)
    result = desk.wait()
    assert (result.state, result.error) == ("CANCELLED", "The action was cancelled.")


def test_an_action_that_ends_well_though_cancelled_is_a_success(desk: Any, gate: Gate) -> None:
    desk.submit("t.call", do=gate)
    gate.entered.acquire(timeout=5)
    desk.runner.cancel(IDENT)
    gate.opened.set()
    assert desk.wait().data == "through"


def test_an_action_that_does_not_end_is_reported_after_the_grace(desk: Any, gate: Gate) -> None:
    desk.submit("t.call", do=gate)
    gate.entered.acquire(timeout=5)
    desk.runner.cancel(IDENT)
    result = desk.wait()
    assert result.cancelled
    assert "may still be at work" in result.error


def test_a_time_limit_ends_a_coroutine(desk: Any) -> None:
    async def sleep(_: Any) -> None:
        await asyncio.sleep(60)

    started = time.monotonic()
    desk.submit("t.async_call", limit_seconds=0.1, do=sleep)
    result = desk.wait()
    assert (result.state, result.error) == ("ERROR", "The action timed out [timeout(s)=0.1].")
    assert time.monotonic() - started < 5


def test_a_time_limit_ends_a_plain_action_that_listens(desk: Any) -> None:
    desk.submit("t.call", limit_seconds=0.1, do=lambda context: 1 / (not context.cancelled.wait(20)))
    assert desk.wait().error == "The action timed out [timeout(s)=0.1]."


def test_stop_lets_run_for_a_while_and_hands_over_the_rest(desk: Any, gate: Gate) -> None:
    quick = threading.Event()
    desk.submit("t.call", ident="quick", do=lambda _: (quick.set(), time.sleep(0.2))[1])
    assert quick.wait(5)
    for number in range(3):
        desk.submit("t.call", ident=f"n{number}", do=gate)
    assert gate.entered.acquire(timeout=5)
    leftover = desk.runner.stop(grace=0.6)
    assert desk.results.keys() == {"quick"}
    assert set(leftover.started) | set(leftover.waiting) == {"n0", "n1", "n2"}
    assert "n0" in leftover.started
    with pytest.raises(StoppingError):
        desk.submit("t.call", ident="late", do=gate)


def test_who_waits_for_an_action_that_stop_breaks_off_is_told(desk: Any, gate: Gate) -> None:
    thread = threading.Thread(target=lambda: (gate.entered.acquire(timeout=5), desk.runner.stop()))
    thread.start()
    with pytest.raises(StoppingError, match="broken off"):
        desk.run("t.call", do=gate)
    thread.join()


def test_who_waits_for_an_action_can_be_released_while_the_others_go_on(desk: Any, gate: Gate) -> None:
    desk.submit("t.call", ident="other", do=gate)
    assert gate.entered.acquire(timeout=5)
    thread = threading.Thread(target=lambda: (gate.entered.acquire(timeout=5), desk.runner.release_callers()))
    thread.start()
    with pytest.raises(StoppingError, match="broken off"):
        desk.run("t.call", do=gate)
    thread.join()
    assert desk.runner.running() == ["other"]


def test_a_callback_that_fails_does_not_end_the_runner(make_desk: Callable[..., Any]) -> None:
    desk = make_desk()
    done = desk.runner._done
    desk.runner._done = lambda *_: 1 / 0
    desk.submit("std.echo", ident="first", output=1)
    desk.runner._done = done
    desk.submit("std.echo", ident="second", output=2)
    assert desk.wait("second").data == 2


def test_actions_of_packages_are_found_when_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint("acme.call", "test_runner:Call", group), EntryPoint("acme.broken", "no_such_module:X", group),
                EntryPoint("acme.none", "test_runner:Gate", group)]

    monkeypatch.setattr(registry, "entry_points", points)
    found = Registry()
    assert asked == []
    assert [descriptor.name for descriptor in found.describe()] == ["acme.broken", "acme.call", "acme.none"]
    assert found.descriptor("acme.call").class_name == "test_runner.Call"
    assert asked == ["maestrale.actions", "mistral.actions"]


def test_an_action_that_can_not_be_loaded_says_why_when_run(make_desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("acme.broken", "no_such_module:X", group)])
    result = make_desk(Registry()).run("acme.broken", anything=1)
    assert "could not be loaded from no_such_module:X: No module named 'no_such_module'" in result.error


def test_a_name_can_not_be_taken_twice() -> None:
    actions = Registry(plugins=False)
    actions.add(Call)
    with pytest.raises(InvalidActionError, match="There is an action 't.call' already"):
        actions.add(Call)
