"""People in the admin: who they are, their role, and a way back in for whoever forgot the password."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import links
from accounts.fields import fold_username
from accounts.models import LinkPurpose, Role, User

# The admin's own page for signing in would go around the limits of the door.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Ollama Chat"
# Rights follow from the role, and an address stands with its person.
admin.site.unregister([Group, EmailAddress])
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    """A person; the last admin stays one."""

    def clean_username(self) -> str:
        return fold_username(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        stays = data.get("role") == Role.ADMIN and data.get("is_active")
        if not stays and self.instance.is_admin and not _other_admins(self.instance).exists():
            raise forms.ValidationError(_("This is the only admin. Make somebody else an admin first."))
        return data


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new person with a password, or without one and a one-time link afterwards."""

    def clean_username(self) -> str:
        name = fold_username(self.cleaned_data["username"])
        if User.objects.filter(username=name).exists():
            raise forms.ValidationError(_("This user name is taken."))
        return name


def _other_admins(user: User) -> Any:
    return User.objects.admins().exclude(pk=user.pk)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """The people of this installation."""

    form = PersonForm
    add_form = NewPersonForm
    change_form_template = "accounts/admin_user.html"
    list_display = ("username", "name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "email", "language", "details")}),
        (_("Rights"), {"fields": ("role", "is_active")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "name", "email", "role", "usable_password", "password1", "password2"),
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Admins stay until they are admins no more, so that there always is one."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_admin)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """People go one by one: their chats go with them."""
        return {
            name: action for name, action in super().get_actions(request).items() if name != "delete_selected"
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(require_POST(self.password_link)))
        return [path("<int:pk>/link/", view, name="accounts_user_link"), *super().get_urls()]

    def password_link(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a new one-time link, this once: only its hash is kept."""
        person = self.get_object(request, str(pk))
        if person is None or not person.is_active:
            raise Http404
        if not self.has_change_permission(request, person) or not isinstance(request.user, User):
            raise PermissionDenied
        token = links.create_password_link(person, by=request.user)
        self.log_change(request, person, "One-time password link")
        context = {
            **self.admin_site.each_context(request),
            "title": _("One-time password link"),
            "person": person,
            "link": public_address(request, reverse("accounts:one_time", args=[token])),
            "days": links.LIFETIME[LinkPurpose.PASSWORD].days,
        }
        return render(request, "accounts/admin_link.html", context)


def public_address(request: HttpRequest, where: str) -> str:
    """Return the whole address under which another device reaches the path `where`."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{where}"
    here = urlsplit(request.build_absolute_uri(where))
    addresses = settings.ENV["LAN_ADDRESSES"]
    if here.hostname in LOOPBACK and addresses and not settings.ON_LOOPBACK:
        port = f":{here.port}" if here.port else ""
        here = here._replace(netloc=f"{addresses[0]}{port}")
    return here.geturl()
