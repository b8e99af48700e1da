"""The web service, with packages of its own user."""

import os
import site
from importlib.metadata import version
from pathlib import Path
from shutil import which

import flask

application = flask.Flask(__name__)


@application.get("/healthz")
def health():
    return flask.jsonify(
        status="ok",
        uid=os.getuid(),
        base=site.getuserbase(),
        flask=str(Path(flask.__file__).parent),
        owner=Path(flask.__file__).stat().st_uid,
        gunicorn=which("gunicorn"),
        versions={name: version(name) for name in ["flask", "gunicorn", "markupsafe"]},
    )
