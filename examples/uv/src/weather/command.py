"""The command: starts the web service, or prints what readings come to."""

import json
import sys

from gunicorn.app.wsgiapp import run

from weather.readings import summary


def main():
    if sys.argv[1:2] == ["summary"]:
        print(json.dumps(summary([float(word) for word in sys.argv[2:]])))
        return
    sys.argv.append("weather.service:application")
    run()
