"""Settings and the command line."""

import pytest

import chat
from app.settings import UnknownEnvironmentError, environments, load_settings


@pytest.mark.parametrize("env", environments())
def test_every_environment_loads(env: str) -> None:
    assert load_settings(env).env == env


def test_the_environment_outranks_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_DATABASE", "postgresql+psycopg://db/chat")
    monkeypatch.setenv("CHAT_KNOWLEDGE", '["s3://bucket/help"]')
    settings = load_settings("prod")
    assert settings.database == "postgresql+psycopg://db/chat"
    assert settings.knowledge == ["s3://bucket/help"]


@pytest.mark.parametrize("env", ["production", "", "../config/prod"])
def test_unknown_environment(env: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownEnvironmentError):
        load_settings(env)
    assert chat.main(["--env", env]) == 2
    assert "dev, prod, staging" in capsys.readouterr().err
