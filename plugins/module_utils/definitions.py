# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE), which is compatible with the GNU General Public License v3.0+
# SPDX-License-Identifier: Apache-2.0
"""Definitions: documents in YAML that hold one or several workflows, or actions, or one workbook.

The engine stores a document of one definition word for word, and each of several as a document of its own; so
one is compared as text and several by meaning.
"""

from __future__ import annotations

import traceback

from ansible.module_utils.basic import missing_required_lib

from .errors import UsageError
from .state import as_text

try:
    import yaml

    YAML_PROBLEM = None
except ImportError:
    yaml = None
    YAML_PROBLEM = traceback.format_exc()

# What else may stand beside the definitions in a document.
_DOCUMENT_KEYS = ("version",)

DEFINITION_SPEC = {
    "definition": {"type": "str"},
    "src": {"type": "path"},
}


def require_yaml(module):
    """End the module if PyYAML is missing; ansible-core brings it, a bare target may lack it."""
    if yaml is None:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=YAML_PROBLEM)


def text_of(params):
    """The definition's text: given inline, or read from ``src`` on the host that runs the module; None if neither."""
    if params.get("src") is None:
        return params.get("definition")
    try:
        with open(params["src"], encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"src can't be read: {error}") from error


def parse(text):
    """The document as a mapping."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"The definition is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise UsageError("The definition is not a mapping")
    return document


def split(text):
    """The definitions of a document: name to text. One definition keeps the document word for word."""
    document = parse(text)
    names = [name for name in document if name not in _DOCUMENT_KEYS]
    if not names:
        raise UsageError("The definition defines nothing")
    if len(names) == 1:
        return {names[0]: text}
    version = document.get("version", "2.0")
    return {name: yaml.safe_dump({"version": version, name: document[name]}, sort_keys=False) for name in names}


class DefinitionSet:
    """The workflows, or the ad-hoc actions, of one document, looked after together."""

    def __init__(self, client, kind, params):
        self.client = client
        self.kind = kind
        self.namespace = params["namespace"]
        self.scope = params["scope"]
        self.state = params["state"]
        self.text = text_of(params)
        self.texts = split(self.text) if self.text else {}
        self._check_name(params["name"])

    def _check_name(self, name):
        if self.text is None:
            self.texts = {name: None}
        elif name is not None and list(self.texts) != [name]:
            raise UsageError(f"The definition defines {', '.join(map(str, self.texts))}, not {name}")

    def apply(self, check_mode, skip_validation=False):
        """Bring all to the wanted state; returns the module's result."""
        before = {name: self._find(name) for name in self.texts}
        if self.state == "absent":
            return self._remove(before, check_mode)
        new = [name for name, item in before.items() if item is None]
        changed = [name for name, item in before.items() if item is not None and self._differs(name, item)]
        if not check_mode:
            self._send("POST", new, before, skip_validation)
            self._send("PUT", changed, before, skip_validation)
        after = {name: self._after(name, before[name], name in new or name in changed, check_mode) for name in self.texts}
        result = {"changed": bool(new or changed), self.kind.collection: list(after.values())}
        return self._with_diff(result, before, {name: self._wanted(name, before[name]) for name in self.texts}, new + changed)

    def _find(self, name):
        item = self.client.find(self.kind, name, {"namespace": self.namespace})
        # The engine looks for actions in the default namespace too; one from there is another action.
        return None if item and (item.get("namespace") or "") != self.namespace else item

    def _remove(self, before, check_mode):
        present = [name for name, item in before.items() if item is not None]
        if not check_mode:
            for name in present:
                self.client.delete(self.kind, name, {"namespace": self.namespace})
        return self._with_diff({"changed": bool(present), self.kind.collection: []}, before, {}, present)

    def _wanted(self, name, existing):
        scope = self.scope or (existing or {}).get("scope") or "private"
        return {"name": name, "namespace": self.namespace, "scope": scope, "definition": self.texts[name]}

    def _differs(self, name, existing):
        if self.scope is not None and existing.get("scope") != self.scope:
            return True
        is_alone = len(self.texts) == 1
        stored = existing.get("definition") or ""
        if is_alone:
            return stored != self.texts[name]
        # An engine may keep the whole document with each of its definitions.
        return parse(self.texts[name])[name] != parse(stored).get(name)

    def _send(self, method, names, before, skip_validation):
        scopes = {name: self._wanted(name, before[name])["scope"] for name in names}
        for scope in sorted(set(scopes.values())):
            group = [name for name in names if scopes[name] == scope]
            query = {"namespace": self.namespace, "scope": scope, "skip_validation": "true" if skip_validation else None}
            texts = [self.text] if len(group) == len(self.texts) else [self.texts[name] for name in group]
            for text in texts:
                self.client.send_text(method, self.kind, text, query)

    def _after(self, name, existing, is_changed, check_mode):
        if not is_changed:
            return existing
        if check_mode:
            return {**(existing or {}), **self._wanted(name, existing)}
        return self.client.get(self.kind, name, {"namespace": self.namespace})

    def _with_diff(self, result, before, after, touched):
        if touched:
            header = f"{self.kind.collection} {', '.join(sorted(touched))}"
            result["diff"] = {
                "before": "".join(_shown(before[name]) for name in touched),
                "after": "".join(_shown(after.get(name)) for name in touched),
                "before_header": header,
                "after_header": header,
            }
        return result


def _shown(item):
    if item is None:
        return ""
    return f"# {item['name']}, scope {item.get('scope')}\n" + as_text(item.get("definition") or "")
