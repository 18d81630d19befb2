"""The REST interface: HTTP only. ``create_app`` makes the ASGI application over the rooms below."""

from maestrale.api.app import create_app
from maestrale.api.parts import Parts

__all__ = ["Parts", "create_app"]
