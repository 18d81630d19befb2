"""What runs of ansible are about, which limits hold for them, and how the runner keeps to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import pytest

from maestrale.actions import Action, ActionContext, ActionSettings, Registry, Runner, RunRequest
from maestrale.actions.limits import limits_for
from maestrale.actions.playbook_subjects import subjects_of


@pytest.mark.parametrize(("inputs", "subjects"), [
    ({"playbook": "site.yml"}, ["playbook:site.yml"]),
    ({"playbook": " ./deploy/../site.yml "}, ["playbook:site.yml"]),
    ({"playbook": [{"hosts": "all"}]}, []),
    ({"playbook": "- hosts: all\n  tasks: []\n"}, []),
    ({"playbook": "acme.web.site", "inventory": "hosts/lab"}, ["playbook:acme.web.site", "inventory:hosts/lab"]),
    ({"role": "acme.web.nginx", "inventory": ["lab", {"all": {}}, "x.ini"]}, ["role:acme.web.nginx", "inventory:lab", "inventory:x.ini"]),
    ({"inventory": "[web]\na\n"}, []),
    ({"playbook": "site.yml", "project": "web"}, ["playbook:site.yml", "project:web"]),
    ({"playbook": "x", "project": {"url": "https://git.test/web.git", "ref": "main"}}, ["playbook:x", "project:https://git.test/web.git"]),
    ({"playbook": 7, "inventory": None, "project": ["odd"]}, []),
])
def test_a_run_is_about(inputs: Mapping[str, Any], subjects: list[str]) -> None:
    assert list(subjects_of(inputs)) == subjects


@pytest.mark.parametrize(("subject", "names"), [
    ("playbook:site.yml", ["playbook:*", "playbook:site.yml"]),
    ("playbook:other.yml", ["playbook:*"]),
    ("inventory:site.yml", []),
])
def test_limits_hold_by_pattern(subject: str, names: list[str]) -> None:
    assert limits_for([subject], {"playbook:site.yml": 1, "playbook:*": 5, "role:*": 2}) == names


class Limited(Action):
    """An action whose runs may be limited."""

    name = "t.limited"
    subjects = subjects_of

    def __init__(self, playbook: str) -> None:
        self.playbook = playbook

    def run(self, context: ActionContext) -> str:
        return self.playbook


class Gate:
    """Places that the test gives out. It is empty, and so false, as long as nobody waits."""

    limits: ClassVar[Mapping[str, int]] = {"playbook:one.yml": 1}

    def __init__(self) -> None:
        self.waiting: dict[str, Any] = {}
        self.left: list[str] = []

    def __len__(self) -> int:
        return len(self.waiting)

    def wait(self, attempt_id: str, names: Iterable[str], enter: Any) -> None:
        assert list(names) == ["playbook:one.yml"]
        self.waiting[attempt_id] = enter

    def leave(self, attempt_id: str) -> None:
        self.waiting.pop(attempt_id, None)
        self.left.append(attempt_id)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def ended() -> dict[str, Any]:
    return {}


@pytest.fixture
def runner(gate: Gate, ended: dict[str, Any]) -> Iterable[Runner]:
    registry = Registry(plugins=False)
    registry.add(Limited)
    runner = Runner(registry, ActionSettings(), lambda one, result: ended.update({one: result}), places=gate)
    yield runner
    runner.stop()


def submit(runner: Runner, attempt_id: str, playbook: str) -> None:
    runner.submit(RunRequest(attempt_id=attempt_id, name="t.limited", input={"playbook": playbook}))


def settle(runner: Runner) -> None:
    with runner._changed:
        assert runner._changed.wait_for(lambda: len(runner._jobs) == len(runner._places), timeout=10)


def test_an_action_begins_when_it_has_its_places_and_gives_them_back(runner: Runner, gate: Gate, ended: dict[str, Any]) -> None:
    submit(runner, "a", "one.yml")
    submit(runner, "b", "two.yml")
    settle(runner)
    assert (list(gate.waiting), runner.load.waiting) == (["a"], 1)

    gate.waiting.pop("a")()
    settle(runner)

    assert gate.left == ["a"]
    assert runner.load.waiting == 0


def test_an_action_can_be_cancelled_while_it_waits_for_a_place(runner: Runner, gate: Gate, ended: dict[str, Any]) -> None:
    submit(runner, "a", "one.yml")
    enter = gate.waiting["a"]

    assert runner.cancel("a")
    enter()
    settle(runner)

    assert ended["a"].cancelled
    assert gate.left == ["a"]


def test_an_action_that_waits_for_a_place_is_handed_over_when_the_runner_stops(runner: Runner, gate: Gate) -> None:
    submit(runner, "a", "one.yml")

    assert runner.stop().waiting == ("a",)
    assert gate.left == []
