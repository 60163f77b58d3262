"""Tickets: sign-in tokens, and actor tokens for acting in a user's place."""

from typing import Annotated

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import (
    Lifetime,
    Members,
    NewSessionTerms,
    Text,
    backend_operation,
    validate_members,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import ticket_shape
from edgepass_sidecar.api.shapes import TicketShape
from edgepass_sidecar.identifier import TicketId, UserId
from edgepass_sidecar.organization import WrongEntitlements
from edgepass_sidecar.policy import ACTOR_LIFETIME
from edgepass_sidecar.pushed_claims import validate_depth
from edgepass_sidecar.service.refusal import invalid
from edgepass_sidecar.service.tickets import create_ticket, revoke_ticket
from edgepass_sidecar.session import Terms
from edgepass_sidecar.ticket import LONGEST_LIFETIME

# What `terms` refuses with more words than a type has.
Actor = Annotated[
    Members,
    msgspec.Meta(
        extra_json_schema={
            "properties": {"sub": {"type": "string", "minLength": 1, "maxLength": 256}},
            "required": ["sub"],
            "not": {"required": ["act"]},
        }
    ),
]
MAXIMUM_ACTOR_BYTES = 1024
ExpiresIn = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_LIFETIME)]


class NewSignInToken(NewSessionTerms, kw_only=True):
    user_id: Text
    expires_in_seconds: ExpiresIn = 30 * 86_400


class NewActorToken(msgspec.Struct, kw_only=True):
    user_id: Text
    actor: Actor
    expires_in_seconds: ExpiresIn = 3_600
    session_max_duration_in_seconds: Lifetime = int(ACTOR_LIFETIME)

    def terms(self) -> Terms:
        actor = validate_members("actor", self.actor)
        subject = actor.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 256:
            raise invalid("actor", "its sub must name who acts")
        if len(orjson.dumps(actor)) > MAXIMUM_ACTOR_BYTES:
            raise invalid("actor", "longer than 1 kB of JSON, which every token would carry")
        try:
            validate_depth("actor", actor)
        except WrongEntitlements as error:
            raise invalid(error.field, error.problem) from None
        if "act" in actor:
            raise invalid("actor", "an actor cannot be acted for in turn: leave act out")
        if subject == self.user_id:
            raise invalid("actor", "nobody needs to act in their own place")
        return Terms(actor=actor, maximum_lifetime=self.session_max_duration_in_seconds)


async def _post_sign_in_token(context: Context, request: Request, body: NewSignInToken) -> Response:
    ticket, token = await create_ticket(
        context.core, UserId(body.user_id), body.expires_in_seconds, body.terms()
    )
    return answer(ticket_shape(ticket, context.core.clock(), token))


async def _post_actor_token(context: Context, request: Request, body: NewActorToken) -> Response:
    ticket, token = await create_ticket(
        context.core, UserId(body.user_id), body.expires_in_seconds, body.terms()
    )
    return answer(ticket_shape(ticket, context.core.clock(), token))


async def _revoke_sign_in_token(context: Context, request: Request) -> Response:
    ticket = await revoke_ticket(context.core, _ticket_id(request))
    return answer(ticket_shape(ticket, context.core.clock()))


async def _revoke_actor_token(context: Context, request: Request) -> Response:
    ticket = await revoke_ticket(context.core, _ticket_id(request), is_actor=True)
    return answer(ticket_shape(ticket, context.core.clock()))


def _ticket_id(request: Request) -> TicketId:
    return TicketId(request.path_params["ticket_id"])


ROUTES = [
    backend_operation(
        "POST",
        "/v1/sign_in_tokens",
        _post_sign_in_token,
        "Make a ticket that signs a user in",
        body=NewSignInToken,
        answers=TicketShape,
    ),
    backend_operation(
        "POST",
        "/v1/sign_in_tokens/{ticket_id}/revoke",
        _revoke_sign_in_token,
        "Revoke a sign-in token that was not used",
        answers=TicketShape,
    ),
    backend_operation(
        "POST",
        "/v1/actor_tokens",
        _post_actor_token,
        "Make a ticket for acting in a user's place",
        body=NewActorToken,
        answers=TicketShape,
    ),
    backend_operation(
        "POST",
        "/v1/actor_tokens/{ticket_id}/revoke",
        _revoke_actor_token,
        "Revoke an actor token that was not used",
        answers=TicketShape,
    ),
]
