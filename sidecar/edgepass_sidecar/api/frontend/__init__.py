"""The frontend API: what browsers and apps call with a client token."""

from edgepass_sidecar.api.frontend import client, handshake, me, sessions

ROUTES = [*client.ROUTES, *sessions.ROUTES, *me.ROUTES, *handshake.ROUTES]
