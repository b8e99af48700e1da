"""Starts the chat service: ``python chat.py --env prod``."""

import argparse
import sys

import uvicorn

from app.logs import configure_logging
from app.main import create_app
from app.settings import UnknownEnvironmentError, environments, load_settings


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line; exits with 2 and a usage line if it makes no sense."""
    parser = argparse.ArgumentParser(description="Chat service: answers from a knowledge base.")
    parser.add_argument("--env", default="dev", help=f"settings to use: {', '.join(environments())}")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is told to stop; returns the exit code."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        settings = load_settings(options.env)
    except UnknownEnvironmentError as error:
        print(f"chat.py: {error}", file=sys.stderr)
        return 2
    configure_logging(settings)
    uvicorn.run(create_app(settings), host=options.host, port=options.port, log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
