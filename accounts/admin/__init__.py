"""People, groups, and who did what, in the admin."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from accounts.admin import groups, invites, ledgers, people

__all__ = ["groups", "invites", "ledgers", "people"]

# The admin's own page for signing in would go around the limits of the door.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Ollama Chat"
