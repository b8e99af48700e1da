"""The web service."""

import json
import os
import sys
from importlib.metadata import version

from jinja2 import Environment
from markupsafe import Markup, _speedups
from waitress import serve
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

GREETINGS = {"de": "Guten Tag, {{ name }}!", "en": "Good day, {{ name }}!", "fr": "Bonjour, {{ name }}\u00a0!"}
URLS = Map([Rule("/healthz", endpoint="health"), Rule("/greet/<language>/<name>", endpoint="greet")])
pages = Environment(autoescape=True)


def health(request):
    body = {
        "status": "ok",
        "user": os.getuid(),
        "shell": os.path.exists("/bin/sh"),
        "compiled": _speedups.__file__.endswith(".so"),
        "greetings": sorted(GREETINGS),
        "versions": {name: version(name) for name in ["jinja2", "markupsafe", "waitress", "werkzeug"]},
    }
    return Response(json.dumps(body), content_type="application/json")


def greet(request, language, name):
    return Response(Markup(pages.from_string(GREETINGS[language]).render(name=name)), content_type="text/html")


@Request.application
def application(request):
    endpoint, arguments = URLS.bind_to_environ(request.environ).match()
    return {"health": health, "greet": greet}[endpoint](request, **arguments)


if __name__ == "__main__":
    serve(application, host=os.environ.get("HOST", "0.0.0.0"), port=int((sys.argv[1:] or ["8000"])[0]))
