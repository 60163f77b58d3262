"""What a person calls the browser and the machine behind a `User-Agent`, and its Client Hints.

Browsers freeze their user agents and put the truth into `Sec-CH-UA`, a structured list
(RFC 9651) in which made-up brands are mixed, `Sec-CH-UA-Mobile` and `Sec-CH-UA-Platform`.
Hints say more about a user agent that says no more than Chrome; one that names itself is
believed. All of it is the sender's word: for people to recognise a device by, no more.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from starlette.datastructures import Headers
from ua_parser.core import Domain, PartialResult, UserAgent
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

LONGEST_USER_AGENT = 512
LONGEST_HINT = 512
LONGEST_NAME = 64
_REMEMBERED = 2048  # at most 2 kB each

# One browser has one name, wherever it runs and whichever header names it.
_BROWSERS = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Google Chrome": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "HeadlessChrome": "Headless Chrome",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Microsoft Edge": "Edge",
    "Opera Mobile": "Opera",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "YaBrowser": "Yandex Browser",
}
_ENGINE = "Chromium"
_FROZEN = frozenset({None, "Chrome", _ENGINE})  # names that hints may refine
_SAYS_LITTLE = {"Chrome": 1, _ENGINE: 2}  # of brands that are sent together, the lowest says most

# Systems by the name of the machine that runs them. Those not listed go by their own.
_MACINTOSH, _LINUX = "Macintosh", "Linux"
_ANDROID, _ANDROID_TABLET = "Android", "Android tablet"
_SYSTEMS = {
    "Mac OS X": _MACINTOSH,
    "Mac OS": _MACINTOSH,
    "macOS": _MACINTOSH,
    "Chrome OS": "Chromebook",
    "Chromium OS": "Chromebook",
    "tvOS": "TV",
    "ATV OS X": "TV",
    "WatchOS": "Apple Watch",
}
_LINUXES = frozenset({
    "Arch Linux", "BackTrack", "CentOS", "Debian", "Fedora", "Gentoo", "Kubuntu", "Linux Mint",
    "Lubuntu", "Mageia", "Mandriva", "PCLinuxOS", "Puppy", "Red Hat", "SUSE", "Slackware",
    "Ubuntu", "openSUSE",
})  # fmt: skip
_PLATFORMS = {
    f'"{name}"': name
    for name in ("Android", "Chrome OS", "Chromium OS", "Linux", "Windows", "iOS", "macOS")
}
# What hints may put right. A user agent that says iPhone or TV is more exact than they are.
_BROAD = frozenset({None, "Chromebook", _ANDROID, _LINUX, _MACINTOSH, "Windows"})
_APPLE_HANDHELDS = frozenset({"iPad", "iPhone", "iPod"})
_HANDHELDS = _APPLE_HANDHELDS | {
    "BlackBerry OS", "HarmonyOS", "KaiOS", "Windows Phone", "iOS", _ANDROID, _ANDROID_TABLET
}  # fmt: skip
_MACHINES = re.compile(
    r"(?P<Xbox>Xbox)|(?P<PlayStation>PlayStation)|(?P<Nintendo>Nintendo)|(?P<Quest>OculusBrowser)"
    r"|(?P<TV>(?i:smart-?tv|hbbtv|appletv|googletv|android tv|bravia|web0s|crkey|roku))"
)

# RFC 9651: strings of printable ASCII (section 3.3.3) with parameters (3.1.2), in a list
# (3.1). One way to match each text, so what is malformed costs no more than its length.
_CHARACTERS = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_NUMBER = r"-?[0-9]{1,12}(?:\.[0-9]{1,3})?"
_BARE = rf"(?:{_CHARACTERS}|\?[01]|{_NUMBER}|[A-Za-z*][\w!#$%&'*+.^`|~:/-]*)"
_PARAMETERS = rf"(?:; *[a-z*][a-z0-9_.*-]*(?:={_BARE})?)*"
_BRAND = re.compile(rf"({_CHARACTERS})({_PARAMETERS})(?:[ \t]*(,)[ \t]*|\Z)", re.ASCII)
_VERSION = re.compile(r'; *v="([0-9]+(?:\.[0-9]+)*)"')
_MADE_UP = re.compile(r"[\W_]*not[\W_]*(?:a[\W_]*brand|browser)[\W_]*", re.IGNORECASE)
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    browser_name: str | None = None
    browser_version: str | None = None
    device_type: str | None = None
    is_mobile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What Client Hints say, or `None` where they say nothing or cannot be read."""

    brand: str | None = None
    version: str | None = None
    platform: str | None = None
    is_mobile: bool | None = None


class UserAgents:
    """Describes the senders of requests, and remembers what it said of the latest ones."""

    def __init__(self) -> None:
        self._describe = lru_cache(_REMEMBERED)(_describe)
        # Built at start: the first request must not wait a sixth of a second for it.
        _parser()

    def describe(self, user_agent: str, headers: Headers) -> Device:
        """Describe the sender of `user_agent`, which `user_agent_of` cut, and of its hints."""
        return self._describe(
            user_agent,
            _hint(headers, "sec-ch-ua"),
            _hint(headers, "sec-ch-ua-mobile"),
            _hint(headers, "sec-ch-ua-platform"),
        )


def _describe(user_agent: str, brands: str, mobile: str, platform: str) -> Device:
    return describe_user_agent(user_agent, parse_hints(brands, mobile, platform))


def user_agent_of(headers: Headers) -> str:
    fields = headers.getlist("user-agent")
    return fields[0][:LONGEST_USER_AGENT] if fields else ""


def _hint(headers: Headers, name: str) -> str:
    if name not in headers:
        return ""
    fields = headers.getlist(name)
    text = ", ".join(fields)  # RFC 9651 section 4.2: fields of one name are one
    return text if len(text) <= LONGEST_HINT else ""


def parse_hints(brands: str, mobile: str, platform: str) -> Hints:
    """Read the values of `Sec-CH-UA`, `-Mobile` and `-Platform`. Never raises."""
    brand, version = _find_brand(brands.strip(" "))
    return Hints(
        brand=brand,
        version=version,
        platform=_PLATFORMS.get(platform.strip(" ")),
        is_mobile={"?1": True, "?0": False}.get(mobile.strip(" ")),
    )


def _find_brand(text: str) -> tuple[str | None, str | None]:
    """Return the brand that says most, and its version: rather Brave than Chrome or Chromium."""
    found: dict[str, str | None] = {}
    position, comma = 0, ","
    while comma:
        member = _BRAND.match(text, position)
        if member is None:
            return None, None
        name = _ESCAPED.sub(r"\1", member[1][1:-1]).strip()
        versions: list[str] = _VERSION.findall(member[2])
        if name and not _MADE_UP.fullmatch(name):
            found[_BROWSERS.get(name, name)[:LONGEST_NAME]] = versions[-1] if versions else None
        position, comma = member.end(), member[3]
    brand = min(found, key=lambda name: _SAYS_LITTLE.get(name, 0), default=None)
    return (brand, found[brand]) if brand else (None, None)


def describe_user_agent(text: str, hints: Hints) -> Device:
    """Say what people call the browser and the machine. `text` is cut to 512 characters.

    What is no printable character is gone before anything is read, so no name has it.
    """
    shown = "".join(filter(str.isprintable, text[:LONGEST_USER_AGENT]))
    parsed = _parser()(shown, Domain.ALL)
    name, version = _find_browser(parsed.user_agent, hints)
    device_type = _find_device_type(shown, parsed, hints)
    return Device(
        browser_name=name,
        browser_version=version,
        device_type=device_type,
        is_mobile=device_type in _HANDHELDS or hints.is_mobile is True,
    )


@cache
def _parser() -> Resolver:
    # The engine in Rust by name: the one in Python takes 100 times as long.
    return Resolver(load_lazy_builtins())


def _find_browser(parsed: UserAgent | None, hints: Hints) -> tuple[str | None, str | None]:
    family = parsed.family if parsed else None
    name = _BROWSERS.get(family, family)[:LONGEST_NAME] if family else None
    numbers = (parsed.major, parsed.minor) if parsed and parsed.major else ()
    version = ".".join(filter(None, numbers))[:LONGEST_NAME] or None
    if name not in _FROZEN or hints.brand is None or (name and hints.brand == _ENGINE):
        return name, version
    if name == hints.brand and version and hints.version in (None, version.partition(".")[0]):
        return name, version  # the same, with its minor version
    return hints.brand, hints.version and hints.version[:LONGEST_NAME]


def _find_device_type(text: str, parsed: PartialResult, hints: Hints) -> str | None:
    device = parsed.device.family if parsed.device else None
    if device == "Spider":
        return "Bot"
    machine = _MACHINES.search(text)
    if machine:
        return machine.lastgroup
    if device in _APPLE_HANDHELDS:
        return device
    named = _name_system(parsed.os.family) if parsed.os else None
    if hints.platform and named in _BROAD:
        named = _name_system(hints.platform)
    return _ANDROID_TABLET if named == _ANDROID and _is_tablet(text, hints) else named


def _name_system(system: str) -> str:
    return _LINUX if system in _LINUXES else _SYSTEMS.get(system, system)[:LONGEST_NAME]


def _is_tablet(text: str, hints: Hints) -> bool:
    # Browsers say Mobile on a phone, and not on a tablet; apps say nothing of either.
    if hints.is_mobile is not None:
        return not hints.is_mobile
    return text.startswith("Mozilla/") and "Mobile" not in text
