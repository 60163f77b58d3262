"""The `edgepass` command: serve, and look after sessions and keys of the same store."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

try:
    from edgepass_sidecar.commands import audit, events, purge, webhooks
    from edgepass_sidecar.commands.failure import CommandFailed
    from edgepass_sidecar.doctor import examine
    from edgepass_sidecar.identifier import SessionId, UserId, is_user_id
    from edgepass_sidecar.key_material import WrongMasterKey
    from edgepass_sidecar.opening import opened_core
    from edgepass_sidecar.secret_key import KeyScope
    from edgepass_sidecar.serve import serve
    from edgepass_sidecar.service.core import Core
    from edgepass_sidecar.service.key_keeper import NoActiveKey
    from edgepass_sidecar.service.minting import mint
    from edgepass_sidecar.service.refusal import Refused
    from edgepass_sidecar.service.revocation import revoke_session
    from edgepass_sidecar.service.secret_keys import create_secret_key, revoke_secret_key
    from edgepass_sidecar.service.sign_in import start_session_for
    from edgepass_sidecar.service.users import create_user
    from edgepass_sidecar.session import POLICY_TERMS, Status, standing
    from edgepass_sidecar.setting_values import MEMORY
    from edgepass_sidecar.settings import Settings, WrongSetting, load_settings
    from edgepass_sidecar.signing_keys import HURRIED_PUBLISHED_FOR, PUBLISHED_FOR, published_keys
    from edgepass_sidecar.store import SessionQuery, StoreUnavailable
except ModuleNotFoundError as error:
    sys.exit(f"edgepass: {error.name} is missing: pip install 'edgepass[sidecar]'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 refused or broken, 2 a wrong setting or usage."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.alone is not None:
            return int(chosen.alone(chosen))
        settings = load_settings(os.environ, Path.cwd())
        if chosen.command is None:
            serve(settings)
        else:
            asyncio.run(_run(settings, chosen))
    except WrongSetting as error:
        return _fail(2, str(error))
    except Refused as refusal:
        return _fail(1, refusal.message)
    except (CommandFailed, StoreUnavailable, WrongMasterKey, NoActiveKey) as error:
        return _fail(1, str(error))
    return 0


def _fail(code: int, text: str) -> int:
    print(f"edgepass: {text}", file=sys.stderr)
    return code


async def _run(settings: Settings, chosen: argparse.Namespace) -> None:
    if settings.store == MEMORY:
        raise WrongSetting("STORE", f"{MEMORY} lives in the sidecar's own process, out of reach")
    async with opened_core(settings, create=chosen.create) as core:
        await chosen.command(core, settings, chosen)


async def _list_sessions(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    now = core.clock()
    statuses = frozenset((chosen.status,)) if chosen.status else frozenset()
    query = SessionQuery(user_id=chosen.user, statuses=statuses, limit=chosen.limit)
    page = await core.store.list_sessions(query, now)
    for session in page.items:
        status = standing(session, now)
        print(session.id, session.user_id, status, _date(session.created_at), sep="\t")
    if page.total > len(page.items):
        print(f"{page.total - len(page.items)} more: use --limit", file=sys.stderr)


async def _start_session(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    user_id = UserId(chosen.user)
    if chosen.create_user and not await core.store.load_users([user_id]):
        if not is_user_id(user_id):
            raise CommandFailed(f"{user_id!r} cannot be a user id")
        await create_user(core, user_id, {})
    signed_in = await start_session_for(core, user_id, POLICY_TERMS)
    print("session_id", signed_in.session.id, sep="\t")
    print("client_token", signed_in.client_token.reveal(), sep="\t")
    print("session_token", mint(core, signed_in.session, None), sep="\t")


async def _revoke_session(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    session = await revoke_session(core, SessionId(chosen.session), by="cli")
    print(session.id, session.status, sep="\t")


async def _create_key(core: Core, settings: Settings, chosen: argparse.Namespace) -> None:
    scope = KeyScope.EDGE if chosen.edge else KeyScope.BACKEND
    kind = "edge" if chosen.edge else "secret"
    key, text = await create_secret_key(
        core.store, production=settings.production, clock=core.clock, scope=scope
    )
    print(text)
    print(f"{kind} key {key.id}; it is stored as a hash and not shown again", file=sys.stderr)


async def _list_keys(core: Core, _: Settings, __: argparse.Namespace) -> None:
    now = core.clock()
    for key in core.keys.list_keys():
        print(key.key_id, "signing", key.algorithm, key.stage(now), _date(key.active_at), sep="\t")
    for secret in await core.store.load_secret_keys():
        stage = "active" if secret.revoked_at is None else "revoked"
        kind = "edge" if secret.scope is KeyScope.EDGE else "secret"
        print(secret.id, kind, f"…{secret.hint}", stage, _date(secret.created_at), sep="\t")


async def _rotate_keys(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    key = await core.keys.rotate(HURRIED_PUBLISHED_FOR if chosen.now else PUBLISHED_FOR)
    print(key.key_id, key.algorithm, f"signs from {_date(key.active_at)}", sep="\t")


async def _revoke_key(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    revoked = await core.keys.revoke(chosen.key) or await revoke_secret_key(
        core.store, chosen.key, core.clock
    )
    if not revoked:
        raise CommandFailed(f"there is no key {chosen.key} that still works")
    print(chosen.key, "revoked", sep="\t")


async def _examine(core: Core, settings: Settings, __: argparse.Namespace) -> None:
    key_ids = {key.key_id for key in published_keys(core.keys.list_keys(), core.clock())}
    findings = await asyncio.to_thread(lambda: list(examine(settings, key_ids)))
    for in_order, text in findings:
        print("ok " if in_order else "BAD", text)
    if not all(in_order for in_order, _ in findings):
        raise CommandFailed("something is out of order, see above")


def _parse_limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 on")
    return int(text)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgepass",
        description="Sessions that are stateless at the edge and revocable at the core."
        " Settings are EDGEPASS_… in the environment, or in edgepass.toml.",
    )
    # What only looks, or changes what is there, makes no store where there is none.
    # What works alone, without settings and without a store, answers with its exit code.
    parser.set_defaults(create=False, alone=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="run the sidecar")
    serving.set_defaults(command=None)
    examining = commands.add_parser("doctor", help="examine a deployment from outside")
    examining.set_defaults(command=_examine)
    _add_session_commands(commands.add_parser("sessions", help="list, start, revoke sessions"))
    _add_key_commands(commands.add_parser("keys", help="create, list, rotate, revoke keys"))
    events.add_commands(commands.add_parser("events", help="list, follow, export events"))
    audit.add_commands(commands.add_parser("audit", help="verify an export; list public keys"))
    purge.add_arguments(commands.add_parser("purge", help="erase a user for good"))
    webhooks.add_commands(commands.add_parser("webhooks", help="list and replay dead letters"))
    return parser


def _add_session_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list sessions, newest first")
    listing.add_argument("--user", metavar="USER_ID", type=UserId)
    listing.add_argument("--status", type=Status, choices=list(Status))
    listing.add_argument("--limit", type=_parse_limit, default=50)
    listing.set_defaults(command=_list_sessions)
    starting = commands.add_parser("start", help="start a session and print its tokens")
    starting.add_argument("user", metavar="USER_ID")
    starting.add_argument("--create-user", action="store_true", help="make the user if need be")
    starting.set_defaults(command=_start_session, create=True)
    revoking = commands.add_parser("revoke", help="revoke a session")
    revoking.add_argument("session", metavar="SESSION_ID")
    revoking.set_defaults(command=_revoke_session)


def _add_key_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    creating = commands.add_parser("create", help="make a secret key for the backend API")
    creating.add_argument(
        "--edge", action="store_true", help="make one for edges: it opens the revocation feed only"
    )
    creating.set_defaults(command=_create_key, create=True)
    commands.add_parser("list", help="list signing keys and secret keys").set_defaults(
        command=_list_keys
    )
    rotating = commands.add_parser("rotate", help="publish a signing key that takes over later")
    rotating.add_argument(
        "--now",
        action="store_true",
        help=f"let it take over in {HURRIED_PUBLISHED_FOR:g} seconds instead of {PUBLISHED_FOR:g}",
    )
    rotating.set_defaults(command=_rotate_keys, create=True)
    revoking = commands.add_parser("revoke", help="withdraw a signing key, or a secret key")
    revoking.add_argument("key", metavar="KEY_ID")
    revoking.set_defaults(command=_revoke_key)


if __name__ == "__main__":
    sys.exit(main())
