"""Places that knowledge is read from: files and directories, http(s) pages, S3."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.knowledge.formats import READERS
from app.settings import ROOT

File = tuple[str, bytes]
"""A name with an extension that READERS knows, and the content."""

FETCH_SECONDS = 20
FETCH_ATTEMPTS = 3


def files_at(location: str, *, render: bool = False) -> Iterator[File]:
    """The files at a location, sorted by name. Relative paths start at the service's own directory.

    Raises FileNotFoundError for a path that is not there, and the client's own error for a peer that fails.
    """
    scheme = urlsplit(location).scheme
    if scheme == "s3":
        return _objects(location)
    if scheme in ("http", "https"):
        return iter([(location, _rendered(location) if render else _fetched(location))])
    return _paths(ROOT / location)


def _paths(path: Path) -> Iterator[File]:
    if not path.exists():
        raise FileNotFoundError(f"no knowledge at {path}")
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and file.suffix.lower() in READERS:
            yield file.relative_to(path if path.is_dir() else path.parent).as_posix(), file.read_bytes()


def _objects(location: str) -> Iterator[File]:
    import boto3

    url = urlsplit(location)
    client = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=url.netloc, Prefix=url.path.lstrip("/"))
    for key in sorted(item["Key"] for page in pages for item in page.get("Contents", [])):
        if PurePosixPath(key).suffix.lower() in READERS:
            yield key, client.get_object(Bucket=url.netloc, Key=key)["Body"].read()


def _fetched(url: str) -> bytes:
    import httpx
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

    for attempt in Retrying(
        retry=retry_if_exception_type(httpx.TransportError),
        stop=stop_after_attempt(FETCH_ATTEMPTS),
        wait=wait_exponential_jitter(initial=0.2, max=2),
        reraise=True,
    ):
        with attempt:
            response = httpx.get(url, timeout=FETCH_SECONDS, follow_redirects=True)
    return response.raise_for_status().content


def _rendered(url: str) -> bytes:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch()
        try:
            page = browser.new_page()
            page.goto(url, wait_until="networkidle", timeout=FETCH_SECONDS * 1000)
            return page.content().encode("utf-8")
        finally:
            browser.close()
