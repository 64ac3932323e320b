"""Chats in the admin: that they exist and run. What they say stays with their owners.

Only where the operator has set ADMIN_MAY_READ_CHATS can an admin read one: everybody sees
that it is so, and each reading stands in the audit log.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts import audit
from chats.models import Chat, Message
from chats.rendering import render_message

MOST_READ = 500  # messages on one page


class MetadataAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that an admin looks at and changes nothing of; fast however many there are."""

    show_full_result_count = False
    list_select_related: ClassVar[Any] = ("user",)
    list_per_page = 50
    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Chat)
class ChatAdmin(MetadataAdmin):
    """Who has chats and of when; their words stay with their owners."""

    change_form_template = "chats/admin_chat.html"
    list_display = ("pk", "user", "model_name", "created_at", "updated_at", "deleted_at")
    search_fields = ("user__username", "model_name")
    fields = readonly_fields = ("user", "model_name", "messages", "created_at", "updated_at", "deleted_at")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Chat | None:
        """Return the chat under its number: a title is made of its owner's words."""
        chat: Chat | None = super().get_object(request, object_id, from_field)
        if chat:
            chat.title = f"#{chat.pk}"
        return chat

    @admin.display(description=_("messages"))
    def messages(self, chat: Chat) -> int:
        return chat.messages.count()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_read"] = settings.ADMIN_MAY_READ_CHATS
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(never_cache(self.read))
        return [path("<int:pk>/read/", view, name="chats_chat_read"), *super().get_urls()]

    def read(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what a chat says, where the operator allows it, and write down that it was read."""
        if not settings.ADMIN_MAY_READ_CHATS or not self.has_view_permission(request):
            raise PermissionDenied
        chat = Chat.objects.select_related("user").filter(pk=pk).first()
        if chat is None:
            raise Http404
        audit.note("chat.read", request=request, target=f"{chat.user.username} chat {chat.pk}")
        messages = list(chat.messages.filter(deleted_at=None).order_by("pk")[:MOST_READ])
        for message in messages:
            message.html = render_message(message)
        context = {
            **self.admin_site.each_context(request),
            "title": str(chat),
            "chat": chat,
            "thread": messages,
        }
        return render(request, "chats/admin_read.html", context)


@admin.register(Message)
class MessageAdmin(MetadataAdmin):
    """Answers as jobs: whose, by which model, how they ended and what they took; never their words."""

    list_display = ("pk", "author", "kind", "status", "model_name", "error_code", "created_at", "finished_at")
    list_select_related = ("author",)
    list_filter = ("status", "kind")
    search_fields = ("author__username", "model_name", "error_code")
    fields = readonly_fields = (
        "author", "chat_id", "role", "kind", "status", "model_name", "error_code", "error_about", "numbers",
        "created_at", "started_at", "finished_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(role=Message.Role.ASSISTANT)
