"""Writes ``docs/openstack-actions.md``: ``python -m maestrale.actions.openstack.document > docs/openstack-actions.md``."""

from __future__ import annotations

import sys
from collections import Counter
from importlib.metadata import version
from typing import Any

from maestrale.actions.openstack import table
from maestrale.actions.openstack.catalogue import describe

HEAD = """# OpenStack actions

This page is generated: `python -m maestrale.actions.openstack.document`.

With the extra `openstack` (`pip install 'maestrale[openstack]'`) the catalogue has two kinds of actions for OpenStack:

- `openstack.<service>.<call>`: each public call of openstacksdk's proxies, with its inputs and the SDK's names in results. Further
  inputs: `action_region`, `cloud` (of `clouds.yaml`), `microversion`, `wait_for` (a status such as `ACTIVE`, or `DELETED`),
  `wait_timeout`, `wait_interval`.
- Mistral's names, such as `nova.servers_list`, with its inputs; results have the keys of the service's REST API.

With `auth: keystone` they run with the caller's own token, or the trust of a trigger; otherwise with a cloud of `clouds.yaml` that the
options `openstack.*` permit. Inputs that name files of the server are refused.
"""

STANDARD = (
    "std.async_noop", "std.echo", "std.email", "std.fail", "std.http", "std.javascript", "std.js", "std.mistral_http", "std.noop",
    "std.sleep", "std.ssh", "std.ssh_proxied", "std.test_dict", "std.wait_ssh",
)

OWN = "actions of the engine itself"


def text() -> str:
    """The whole page."""
    found = describe()
    parts = [HEAD, f"## Counts (openstacksdk {version('openstacksdk')})", "", "| Service | `openstack.*` actions |", "| --- | --- |"]
    services = Counter(name.partition(".")[0] for name in found["methods"])
    parts += [f"| {service} | {count} |" for service, count in sorted(services.items())]
    parts += [f"| **total** | **{len(found['methods'])}** |", "", "| Namespace | Mistral's names | available |", "| --- | --- | --- |"]
    all_names = table.names()
    per = Counter(name.namespace for name in all_names)
    have = Counter(name.partition(".")[0] for name in found["names"])
    parts += [f"| {namespace} | {count} | {have[namespace]} |" for namespace, count in per.items()]
    total, available = len(all_names) + len(STANDARD), len(found["names"]) + len(STANDARD)
    parts += [f"| std | {len(STANDARD)} | {len(STANDARD)} |", f"| **total** | **{total}** | **{available}** |", ""]
    kinds = Counter(_kind(found["names"].get(name.full)) for name in all_names) + Counter({OWN: len(STANDARD)})
    parts += ["| How Mistral's names are served | Names |", "| --- | --- |"]
    parts += [f"| {kind} | {count} |" for kind, count in kinds.most_common()]
    same = {name.full: _same(name, found["methods"]) for name in all_names}
    parts += [f"| with a call of openstacksdk that does the same | {sum(map(bool, same.values()))} |", ""]
    parts += ["## Mistral's names", ""]
    parts += ["| Name | Served by | Same in openstacksdk |", "| --- | --- | --- |"]
    parts += [f"| `{name}` | the same name | |" for name in STANDARD]
    for name in all_names:
        entry = found["names"].get(name.full)
        how = "; ".join(_row(row) for row in entry["rows"]) if entry else f"not available: {found['missing'][name.full]}"
        parts.append(f"| `{name.full}` | {how} | {same[name.full]} |")
    return "\n".join(parts) + "\n"


def _kind(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "not available"
    rows = entry["rows"]
    if any("special" in row for row in rows):
        return "requests made for the name"
    return "a list of the service, compared" if any(row.get("verb") == "FIND" or row.get("find") for row in rows) else "one request"


def _same(name: table.Name, methods: dict[str, Any]) -> str:
    """The openstacksdk call that does what the name does, as code; empty where there is none."""
    _, requests = table.tables()
    call = f"{(requests.get(name.namespace) or {}).get('service')}.{name.method}"
    return f"`openstack.{call}`" if call in methods else ""


def _row(row: dict[str, Any]) -> str:
    if "special" in row:
        return "requests made for it"
    if "refuse" in row:
        return f"refused with {', '.join(row['when'])}: {row['refuse']}"
    if row["verb"] == "FIND" or row.get("find"):
        return f"`GET {row['path']}`, compared"
    return f"`{row['verb']} {row['path'].replace('|', ' or ')}`"


if __name__ == "__main__":
    sys.stdout.write(text())
