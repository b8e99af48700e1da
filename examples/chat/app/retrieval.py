"""Finds the passages of the knowledge base that a question is about (TF-IDF, cosine similarity)."""

from dataclasses import dataclass

import numpy as np
from langchain_core.documents import Document
from rapidfuzz import process
from sklearn.feature_extraction.text import TfidfVectorizer

from app.words import content_words

# Similarity in percent from which an unknown word counts as a misspelling of a known one.
SPELLING_CUTOFF = 85
SHORTEST_CORRECTED = 4


@dataclass(frozen=True)
class Hit:
    """A passage and how well it fits the question, from 0 to 1."""

    passage: Document
    score: float


class EmptyKnowledgeError(ValueError):
    """There is not one passage to answer from."""


class PassageIndex:
    """An index over passages, built once and read from any thread."""

    def __init__(self, passages: list[Document]) -> None:
        """Indexes the passages' titles and texts; raises EmptyKnowledgeError without any."""
        if not passages:
            raise EmptyKnowledgeError("the knowledge base has no passages")
        self._passages = passages
        # What it is given is words already, so there is nothing left to analyse.
        self._vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
        # A title names its passage's subject, so it counts twice.
        self._matrix = self._vectorizer.fit_transform(
            content_words(passage.metadata["title"]) * 2 + content_words(passage.page_content) for passage in passages
        )
        self._known = self._vectorizer.vocabulary_

    def __len__(self) -> int:
        """How many passages there are."""
        return len(self._passages)

    def _correct(self, word: str) -> str:
        """The known word that is spelled most like an unknown one, or the word itself."""
        if word in self._known or len(word) < SHORTEST_CORRECTED:
            return word
        match = process.extractOne(word, self._known.keys(), score_cutoff=SPELLING_CUTOFF)
        return match[0] if match else word

    def search(self, question: str, limit: int, minimum_score: float) -> list[Hit]:
        """The best passages, best first; equal scores keep the knowledge base's order."""
        words = [self._correct(word) for word in content_words(question)]
        if not words:
            return []
        cosines = (self._matrix @ self._vectorizer.transform([words]).T).toarray().ravel()
        # The index cannot see unknown words: a question that is made of them is about something else.
        scores = cosines * (sum(word in self._known for word in words) / len(words))
        best = np.argsort(-scores, kind="stable")[:limit]
        return [Hit(self._passages[i], float(scores[i])) for i in best if scores[i] >= minimum_score]
