"""Every one of Mistral's names, once: what is sent and given is held against what OpenStack's Python clients do (``record.py``)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from stand_in import StandIn, told

from maestrale.action_options import action_settings_of
from maestrale.actions import ActionSettings, Runner, RunRequest, standard_registry
from maestrale.actions.openstack import catalogue, document, table
from maestrale.actions.settings import OpenStackSettings
from maestrale.config import ConfigurationError, load_settings
from maestrale.lang import describe_action_input

pytestmark = pytest.mark.filterwarnings(  # openstacksdk warns of itself
    "ignore::openstack.warnings.RemovedInSDK50Warning", "ignore::openstack.warnings.RemovedInSDK60Warning")

HERE = Path(__file__).parent


def load(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


RECORDED = {f"{path.stem}.{name}": entry for path in (HERE / "recorded").glob("*.yaml") for name, entry in load(path).items()}
KNOWN = load(HERE / "known.yaml")
NAMES = {name.full: table.served(name) for name in table.names()}
OFFERED = [name for name, (rows, _) in NAMES.items() if rows]


@pytest.fixture(scope="module")
def cloud():
    server = StandIn()
    thread = server.serve()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def runner(cloud, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    auth = {"auth_url": f"{cloud.url}/identity/v3", "username": "user", "password": "secret", "project_name": "project",
            "user_domain_name": "Default", "project_domain_name": "Default"}
    (folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"here": {"auth": auth, "region_name": "RegionOne"}}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OS_CLIENT_CONFIG_FILE", str(folder / "clouds.yaml"))
        settings = ActionSettings(openstack=OpenStackSettings(cloud="here", cache_dir=str(folder)))
        made = Runner(standard_registry(settings, plugins=False), settings, lambda *_: None)
        yield made
        made.stop()


def requests_of(name, sent):
    """Without what doesn't matter: schemas that only a client wants, how truth is written, how a stack's two names were found out."""
    found = []
    for line, *body in sent:
        text = re.sub(r"=(True|true)(?=&|$)", "=1", re.sub(r"=(False|false)(?=&|$)", "=0", line))
        if not text.startswith("GET schemas/") or name == "glance.schemas_get":
            found.append([text.replace("stacks/stack_id1", "stacks/n1/i1") if name.startswith("heat.") else text, *map(ordered, body)])
    if name.startswith("heat."):
        found = [one for place, one in enumerate(found) if one[0] != "GET stacks/n1/i1" or place == len(found) - 1]
    if name.endswith(("_find", "_findall")):  # what was found isn't read once more
        found = [[found[0][0].replace("/detail", "")]] if found else []
    return found


def ordered(body):
    """The steps of a JSON patch in one order."""
    return sorted(body, key=str) if isinstance(body, list) and all(isinstance(one, dict) and "op" in one for one in body) else body


def expected(name):
    entry = {**RECORDED[name], **KNOWN.get(name, {})}
    return entry["in"], requests_of(name, entry["sent"]), entry["gives"]


def without_reading_back(name, theirs, ours):
    """Glance's client reads again what the answer to its change had in it."""
    is_read_back = name.startswith("glance.") and len(theirs) == len(ours) + 1 and theirs[-1][0].startswith("GET")
    return theirs[:-1] if is_read_back else theirs


@pytest.mark.parametrize("name", OFFERED)
def test_A340_A341_A342_a_name_of_mistrals_sends_and_gives_what_the_client_does(name, cloud, runner):
    inputs, theirs, gives = expected(name)
    cloud.seen.clear()
    result = runner.run(RunRequest(attempt_id="a1", name=name, input=inputs))
    assert not result.failed, result.error
    ours = requests_of(name, [told(one) for one in cloud.seen])
    assert ours == without_reading_back(name, theirs, ours)
    found = json.loads(json.dumps(result.data).replace(cloud.url, "http://cloud"))
    assert (found or None) == (gives or None)


def test_A336_A343_every_name_is_listed_with_its_inputs():
    """``inventory.yaml`` has the signatures as they are written in the compatibility reference, without ``action_region``."""
    inventory, _ = table.tables()
    signatures = {}
    for namespace, entries in inventory.items():
        for entry in entries:
            name, _, rest = entry.partition("(")
            signatures[f"{namespace}.{name}"] = rest.rpartition(")")[0]
    shown = {row.name: describe_action_input(row.parameters, is_open=row.open_input)
             for row in standard_registry(ActionSettings(), plugins=False).describe()}

    assert [name for name in OFFERED if shown[name] != listed(name, signatures[name])] == []


def listed(name, signature):
    """What is listed of a signature: the region is an input more, and whatever else a client takes has one name."""
    inputs = [one for one in re.split(r", (?=[\w*]+(?:=|,|$))", signature) if one and "**" not in one]
    region = [] if name.partition(".")[0] in table.WITHOUT_REGION else ['action_region=""']
    return ", ".join([*inputs, *region, *(["**kwargs"] if "**" in signature else [])])


def offering(tmp_path, content):
    (tmp_path / "mapping.json").write_text(json.dumps(content))
    settings = load_settings(None, {"openstack": {"mapping_path": str(tmp_path / "mapping.json")}})
    return standard_registry(action_settings_of(settings), plugins=False)


def test_A351_a_mapping_file_says_which_names_there_are_and_what_they_do(tmp_path):
    registry = offering(tmp_path, {"_comment": "ours", "nova": {"_comment": "some", "vms": "servers.list", "odd": "no.such"},
                                   "neutron": {"list_networks": "list_networks"}})
    whole = standard_registry(ActionSettings(), plugins=False)
    listed_names = {row.name for row in registry.describe()}

    assert {name for name in listed_names if name.partition(".")[0] in {"nova", "neutron", "glance"}} == {
        "nova.vms", "neutron.list_networks"}
    assert registry.descriptor("nova.vms").parameters == whole.descriptor("nova.servers_list").parameters
    assert registry.descriptor("nova.servers_list") is None
    assert {"openstack.compute.servers", "std.echo"} <= listed_names


def test_A351_what_an_offered_name_stands_for_is_done(tmp_path, cloud, monkeypatch):
    registry = offering(tmp_path, {"nova": {"vms": "servers.list"}})
    settings = replace(ActionSettings(), openstack=OpenStackSettings(cloud="here"))
    auth = {"auth_url": f"{cloud.url}/identity/v3", "username": "u", "password": "p", "project_name": "p", "user_domain_name": "Default",
            "project_domain_name": "Default"}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"here": {"auth": auth, "region_name": "RegionOne"}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    made = Runner(registry, settings, lambda *_: None)
    result = made.run(RunRequest(attempt_id="a1", name="nova.vms"))
    made.stop()

    assert not result.failed, result.error
    assert cloud.seen[-1]["place"] == "servers/detail"


@pytest.mark.parametrize("content", [[], {"nova": []}, {"nova": {"a": 1}}])
def test_A351_a_file_of_another_form_is_refused_at_the_start(tmp_path, content):
    with pytest.raises(ConfigurationError, match="openstack.mapping_path"):
        offering(tmp_path, content)


def test_A350_without_the_sdk_there_are_no_such_names_and_the_others_work(monkeypatch):
    monkeypatch.setattr(catalogue.importlib.util, "find_spec", lambda _: None)
    registry = standard_registry(ActionSettings(), plugins=False)

    assert {row.name.partition(".")[0] for row in registry.describe()}.isdisjoint({name.partition(".")[0] for name in OFFERED})
    settings = ActionSettings()
    made = Runner(registry, settings, lambda *_: None)
    told_why = made.run(RunRequest(attempt_id="a1", name="nova.servers_list"))
    works = made.run(RunRequest(attempt_id="a2", name="std.echo", input={"output": 1}))
    made.stop()
    assert (told_why.failed, "maestrale with the extra 'openstack'" in told_why.error, works.data) == (True, True, 1)


def test_every_difference_to_the_clients_has_a_reason_and_is_one():
    assert all(entry["why"] for entry in KNOWN.values())
    compared = {name: entry for name, entry in KNOWN.items() if "error" not in RECORDED[name]}
    assert [name for name, entry in compared.items() if all(RECORDED[name][key] == entry[key] for key in entry if key != "why")] == []


def test_A336_every_name_is_served_or_says_why_not():
    assert [name for name, (rows, reason) in NAMES.items() if not rows and reason.startswith("no request is known")] == []
    assert len(NAMES) == 1200
    assert len(OFFERED) == 1098


def test_the_page_of_the_actions_is_what_its_program_writes():
    page = (Path(__file__).parents[4] / "docs" / "openstack-actions.md").read_text(encoding="utf-8")
    if f"(openstacksdk {version('openstacksdk')})" not in page:
        pytest.skip("the page was written with another release of openstacksdk")
    assert document.text() == page
