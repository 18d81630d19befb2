"""What a group of options is, and kinds of values that several have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]


class Group(BaseModel):
    """A group of options; an unknown name in it is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
