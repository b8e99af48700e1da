"""The worker: what orders come to, each given in YAML."""

import json

import click
import yaml
from money import Amount, total


@click.command()
@click.option("--currency", default="EUR")
@click.argument("orders", nargs=-1)
def main(currency: str, orders: tuple[str, ...]) -> None:
    totals = {}
    for order in map(yaml.safe_load, orders):
        amounts = [Amount(value=str(price), currency=currency) for price in order["prices"]]
        totals[order["name"]] = total(amounts).text()
    click.echo(json.dumps({"totals": totals}))


main()
