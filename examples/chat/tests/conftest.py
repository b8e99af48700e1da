"""A running application on a database of its own, with the bundled knowledge base."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of dev, but for the database."""
    return load_settings("dev").model_copy(update={"database": f"sqlite:///{tmp_path}/chat.db"})


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the started application."""
    with TestClient(create_app(settings)) as client:
        yield client
