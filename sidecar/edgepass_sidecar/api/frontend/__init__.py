"""The frontend API: what browsers and apps call with a client token."""

from edgepass_sidecar.api.frontend import client, handshake, me, sessions

# Routes are tried in this order, so what is asked most comes first.
ROUTES = [*sessions.ROUTES, *client.ROUTES, *me.ROUTES, *handshake.ROUTES]
