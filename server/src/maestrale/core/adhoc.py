"""Ad-hoc actions: from the name that was called to the base that runs, and back (1.19)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestrale.core.ports import ActionDescriptor, Catalogue
from maestrale.errors import ActionError, InputError, MaestraleError
from maestrale.expr import ContextView, Lookup, Options, Scope, compile_value
from maestrale.lang.specs import REQUIRED, Parameter

ADHOC_CLASS = "mistral.actions.adhoc.AdHocAction"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is to run: the base's descriptor and input, and the output sections to apply, innermost first."""

    descriptor: ActionDescriptor
    input: dict[str, Any]
    outputs: tuple[Any, ...] = ()


def check_input(name: str, class_name: str, parameters: tuple[Parameter, ...], given: Mapping[str, Any], *, open_input: bool) -> None:
    """Raise InputError ``Invalid input [...]`` for missing or unexpected names (1.5, L136, L279).

    What takes any input isn't checked at all, as in Mistral (A343): it says itself what it misses.
    """
    if open_input:
        return
    known = {p.name for p in parameters}
    missing = [p.name for p in parameters if p.default is REQUIRED and p.name not in given]
    unexpected = [key for key in given if key not in known]
    if not missing and not unexpected:
        return
    parts = [f"name={name}", f"class={class_name}"]
    if missing:
        parts.append(f"missing={missing}")
    if unexpected:
        parts.append(f"unexpected={unexpected}")
    raise InputError(f"Invalid input [{', '.join(parts)}]")


def with_defaults(parameters: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """The input with declared defaults added, taken literally (L025, L135)."""
    defaults = {p.name: p.default for p in parameters if p.default is not REQUIRED and p.name not in given}
    return {**given, **defaults}


def resolve(
    catalogue: Catalogue, descriptor: ActionDescriptor, given: Mapping[str, Any], project_id: str,
    context: Mapping[str, Any], lookup: Lookup | None, options: Options,
) -> Resolved:
    """Follow the chain of bases (L141). ``context`` is what the caller sees.

    Raises InputError for wrong input of the action that was called, ActionError for whatever is wrong further in: a
    cycle, a missing base (L142, L143), a failing ``base-input``, wrong input of a base.
    """
    spec = descriptor.adhoc
    if spec is None:
        check_input(descriptor.name, descriptor.class_name, descriptor.parameters, given, open_input=descriptor.open_input)
        return Resolved(descriptor, dict(given))
    check_input(descriptor.name, ADHOC_CLASS, spec.input, given, open_input=False)
    try:
        return _follow_bases(catalogue, descriptor, given, project_id, context, lookup, options)
    except MaestraleError as error:
        raise ActionError(f"Failed to instantiate an action [action_desc=AdHoc action [name={descriptor.name}, "
                          f"definition={dict(spec.raw)}]]: {error}") from error


def _follow_bases(
    catalogue: Catalogue, descriptor: ActionDescriptor, given: Mapping[str, Any], project_id: str,
    context: Mapping[str, Any], lookup: Lookup | None, options: Options,
) -> Resolved:
    outputs: list[Any] = []
    seen: list[str] = []
    current, values = descriptor, dict(given)
    while current.adhoc is not None:
        spec = current.adhoc
        if current.name in seen:
            raise ActionError(f"ValueError Found a cycle in an ad-hoc action chain [action_name={current.name}, "
                              f"duplicate_action_name={current.name}]")
        seen.append(current.name)
        check_input(current.name, ADHOC_CLASS, spec.input, values, open_input=False)
        values = with_defaults(spec.input, values)
        base_input = compile_value(dict(spec.base_input), options).evaluate(Scope(ContextView([values, context]), lookup))
        if spec.output is not REQUIRED and spec.output is not None:
            outputs.insert(0, spec.output)
        base = catalogue.action(spec.base, current.namespace, project_id)
        if base is None:
            raise ActionError(f"Failed to find action [action_name={spec.base}, namespace={current.namespace}]")
        current, values = base, dict(base_input)
    check_input(current.name, current.class_name, current.parameters, values, open_input=current.open_input)
    return Resolved(current, values, tuple(outputs))


def carried_out_by(descriptor: ActionDescriptor, resolved: Resolved) -> dict[str, Any] | None:
    """Name and input of what is run in place of the named action, as kept with its attempt; None if it runs itself."""
    base = resolved.descriptor
    if base.carrier:
        return {"name": base.carrier, "input": {**base.carried, "inputs": resolved.input}}
    return None if descriptor.adhoc is None else {"name": base.name, "input": resolved.input}


def apply_outputs(outputs: tuple[Any, ...] | list[Any], value: Any, lookup: Lookup | None, options: Options) -> Any:
    """The base's result through all output sections. A falsy value leaves a section as it is written (L140)."""
    for section in outputs:
        value = compile_value(section, options).evaluate(Scope(value, lookup))
    return value
