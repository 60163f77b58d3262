"""The picture of a user who has none: their initials, as a URL that asks no host (RFC 2397)."""

from urllib.parse import quote

from edgepass_sidecar.user import User

# By its id in the URL the SDKs' components know that there is no picture to remove.
_PICTURE = (
    "<svg xmlns='http://www.w3.org/2000/svg' id='avatar_placeholder' viewBox='0 0 40 40'>"
    "<rect width='40' height='40' fill='#4b5563'/>"
    "<text x='20' y='26' font-family='sans-serif' font-size='16' text-anchor='middle'"
    " fill='#fff'>{}</text></svg>"
)


def avatar_url(user: User) -> str:
    """Return where the user's picture is; where the app named none, one is drawn.

    Of a user without a URL the SDKs' components draw no picture at all, or a broken one.
    """
    if user.image_url:
        return user.image_url
    picture = _PICTURE.format(initials(user))
    return "data:image/svg+xml," + quote(picture, safe="/:='")


def initials(user: User) -> str:
    """Return the first letters of the user's names, else one of what they are known by."""
    named = [_first(name) for name in (user.first_name, user.last_name) if name]
    known_by = (user.username, user.email_address, user.external_id, user.id)
    return "".join(named) or next((letter for name in known_by if (letter := _first(name))), "")


def _first(name: str | None) -> str:
    # A letter or digit is never markup: nothing that a user calls themselves can be.
    return next((character.upper() for character in name or "" if character.isalnum()), "")
