"""The web service."""

from importlib.metadata import PackageNotFoundError, version

from jinja2 import Template
from prometheus_client import Counter, generate_latest
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

NAMES = ["colorama", "gunicorn", "httptools", "packaging", "prometheus-client", "pydantic", "pysocks", "tomli", "uvloop"]
METRES = {"foot": 0.3048, "mile": 1609.344}
CONVERTED = Counter("converted", "Lengths that were converted")
SENTENCE = Template("{{ value }} {{ unit }} = {{ '%.2f' % metres }} m")


class Length(BaseModel):
    value: float
    unit: str = "foot"

    def metres(self) -> float:
        return self.value * METRES[self.unit]


def installed(name: str) -> str | None:
    """Its version; None for what the markers leave out."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


async def health(_request: Request) -> JSONResponse:
    length = Length.model_validate({"value": "6"})
    text = SENTENCE.render(value=length.value, unit=length.unit, metres=length.metres())
    return JSONResponse({"status": "ok", "text": text, "versions": {name: installed(name) for name in NAMES}})


async def convert(request: Request) -> JSONResponse:
    """`GET /convert?value=3&unit=mile`"""
    CONVERTED.inc()
    return JSONResponse(Length.model_validate(dict(request.query_params)).metres())


async def metrics(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(generate_latest().decode())


app = Starlette(routes=[Route("/healthz", health), Route("/convert", convert), Route("/metrics", metrics)])
