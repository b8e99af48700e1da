"""Routes."""

import shutil
import subprocess
import sysconfig
from importlib.metadata import version
from pathlib import Path

from google.rpc.code_pb2 import Code
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.stock import ICount, SHELVES, ask, in_stock

NAMES = ["greenlet", "googleapis-common-protos", "httpx", "jmespath", "numpy", "protobuf", "starlette", "zope.event", "zope.interface"]


def scripts() -> dict[str, object]:
    """Programs that came with the packages, each run once: of an entry point, and of a file as it is."""
    numpy = subprocess.run(["numpy-config", "--version"], capture_output=True, text=True, check=True)
    jp = subprocess.run(["jp.py", "a.b"], input='{"a": {"b": 7}}', capture_output=True, text=True, check=True)
    return {"numpy-config": numpy.stdout.strip(), "jp.py": jp.stdout.strip(), "uvicorn": shutil.which("uvicorn")}


async def health(_request: Request) -> JSONResponse:
    """Everything that would be missed if an install went wrong."""
    return JSONResponse(
        {
            "status": "ok",
            "versions": {name: version(name) for name in NAMES},
            "stock": in_stock(),
            "interfaces": all(ICount.providedBy(shelf) for shelf in SHELVES.values()),
            "namespace": Code.Name(5),
            "scripts": scripts(),
            "headers": Path(sysconfig.get_path("include"), "greenlet", "greenlet.h").is_file(),
        }
    )


async def stock(request: Request) -> JSONResponse:
    """`GET /stock?ask=stock.bolts`"""
    return JSONResponse(ask(request.query_params.get("ask", "stock")))


app = Starlette(routes=[Route("/healthz", health), Route("/stock", stock)])
