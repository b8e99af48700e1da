"""Greets somebody: one line of JSON."""

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import click
from jinja2 import Template

import greet


@click.command()
@click.option("--time", default="morning")
@click.argument("name")
def main(time: str, name: str) -> None:
    text = files("greet").joinpath("greeting.txt").read_text().strip()
    said = {
        "greeting": Template(text).render(time=time, name=name),
        "from": str(Path(greet.__file__).parent),
        "versions": {one: version(one) for one in ["click", "greet", "jinja2"]},
    }
    click.echo(json.dumps(said))
