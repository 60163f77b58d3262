"""Where a browser may be sent: a table of traps, with Node's WHATWG parser as the judge."""

import json
import random
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from edgepass_sidecar.api.redirects import MAXIMUM_URL_CHARACTERS, validate_redirect
from edgepass_sidecar.service.refusal import Refused
from tests.support.sidecar import APP_ORIGIN, PUBLIC_URL

ALLOWED = frozenset(
    {
        APP_ORIGIN,
        "https://app.example.com:8443",
        "https://xn--mnchen-3ya.example",
        "http://127.0.0.1:3000",
        "http://localhost",
        "https://[2001:db8::1]",
    }
)
# What may be said of a URL: it is returned, it cannot be read, or it leads elsewhere.
OK, UNREADABLE, ELSEWHERE = None, "redirect_url_invalid", "redirect_url_not_allowed"

TABLE = [
    # plain ones
    ("https://app.example.com/", OK, "the app"),
    ("https://app.example.com/a/b.html?c=d&e=f#g", OK, "path, query and fragment"),
    ("https://app.example.com", OK, "no path"),
    ("https://app.example.com?a=b", OK, "a query without a path"),
    ("https://app.example.com#a", OK, "a fragment without a path"),
    ("https://auth.example.com/done", OK, "the sidecar's own origin"),
    ("https://app.example.com:8443/a", OK, "another port that is listed"),
    ("https://app.example.com:443/a", OK, "the default port is none"),
    ("http://localhost:80/a", OK, "the other scheme's default port is none"),
    ("http://127.0.0.1:3000/a", OK, "an IPv4 address"),
    ("https://[2001:db8::1]/a", OK, "an IPv6 address"),
    ("https://[2001:DB8::1]/a", OK, "an IPv6 address in mixed case"),
    ("https://xn--mnchen-3ya.example/", OK, "punycode that is listed"),
    ("HTTPS://app.example.com/a", OK, "the scheme in capitals"),
    ("https://APP.Example.COM/A", OK, "the host in mixed case, whose path keeps its own"),
    ("https://app.example.com/@someone", OK, "an @ in the path"),
    ("https://app.example.com/?a@b", OK, "an @ in the query"),
    ("https://app.example.com/#@evil.example", OK, "an @ in the fragment"),
    ("https://app.example.com/?next=https://evil.example", OK, "a URL in the query is data"),
    ("https://app.example.com/a//b", OK, "two slashes further on"),
    ("https://app.example.com/?a=//b/../c", OK, "dots in the query lead nowhere"),
    ("https://app.example.com/a..b/.well-known/...", OK, "dots that are no whole segment"),
    ("https://app.example.com/%2F%2Fevil.example", OK, "encoded slashes stay in the path"),
    ("https://app.example.com/%0d%0aset-cookie:%20a=b", OK, "an encoded line end stays encoded"),
    ("https://app.example.com/?filter[a]={b}|c~d^e'f", OK, "what browsers leave in a query"),
    ("https://app.example.com/#?a", OK, "a question mark in the fragment"),
    ("https://app.example.com/:443", OK, "a colon in the path"),
    # other origins
    ("https://evil.example/", ELSEWHERE, "another host"),
    ("http://app.example.com/", ELSEWHERE, "another scheme"),
    ("https://app.example.com:444/", ELSEWHERE, "another port"),
    ("http://app.example.com:443/", ELSEWHERE, "the other scheme's port"),
    ("https://example.com/", ELSEWHERE, "the parent domain"),
    ("https://a.app.example.com/", ELSEWHERE, "a subdomain"),
    ("https://app.example.com.evil.example/", ELSEWHERE, "the app's name in front"),
    ("https://evil.example/app.example.com", ELSEWHERE, "the app's name in the path"),
    ("https://evil.example?app.example.com", ELSEWHERE, "the app's name in the query"),
    ("https://evil.example#app.example.com", ELSEWHERE, "the app's name in the fragment"),
    ("https://evilapp.example.com/", ELSEWHERE, "the app's name at the end"),
    ("https://app-example.com/", ELSEWHERE, "a hyphen for a dot"),
    ("https://app.example.co/", ELSEWHERE, "a letter less"),
    ("https://app.examp1e.com/", ELSEWHERE, "a look-alike"),
    ("https://xn--mnchen-3yb.example/", ELSEWHERE, "other punycode"),
    ("http://127.0.0.1/", ELSEWHERE, "a port that is not the one listed"),
    ("http://127.0.0.2:3000/", ELSEWHERE, "another IPv4 address"),
    ("https://[2001:db8::2]/", ELSEWHERE, "another IPv6 address"),
    ("http://[::1]:3000/", ELSEWHERE, "loopback, but by another name"),
    # schemes
    ("javascript:alert(1)", UNREADABLE, "a script"),
    ("javascript://app.example.com/%0aalert(1)", UNREADABLE, "a script that looks like a URL"),
    ("JaVaScRiPt:alert(1)", UNREADABLE, "a script in mixed case"),
    ("java\tscript:alert(1)", UNREADABLE, "a script past a tab"),
    ("data:text/html,<script>", UNREADABLE, "a page in itself"),
    ("blob:https://app.example.com/1", UNREADABLE, "a blob has the app's origin, and any content"),
    ("file:///etc/passwd", UNREADABLE, "a file"),
    ("ftp://app.example.com/", UNREADABLE, "another protocol"),
    ("wss://app.example.com/", UNREADABLE, "a socket"),
    ("view-source:https://app.example.com/", UNREADABLE, "a scheme within"),
    ("about:blank", UNREADABLE, "an empty page"),
    ("httpss://app.example.com/", UNREADABLE, "no such scheme"),
    ("http\u017f://app.example.com/", UNREADABLE, "a long s, which is an s to some"),
    # not absolute
    ("", UNREADABLE, "nothing"),
    ("/a", UNREADABLE, "a path depends on where it is read"),
    ("a", UNREADABLE, "so does this"),
    ("?a", UNREADABLE, "and this"),
    ("#a", UNREADABLE, "and this"),
    ("app.example.com", UNREADABLE, "a host alone is a path"),
    ("app.example.com:443", UNREADABLE, "and here a scheme"),
    ("//app.example.com/", UNREADABLE, "without a scheme"),
    ("//evil.example/", UNREADABLE, "without a scheme, elsewhere"),
    ("/\\evil.example", UNREADABLE, "a backslash for the second slash"),
    ("\\\\evil.example", UNREADABLE, "backslashes for both"),
    ("///evil.example", UNREADABLE, "a slash too many"),
    ("https:app.example.com/", UNREADABLE, "no slashes: a host, or on https a path"),
    ("https:/app.example.com/", UNREADABLE, "one slash"),
    ("https:evil.example", UNREADABLE, "no slashes, elsewhere"),
    ("https:/evil.example", UNREADABLE, "one slash, elsewhere"),
    ("https:///app.example.com/", UNREADABLE, "three slashes"),
    ("https:////app.example.com/", UNREADABLE, "four"),
    ("https:\\\\app.example.com/", UNREADABLE, "backslashes after the scheme"),
    ("https:/\\app.example.com/", UNREADABLE, "one of each"),
    ("https://", UNREADABLE, "no host"),
    ("https:///", UNREADABLE, "no host, with a path"),
    ("https:", UNREADABLE, "a scheme alone"),
    ("://app.example.com/", UNREADABLE, "an empty scheme"),
    # user names
    ("https://app.example.com@evil.example/", UNREADABLE, "the app as the user"),
    ("https://evil.example@app.example.com/", UNREADABLE, "a user at the app"),
    ("https://me:secret@app.example.com/", UNREADABLE, "a user with a password"),
    ("https://@app.example.com/", UNREADABLE, "an empty user"),
    ("https://app.example.com:443@evil.example/", UNREADABLE, "host and port as the user"),
    ("https://app.example.com%40evil.example/", UNREADABLE, "an encoded @"),
    ("https://app.example.com?@evil.example/", UNREADABLE, "?@ ends a user to older parsers"),
    ("https://app.example.com#@evil.example/", UNREADABLE, "#@ too"),
    ("https://evil.example#@app.example.com/", UNREADABLE, "#@ the other way round"),
    ("https://evil.example\\@app.example.com/", UNREADABLE, "a slash to browsers, a user to RFCs"),
    ("https://app.example.com\\@evil.example/", UNREADABLE, "the other way round"),
    ("https://a@b@app.example.com/", UNREADABLE, "two of them"),
    ("https://app.example.com;@evil.example/", UNREADABLE, "a semicolon in the user"),
    # characters that are dropped or mapped
    (" https://app.example.com/", UNREADABLE, "a space in front"),
    ("https://app.example.com/ ", UNREADABLE, "a space behind"),
    ("https://app.example.com/a b", UNREADABLE, "a space within"),
    ("https://app.example.com /", UNREADABLE, "a space in the host"),
    ("\thttps://app.example.com/", UNREADABLE, "a tab in front"),
    ("ht\ttps://app.example.com/", UNREADABLE, "a tab in the scheme"),
    ("https:/\t/app.example.com/", UNREADABLE, "a tab between the slashes"),
    ("https://app.exa\tmple.com/", UNREADABLE, "a tab in the host"),
    ("https://app.example.com\n/", UNREADABLE, "a line end in the host"),
    ("https://app.example.com/\r\nset-cookie: a=b", UNREADABLE, "line ends in the path"),
    ("https://app.example.com/\n", UNREADABLE, "a line end at the end"),
    ("https://app.example.com/\0", UNREADABLE, "NUL"),
    ("https://app.example.com/\x7f", UNREADABLE, "DEL"),
    ("\x00https://app.example.com/", UNREADABLE, "NUL in front"),
    ("https://app.example.com/\u00e4", UNREADABLE, "no ASCII: bytes differ by encoding"),
    ("https://app.example.com\u3002/", UNREADABLE, "an ideographic full stop is a dot"),
    ("https://app\u3002example\u3002com/", UNREADABLE, "for every dot"),
    ("https://app\uff0eexample.com/", UNREADABLE, "a full-width dot"),
    ("https://app\uff61example.com/", UNREADABLE, "a half-width dot"),
    ("https://\uff41pp.example.com/", UNREADABLE, "a full-width a"),
    ("https://app.example.com\uff0fevil.example/", UNREADABLE, "a full-width slash"),
    ("https://app.example.com\u2044evil.example/", UNREADABLE, "a fraction slash"),
    ("https://evil.example\uff03app.example.com/", UNREADABLE, "a full-width #"),
    ("https://app.example.com\uff20evil.example/", UNREADABLE, "a full-width @"),
    ("https://app.exam\u00adple.com/", UNREADABLE, "a soft hyphen is dropped"),
    ("https://app.exam\u200bple.com/", UNREADABLE, "so is a zero-width space"),
    ("https://\u202eapp.example.com/", UNREADABLE, "a change of direction"),
    ("https://\u0430pp.example.com/", UNREADABLE, "a Cyrillic a"),
    ("https://m\u00fcnchen.example/", UNREADABLE, "Unicode, where punycode is listed"),
    ("https://app.example.com/\ud800", UNREADABLE, "half of a surrogate pair"),
    ("https://app.example.com/<script>", UNREADABLE, "what no browser leaves in a path"),
    ('https://app.example.com/"onload="', UNREADABLE, "a quotation mark"),
    ("https://app.example.com/\\evil.example", UNREADABLE, "a backslash in the path is a slash"),
    ("https://app.example.com/?a\\b", UNREADABLE, "and in the query none"),
    # percent signs
    ("https://app%2eexample.com/", UNREADABLE, "an encoded dot in the host"),
    ("https://%61pp.example.com/", UNREADABLE, "an encoded letter"),
    ("https://app.example.com%2f.evil.example/", UNREADABLE, "an encoded slash in the host"),
    ("https://app.example.com%00.evil.example/", UNREADABLE, "an encoded NUL"),
    ("https://app.example.com%ef%bc%8fevil.example/", UNREADABLE, "an encoded full-width slash"),
    ("https://app.example.com/%", UNREADABLE, "a percent sign alone"),
    ("https://app.example.com/%2", UNREADABLE, "one digit"),
    ("https://app.example.com/%zz", UNREADABLE, "no digits"),
    ("https://app.example.com/?%u0041", UNREADABLE, "a spelling of old scripts"),
    # hosts
    ("https://app.example.com./", UNREADABLE, "a dot at the end: another origin, the same server"),
    ("https://.app.example.com/", UNREADABLE, "a dot in front"),
    ("https://app..example.com/", UNREADABLE, "two dots"),
    ("https://-app.example.com/", UNREADABLE, "a hyphen in front"),
    ("https://app.example.com-/", UNREADABLE, "a hyphen at the end"),
    ("https://app_.example.com/", UNREADABLE, "an underscore"),
    ("https://*.example.com/", UNREADABLE, "a wildcard"),
    ("https://app.example.com,evil.example/", UNREADABLE, "two hosts"),
    ("https://./", UNREADABLE, "a dot alone"),
    # IPv4 in other spellings, and what is none
    ("http://0x7f.1:3000/", UNREADABLE, "hexadecimal, two parts"),
    ("http://0x7f000001:3000/", UNREADABLE, "hexadecimal, one number"),
    ("http://2130706433:3000/", UNREADABLE, "one decimal number"),
    ("http://017700000001:3000/", UNREADABLE, "one octal number"),
    ("http://0177.0.0.1:3000/", UNREADABLE, "octal in one part"),
    ("http://127.1:3000/", UNREADABLE, "two parts"),
    ("http://127.0.1:3000/", UNREADABLE, "three parts"),
    ("http://127.0.0.01:3000/", UNREADABLE, "a zero in front"),
    ("http://127.0.0.1.:3000/", UNREADABLE, "a dot at the end"),
    ("http://127.0.0.0x1:3000/", UNREADABLE, "one part in hexadecimal"),
    ("http://127.0.0.256:3000/", UNREADABLE, "a part too large"),
    ("http://1.127.0.0.1:3000/", UNREADABLE, "a part too many"),
    ("http://app.example.1/", UNREADABLE, "a name that ends in a number"),
    ("http://app.example.0x/", UNREADABLE, "or in what counts as one"),
    ("http://\u2460\u2461\u2466.0.0.1:3000/", UNREADABLE, "digits in circles"),
    # IPv6
    ("https://[2001:db8:0:0:0:0:0:1]/", UNREADABLE, "written out"),
    ("https://[2001:0db8::1]/", UNREADABLE, "a zero in front"),
    ("https://[2001:db8::0.0.0.1]/", UNREADABLE, "with an IPv4 part"),
    ("https://[2001:db8::1%eth0]/", UNREADABLE, "a zone"),
    ("https://[2001:db8::1%25eth0]/", UNREADABLE, "an encoded zone"),
    ("https://2001:db8::1/", UNREADABLE, "without brackets"),
    ("https://[2001:db8::1/", UNREADABLE, "with one"),
    ("https://[2001:db8::1].evil.example/", UNREADABLE, "with more behind"),
    ("https://[v1.fe]/", UNREADABLE, "of a version to come"),
    ("https://[]/", UNREADABLE, "none at all"),
    ("http://[::ffff:127.0.0.1]:3000/", UNREADABLE, "an IPv4 address in it"),
    ("http://[::ffff:7f00:1]:3000/", UNREADABLE, "the same in hexadecimal"),
    # ports
    ("https://app.example.com:/", UNREADABLE, "an empty port"),
    ("https://app.example.com:0/", UNREADABLE, "port 0"),
    ("https://app.example.com:0443/", UNREADABLE, "a zero in front"),
    ("https://app.example.com:65536/", UNREADABLE, "one too large"),
    ("https://app.example.com:65979/", UNREADABLE, "443 in 16 bits"),
    ("https://app.example.com:4294967739/", UNREADABLE, "443 in 32 bits"),
    ("https://app.example.com:+443/", UNREADABLE, "a sign"),
    ("https://app.example.com:443x/", UNREADABLE, "a letter"),
    ("https://app.example.com:443:443/", UNREADABLE, "two"),
    ("https://app.example.com:\u0664\u0664\u0663/", UNREADABLE, "other people's digits"),
    ("https://app.example.com:443\\@evil.example/", UNREADABLE, "a backslash behind it"),
    # paths
    ("https://app.example.com//evil.example", UNREADABLE, "a path that is a URL of its own"),
    ("https://app.example.com/a/../b", UNREADABLE, "up"),
    ("https://app.example.com/..", UNREADABLE, "up, at the end"),
    ("https://app.example.com/./a", UNREADABLE, "here"),
    ("https://app.example.com/%2e%2e/a", UNREADABLE, "up, encoded"),
    ("https://app.example.com/.%2E/a", UNREADABLE, "up, half encoded"),
    ("https://app.example.com/..//evil.example", UNREADABLE, "up, to another host"),
    ("https://app.example.com/#a#b", UNREADABLE, "two fragments"),
]
NORMAL = {
    "https://app.example.com": "https://app.example.com/",
    "https://app.example.com?a=b": "https://app.example.com/?a=b",
    "https://app.example.com#a": "https://app.example.com/#a",
    "https://app.example.com:443/a": "https://app.example.com/a",
    "http://localhost:80/a": "http://localhost/a",
    "https://[2001:DB8::1]/a": "https://[2001:db8::1]/a",
    "HTTPS://app.example.com/a": "https://app.example.com/a",
    "https://APP.Example.COM/A": "https://app.example.com/A",
}
ACCEPTED = [url for url, refused, _ in TABLE if refused is OK]
_PARSE = """
const urls = JSON.parse(require("fs").readFileSync(0, "utf8"));
const parse = (url) => { try { return new URL(url).origin; } catch { return null; } };
console.log(JSON.stringify(urls.map(parse)));
"""


def judge(url: str, allowed: frozenset[str] = ALLOWED) -> tuple[str | None, str | None]:
    """Return what a URL became, or the code that it was refused with."""
    try:
        return validate_redirect(url, allowed, PUBLIC_URL), None
    except Refused as refusal:
        return None, refusal.code


def parse_as_browsers_do(urls: list[str]) -> list[str | None]:
    """Return each URL's origin by the WHATWG URL Standard, `None` where it is no URL."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: apt-get install nodejs")
    answered = subprocess.run(
        [node, "-e", _PARSE], input=json.dumps(urls), capture_output=True, text=True, check=True
    )
    origins = json.loads(answered.stdout)
    assert len(origins) == len(urls)
    return origins


def vary(numbers: random.Random) -> str:
    """Make a URL of one that is accepted, by a few cuts and insertions where parsers differ."""
    odd = [*"/\\@:?#.%[]&;, \t\n\0-_0a|", "//", "%2e", "%40", "\u3002", "\uff41", "443", "0x7f"]
    odd += ["evil.example", "https:", "..", ":80", ":443", "xn--", "1"]
    url = numbers.choice(ACCEPTED)
    for _ in range(numbers.randint(1, 3)):
        start = numbers.randint(0, len(url))
        end = min(len(url), start + numbers.choice([0, 0, 1, 2]))
        url = url[:start] + numbers.choice(odd) + url[end:]
    return numbers.choice([url, url, url, url.upper(), url.swapcase()])


def test_the_table_is_long_and_names_each_url_once() -> None:
    assert len(TABLE) == len({url for url, _, _ in TABLE}) > 180
    assert all(why for _, _, why in TABLE)
    assert set(NORMAL) < set(ACCEPTED)


@pytest.mark.parametrize(("url", "refused", "why"), TABLE, ids=[ascii(row[0]) for row in TABLE])
def test_a_url_is_read_in_one_way_or_refused(url: str, refused: str | None, why: str) -> None:
    returned = NORMAL.get(url, url) if refused is OK else None
    assert judge(url) == (returned, refused), why


def test_what_is_returned_is_returned_again() -> None:
    for url in ACCEPTED:
        returned, _ = judge(url)
        assert returned is not None
        assert judge(returned) == (returned, None)


def test_browsers_take_every_url_that_is_allowed_to_a_listed_origin() -> None:
    returned = [validate_redirect(url, ALLOWED, PUBLIC_URL) for url in ACCEPTED]
    for urls in (ACCEPTED, returned):
        for url, origin in zip(urls, parse_as_browsers_do(urls), strict=True):
            assert origin in ALLOWED | {PUBLIC_URL}, url


def test_browsers_take_what_leads_elsewhere_to_no_listed_origin() -> None:
    urls = [url for url, refused, _ in TABLE if refused is ELSEWHERE]
    for url, origin in zip(urls, parse_as_browsers_do(urls), strict=True):
        assert origin not in ALLOWED | {PUBLIC_URL}, url


def test_browsers_and_the_standard_library_agree_on_all_that_is_made_of_accepted_ones() -> None:
    numbers = random.Random(20)
    urls = sorted({vary(numbers) for _ in range(40_000)})
    accepted = {url: returned for url in urls if (returned := judge(url)[0])}
    assert len(accepted) > 2000
    assert len(urls) - len(accepted) > 20_000
    before, after = parse_as_browsers_do([*accepted]), parse_as_browsers_do([*accepted.values()])
    for url, returned, *origins in zip(accepted, accepted.values(), before, after, strict=True):
        parts = urlsplit(returned)
        assert origins == [f"{parts.scheme}://{parts.netloc}"] * 2, url
        assert origins[0] in ALLOWED | {PUBLIC_URL}, url


@pytest.mark.parametrize(
    ("length", "refused"),
    [
        (MAXIMUM_URL_CHARACTERS - 1, OK),
        (MAXIMUM_URL_CHARACTERS, OK),
        (MAXIMUM_URL_CHARACTERS + 1, UNREADABLE),
        (10_000_000, UNREADABLE),
    ],
)
def test_a_url_has_at_most_2048_characters(length: int, refused: str | None) -> None:
    assert judge(f"{APP_ORIGIN}/".ljust(length, "a"))[1] == refused


@pytest.mark.parametrize(
    "origin",
    [
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "https://app.example.com.",
        "https://app.example.com:443",
        "https://app.example.com:0",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://m\u00fcnchen.example",
        "javascript://app.example.com",
        "null",
    ],
)
def test_an_origin_that_no_browser_writes_so_does_not_help_by_being_listed(origin: str) -> None:
    assert judge(f"{origin}/", frozenset({origin}))[0] is None


def test_without_allowed_origins_only_the_own_one_is_left() -> None:
    assert judge(f"{PUBLIC_URL}/a", frozenset()) == (f"{PUBLIC_URL}/a", None)
    assert judge(f"{APP_ORIGIN}/a", frozenset()) == (None, ELSEWHERE)


@pytest.mark.parametrize(
    ("url", "status"), [("https://s3cret.example/", 403), ("https://s3cret@a/", 422)]
)
def test_a_refusal_does_not_repeat_the_url(url: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        validate_redirect(url, ALLOWED, PUBLIC_URL)
    assert refused.value.status == status
    assert "s3cret" not in refused.value.message
