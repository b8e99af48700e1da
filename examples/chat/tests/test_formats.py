"""Each file format gives the same sections."""

from io import BytesIO
from pathlib import Path

import pytest

from app.knowledge.formats import READERS
from app.knowledge.load import PASSAGE_CHARACTERS, load_passages, read_documents

TITLE, TEXT = "Bicycles", "Bicycles are parked in the yard."


def as_excel() -> bytes:
    import pandas

    file = BytesIO()
    pandas.DataFrame({"title": [TITLE], "text": [TEXT]}).to_excel(file, index=False)
    return file.getvalue()


def as_docx() -> bytes:
    from docx import Document

    document, file = Document(), BytesIO()
    document.add_heading(TITLE, level=1)
    document.add_paragraph(TEXT)
    document.save(file)
    return file.getvalue()


def as_pdf() -> bytes:
    """The smallest PDF with one line of text; readers rebuild its missing cross-reference table."""
    stream = f"BT /F1 12 Tf 72 720 Td ({TEXT}) Tj ET".encode()
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n"
        b"4 0 obj<</Length " + str(len(stream)).encode() + b">>stream\n" + stream + b"\nendstream endobj\n"
        b"trailer<</Root 1 0 R/Size 5>>\nstartxref\n0\n%%EOF\n"
    )


FILES = {
    "a.csv": (f"title,text\n{TITLE},{TEXT}\n".encode(), TITLE),
    "a.docx": (as_docx(), TITLE),
    "a.html": (f"<nav>menu</nav><h2>{TITLE}</h2><p>{TEXT}</p><script>x</script>".encode(), TITLE),
    "a.md": (f"## {TITLE}\n\nBicycles are parked in\nthe *yard*.\n".encode(), TITLE),
    "a.pdf": (as_pdf(), "page 1"),
    "a.xlsx": (as_excel(), TITLE),
}


def test_every_format_is_tried_here() -> None:
    assert {Path(name).suffix for name in FILES} == set(READERS)


@pytest.mark.parametrize("name", FILES)
def test_reads(name: str) -> None:
    content, title = FILES[name]
    [document] = read_documents(name, content)
    assert document.page_content == TEXT
    assert document.metadata == {"source": name, "title": title}


def test_table_without_its_columns() -> None:
    with pytest.raises(ValueError, match="no column text or title"):
        list(read_documents("a.csv", b"question,answer\n1,2\n"))


def test_long_sections_become_several_passages(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("# Long\n\n" + "A sentence of words. " * 200)
    passages = load_passages([str(tmp_path)])
    assert len(passages) > 4
    assert all(len(passage.page_content) <= PASSAGE_CHARACTERS for passage in passages)


def test_web_page_is_fetched(tmp_path: Path) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    (tmp_path / "parking.html").write_bytes(FILES["a.html"][0])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/parking.html"
        [passage] = load_passages([url])
    finally:
        server.shutdown()
        server.server_close()
    assert passage.page_content == TEXT
    assert passage.metadata["source"] == url
