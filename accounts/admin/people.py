"""People in the admin: who they are, their role, and a way back in for whoever forgot the password."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import audit, belongings, limits, links, revoking, sessions, standing
from accounts.addresses import public_address
from accounts.fields import fold_username
from accounts.models import Allowance, LinkPurpose, Role, User

ALL_THEIRS = _("With all that is theirs: chats, pictures, keys.")


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    """A person; the last admin stays one. The role brings its own group, and others may be added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if groups := self.fields.get("groups"):
            groups.queryset = groups.queryset.exclude(name__in=Role.values)  # type: ignore[attr-defined]

    def clean_username(self) -> str:
        return fold_username(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        stays = data.get("role") == Role.ADMIN
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


class OwnLimits(admin.StackedInline):  # type: ignore[type-arg]
    """What this person may use, where it differs from what their role may."""

    model = Allowance
    fields = ("gpu_minutes", "pictures", "storage_mb")
    can_delete = False
    max_num = 1


class StateFilter(admin.SimpleListFilter):
    """Who can sign in, who waits to be let in, who is switched off, who leaves."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("in", _("active")),
            ("waiting", _("waits")),
            ("blocked", _("blocked")),
            ("leaving", _("leaves")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        wanted: dict[str, dict[str, Any]] = {
            "in": {"is_active": True},
            "waiting": {"is_active": False, "waits_since__isnull": False},
            "blocked": {"is_active": False, "waits_since": None, "leaves_at": None},
            "leaving": {"leaves_at__isnull": False},
        }
        return queryset.filter(**wanted.get(self.value() or "", {}))


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """The people of this installation."""

    form = PersonForm
    add_form = NewPersonForm
    change_form_template = "accounts/admin_user.html"
    list_display = ("username", "name", "email", "role", "state", "last_login")
    list_filter = ("role", StateFilter)
    search_fields = ("username", "name", "email")
    ordering = ("username",)
    filter_horizontal = ("groups",)
    show_full_result_count = False
    readonly_fields = ("last_login", "date_joined", "state", "used")
    inlines = (OwnLimits,)
    actions = ("approve", "block", "let_in_again")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "email", "language", "theme", "details")}),
        (_("Rights"), {"fields": ("role", "groups", "state", "used")}),
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

    @admin.display(description=_("state"))
    def state(self, person: User) -> str:
        if person.leaves_at:
            return str(_("leaves"))
        if person.waits_for_approval:
            return str(_("waits"))
        return str(_("active") if person.is_active else _("blocked"))

    @admin.display(description=_("used"))
    def used(self, person: User) -> str:
        return format_html_join(
            mark_safe("<br>"), "{}", ((limit.line,) for limit in limits.read_limits(person))
        )

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Admins stay until they are admins no more, so that there always is one."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_admin)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """People go one by one: their chats go with them."""
        return {
            name: action for name, action in super().get_actions(request).items() if name != "delete_selected"
        }

    @admin.action(description=_("Let in (approve)"))
    def approve(self, request: HttpRequest, people: QuerySet[User]) -> None:
        _tell(self, request, sum(standing.approve(person, request) for person in people))

    @admin.action(description=_("Block"))
    def block(self, request: HttpRequest, people: QuerySet[User]) -> None:
        _tell(self, request, sum(standing.block(person, request) for person in people))

    @admin.action(description=_("Unblock"))
    def let_in_again(self, request: HttpRequest, people: QuerySet[User]) -> None:
        _tell(self, request, sum(standing.unblock(person, request) for person in people))

    def save_model(self, request: HttpRequest, person: User, form: Any, change: bool) -> None:
        """Save and write down what has changed; what is open of the person hears of a new role."""
        super().save_model(request, person, form, change)
        if not change:
            audit.note("user.created", request=request, target=person.username, role=person.role)
            return
        if "role" in form.changed_data:
            revoking.change_role(person, person.role)
            audit.note("user.role", request=request, target=person.username, role=person.role)
        if fields := [name for name in form.changed_data if name != "role"]:
            audit.note("user.changed", request=request, target=person.username, fields=fields)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            audit.note("user.limits", request=request, target=form.instance.username)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes with a person, and not row by row: the titles of their chats are their own words."""
        return [*map(str, objs), ALL_THEIRS], {}, set(), []

    def delete_model(self, request: HttpRequest, person: User) -> None:
        """Delete somebody with all that is theirs."""
        revoking.block_user(person)
        audit.note("user.deleted", request=request, target=person.username)
        belongings.purge(person)
        super().delete_model(request, person)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Have an admin set a password; whoever had the old one is put out."""
        response: HttpResponse = super().user_change_password(request, id, form_url)
        person = self.get_object(request, id)
        if request.method == "POST" and response.status_code == 302 and person:
            sessions.end_programs(person)
            audit.note("user.password", request=request, target=person.username)
        return response

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:pk>/link/", self._post(self.password_link), name="accounts_user_link"),
            path("<int:pk>/sign-out/", self._post(self.sign_out), name="accounts_user_sign_out"),
            path("<int:pk>/second-factor/", self._post(self.reset_factors), name="accounts_user_factors"),
            *super().get_urls(),
        ]

    def _post(self, view: Any) -> Any:
        return self.admin_site.admin_view(never_cache(require_POST(view)))

    def _person(self, request: HttpRequest, pk: int) -> User:
        person: User | None = self.get_object(request, str(pk))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person) or not isinstance(request.user, User):
            raise PermissionDenied
        return person

    def password_link(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a new one-time link, this once: only its hash is kept."""
        person = self._person(request, pk)
        if not person.is_active:
            raise Http404
        token = links.create_password_link(person, by=request.user)  # type: ignore[arg-type]
        self.log_change(request, person, "One-time password link")
        audit.note("user.link", request=request, target=person.username)
        context = {
            **self.admin_site.each_context(request),
            "title": _("One-time password link"),
            "person": person,
            "link": public_address(request, reverse("accounts:one_time", args=[token])),
            "days": links.LIFETIME[LinkPurpose.PASSWORD].days,
        }
        return render(request, "accounts/admin_link.html", context)

    def sign_out(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End all sessions, logins and keys of a person."""
        person = self._person(request, pk)
        revoking.sign_out_everywhere(person, keys=True)
        audit.note("user.signed_out", request=request, target=person.username)
        messages.success(request, _("%(name)s is signed out everywhere.") % {"name": person})
        return redirect("admin:accounts_user_change", pk)

    def reset_factors(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take a person's second factors away, for whoever has lost theirs."""
        person = self._person(request, pk)
        Authenticator.objects.filter(user=person).delete()
        audit.note("user.factors_reset", request=request, target=person.username)
        messages.success(request, _("%(name)s signs in with the password alone now.") % {"name": person})
        return redirect("admin:accounts_user_change", pk)


def _tell(where: UserAdmin, request: HttpRequest, changed: int) -> None:
    where.message_user(
        request, ngettext("%(n)d account changed.", "%(n)d accounts changed.", changed) % {"n": changed}
    )
