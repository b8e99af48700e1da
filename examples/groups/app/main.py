"""The web service."""

from importlib.metadata import version
from pathlib import Path
from shutil import which

import flask
import markupsafe._speedups

application = flask.Flask(__name__)


@application.get("/healthz")
def health():
    return flask.jsonify(
        status="ok",
        flask=str(Path(flask.__file__).parent),
        compiled=Path(markupsafe._speedups.__file__).suffix,
        gunicorn=which("gunicorn"),
        versions={name: version(name) for name in ["flask", "gunicorn", "markupsafe"]},
    )
