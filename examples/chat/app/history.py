"""Conversations, kept in any database that SQLAlchemy knows."""

from datetime import UTC, datetime

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Text, create_engine, insert, select

_metadata = MetaData()
_messages = Table(
    "messages",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", String(32), index=True, nullable=False),
    Column("role", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
_KINDS: dict[str, type[BaseMessage]] = {"human": HumanMessage, "ai": AIMessage}


class History:
    """Every conversation's messages, in order. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """Opens the database at an SQLAlchemy URL and makes its table where there is none."""
        self._engine = create_engine(url)
        _metadata.create_all(self._engine)

    def messages(self, conversation: str, limit: int | None = None) -> list[BaseMessage]:
        """The last ``limit`` messages (all by default), oldest first; none for an unknown conversation."""
        query = (
            select(_messages.c.role, _messages.c.text)
            .where(_messages.c.conversation == conversation)
            .order_by(_messages.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [_KINDS[row.role](content=row.text) for row in reversed(rows)]

    def add(self, conversation: str, question: str, answer: str) -> None:
        """Appends one exchange, both lines or none."""
        now = datetime.now(UTC)
        lines = [("human", question), ("ai", answer)]
        with self._engine.begin() as connection:
            connection.execute(
                insert(_messages),
                [{"conversation": conversation, "role": role, "text": text, "at": now} for role, text in lines],
            )

    def close(self) -> None:
        """Gives the database's connections back."""
        self._engine.dispose()
