"""File formats: each turns bytes into titled texts. A new one is a function and a line in READERS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

Section = tuple[str, str]
"""A title and the text below it."""

BREAKS = ("softbreak", "hardbreak")


def read_markdown(content: bytes) -> Iterator[Section]:
    """A section for each heading; text above the first one has no title."""
    from markdown_it import MarkdownIt

    title, in_heading = "", False
    texts: list[str] = []
    for token in MarkdownIt("commonmark").parse(content.decode("utf-8")):
        if token.type in ("heading_open", "heading_close"):
            in_heading = token.type == "heading_open"
        elif token.type == "inline":
            plain = "".join(" " if child.type in BREAKS else child.content for child in token.children or [])
            if in_heading:
                yield title, " ".join(texts)
                title, texts = plain, []
            else:
                texts.append(plain)
    yield title, " ".join(texts)


def _read_table(frame: pandas.DataFrame) -> Iterator[Section]:
    missing = {"title", "text"} - set(frame.columns)
    if missing:
        raise ValueError(f"the table has no column {' or '.join(sorted(missing))}")
    for row in frame.dropna(subset=["text"]).fillna("").itertuples():
        yield str(row.title).strip(), str(row.text).strip()


def read_csv(content: bytes) -> Iterator[Section]:
    """A section for each row, from the columns 'title' and 'text'."""
    import pandas

    return _read_table(pandas.read_csv(BytesIO(content)))


def read_excel(content: bytes) -> Iterator[Section]:
    """As read_csv, from the first sheet."""
    import pandas

    return _read_table(pandas.read_excel(BytesIO(content)))


def read_html(content: bytes) -> Iterator[Section]:
    """A section for each h1, h2 or h3; navigation and scripts are left out."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup(content, "lxml")
    for element in page(["script", "style", "nav", "header", "footer"]):
        element.decompose()
    title = page.title.get_text(strip=True) if page.title else ""
    texts: list[str] = []
    for element in (page.body or page).find_all(["h1", "h2", "h3", "p", "li", "td"]):
        text = element.get_text(" ", strip=True)
        if element.name in ("h1", "h2", "h3"):
            yield title, " ".join(texts)
            title, texts = text, []
        else:
            texts.append(text)
    yield title, " ".join(texts)


def read_pdf(content: bytes) -> Iterator[Section]:
    """A section for each page."""
    from pypdf import PdfReader

    for number, page in enumerate(PdfReader(BytesIO(content)).pages, start=1):
        yield f"page {number}", page.extract_text()


def read_docx(content: bytes) -> Iterator[Section]:
    """A section for each paragraph in a heading style."""
    from docx import Document

    title = ""
    texts: list[str] = []
    for paragraph in Document(BytesIO(content)).paragraphs:
        if paragraph.style and (paragraph.style.name or "").startswith(("Heading", "Title")):
            yield title, " ".join(texts)
            title, texts = paragraph.text, []
        else:
            texts.append(paragraph.text)
    yield title, " ".join(texts)


READERS: dict[str, Callable[[bytes], Iterator[Section]]] = {
    ".csv": read_csv,
    ".docx": read_docx,
    ".html": read_html,
    ".md": read_markdown,
    ".pdf": read_pdf,
    ".xlsx": read_excel,
}
