"""The web application: built here, its routes in api.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI

from app import __version__
from app.api import router
from app.settings import Settings

if TYPE_CHECKING:
    from app.assistant import Assistant

log = structlog.get_logger(__name__)


def make_assistant(settings: Settings) -> Assistant:
    """Imports what answering needs (scikit-learn, pandas, langchain) and reads the knowledge base."""
    from app.assistant import Assistant

    return Assistant(settings)


def report(made: Future[Assistant]) -> None:
    """Says how the preparation of the assistant went; /readyz and /chat tell it to clients."""
    if error := made.exception():
        log.error("assistant failed", exc_info=error)
    else:
        log.info("assistant ready", passages=len(made.result().index))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Prepares the assistant beside the server, so that /healthz answers at once."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as executor:
        app.state.assistant = executor.submit(make_assistant, app.state.settings)
        app.state.assistant.add_done_callback(report)
        yield
    if app.state.assistant.exception() is None:
        app.state.assistant.result().history.close()


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; nothing is read or opened before it starts."""
    app = FastAPI(title="Chat", version=__version__, lifespan=lifespan)
    app.state.settings = settings
    app.include_router(router)
    if settings.otlp_endpoint:
        from app.tracing import trace_requests

        trace_requests(app, settings.otlp_endpoint, settings.env)
    return app
