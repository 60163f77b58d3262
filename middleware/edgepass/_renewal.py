"""The auth state of a websocket, which may outlive the token that it was opened with."""

from collections.abc import Awaitable, Callable

from edgepass._auth import SignedIn
from edgepass._connections import Connection, ConnectionOver
from edgepass._errors import SessionMismatch

Verify = Callable[[bytes], Awaitable[SignedIn]]


class RenewableSignedIn(SignedIn):
    """`SignedIn` of a websocket: `renew` takes the tokens that follow the first."""

    __slots__ = ("_connection", "_maximum_life", "_verify")

    def __init__(
        self,
        signed_in: SignedIn,
        connection: Connection,
        verify: Verify,
        maximum_life: float | None,
    ) -> None:
        super().__init__(signed_in.claims, signed_in.elapsed_ns)
        self._connection = connection
        self._verify = verify
        self._maximum_life = maximum_life

    async def renew(self, token: str | bytes) -> None:
        if isinstance(token, str):
            # JSON can spell lone surrogates; they are no more a token than other letters.
            token = token.encode("utf-8", "surrogatepass")
        fresh = await self._verify(token)
        if (fresh.session_id, fresh.user_id) != (self.session_id, self.user_id):
            raise SessionMismatch("the token is of another session")
        if self._connection.ended_by is not None or not self._connection.lasts:
            raise ConnectionOver(self._connection)
        self._claims = fresh.claims
        self._connection.signed_in = fresh
        if self._maximum_life is not None:
            self._connection.live_for(self._maximum_life)
