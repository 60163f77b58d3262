"""An app of one page, with Clerk's user button on it, and the packages that npm installed."""

import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "clerk_page.html"


class _Handler(SimpleHTTPRequestHandler):
    """Answers `/` with the page, and any other path with a file below a directory."""

    def __init__(self, *arguments: Any, page: bytes, **options: Any) -> None:
        self._page = page
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(self._page)))
        self.end_headers()
        self.wfile.write(self._page)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_clerk_app(port: int, packages: Path, scripts: str) -> Iterator[str]:
    """Serve the page with `scripts` in it, and `packages`; give the app's URL."""
    page = string.Template(PAGE.read_text("utf-8")).substitute(scripts=scripts).encode()

    def answer(*arguments: Any) -> _Handler:
        return _Handler(*arguments, page=page, directory=str(packages))

    with ThreadingHTTPServer(("127.0.0.1", port), answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()
