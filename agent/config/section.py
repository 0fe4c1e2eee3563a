"""What every section of the settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
WholeSeconds = Annotated[int, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(gt=0, le=36_500)]
Number = Annotated[int, Field(gt=0, le=1_000_000)]
Host = Annotated[str, Field(min_length=1)]
"""An empty one would mean every address of the machine."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
