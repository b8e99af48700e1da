"""Settings: one TOML file per environment, each value replaceable by ``CHAT_<NAME>``."""

import tomllib
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config"


class UnknownEnvironmentError(ValueError):
    """The name given by ``--env`` has no settings file."""


class Settings(BaseSettings):
    """What the service needs to know before it starts."""

    model_config = SettingsConfigDict(env_prefix="CHAT_", extra="forbid")

    env: str
    database: str = Field(description="SQLAlchemy URL of the conversations")
    knowledge: list[str] = Field(description="directories, files, http(s) pages or s3://bucket/prefix")
    log_json: bool = True
    log_level: str = "INFO"
    model: str = Field(default="local", description="'local', or 'provider:name' as langchain names chat models")
    passages: int = Field(default=3, ge=1, description="passages handed to the model")
    minimum_score: float = Field(default=0.12, ge=0, le=1, description="a passage that fits less is not used")
    history_messages: int = Field(default=20, ge=0, description="messages of a conversation shown to the model")
    render_pages: bool = Field(
        default=False, description="read http(s) pages with a browser, for those made by scripts"
    )
    otlp_endpoint: str | None = Field(default=None, description="where traces go; none are made without it")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The process's environment outranks the file, whose values arrive as arguments."""
        return env_settings, init_settings


def environments() -> list[str]:
    """The names that ``--env`` takes."""
    return sorted(path.stem for path in CONFIG.glob("*.toml"))


def load_settings(env: str) -> Settings:
    """Settings of one environment; raises UnknownEnvironmentError for a name without a file."""
    if env not in environments():
        raise UnknownEnvironmentError(f"no settings for '{env}': config/ has {', '.join(environments())}")
    values = tomllib.loads((CONFIG / f"{env}.toml").read_text(encoding="utf-8"))
    return Settings(env=env, **values)
