"""What is let through as canonical and public is left as it is, and so public too, by every
normaliser: of URLs, of file systems, of matrix parameters, of back slashes and of encoded ones.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urljoin, urlparse, urlsplit

from edgepass._paths import CanonicalPaths, PublicPaths, app_path, is_canonical

PATTERNS = ("/", "/login", "/static/*", "/files/a.b/*", "/trailing/")
PUBLIC = PublicPaths(PATTERNS)
ROOTS = ("", "/api", "/a/b", "/static")
# The first byte of an input says how the server made `path` of the rest, and where the app is.
DECODED, WITHOUT_RAW = range(2)
WORDS = (
    *(pattern.rstrip("*").encode() for pattern in PATTERNS),
    *(b"/admin", b"/../", b"/./", b"//", b"/..", b"\\", b"..\\", b";", b";x=1/", b"#", b"?"),
    *(b"%2e", b"%2E%2e/", b"%2f", b"%5c", b"%252e", b"%00", b"%0d%0a", b"%ff", b"%c0%af"),
    *(b"%ed%a0%80", b"%3b", b"%23", b"%3f", b"%09", b"http://h/", b"\xef\xbc\x8f", b"%EF%BC%8E"),
    *(root.encode() for root in ROOTS[1:]),
)


def seeds() -> Iterator[bytes]:
    """Yield paths that are public and paths that only look like it."""
    for how in range(8):
        for path in (b"/static/app.js", b"/static/../admin", b"/login", b"/api/login"):
            yield bytes([how]) + path
    yield b"\x00/static/%2e%2e/admin"
    yield b"\x00/static/%2e%2e%2fadmin"
    yield b"\x00/static/%252e%252e/admin"
    yield b"\x00/files/a.b/\xc3\xa9"
    yield b"\x00/static%2fapp.js"
    yield b"\x00http://host/login"


def resolve_segments(path: str) -> str:
    """Resolve dots, slashes and back slashes one segment after the other."""
    resolved: list[str] = []
    segments = path.replace("\\", "/").split("/")
    for segment in segments:
        name = segment.partition(";")[0].partition("\0")[0]
        if name == "..":
            del resolved[-1:]
        elif name not in ("", "."):
            resolved.append(name)
    slash = "/" if resolved and segments[-1] in ("", ".", "..") else ""
    return "/" + "/".join(resolved) + slash


def resolve_file(path: str) -> str:
    slash = "/" if path.endswith("/") and path != "/" else ""
    return posixpath.normpath(path) + slash


NORMALISERS: tuple[Callable[[str], str], ...] = (
    resolve_segments,
    resolve_file,
    lambda path: urlsplit(path).path,
    lambda path: urlparse(path).path,
    lambda path: urlsplit(urljoin("http://host/base/", path)).path,
    lambda path: urlsplit("http://host" + path).path,
    lambda path: path.encode("utf-8").decode("utf-8"),
    lambda path: re.sub(r"[\x00-\x1f\x7f]", "", path),
)


def is_public(path: str) -> bool:
    """Compare `path` with each pattern segment by segment."""
    segments = path.split("/")
    for pattern in PATTERNS:
        *stem, last = pattern.split("/")
        if segments[: len(stem)] == stem and (
            len(segments) > len(stem) if last == "*" else segments == [*stem, last]
        ):
            return True
    return False


def below_root(path: str, root: str) -> str:
    """Return `path` without the segments of `root`, if it begins with all of them."""
    segments, mount = path.split("/"), root.split("/")
    if not root or segments[: len(mount)] != mount:
        return path
    return "/" + "/".join(segments[len(mount) :])


def check(data: bytes) -> None:
    """Hold the judgement of paths to the invariant on one input."""
    how, raw = (data[0] if data else 0), data[1:]
    path = unquote(raw.decode("latin-1"))
    if how & 1 == WITHOUT_RAW:
        path = raw.decode("utf-8", "surrogateescape")
    root = ROOTS[how >> 1 & 3]
    scope = {"path": path, "root_path": root}
    if how & 1 == DECODED:
        scope["raw_path"] = raw
    judge = CanonicalPaths()
    accepted = judge.accepts(scope)
    assert judge.accepts(scope) == accepted, "another answer the second time"
    assert accepted == is_canonical(path, scope.get("raw_path")), "another answer from memory"
    below = app_path(scope)
    assert below == below_root(path, root), f"{path!r} below {root!r} is not {below!r}"
    assert (below in PUBLIC) == is_public(below), f"{below!r} is {below in PUBLIC}"
    if not accepted:
        return
    if how & 1 == DECODED:
        segments = [unquote(segment) for segment in raw.decode("latin-1").split("/")]
        assert segments == path.split("/"), f"{raw!r} has a slash that only some decode"
    for normalise in NORMALISERS:
        assert normalise(path) == path, f"{path!r} means {normalise(path)!r} as well"
        assert normalise(below) == below, f"{below!r} means {normalise(below)!r} as well"
