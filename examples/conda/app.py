"""Says what it runs on, and shows that a compiled extension works there."""

import glob
import json
import sys

import markupsafe
from markupsafe import _speedups


def main() -> None:
    print(
        json.dumps(
            {
                "status": "ok",
                "escaped": str(markupsafe.escape("<b>")),
                "compiled": _speedups.__file__.endswith(".so"),
                "prefix": sys.prefix,
                "libc": "musl" if glob.glob("/lib/ld-musl-*") else "glibc",
                "python": "%d.%d" % sys.version_info[:2],
            }
        )
    )


if __name__ == "__main__":
    main()
