"""Signs a token and checks it: one line of JSON."""

import json
from importlib.metadata import version

import click
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMES = ["cffi", "click", "cryptography", "pyjwt"]


@click.command()
@click.option("--subject", required=True)
def sign(subject: str) -> None:
    key = Ed25519PrivateKey.generate()
    token = jwt.encode({"sub": subject}, key, algorithm="EdDSA")
    claims = jwt.decode(token, key.public_key(), algorithms=["EdDSA"])
    click.echo(json.dumps({"claims": claims, "versions": {name: version(name) for name in NAMES}}))


if __name__ == "__main__":
    sign()
