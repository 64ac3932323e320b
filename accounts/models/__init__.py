"""People, their doors, and the ledgers about them."""

from __future__ import annotations

from accounts.models.doors import ApiKey, Invite, LinkPurpose, OneTimeLink, ScriptLogin
from accounts.models.ledger import Allowance, AuditEntry, IdempotentCall, Usage
from accounts.models.people import (
    USERNAME_LENGTH,
    Avatar,
    Language,
    Role,
    Theme,
    User,
    UserManager,
    Verb,
    validate_username,
)

__all__ = [
    "USERNAME_LENGTH",
    "Allowance",
    "ApiKey",
    "AuditEntry",
    "Avatar",
    "IdempotentCall",
    "Invite",
    "Language",
    "LinkPurpose",
    "OneTimeLink",
    "Role",
    "ScriptLogin",
    "Theme",
    "Usage",
    "User",
    "UserManager",
    "Verb",
    "validate_username",
]
