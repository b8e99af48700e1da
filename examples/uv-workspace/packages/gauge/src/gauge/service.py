"""The web service."""

import sys
from importlib.metadata import version
from os import environ

from bottle import Bottle, request

from units import convert

application = Bottle()


@application.get("/healthz")
def health():
    return {
        "status": "ok",
        "prefix": sys.prefix,
        "feet": convert(1, "km", "ft"),
        "versions": {name: version(name) for name in ["bottle", "gauge", "pyyaml", "units"]},
    }


@application.get("/convert")
def converted():
    query = request.query
    return {"value": convert(float(query.value), query.source, query.target)}


def main():
    application.run(host=environ.get("HOST", "0.0.0.0"), port=int(sys.argv[1]), quiet=True)
