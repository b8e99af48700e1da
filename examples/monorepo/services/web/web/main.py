"""The web service: sums up what it is given."""

from money import Amount, total
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "nothing": total([]).text()})


async def sum_up(request: Request) -> JSONResponse:
    """`POST /total` with a list of amounts."""
    return JSONResponse({"total": total([Amount.model_validate(one) for one in await request.json()]).text()})


app = Starlette(routes=[Route("/healthz", health), Route("/total", sum_up, methods=["POST"])])
