"""A chat model that needs no network: it quotes the passages of its prompt and never makes anything up."""

import re
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from app.words import content_words

UNKNOWN = "I have nothing on that. Please ask the staff at the desk."
MAXIMUM_SENTENCES = 3
_PASSAGE = re.compile(r"<passage [^>]*>\n(?P<text>.*?)\n</passage>", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def best_sentences(question: str, text: str) -> list[str]:
    """Sentences of a passage that share words with the question, in the passage's order; else its first one."""
    wanted = set(content_words(question))
    sentences = _SENTENCE.split(text.strip())
    ranked = sorted(enumerate(sentences), key=lambda item: (-len(wanted & set(content_words(item[1]))), item[0]))
    chosen = [i for i, sentence in ranked[:MAXIMUM_SENTENCES] if wanted & set(content_words(sentence))]
    return [sentences[i] for i in sorted(chosen)] or sentences[:1]


class ExtractiveChatModel(BaseChatModel):
    """Answers with the sentences of the first passage that fit the last message. The same prompt, the same answer."""

    @property
    def _llm_type(self) -> str:
        return "extractive"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        passage = _PASSAGE.search(messages[0].text)
        text = " ".join(best_sentences(messages[-1].text, passage["text"])) if passage else UNKNOWN
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])
