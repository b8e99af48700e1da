"""Greets whoever asks: `GET /healthz` for the platform, `GET /NAME` for people."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import company_greetings


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name == "healthz":
            self.answer({"status": "ok", "greetings": company_greetings.__version__})
        else:
            self.answer({"text": company_greetings.greet(name or "world")})

    def answer(self, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
