"""The workflow language: text to checked, frozen specifications.

Pure: no I/O, no clock. Errors carry Mistral's text first, then the place in the document. What Mistral accepts is
accepted; where that surprises, ``warnings_*`` tell.
"""

from __future__ import annotations

from maestrale.lang.definitions import (
    ParsedAction,
    ParsedWorkflow,
    action_from_raw,
    check_name,
    parse_actions,
    parse_workflows,
    workflow_from_raw,
)
from maestrale.lang.describe import describe_action_input, describe_input, describe_interface
from maestrale.lang.surprises import warnings_actions, warnings_workbook, warnings_workflows
from maestrale.lang.workbook import ParsedWorkbook, parse_workbook

__all__ = [
    "ParsedAction",
    "ParsedWorkbook",
    "ParsedWorkflow",
    "action_from_raw",
    "check_name",
    "describe_action_input",
    "describe_input",
    "describe_interface",
    "parse_actions",
    "parse_workbook",
    "parse_workflows",
    "warnings_actions",
    "warnings_workbook",
    "warnings_workflows",
    "workflow_from_raw",
]
