import json
from importlib.metadata import version
from pathlib import Path

import click
import jinja2
import yaml

HERE = Path(__file__).parent


@click.command()
@click.option("--harbour", default="Husum")
def tides(harbour: str) -> None:
    harbours = yaml.load((HERE / "tides.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    page = jinja2.Template((HERE / "page.html").read_text(encoding="utf-8"))
    names = ["click", "jinja2", "markupsafe", "pyyaml"]
    line = {
        "text": page.render(harbour=harbour, **harbours[harbour]).strip(),
        "versions": {name: version(name) for name in names},
    }
    click.echo(json.dumps(line))


if __name__ == "__main__":
    tides()
