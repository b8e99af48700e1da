"""Calls the handler that it is told once, as the runtime of a function would."""

import json
import sys
from importlib import import_module


def main(name: str) -> None:
    module, _, function = name.rpartition(".")
    print(json.dumps(getattr(import_module(module), function)({"called": name}, None)), flush=True)


main(sys.argv[1])
