"""The knowledge base as passages short enough to quote."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from langchain_core.documents import Document

from app.knowledge.formats import READERS, read_html
from app.knowledge.sources import files_at

PASSAGE_CHARACTERS = 800
PASSAGE_OVERLAP = 80


def read_documents(name: str, content: bytes) -> Iterator[Document]:
    """The sections of one file that have text. A page on the web without an extension is HTML."""
    reader = READERS.get(PurePosixPath(urlsplit(name).path).suffix.lower(), read_html)
    for title, text in reader(content):
        if text.strip():
            yield Document(page_content=text.strip(), metadata={"source": name, "title": title or name})


def load_passages(locations: Iterable[str], *, render: bool = False) -> list[Document]:
    """All passages at the locations, in their order; ``render`` reads web pages with a browser."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    documents = [
        document
        for location in locations
        for name, content in files_at(location, render=render)
        for document in read_documents(name, content)
    ]
    splitter = RecursiveCharacterTextSplitter(chunk_size=PASSAGE_CHARACTERS, chunk_overlap=PASSAGE_OVERLAP)
    return splitter.split_documents(documents)
