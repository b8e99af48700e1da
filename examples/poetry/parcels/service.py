from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import anyio
import msgspec
import starlette
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Parcel(msgspec.Struct):
    grams: int
    country: str = "DE"


def cents(parcel: Parcel) -> int:
    steps = -(-parcel.grams // 500)
    return (419 if parcel.country == "DE" else 1049) + 80 * steps


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def installer(name: str) -> str | None:
    return distribution(name).read_text("INSTALLER")


async def health(_request: Request) -> Response:
    body = msgspec.json.decode(b'{"grams": 1200}', type=Parcel)
    await anyio.sleep(0)
    return JSONResponse(
        {
            "status": "ok",
            "cents": cents(body),
            "starlette": Path(starlette.__file__).parent.parent.name,
            "pytest": installed("pytest"),
            "installer": {name: installer(name) for name in ("poetry", "starlette")},
        }
    )


async def price(request: Request) -> Response:
    parcel = msgspec.json.decode(await request.body(), type=Parcel)
    return JSONResponse({"cents": cents(parcel)})


app = Starlette(routes=[Route("/healthz", health), Route("/price", price, methods=["POST"])])
