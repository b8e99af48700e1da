"""The web service."""

import sys
from importlib.metadata import version
from shutil import which

from dotenv import dotenv_values
from flask import Flask, jsonify, request
from sqlalchemy import String, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

NAMES = ["flask", "gunicorn", "markupsafe", "python-dotenv", "sqlalchemy", "werkzeug"]

settings = {"DATABASE": "sqlite://", **dotenv_values()}
engine = create_engine(settings["DATABASE"], poolclass=StaticPool)
application = Flask(__name__)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))


Base.metadata.create_all(engine)


@application.get("/healthz")
def health():
    with Session(engine) as session:
        notes = session.scalar(select(func.count(Note.id)))
    return jsonify(
        status="ok",
        notes=notes,
        prefix=sys.prefix,
        gunicorn=which("gunicorn"),
        versions={name: version(name) for name in NAMES},
    )


@application.post("/notes")
def add():
    with Session(engine) as session:
        note = Note(text=request.get_json()["text"])
        session.add(note)
        session.commit()
        return jsonify(id=note.id), 201
