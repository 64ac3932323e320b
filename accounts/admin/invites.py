"""Invites in the admin: who made which, for whom, and what became of them. Their own page makes them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import invites
from accounts.models import Invite


@admin.register(Invite)
class InviteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows and withdraws invites; nothing of them is edited."""

    list_display = ("__str__", "role", "uses", "most_uses", "made_by", "created_at", "expires_at", "open")
    list_select_related = ("made_by",)
    list_filter = ("role",)
    search_fields = ("note",)
    ordering = ("-pk",)
    actions = ("withdraw",)
    show_full_result_count = False
    readonly_fields = (
        "note",
        "role",
        "uses",
        "most_uses",
        "made_by",
        "created_at",
        "expires_at",
        "revoked_at",
    )

    @admin.display(description=_("open"), boolean=True)
    def open(self, invite: Invite) -> bool:
        return invite.is_open

    @admin.action(description=_("Withdraw"))
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Invite]) -> None:
        ended = sum(invites.revoke_invite(invite, request) for invite in chosen)
        said = ngettext("%(n)d invite withdrawn.", "%(n)d invites withdrawn.", ended) % {"n": ended}
        self.message_user(request, said)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Withdrawn invites stay: they tell who came by them."""
        return {
            name: action for name, action in super().get_actions(request).items() if name != "delete_selected"
        }

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: an invite's link is shown once, on the page that makes it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invite | None = None) -> bool:
        """Say no: withdraw it instead."""
        return False
