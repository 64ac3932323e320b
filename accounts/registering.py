"""New people: one way in, behind the sign-up page, the set-up link and the API."""

from __future__ import annotations

import re

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit, emailing, invites, links, policy
from accounts.errors import AppError, Code
from accounts.fields import fold_username
from accounts.models import USERNAME_LENGTH, Invite, LinkPurpose, OneTimeLink, Role, User

ADMIN_EXISTS = _("This app has its admin already. Please sign in.")
ADDRESS_NEEDED = _("An address is needed here: a mail with a link goes to it.")


def sign_up(
    username: str,
    *,
    password: str,
    email: str | None = None,
    name: str = "",
    invite: Invite | None = None,
    request: HttpRequest | None = None,
) -> User:
    """Return somebody who has made their own account: with the invite's role, else as the policy has it.

    Where an admin has to let new people in, or nobody gets in without a confirmed address,
    they wait (`waits_for_approval`).
    Raises AppError: signup_closed, gone when the invite is used up, invalid, unavailable.
    """
    if invite is None:
        policy.check_signup_is_open()
    if emailing.is_needed() and not email:
        raise AppError(code=Code.INVALID, fields={"email": [ADDRESS_NEEDED]})
    confirms = bool(email) and emailing.is_confirmed_first() and request is not None
    with transaction.atomic():
        if invite:
            invites.use_invite(invite)
        user = register_user(
            username,
            password=password,
            email=None if confirms else email,
            name=name,
            role=invite.role if invite else Role.USER,
            invite=invite,
            waits=emailing.is_needed() or (invite is None and policy.needs_approval()),
        )
        told = {"invite": invite.pk} if invite else {}
        audit.note("user.signed_up", actor=user, request=request, target=user.username, **told)
    if confirms and email and request:
        _have_confirmed(user, email, request)
    return user


def _have_confirmed(user: User, email: str, request: HttpRequest) -> None:
    """Send the mail; an account whose mail cannot go out is not made. Raises AppError unavailable."""
    try:
        emailing.send_link(user, email, request)
    except AppError:
        if user.invite_id:
            Invite.objects.filter(pk=user.invite_id).update(uses=F("uses") - 1)
        user.delete()
        raise


def register_user(
    username: str,
    *,
    password: str,
    email: str | None = None,
    name: str = "",
    role: str = Role.USER,
    invite: Invite | None = None,
    waits: bool = False,
) -> User:
    """Return a new saved user. Raises AppError invalid with a sentence for each field that cannot stay."""
    folded = fold_username(username)
    typed = username.strip()
    user = User(username=folded, email=email, role=role, name=name or (typed if typed != folded else ""))
    user.invite = invite
    if waits:
        user.is_active, user.waits_since = False, timezone.now()
    fields = _field_errors(user) | _password_errors(user, password)
    if fields:
        raise AppError(code=Code.INVALID, fields=fields)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:  # somebody took the name between the question and the answer
        taken = _("This user name or address is taken.")
        raise AppError(taken, code=Code.INVALID, fields={"username": [taken]}) from None
    return user


def register_first_admin(
    link: OneTimeLink, *, username: str, password: str, email: str | None = None
) -> User:
    """Return the first admin, made by a set-up link that is used up with it.

    Raises AppError: conflict when an admin exists, gone when the link is used, invalid.
    """
    with transaction.atomic():
        # Two links may be out at once; whoever holds these rows goes first (SQLite has one writer).
        list(OneTimeLink.objects.select_for_update().filter(purpose=LinkPurpose.SETUP))
        if User.objects.admins().exists():
            raise AppError(ADMIN_EXISTS, code=Code.CONFLICT)
        links.use_link(link)
        return register_user(username, password=password, email=email, role=Role.ADMIN)


def free_username(*wishes: str) -> str:
    """Return the first of the wishes, made into a user name that nobody has; the last resort is `user`."""
    made = (re.sub(r"[^\w.-]+", ".", fold_username(wish)).strip("._-") for wish in wishes)
    base = next((name for name in made if name), "user")[: USERNAME_LENGTH - 6]
    taken = set(User.objects.filter(username__startswith=base).values_list("username", flat=True))
    if base not in taken:
        return base
    return next(
        name for name in (f"{base}{number}" for number in range(2, len(taken) + 3)) if name not in taken
    )


def _field_errors(user: User) -> dict[str, list[str]]:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


def _password_errors(user: User, password: str) -> dict[str, list[str]]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {"password": error.messages}
    return {}
