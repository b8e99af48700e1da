"""The service over HTTP."""

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import app.main
from app import __version__
from app.main import create_app
from app.model import UNKNOWN
from app.settings import Settings


def wait_until_ready(client: TestClient) -> None:
    """Returns once /readyz says 200; fails after 30 s."""
    deadline = time.monotonic() + 30
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, client.get("/readyz").json()
        time.sleep(0.05)


def test_health_does_not_wait_for_the_knowledge_base(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    make = app.main.make_assistant

    def slowly(settings: Settings) -> object:
        time.sleep(1)
        return make(settings)

    monkeypatch.setattr(app.main, "make_assistant", slowly)
    with TestClient(create_app(settings)) as client:
        assert client.get("/healthz").json() == {"status": "ok", "env": "dev", "version": __version__}
        assert client.get("/readyz").json() == {"status": "starting", "passages": 0}
        wait_until_ready(client)
        assert client.get("/readyz").json()["passages"] >= 30


def test_answers_with_its_source(client: TestClient) -> None:
    reply = client.post("/chat", json={"message": "How late is the library open on Saturday?"}).json()
    assert "Saturday from 10:00 to 16:00" in reply["answer"]
    assert (reply["sources"][0]["source"], reply["sources"][0]["title"]) == ("questions.csv", "Opening hours")


def test_a_short_question_goes_on_from_the_one_before(client: TestClient) -> None:
    first = client.post("/chat", json={"message": "How do I get a library card?"}).json()
    assert "identity card" in first["answer"]
    second = client.post("/chat", json={"message": "And for children?", "conversation": first["conversation"]}).json()
    assert second["conversation"] == first["conversation"]
    assert second["sources"][0]["title"] == "Library card for children"

    messages = client.get(f"/conversations/{first['conversation']}").json()
    assert [message["role"] for message in messages] == ["human", "ai", "human", "ai"]
    assert messages[2]["text"] == "And for children?"
    assert messages[3]["text"] == second["answer"]


def test_says_that_it_does_not_know(client: TestClient) -> None:
    reply = client.post("/chat", json={"message": "Who won the football match yesterday?"}).json()
    assert reply["answer"] == UNKNOWN
    assert reply["sources"] == []


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": "x" * 2001}, {"message": "x", "conversation": "../"}]
)
def test_refuses_bad_questions(client: TestClient, body: dict[str, str]) -> None:
    assert client.post("/chat", json=body).status_code == 422


def test_unknown_conversation(client: TestClient) -> None:
    assert client.get(f"/conversations/{'0' * 32}").status_code == 404


def test_counts_questions(client: TestClient) -> None:
    client.post("/chat", json={"message": "What does printing cost?"})
    assert 'chat_questions_total{found="true"}' in client.get("/metrics").text


def test_page_asks_the_service(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert 'fetch("chat"' in page.text


def test_missing_knowledge_is_told_and_does_not_stop_the_process(settings: Settings, tmp_path: Path) -> None:
    lost = settings.model_copy(update={"knowledge": [str(tmp_path / "nowhere")]})
    with TestClient(create_app(lost)) as client:
        assert client.post("/chat", json={"message": "hello"}).status_code == 503
        assert client.get("/readyz").json()["status"] == "failed"
        assert client.get("/healthz").status_code == 200
