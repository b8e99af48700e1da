"""Which passage a question finds, and what is quoted of it."""

import pytest

from app.knowledge.load import load_passages
from app.model import ExtractiveChatModel, best_sentences
from app.retrieval import EmptyKnowledgeError, PassageIndex


@pytest.fixture(scope="module")
def index() -> PassageIndex:
    return PassageIndex(load_passages(["knowledge"]))


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How many books can I borrow at once?", "How many books can I borrow"),
        ("when are you open", "Opening hours"),
        ("I returned a book late, what is the fine?", "Fines"),
        ("I have lost my library card", "Lost card"),
        ("How can I renew a loan?", "Renewal"),
        ("What is the wifi or wireless password?", "Wireless network"),
        ("can I cut plywood with the laser", "Laser cutter"),
        ("do you see what I have read?", "What you have read"),
        ("what does a reservaton cost", "Reservations"),
    ],
)
def test_finds(index: PassageIndex, question: str, title: str) -> None:
    assert index.search(question, limit=3, minimum_score=0.12)[0].passage.metadata["title"] == title


def test_scores_fall_and_stay_above_the_minimum(index: PassageIndex) -> None:
    scores = [hit.score for hit in index.search("borrow a book", limit=10, minimum_score=0.05)]
    assert len(scores) > 2
    assert scores == sorted(scores, reverse=True)
    assert all(0.05 <= score <= 1 for score in scores)


def test_nothing_known(index: PassageIndex) -> None:
    assert index.search("quantum chromodynamics", limit=3, minimum_score=0.12) == []
    assert index.search("the of and", limit=3, minimum_score=0.12) == []


def test_no_passages() -> None:
    with pytest.raises(EmptyKnowledgeError):
        PassageIndex([])


def test_quotes_what_was_asked() -> None:
    text = "Printing costs 10 cents. Paper is white. Scanning is free."
    assert best_sentences("what does scanning cost?", text) == ["Printing costs 10 cents.", "Scanning is free."]
    assert best_sentences("bananas", text) == ["Printing costs 10 cents."]


def test_same_prompt_same_answer() -> None:
    prompt = [("system", '<passage source="a" title="b">\nIt is blue. It is new.\n</passage>'), ("human", "Is it new?")]
    model = ExtractiveChatModel()
    assert {model.invoke(prompt).text for _ in range(3)} == {"It is new."}
