"""What goes in and out over HTTP."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process is up."""

    status: Literal["ok"] = "ok"
    env: str
    version: str


class Readiness(BaseModel):
    """Whether questions can be answered yet."""

    status: Literal["ready", "starting", "failed"]
    passages: int = 0


class Question(BaseModel):
    """One message of a user."""

    message: str = Field(min_length=1, max_length=2000)
    conversation: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$", description="none starts a new one")


class Source(BaseModel):
    """A passage that an answer rests on."""

    source: str
    title: str
    score: float = Field(ge=0, le=1.000001, description="how well it fits the question")


class Answer(BaseModel):
    """The service's reply."""

    conversation: str
    answer: str
    sources: list[Source]


class Message(BaseModel):
    """One line of a conversation."""

    role: Literal["human", "ai"]
    text: str
