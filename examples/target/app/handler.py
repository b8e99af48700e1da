"""The function."""

from importlib.metadata import version
from pathlib import Path

import yaml
from dateutil.parser import isoparse

EVENT = """
time: 2024-02-29T12:00:00Z
count: 3
"""


def handler(event, context):
    read = yaml.safe_load(EVENT)
    return {
        "status": "ok",
        "weekday": isoparse("2024-02-29").strftime("%A"),
        "count": read["count"],
        "compiled": yaml.__with_libyaml__,
        "from": str(Path(yaml.__file__).parent),
        "versions": {name: version(name) for name in ["pyyaml", "python-dateutil", "six"]},
        **event,
    }
