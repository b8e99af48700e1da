"""Says for whom it is: one line of JSON.

Usage: report.py --for=NAME
"""

import json
from importlib.metadata import distribution, version

from dateutil.parser import isoparse
from docopt import docopt
from markupsafe import escape

NAMES = ["docopt", "markupsafe", "python-dateutil", "six"]


def address(name: str) -> str | None:
    text = distribution(name).read_text("direct_url.json")
    return None if text is None else json.loads(text)["url"].rpartition("/")[2]


if __name__ == "__main__":
    given = docopt(__doc__)
    said = {
        "for": escape(given["--for"]),
        "weekday": isoparse("2024-02-29").strftime("%A"),
        "addresses": {name: address(name) for name in NAMES},
        "versions": {name: version(name) for name in NAMES},
    }
    print(json.dumps(said))
