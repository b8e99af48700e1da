"""The report: `NAME=VALUE` words as the lines of a page."""

import json
import sys

from jinja2 import Template
from pydantic import BaseModel

PAGE = Template("{% for line in lines %}{{ loop.index }}. {{ line.name }}: {{ '%.1f' % line.value }};{% endfor %}")


class Line(BaseModel):
    name: str
    value: float


lines = [Line.model_validate(dict(zip(("name", "value"), word.split("=", 1)))) for word in sys.argv[1:]]
print(json.dumps({"page": PAGE.render(lines=lines)}))
