"""The chain from a question to an answer: find passages, fill the prompt, ask the model."""

from dataclasses import dataclass
from html import escape
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough

from app.history import History
from app.knowledge.load import load_passages
from app.model import ExtractiveChatModel
from app.retrieval import Hit, PassageIndex
from app.settings import Settings
from app.words import content_words

INSTRUCTIONS = """You answer at the help desk of a public library, from these passages only:

{context}"""
# A question with fewer words of its own ("and for children?") goes on from the one before.
SELF_CONTAINED_WORDS = 3


@dataclass(frozen=True)
class Reply:
    """An answer and the passages that it rests on, best first."""

    text: str
    hits: list[Hit]


def chat_model(name: str) -> BaseChatModel:
    """The local model, or one that langchain knows as 'provider:name'."""
    if name == "local":
        return ExtractiveChatModel()
    from langchain.chat_models import init_chat_model  # half a second, and only for a provider's model

    return init_chat_model(name)


def passage_text(passage: Document) -> str:
    """A passage as the prompt shows it."""
    title, source = escape(passage.metadata["title"]), escape(passage.metadata["source"])
    return f'<passage source="{source}" title="{title}">\n{passage.page_content}\n</passage>'


def search_text(question: str, history: list[BaseMessage]) -> str:
    """What to look for: the question, after the one before it where it is too short to stand alone."""
    earlier = [message.text for message in history if isinstance(message, HumanMessage)]
    if earlier and len(set(content_words(question))) < SELF_CONTAINED_WORDS:
        return f"{earlier[-1]} {question}"
    return question


def answer_chain(index: PassageIndex, model: BaseChatModel, settings: Settings) -> Runnable[dict[str, Any], Any]:
    """Takes 'question' and 'history'; gives them back with 'hits', 'context' and 'answer'."""

    def find(values: dict[str, Any]) -> list[Hit]:
        text = search_text(values["question"], values["history"])
        return index.search(text, settings.passages, settings.minimum_score)

    def context(values: dict[str, Any]) -> str:
        return "\n\n".join(passage_text(hit.passage) for hit in values["hits"])

    prompt = ChatPromptTemplate.from_messages(
        [("system", INSTRUCTIONS), MessagesPlaceholder("history"), ("human", "{question}")]
    )
    return (
        RunnablePassthrough.assign(hits=RunnableLambda(find))
        | RunnablePassthrough.assign(context=RunnableLambda(context))
        | RunnablePassthrough.assign(answer=prompt | model | StrOutputParser())
    )


class Assistant:
    """Answers questions and remembers the conversations."""

    def __init__(self, settings: Settings) -> None:
        """Opens the conversations and reads and indexes the knowledge base; takes a second or two."""
        self._settings = settings
        self.history = History(settings.database)
        self.index = PassageIndex(load_passages(settings.knowledge, render=settings.render_pages))
        self._chain = answer_chain(self.index, chat_model(settings.model), settings)

    def ask(self, conversation: str, question: str) -> Reply:
        """Answers one message of a conversation and keeps both."""
        history = self.history.messages(conversation, self._settings.history_messages)
        result = self._chain.invoke({"question": question, "history": history})
        self.history.add(conversation, question, result["answer"])
        return Reply(result["answer"], result["hits"])
