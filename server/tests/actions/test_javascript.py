"""``std.javascript`` and ``std.js``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from desk import IDENT

from maestrale.actions import extras

pytest.importorskip("py_mini_racer", reason="the extra 'javascript' (mini-racer) is not installed")


@pytest.mark.parametrize("name", ["std.javascript", "std.js"])
def test_L376_the_script_is_a_functions_body_and_context_is_the_variable(desk: Any, name: str) -> None:
    result = desk.run(name, script="var s = 0; $.list.forEach(function (x) { s += x; }); return {sum: s, who: $.who};",
                      context={"list": [1, 2, 3], "who": "\u00e9\"'</script>\u2028"})
    assert result.data == {"sum": 6, "who": "\u00e9\"'</script>\u2028"}


@pytest.mark.parametrize(("script", "value"), [
    ("return 1", 1), ("return 'x' // note", "x"), ("", None), ("return null", None), ("return undefined", None),
    ("return [1.5, true, null]", [1.5, True, None]), ("return new Date(0)", "1970-01-01T00:00:00.000Z"), ("return $", None),
])
def test_values_come_back_as_json_has_them(desk: Any, script: str, value: Any) -> None:
    assert desk.run("std.js", script=script).data == value


@pytest.mark.parametrize("context", ["text", 5, [1, None], {"a": {"b": True}}, None])
def test_L376_the_context_may_be_any_value(desk: Any, context: Any) -> None:
    assert desk.run("std.javascript", script="return [typeof $, $]", context=context).data[1] == context


@pytest.mark.parametrize(("script", "text"), [
    ("throw new Error('boo')", "boo"), ("return (", "SyntaxError"), ("return nothing_here", "nothing_here is not defined"),
])
def test_what_the_script_throws_is_told(desk: Any, script: str, text: str) -> None:
    error = desk.run("std.js", script=script).error
    assert "msg='JavaScriptAction failed: " in error
    assert text in error


def test_time_is_limited(make_desk: Callable[..., Any]) -> None:
    started = time.monotonic()
    error = make_desk(javascript_timeout=0.3).run("std.js", script="while (true) {}").error
    assert "terminated by timeout" in error
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("script", [
    "var a = []; while (true) { a.push(new Array(10000).fill(1.5)); }", "return 'x'.repeat(2 ** 28).split('')",
])
def test_memory_is_limited_and_the_server_lives(make_desk: Callable[..., Any], script: str) -> None:
    desk = make_desk(javascript_memory=50_000_000)
    assert "memory" in desk.run("std.js", script=script).error
    assert desk.run("std.js", script="return 1").data == 1


def test_cancel_ends_the_script(desk: Any) -> None:
    desk.submit("std.js", script="while (true) {}")
    desk.wait_for(lambda: True)
    time.sleep(0.3)
    started = time.monotonic()
    desk.runner.cancel(IDENT)
    assert desk.wait().cancelled
    assert time.monotonic() - started < 3


def test_without_the_extra_the_failure_names_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda _: None)
    assert "install maestrale with the extra 'javascript'." in desk.run("std.js", script="return 1").error
