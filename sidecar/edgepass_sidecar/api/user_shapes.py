"""A user as answers show one, as types; names and times (milliseconds) are those of Clerk's API."""

from typing import Any, Literal, TypedDict


class UserShape(TypedDict):
    """What the app pushed, and fields without which Clerk's clients read no user."""

    object: Literal["user"]
    id: str
    external_id: str | None
    username: str | None
    first_name: str | None
    last_name: str | None
    image_url: str
    profile_image_url: str
    has_image: bool
    banned: bool
    public_metadata: dict[str, Any]
    unsafe_metadata: dict[str, Any]
    email_addresses: list[dict[str, Any]]
    phone_numbers: list[dict[str, Any]]
    web3_wallets: list[dict[str, Any]]
    external_accounts: list[dict[str, Any]]
    passkeys: list[dict[str, Any]]
    saml_accounts: list[dict[str, Any]]
    enterprise_accounts: list[dict[str, Any]]
    primary_email_address_id: str | None
    primary_phone_number_id: str | None
    primary_web3_wallet_id: str | None
    two_factor_enabled: bool
    password_enabled: bool
    totp_enabled: bool
    backup_code_enabled: bool
    create_organization_enabled: bool
    delete_self_enabled: bool
    last_sign_in_at: int | None
    created_at: int
    updated_at: int


class OwnUserShape(UserShape):
    """What a browser may know of its own user."""

    organization_memberships: list[dict[str, Any]]


class BackendUserShape(UserShape):
    """What the app's own servers may know besides."""

    claims: dict[str, Any]
    not_before: int
    locked: bool
    lockout_expires_in_seconds: int | None
    verification_attempts_remaining: int | None
    mfa_enabled_at: int | None
    mfa_disabled_at: int | None
    legal_accepted_at: int | None
    last_active_at: int | None


class PublicUserShape(TypedDict):
    first_name: str | None
    last_name: str | None
    image_url: str
    profile_image_url: str
    has_image: bool
    identifier: str
    username: str | None
    user_id: str
