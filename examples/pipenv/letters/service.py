import sys
from importlib.util import find_spec

import bottle
import pydantic
import waitress


class Letter(pydantic.BaseModel):
    to: str
    pages: int = pydantic.Field(default=1, gt=0, le=12)


app = bottle.Bottle()


@app.get("/healthz")
def health() -> dict[str, object]:
    letter = Letter(to="somebody")
    return {
        "status": "ok",
        "letter": letter.model_dump(),
        "pydantic": pydantic.VERSION,
        "modules": {name: find_spec(name) is not None for name in ("pipenv", "pytest", "colorama")},
    }


@app.post("/letters")
def post() -> dict[str, object]:
    return Letter.model_validate(bottle.request.json).model_dump()


if __name__ == "__main__":
    waitress.serve(app, host="0.0.0.0", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
