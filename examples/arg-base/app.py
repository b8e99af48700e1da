"""Says what it runs on, and shows that a compiled extension works there."""

import json
import platform
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
                "libc": platform.libc_ver()[0] or "musl",
                "python": "%d.%d" % sys.version_info[:2],
            }
        )
    )


if __name__ == "__main__":
    main()
