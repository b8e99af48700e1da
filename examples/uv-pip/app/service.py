"""The web service."""

import sys
from importlib.metadata import version

import falcon
import orjson

PLACES = {"1010": "Wien", "5020": "Salzburg", "8010": "Graz"}


class Health:
    def on_get(self, request, response):
        response.content_type = falcon.MEDIA_JSON
        response.data = orjson.dumps(
            {
                "status": "ok",
                "prefix": sys.prefix,
                "places": len(PLACES),
                "versions": {name: version(name) for name in ["falcon", "orjson", "waitress"]},
            }
        )


class Place:
    def on_get(self, request, response, code):
        if code not in PLACES:
            raise falcon.HTTPNotFound()
        response.media = {"place": PLACES[code]}


application = falcon.App()
application.add_route("/healthz", Health())
application.add_route("/places/{code}", Place())
