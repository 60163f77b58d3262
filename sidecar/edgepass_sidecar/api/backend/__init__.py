"""The backend API: what the app's own servers call with a secret key."""

from edgepass_sidecar.api.backend import (
    claims,
    clients,
    events,
    sessions,
    templates,
    tickets,
    users,
)

ROUTES = [
    *users.ROUTES,
    *claims.ROUTES,
    *sessions.ROUTES,
    *clients.ROUTES,
    *tickets.ROUTES,
    *templates.ROUTES,
    *events.ROUTES,
]
