"""The web service."""

import sys
from importlib.metadata import distribution, version

from flask import Flask, jsonify, request

from weather.readings import summary

application = Flask(__name__)


@application.get("/healthz")
def health():
    own = distribution("weather")
    return jsonify(
        status="ok",
        prefix=sys.prefix,
        version=own.version,
        editable='"editable": true' in (own.read_text("direct_url.json") or "").replace(":true", ": true"),
        flask=version("flask"),
        summary=summary([11.5, 14.0, 9.0]),
    )


@application.post("/summary")
def summarise():
    return jsonify(summary(request.get_json()["readings"]))
