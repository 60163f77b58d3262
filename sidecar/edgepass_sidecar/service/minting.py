"""Minting: session tokens and tokens from templates, for sessions just read from the store."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from edgepass_sidecar.claims_language import ClaimsTooLarge, ValueUnusable, claims_size, render
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.organization import (
    Entitlements,
    WrongEntitlements,
    entitlement_claims,
    organization_values,
)
from edgepass_sidecar.policy import wants_touch
from edgepass_sidecar.pushed_claims import entitlements_of, merge_pushed, validate_pushed
from edgepass_sidecar.service.claims_source import CachedClaims, ClaimsUnavailable
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused, not_found, session_over, session_pending
from edgepass_sidecar.service.revocation import load_session
from edgepass_sidecar.service.stewardship import promise_token
from edgepass_sidecar.session import LIVE, Session, Status, standing
from edgepass_sidecar.session_token import (
    CATEGORY,
    TEMPLATE_CATEGORY,
    encode_token,
    session_claims,
)
from edgepass_sidecar.template import (
    COMFORTABLE_CLAIMS,
    Template,
    TokenTooLarge,
    WrongTemplate,
    session_values,
    template_claims,
    validate_token_size,
)

Pulled = dict[str, Any]
# Claims of a user that changes more often than this while they are fetched are not settled.
ATTEMPTS_TO_SETTLE = 3
_log = logging.getLogger("edgepass.minting")


async def load_to_mint(
    core: Core, load: Callable[[], Awaitable[Session]]
) -> tuple[Session, Pulled]:
    """Return a session as just read from the store, and the claims that the app was asked for."""
    session = await load()
    if core.claims_source is None:
        return session, {}
    for _ in range(ATTEMPTS_TO_SETTLE):
        pulled = await _pull(core.claims_source, session)
        # Once more, because a revocation may have been acknowledged while the app was asked.
        asked_for, session = session, await load()
        if session.user.updated_at == asked_for.user.updated_at:
            return session, pulled
    raise _without_claims("they changed each time that they were asked for")


async def _pull(source: CachedClaims, session: Session) -> Pulled:
    try:
        return validate_pushed(
            await source.fetch(
                session.user_id, session.id, session.organization_id, session.user.updated_at
            )
        )
    except ClaimsUnavailable as error:
        raise _without_claims(str(error)) from None
    except WrongEntitlements as error:
        # The fields and not the values: these are the app's.
        _log.warning("claims of the app cannot be used: %s", error.field)
        raise _without_claims("what the app answers cannot be used") from None


def _without_claims(reason: str) -> Refused:
    return Refused(503, "claims_unavailable", f"No token without its claims: {reason}.")


def mint(
    core: Core,
    session: Session,
    authorized_party: str | None,
    lifetime: int | None = None,
    pulled: Pulled | None = None,
    since: float = 0.0,
) -> str:
    """Mint a token for a session that was just read from the store, or raise `Refused`.

    401 for a session that is over, 422 for claims that no token can carry. `since`
    is when the client last changed: SDKs refuse a token from before that.
    """
    now = core.clock()

    def claims(token_id: str) -> dict[str, Any]:
        merged = merge_pushed(session, pulled or {})
        entitlements = entitlements_of(merged, session.organization_id)
        custom = dict(merged.get("custom", ()))
        if core.custom_claims is not None:
            custom |= render(core.custom_claims, _values(session, entitlements))
        _warn_of_size(session, custom)
        return session_claims(
            session,
            issuer=core.issuer,
            token_id=token_id,
            authorized_party=authorized_party,
            lifetime=lifetime or core.token_lifetime,
            now=now,
            others=custom | entitlement_claims(entitlements),
        )

    return _sign(core, session, (authorized_party, lifetime, since), pulled, claims, now)


def mint_from_template(
    core: Core,
    session: Session,
    template: Template | None,
    authorized_party: str | None,
    lifetime: int | None = None,
    pulled: Pulled | None = None,
) -> str:
    """Do the same with a template, `None` where there is none of the name (404).

    It is found before the session is read, for nothing may be awaited after that,
    and missed here, where it is known who asks.
    """
    now = core.clock()
    if template is None:
        raise not_found("JWT template")
    _validate_live(session, now)
    if session.status is Status.PENDING:
        # It has no `sts`: who gets it could not know that something is left to be done.
        raise session_pending()

    def claims(token_id: str) -> dict[str, Any]:
        merged = merge_pushed(session, pulled or {})
        entitlements = entitlements_of(merged, session.organization_id)
        return template_claims(
            template,
            user_id=session.user_id,
            issuer=core.issuer,
            token_id=token_id,
            authorized_party=authorized_party,
            values=_values(session, entitlements),
            now=now,
            lifetime=lifetime,
            actor=session.actor,
        )

    made_for = (authorized_party, lifetime, template.id, template.updated_at)
    return _sign(core, session, made_for, pulled, claims, now, TEMPLATE_CATEGORY)


async def mint_for_server(
    core: Core, session_id: SessionId, lifetime: int | None, template: str | None = None
) -> str:
    """Mint for one of the app's own servers: of no origin, for as long as it asks."""
    found = await core.templates.find(template) if template is not None else None
    if template is None and lifetime is not None and lifetime > core.token_lifetime:
        try:
            await promise_token(core, session_id, lifetime)
        except Refused as refusal:
            # Who is signed out is told so by what comes next.
            if refusal.status >= 500:
                raise
    session, pulled = await load_to_mint(core, lambda: load_session(core, session_id))
    if template is None:
        return mint(core, session, None, lifetime, pulled)
    return mint_from_template(core, session, found, None, lifetime, pulled)


def _sign(
    core: Core,
    session: Session,
    made_for: tuple[object, ...],
    pulled: Pulled | None,
    claims: Callable[[str], dict[str, Any]],
    now: float,
    category: str = CATEGORY,
) -> str:
    _validate_live(session, now)
    if wants_touch(session.last_active_at, session.inactivity_timeout, now):
        core.touches.add(session.id, now)
    signer = core.keys.signer(now)
    shared = (
        session.id,
        session.updated_at,
        session.user.updated_at,
        session.organization_id,
        signer.key_id,
        orjson.dumps(pulled) if pulled else None,
        *made_for,
    )
    token = core.shared_tokens.find(shared, now)
    if token is None:
        try:
            token = encode_token(claims(core.random(16).hex()), signer, category)
            validate_token_size(token)
        except (TokenTooLarge, ClaimsTooLarge) as error:
            raise Refused(422, "token_too_large", f"{error}.") from None
        except (WrongEntitlements, WrongTemplate, ValueUnusable) as error:
            raise Refused(422, "claims_unusable", f"{error}.") from None
        core.shared_tokens.keep(shared, token, now)
        core.minted.note(session, now)
    return token


def _validate_live(session: Session, now: float) -> None:
    stands = standing(session, now)
    if stands not in LIVE:
        raise session_over(stands)


def _values(session: Session, entitlements: Entitlements) -> dict[str, Any]:
    return session_values(session) | organization_values(entitlements.organization)


def _warn_of_size(session: Session, custom: dict[str, Any]) -> None:
    if custom and claims_size(custom) > COMFORTABLE_CLAIMS:
        _log.warning(
            "custom claims of %d bytes: beyond %d a token may not fit into a cookie",
            claims_size(custom),
            COMFORTABLE_CLAIMS,
            extra={"user_id": session.user_id},
        )
