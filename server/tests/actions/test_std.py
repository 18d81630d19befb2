"""The small standard actions, and what the catalogue says of all of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from desk import IDENT

from maestrale.actions import ActionSettings, RunRequest, standard_registry
from maestrale.actions.registry import Registry
from maestrale.actions.std import SleepAction
from maestrale.lang.specs import REQUIRED

INPUTS = {
    "std.noop": "",
    "std.async_noop": "",
    "std.echo": "output, delay=0",
    "std.fail": "error_data=None",
    "std.sleep": "seconds=1",
    "std.test_dict": "size=0, key_prefix='', val=''",
    "std.http": "url, method='GET', params=None, body=None, json=None, headers=None, cookies=None, auth=None, timeout=None, "
                "allow_redirects=None, proxies=None, verify=None",
    "std.email": "from_addr, to_addrs, smtp_server, reply_to=None, cc_addrs=None, bcc_addrs=None, smtp_password=None, subject=None, "
                 "body=None, html_body=None",
    "std.ssh": "cmd, host, username, password='', private_key_filename=None, private_key=None, return_result_on_error=False",
    "std.ssh_proxied": "cmd, host, username, private_key_filename, gateway_host, gateway_username=None, password=None, "
                       "proxy_command=None, private_key=None",
    "std.wait_ssh": "username, password, host",
    "std.javascript": "script, context=None",
}
INPUTS["std.mistral_http"] = INPUTS["std.http"]
INPUTS["std.js"] = INPUTS["std.javascript"]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return standard_registry(ActionSettings(), plugins=False)


@pytest.mark.parametrize("name", INPUTS)
def test_L376_the_standard_names_exist_with_their_inputs(registry: Registry, name: str) -> None:
    descriptor = registry.descriptor(name)
    assert descriptor is not None
    shown = ", ".join(p.name if p.default is REQUIRED else f"{p.name}={p.default!r}" for p in descriptor.parameters)
    assert shown == INPUTS[name]
    assert not descriptor.open_input
    assert descriptor.class_name.startswith("mistral.actions.std_actions.")
    assert descriptor.description


def test_asynchronous_actions_are_catalogued_as_such(registry: Registry) -> None:
    assert [d.name for d in registry.describe() if not d.is_sync] == ["std.async_noop", "std.mistral_http"]


def test_only_actions_without_effect_are_pure_and_only_async_noop_is_inert(registry: Registry) -> None:
    assert [d.name for d in registry.describe() if d.pure] == ["std.echo", "std.fail", "std.noop", "std.test_dict"]
    assert [d.name for d in registry.describe() if d.inert] == ["std.async_noop"]


@pytest.mark.parametrize("output", [None, 1, 1.5, True, "text", [1, {"a": None}], {"k": {"v": [1.5]}}])
def test_L377_echo_returns_any_type(desk: Any, registry: Registry, output: Any) -> None:
    assert desk.run("std.echo", output=output).data == output
    assert registry.descriptor("std.echo").pure({"output": output}).data == output


def test_L377_echo_waits_for_its_delay(desk: Any, registry: Registry) -> None:
    started = time.monotonic()
    assert desk.run("std.echo", output="slow", delay=0.2).data == "slow"
    assert time.monotonic() - started >= 0.2
    assert registry.descriptor("std.echo").pure({"output": 1, "delay": 0.2}) is None


@pytest.mark.parametrize("delay", [-1, "soon", None, "", [1], float("nan"), float("inf")])
def test_L377_a_delay_that_is_no_span_is_0(desk: Any, registry: Registry, delay: Any) -> None:
    assert registry.descriptor("std.echo").pure({"output": 1, "delay": delay}).data == 1


@pytest.mark.parametrize("error_data", ["plain words", {"code": 7, "list": [1]}, [0]])
def test_L378_fail_with_error_data_has_it_as_the_error(desk: Any, registry: Registry, error_data: Any) -> None:
    for result in (desk.run("std.fail", error_data=error_data), registry.descriptor("std.fail").pure({"error_data": error_data})):
        assert (result.failed, result.error) == (True, error_data)


@pytest.mark.parametrize("inputs", [{}, {"error_data": None}, {"error_data": ""}, {"error_data": {}}])
def test_L378_fail_without_error_data_raises(desk: Any, registry: Registry, inputs: dict[str, Any]) -> None:
    assert desk.run("std.fail", **inputs).error == (
        f"The action raised an exception [action=Fail action, action_ex_id={IDENT}, msg='Fail action expected exception.']")
    with pytest.raises(Exception, match="Fail action expected exception") as raised:
        registry.descriptor("std.fail").pure(inputs)
    assert raised.value.action == "Fail action"


@pytest.mark.parametrize("seconds", [0, -3, "soon", None, "-1", 0.9, {}, "0.9"])
def test_L379_sleep_takes_odd_values_as_0(desk: Any, seconds: Any) -> None:
    assert SleepAction(seconds=seconds).seconds == 0
    result = desk.run("std.sleep", seconds=seconds)
    assert (result.state, result.data) == ("SUCCESS", None)


@pytest.mark.parametrize(("inputs", "seconds"), [({}, 1.0), ({"seconds": 7}, 7.0), ({"seconds": "7"}, 7.0), ({"seconds": 7.9}, 7.0)])
def test_L379_sleep_waits_whole_seconds_one_by_default(inputs: dict[str, Any], seconds: float) -> None:
    assert SleepAction(**inputs).seconds == seconds


def test_L376_noop_gives_null(desk: Any, registry: Registry) -> None:
    for result in (desk.run("std.noop"), registry.descriptor("std.noop").pure({})):
        assert (result.failed, result.data) == (False, None)


def test_hundreds_of_sleeps_pass_at_once(desk: Any) -> None:
    started = time.monotonic()
    for number in range(500):
        desk.runner.submit(RunRequest(attempt_id=f"s{number}", name="std.sleep", input={"seconds": "1"}))
    desk.wait_for(lambda: len(desk.results) == 500)
    assert 1 <= time.monotonic() - started < 5


def test_L380_test_dict_builds_a_mapping(desk: Any) -> None:
    assert desk.run("std.test_dict").data == {}
    assert desk.run("std.test_dict", size=2, key_prefix="k", val=7).data == {"k0": 7, "k1": 7}
    assert desk.run("std.test_dict", size="2").data == {"0": "", "1": ""}
    assert desk.run("std.test_dict", size=-1, val=7).data == {}


def test_a_test_dict_of_unreasonable_size_is_refused(desk: Any) -> None:
    assert "is too large" in desk.run("std.test_dict", size=10**9).error


def test_L393_async_noop_waits_until_completed(desk: Any) -> None:
    desk.submit("std.async_noop")
    desk.wait_for(lambda: desk.released == [IDENT])
    assert desk.results == {}
    assert not desk.runner.is_running(IDENT)
