"""Groups in the admin: what the people of a role may do, and how much."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import audit, rights
from accounts.models import Allowance, Role, Verb

# An address and a second factor stand with their person, and ours is the form for groups.
admin.site.unregister([Group, EmailAddress, Authenticator, UserSession])


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    """A group's rights: the verbs alone, nothing of Django's."""

    permissions = forms.ModelMultipleChoiceField(
        Permission.objects.none(), label=_("May"), required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["permissions"]
        choice.queryset = rights.verbs()
        choice.label_from_instance = lambda permission: Verb(permission.codename).label


class GroupLimits(admin.StackedInline):  # type: ignore[type-arg]
    """How much each person of the group may use."""

    model = Allowance
    fields = ("gpu_minutes", "pictures", "storage_mb")
    can_delete = False
    max_num = 1


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The three roles, and groups of the operator's own beside them."""

    form = GroupForm
    inlines = (GroupLimits,)
    list_display = ("name", "rights")

    @admin.display(description=_("May"))
    def rights(self, group: Group) -> str:
        held = [permission.codename for permission in group.permissions.all()]
        return ", ".join(str(verb.label) for verb in Verb if verb.value in held)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        return ("name",) if obj and obj.name in Role.values else ()

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """The groups of the roles stay: without one its people could do nothing."""
        return super().has_delete_permission(request, obj) and not (obj and obj.name in Role.values)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the rights and limits, and write down that they have changed."""
        super().save_related(request, form, formsets, change)
        held = sorted(form.instance.permissions.values_list("codename", flat=True))
        audit.note("group.changed", request=request, target=form.instance.name, may=held)
