"""Signing in, and what somebody may do."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Permission

from accounts import rights


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's way of signing in; rights come from the role's group and from other groups alone."""

    def _get_user_permissions(self, user_obj: Any) -> Any:
        return Permission.objects.none()

    def _get_group_permissions(self, user_obj: Any) -> Any:
        return rights.permissions_of(user_obj)
