# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0

"""What no checker of Ansible's looks at: groups, fragments, twins, redirects, and examples that would run."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
RUNTIME = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
# What these act on is listed by another module.
LISTED_BY = {"workflow_run": "execution_info", "execution_wait": "execution_info", "action_run": "action_execution_info"}
NO_TWIN = ("workflow_validate", "engine_info")


def load(name):
    return importlib.import_module(f"ansible_collections.maestrale.mistral.plugins.modules.{name}")


def documentation(name):
    return yaml.safe_load(load(name).DOCUMENTATION)


def argument_spec(name, monkeypatch):
    """The spec that the module gives to AnsibleModule, and its rules."""
    captured = {}

    def capture(spec, **rules):
        captured.update(spec=spec, rules=rules)
        raise SystemExit

    monkeypatch.setattr(load(name), "engine_module", capture)
    with pytest.raises(SystemExit):
        load(name).main()
    return captured


def tasks(items):
    """Tasks of a list, those in blocks too."""
    for item in items or []:
        if "block" in item:
            for part in ("block", "rescue", "always"):
                yield from tasks(item.get(part))
        else:
            yield item


def test_the_action_group_holds_all_modules():
    assert RUNTIME["action_groups"]["engine"] == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_shares_the_connection_options(name):
    fragments = documentation(name)["extends_documentation_fragment"]
    assert "maestrale.mistral.engine" in fragments
    assert "maestrale.mistral.attributes" in fragments
    assert documentation(name)["module"] == name


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("_info") and name not in NO_TWIN])
def test_a_module_has_a_twin_that_reads(name):
    assert LISTED_BY.get(name, f"{name}_info") in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_examples_fit_the_options(name, monkeypatch):
    examples = yaml.safe_load(load(name).EXAMPLES)
    for example in tasks(examples):
        for key, arguments in example.items():
            module = key.removeprefix("maestrale.mistral.")
            if module == key:
                continue
            captured = argument_spec(module, monkeypatch)
            from ansible_collections.maestrale.mistral.plugins.module_utils.connection import CONNECTION_SPEC

            validator = ArgumentSpecValidator({**CONNECTION_SPEC, **captured["spec"]}, **captured["rules"])
            result = validator.validate(_rendered(arguments or {}))
            assert not result.error_messages, (name, example["name"])


def _rendered(arguments):
    """Arguments as they could look after templating: a lone template may be of any type, so it is left out unless it is required."""
    return {key: "text" if isinstance(value, str) and "{{" in value else value for key, value in arguments.items()}


def test_every_example_uses_a_module_of_its_own_document():
    for name in MODULES:
        used = {key for example in tasks(yaml.safe_load(load(name).EXAMPLES)) for key in example}
        assert f"maestrale.mistral.{name}" in used


@pytest.mark.parametrize("routing", [(kind, name) for kind, items in RUNTIME["plugin_routing"].items() for name in items])
def test_redirects_lead_somewhere(routing):
    kind, name = routing
    target = RUNTIME["plugin_routing"][kind][name]
    action = target["action_plugin"].removeprefix("maestrale.mistral.")
    assert (ROOT / "plugins" / "action" / f"{action}.py").is_file()
    assert (ROOT / "plugins" / "modules" / f"{name}.py").is_file()


def test_modules_with_src_have_the_action_plugin_that_reads_it():
    with_src = {name for name in MODULES if name != "workflow" and "src" in load(name).__dict__.get("SPEC", {})}
    routed = {name for name, target in RUNTIME["plugin_routing"]["modules"].items() if target["action_plugin"].endswith(".workflow")}
    assert with_src == routed
