"""The web service and the plugins that it has."""

from importlib.metadata import version

import flask
from dateutil.parser import isoparse

application = flask.Flask(__name__)

PLUGINS = ["docopt", "flask", "python-dateutil"]


@application.get("/healthz")
def health():
    return flask.jsonify(
        status="ok",
        weekday=isoparse("2024-02-29").strftime("%A"),
        plugins={name: version(name) for name in PLUGINS},
    )
