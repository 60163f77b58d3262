"""Public paths are judged on a path that every reader reads alike."""

import pytest

from edgepass._paths import CanonicalPaths, PublicPaths, app_path, is_canonical
from tests.middleware.calls import http_scope
from tests.support.standards import FULL

CANONICAL = ["/", "/a", "/a/", "/a.b", "/.well-known/x", "/...", "/a..b", "/..a", "/~a", "/a:b"]
CANONICAL += ["/é", "/a b", "/a@b", "/a,b", "/a=b&c", "/%", "/*", "/\U0001f600"]
NOT_CANONICAL = [
    *("", "a", "*", "http://evil/admin", "//", "//admin", "/a//b", "/a//", "/.", "/..", "/./a"),
    *("/../a", "/a/.", "/a/..", "/a/./b", "/public/../admin", "/admin;x", "/;", "/a\\b", "\\admin"),
    *("/public#/admin", "/a?b", "/a\x00", "/a\r\nb", "/a\n", "/\x1b", "/a\x7f", "/a\ufffd"),
]


@pytest.mark.parametrize("path", CANONICAL)
def test_a_plain_path_is_canonical(path: str) -> None:
    assert is_canonical(path, None)
    assert is_canonical(path, path.encode())


@pytest.mark.parametrize("path", NOT_CANONICAL)
def test_a_path_with_two_readings_is_not_canonical(path: str) -> None:
    assert not is_canonical(path, None)
    assert not is_canonical(path, path.encode())


@pytest.mark.parametrize(
    ("path", "raw", "canonical"),
    [
        ("/admin", b"/%61dmin", True),
        ("/é", b"/%C3%A9", True),
        ("/a b", b"/a%20b", True),
        ("/100%", b"/100%25", True),
        ("/a/b", b"/a%2fb", False),
        ("/a/b", b"/a%2Fb", False),
        ("/a\\b", b"/a%5cb", False),
        ("/a\\b", b"/a%5Cb", False),
        ("/a\x00", b"/a%00", False),
        ("/public/../admin", b"/public%2f..%2fadmin", False),
        ("/public/../admin", b"/public/%2e%2e/admin", False),
        ("/public/../admin", b"/public/.%2E/admin", False),
        ("/a\r\nb", b"/a%0d%0ab", False),
        ("/a\ufffd", b"/a%ff", False),
        ("/admin;x", b"/admin%3bx", False),
        ("/a#b", b"/a%23b", False),
        ("/a?b", b"/a%3Fb", False),
    ],
)
def test_what_was_hidden_by_encoding_counts(path: str, raw: bytes, canonical: bool) -> None:
    assert is_canonical(path, raw) is canonical


@pytest.mark.parametrize("path", ["/a\x80", "/a\x85b", "/a\x9f", "/a\udcff", "/\ud800"])
def test_control_characters_and_half_characters_beyond_ascii_are_not_canonical(path: str) -> None:
    assert not is_canonical(path, None)


@pytest.mark.parametrize(
    ("path", "public"),
    [
        ("/login", True),
        ("/login/", False),
        ("/login/x", False),
        ("/loginx", False),
        ("/Login", False),
        ("/LOGIN", False),
        ("/x/login", False),
        ("/static", False),
        ("/static/", True),
        ("/static/a", True),
        ("/static/a/b.css", True),
        ("/statics/a", False),
        ("/Static/a", False),
        ("/", False),
        ("", False),
        ("/*", False),
    ],
)
def test_a_path_is_exact_and_a_tree_is_what_is_below_it(path: str, public: bool) -> None:
    assert (path in PublicPaths(["/login", "/static/*"])) is public


def test_nothing_is_public_unless_it_is_named() -> None:
    assert "/" not in PublicPaths([])


def test_everything_is_public_when_the_root_tree_is() -> None:
    assert "/any/where" in PublicPaths(["/*"])


@pytest.mark.parametrize("kind", [list, tuple, set, iter])
def test_the_patterns_come_in_any_iterable(kind) -> None:
    public = PublicPaths(kind(["/login", "/static/*"]))
    assert "/login" in public
    assert "/static/a" in public


@pytest.mark.parametrize(
    "patterns",
    [
        "/login",
        "",
        [""],
        ["*"],
        ["login"],
        ["/a*"],
        ["/*/a"],
        ["/a/**"],
        ["//a"],
        ["/a/../b"],
        ["/a;b"],
        ["/a?b=c"],
        ["/a#b"],
        ["/a\\b"],
        ["http://app/login"],
        ["/ok", "bad"],
    ],
)
def test_a_pattern_that_could_never_match_fails_at_once(patterns) -> None:
    with pytest.raises(ValueError, match="public"):
        PublicPaths(patterns)


@pytest.mark.parametrize(
    ("path", "root_path", "seen_by_app"),
    [
        ("/a", "", "/a"),
        ("/api/a", "/api", "/a"),
        ("/api", "/api", "/"),
        ("/api/", "/api", "/"),
        ("/apis", "/api", "/apis"),
        ("/a", "/api", "/a"),
        ("/api/api/a", "/api", "/api/a"),
        ("/api/a", "/api/", "/api/a"),
        ("/API/a", "/api", "/API/a"),
    ],
)
def test_a_mounted_app_sees_the_rest_of_the_path(path, root_path, seen_by_app) -> None:
    assert app_path(http_scope(path, root_path=root_path)) == seen_by_app


def test_a_remembered_path_does_not_excuse_what_hides_in_its_raw_form() -> None:
    paths = CanonicalPaths()
    assert paths.accepts(http_scope("/a/b"))
    assert not paths.accepts(http_scope("/a/b", raw_path=b"/a%2fb"))
    assert paths.accepts(http_scope("/a/b"))


def test_a_server_that_sends_no_raw_path_is_judged_by_the_path() -> None:
    scope = http_scope("/a/b")
    del scope["raw_path"]
    assert CanonicalPaths().accepts(scope)
    assert not CanonicalPaths().accepts({**scope, "path": "/a//b"})
    assert CanonicalPaths().accepts({**scope, "raw_path": None})


def test_remembered_paths_are_bounded_and_only_canonical_ones() -> None:
    paths = CanonicalPaths()
    for number in range(5_000):
        assert paths.accepts(http_scope(f"/{number}"))
        assert not paths.accepts(http_scope(f"/{number}//"))
    assert len(paths.seen) <= 1_024
    assert not any("//" in path for path in paths.seen.values())


def test_long_paths_made_up_by_a_stranger_take_no_memory() -> None:
    paths = CanonicalPaths()
    for number in range(1_000 if FULL else 200):
        assert paths.accepts(http_scope(f"/{number}/".ljust(60_000, "x")))
    assert sum(map(len, paths.seen.values())) < 2_000_000
