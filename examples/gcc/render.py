"""Renders a greeting and says by what: one line of JSON."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from shutil import which

import markupsafe._speedups
from jinja2 import Template

if __name__ == "__main__":
    said = {
        "greeting": Template("Good morning, {{ name }}!").render(name=sys.argv[1]),
        "compiled": Path(markupsafe._speedups.__file__).suffix,
        "compiler": which("gcc"),
        "versions": {name: version(name) for name in ["jinja2", "markupsafe"]},
    }
    print(json.dumps(said))
