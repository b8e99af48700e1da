import shutil
import sys
from importlib.util import find_spec

import falcon
import orjson

DUTIES = {"books": 0.0, "bicycles": 0.14, "shoes": 0.08}


class Duty:
    def on_get(self, _request: falcon.Request, response: falcon.Response, goods: str) -> None:
        if goods not in DUTIES:
            raise falcon.HTTPNotFound
        response.data = orjson.dumps({"goods": goods, "duty": DUTIES[goods]})
        response.content_type = falcon.MEDIA_JSON


class Health:
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        response.data = orjson.dumps(
            {
                "status": "ok",
                "goods": len(DUTIES),
                "prefix": sys.prefix,
                "gunicorn": shutil.which("gunicorn"),
                "modules": {
                    name: find_spec(name) is not None for name in ("poetry", "pytest", "sentry_sdk")
                },
            }
        )
        response.content_type = falcon.MEDIA_JSON


application = falcon.App()
application.add_route("/healthz", Health())
application.add_route("/duties/{goods}", Duty())
