"""The options as a page of documentation, made from their definitions.

``python -m maestrale.config_reference > docs/configuration.md`` writes it again; a test compares the two, so an option
that is missing there, or told wrong, fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from maestrale.config import ENV_PREFIX, Settings

HEAD = """# Options of the server

Made by `python -m maestrale.config_reference` from the definitions of the options.

Each option can be given in four places; the first that gives a value wins: on the command line of `maestrale server` (the few that
it has), in the environment, in the YAML file named by `--config` or `MAESTRALE_CONFIG`, else the default. In the file groups are
mappings; in the environment a group is joined to its option by two underscores, and lists and mappings are JSON:

```yaml
database_url: postgresql://maestrale@db.example.org/maestrale
auth: token
http_denied_cidrs: ["127.0.0.0/8", "169.254.0.0/16"]
engine:
  node_timeout: 10
```

```sh
export MAESTRALE_DATABASE_URL=postgresql://maestrale@db.example.org/maestrale
export MAESTRALE_HTTP_DENIED_CIDRS='["127.0.0.0/8", "169.254.0.0/16"]'
export MAESTRALE_ENGINE__NODE_TIMEOUT=10
```

An option that doesn't exist, or a value of the wrong kind, ends the start with a sentence that names it. Times are seconds unless
the name says otherwise.
"""

ROW = "| `{name}` | `{env}` | {default} | {text} |"
TABLE = "| option | environment | default | meaning |\n| --- | --- | --- | --- |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None and field.default_factory.__name__ == "default_database_url":
        return "`maestrale/maestrale.db` under the XDG data folder"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "none"
    if value in ([], {}, ""):
        return "empty"
    return ", ".join(f"`{_plain(one)}`" for one in (value if isinstance(value, list) else [value]))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind: Any = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _rows(fields: dict[str, FieldInfo], prefix: str = "") -> Iterator[str]:
    for name, field in fields.items():
        if _group_of(field) is not None:
            continue
        path = f"{prefix}{name}"
        env = f"{ENV_PREFIX}{path.replace('.', '__').upper()}"
        text = (field.description or "").replace("|", "\\|")
        yield ROW.format(name=path, env=env, default=_default(field), text=text)


def reference() -> str:
    """The whole page as Markdown."""
    fields = dict(Settings.model_fields)
    parts = [HEAD, "## General\n", TABLE, *_rows(fields)]
    for name, field in fields.items():
        group = _group_of(field)
        if group is None:
            continue
        title = (field.description or (group.__doc__ or "").strip().splitlines()[0]).rstrip(".")
        parts += [f"\n## `{name}`: {title}\n", TABLE, *_rows(dict(group.model_fields), f"{name}.")]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
