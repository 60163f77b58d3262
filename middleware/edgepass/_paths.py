"""Which paths are public, judged on a canonical path only (OWASP ASVS 5.0 section 8.3)."""

import re
from collections.abc import Iterable

from edgepass._asgi import Scope

# What a router, a proxy or a file system may read in another way than we do.
_AMBIGUOUS = re.compile(
    r"//|/\.{1,2}(?:/|$)|[\\;#?\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]"
    r"|%(?:2[ef]|5c|00)",  # encoded twice: for those who decode twice
    re.IGNORECASE,
)
_AMBIGUOUS_RAW = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)
_REMEMBERED_PATHS = 1024
_LONGEST_REMEMBERED = 256  # characters; a stranger can make up any number of long ones


class PublicPaths:
    """The paths that need no sign-in: each exact (`/login`), or a tree (`/static/*`).

    They are paths of the wrapped app: where it is mounted (`root_path`) does not
    matter. `/static/*` is everything below `/static/`, and not `/static` itself.
    Raises `ValueError` for a pattern that could never match a canonical path.
    """

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        if isinstance(patterns, str):
            raise ValueError(f"public must be a list of paths, such as [{patterns!r}]")
        patterns = tuple(patterns)
        for pattern in patterns:
            path = pattern.removesuffix("*")
            if "*" in path or (path != pattern and not path.endswith("/")):
                raise ValueError(f"public path {pattern!r}: * may only stand at the end, after a /")
            if not is_canonical(path, None):
                raise ValueError(
                    f"public path {pattern!r} must be canonical: one / in front, no //, .."
                )
        self._exact = frozenset(path for path in patterns if not path.endswith("*"))
        self._prefixes = tuple(path[:-1] for path in patterns if path.endswith("*"))

    def __contains__(self, path: str) -> bool:
        return path in self._exact or path.startswith(self._prefixes)


class CanonicalPaths:
    """Remembers which paths are canonical, so that a usual path costs one look-up.

    `seen` is them, decoded, by what was sent.
    """

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: dict[bytes | None, str] = {}

    def accepts(self, scope: Scope) -> bool:
        """Say whether the path of `scope` is canonical as it was sent and as it was decoded."""
        path: str = scope["path"]
        raw: bytes | None = scope.get("raw_path")
        if self.seen.get(raw) == path:
            return True
        if not is_canonical(path, raw):
            return False
        if len(path) <= _LONGEST_REMEMBERED:
            if len(self.seen) >= _REMEMBERED_PATHS:
                self.seen.clear()
            self.seen[raw] = path
        return True


def is_canonical(path: str, raw: bytes | None) -> bool:
    """Say whether `path`, sent as `raw`, means the same to every reader.

    `path` is percent-decoded; `raw` shows what was hidden by encoding. Refused
    are `//`, `.` and `..` segments, backslash, `;`, `#`, `?`, control characters,
    what is not UTF-8, encoded slashes and a path that does not begin with `/`.
    """
    if path[:1] != "/" or _AMBIGUOUS.search(path):
        return False
    return raw is None or not _AMBIGUOUS_RAW.search(raw)


def app_path(scope: Scope) -> str:
    """Return the path as the wrapped app sees it: without the `root_path` it is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    if rest and rest[0] != "/":
        return path  # "/apis" is not below a mount at "/api"
    return rest or "/"
