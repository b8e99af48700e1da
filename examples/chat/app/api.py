"""The routes."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

from app import __version__
from app.schemas import Answer, Health, Message, Question, Readiness, Source

if TYPE_CHECKING:
    from app.assistant import Assistant

log = structlog.get_logger(__name__)
router = APIRouter()
pages = Jinja2Templates(Path(__file__).parent / "templates")
questions = Counter("chat_questions_total", "Questions, by whether something was found", ["found"])
seconds = Histogram("chat_answer_seconds", "Time to answer a question")


def prepared(request: Request) -> Assistant:
    """The assistant; a request that comes before it is ready waits for it."""
    made: Future[Assistant] = request.app.state.assistant
    if made.exception():
        raise HTTPException(503, "the knowledge base could not be read; the log says why")
    return made.result()


@router.get("/healthz")
async def healthz(request: Request) -> Health:
    """Liveness: needs nothing but the process itself."""
    return Health(env=request.app.state.settings.env, version=__version__)


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> Readiness:
    """Readiness: 200 once questions are answered without waiting, else 503."""
    made: Future[Assistant] = request.app.state.assistant
    if made.done() and not made.exception():
        return Readiness(status="ready", passages=len(made.result().index))
    response.status_code = 503
    return Readiness(status="failed" if made.done() else "starting")


@router.post("/chat")
def chat(question: Question, request: Request) -> Answer:
    """Answers a message and says from which passages."""
    assistant = prepared(request)
    conversation = question.conversation or uuid4().hex
    with seconds.time():
        reply = assistant.ask(conversation, question.message)
    questions.labels(found=str(bool(reply.hits)).lower()).inc()
    log.info("answered", conversation=conversation, hits=len(reply.hits))
    sources = [Source(**hit.passage.metadata, score=hit.score) for hit in reply.hits]
    return Answer(conversation=conversation, answer=reply.text, sources=sources)


@router.get("/conversations/{conversation}")
def conversation_messages(conversation: str, request: Request) -> list[Message]:
    """A conversation so far, oldest message first."""
    messages = prepared(request).history.messages(conversation)
    if not messages:
        raise HTTPException(404, "no such conversation")
    return [Message.model_validate({"role": message.type, "text": message.text}) for message in messages]


@router.get("/metrics")
def metrics() -> Response:
    """Counters for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/")
def index(request: Request) -> HTMLResponse:
    """A page to ask questions on."""
    return pages.TemplateResponse(
        request, "index.html", {"env": request.app.state.settings.env, "version": __version__}
    )
