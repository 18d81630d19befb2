"""Executions at work: deciding, committing, dispatching, waking, recovering. ``service.py`` holds the use cases."""

from maestrale.engine.items import RunActionRequest, StartRequest
from maestrale.engine.question import Question
from maestrale.engine.service import Engine

__all__ = ["Engine", "Question", "RunActionRequest", "StartRequest"]
