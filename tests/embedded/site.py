"""A site on a local server, in a thread: paths and what they answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RSS = (
    "<rss version='2.0'><channel><title>{title}</title>"
    "<item><title>Ports reopen</title><guid>1</guid></item></channel></rss>"
)


@dataclass
class Site:
    """Answers by path: (status, content type or location, body)."""

    url: str = ""
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def page(self, path: str, *head: str) -> None:
        html = f"<!DOCTYPE html><html><head>{''.join(head)}</head><body>News</body></html>"
        self.answers[path] = (200, "text/html", html)

    def feed(self, path: str, title: str = "Coast Wire") -> None:
        self.answers[path] = (200, "application/rss+xml", RSS.format(title=title))


@contextmanager
def running_site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            status, kind, body = site.answers.get(self.path, (404, "text/plain", ""))
            self.send_response(status)
            self.send_header("Location" if status in {301, 302} else "Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
