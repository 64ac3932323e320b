"""The operator's own workflows: uploaded, looked through, tried out, made to serve. For admins alone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.errors import AppError
from gpu import endpoints
from gpu.services.comfyui import ComfyUI
from gpu.services.errors import ServiceError
from imaging import composing, ordering
from imaging.models import ImageJob, SourcePicture, Workflow
from imaging.workflows import WorkflowError, bind, checking, read_graph
from imaging.workflows.errors import explain
from imaging.workflows.loading import LARGEST_PNG

BOUND: dict[str, Any] = {
    "models": gettext_lazy("model"),
    "prompts": gettext_lazy("prompt"),
    "negatives": gettext_lazy("negative prompt, kept empty"),
    "seeds": gettext_lazy("seed"),
    "widths": gettext_lazy("width"),
    "heights": gettext_lazy("height"),
    "batches": gettext_lazy("pictures at once, kept at one"),
    "pictures": gettext_lazy("picture to start from"),
    "denoise": gettext_lazy("denoise"),
    "steps": gettext_lazy("steps"),
    "cfg": gettext_lazy("cfg"),
    "guidance": gettext_lazy("guidance"),
    "sampler": gettext_lazy("sampler"),
    "scheduler": gettext_lazy("scheduler"),
}


class WorkflowForm(forms.ModelForm):  # type: ignore[type-arg]
    """A workflow as a file: JSON in API format, or a PNG that ComfyUI has saved."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("From ComfyUI's menu “Export (API)”, or a PNG that ComfyUI has saved."),
    )

    class Meta:
        model = Workflow
        fields = ("name", "kind")

    def clean(self) -> dict[str, Any]:
        """Read the file and bind it, so that nothing is kept that could never serve."""
        cleaned = super().clean() or {}
        sent = cleaned.get("file")
        if sent is None or "kind" not in cleaned:
            return cleaned
        try:
            graph = read_graph(sent.read(LARGEST_PNG + 1))
            bind(graph, changes_a_picture=cleaned["kind"] == Workflow.Kind.IMG2IMG)
        except WorkflowError as error:
            raise ValidationError({"file": error.sentence}) from None
        self.instance.graph = graph
        return cleaned


def look(workflow: Workflow) -> None:
    """Ask ComfyUI what the workflow lacks there, and keep the answer. Raises ServiceError."""
    comfyui = ComfyUI(endpoints.find_comfyui().url)
    known: dict[str, dict[str, Any]] = {}

    def describe(class_type: str) -> dict[str, Any]:
        if class_type not in known:
            known[class_type] = comfyui.object_info(class_type)
        return known[class_type]

    problems = checking.problems_of(workflow.graph, describe)
    workflow.problems = [[problem.code, problem.about] for problem in problems]
    workflow.checked_at = timezone.now()
    workflow.save(update_fields=["problems", "checked_at"])


@admin.register(Workflow)
class WorkflowAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What was bound and what ComfyUI lacks is shown in words; the graph itself stays as it was uploaded."""

    form = WorkflowForm
    list_display = ("name", "kind", "draws", "state", "created_by", "created_at")
    list_filter = ("kind",)
    actions = ("look_again", "test", "activate", "deactivate")

    def get_fields(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        if obj is None:
            return ("name", "kind", "file")
        return (
            "name",
            "kind",
            "draws",
            "bound",
            "lacking",
            "checked_at",
            "last_test",
            "created_by",
            "created_at",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        shown = ("draws", "bound", "lacking", "checked_at", "last_test", "created_by", "created_at")
        return ("kind", *shown) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Workflow | None = None, change: bool = False, **kw: Any
    ) -> Any:
        if obj is not None:
            kw["form"] = forms.ModelForm
        return super().get_form(request, obj, change=change, **kw)

    def save_model(self, request: HttpRequest, obj: Workflow, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        audit.note("workflow.changed" if change else "workflow.uploaded", request=request, target=obj.name)
        self._look(request, obj)

    def delete_model(self, request: HttpRequest, obj: Workflow) -> None:
        audit.note("workflow.deleted", request=request, target=obj.name)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        for workflow in queryset:
            self.delete_model(request, workflow)

    def _look(self, request: HttpRequest, workflow: Workflow) -> bool:
        try:
            look(workflow)
        except ServiceError:
            sentence = _(
                "ComfyUI does not answer, so “%(name)s” could not be checked. It is kept; check it later."
            )
            self.message_user(request, sentence % {"name": workflow}, messages.WARNING)
            return False
        for code, about in workflow.problems:
            self.message_user(request, explain(code, about), messages.ERROR)
        return not workflow.problems

    # What is shown

    @admin.display(description=gettext_lazy("active"), boolean=True)
    def draws(self, workflow: Workflow) -> bool:
        return workflow.active

    @admin.display(description=gettext_lazy("state"))
    def state(self, workflow: Workflow) -> str:
        if workflow.checked_at is None:
            return _("not checked yet")
        return _("something is missing") if workflow.problems else _("ready")

    @admin.display(description=gettext_lazy("what was bound"))
    def bound(self, workflow: Workflow) -> SafeString:
        changes = workflow.kind == Workflow.Kind.IMG2IMG
        try:
            told = bind(workflow.graph, changes_a_picture=changes).told(workflow.graph)
        except WorkflowError as error:
            return format_html("{}", error.sentence)
        rows = ((str(BOUND[name]), places) for name, places in told)
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}</b>: {}</li>", rows))

    @admin.display(description=gettext_lazy("what ComfyUI lacks"))
    def lacking(self, workflow: Workflow) -> SafeString | str:
        if not workflow.problems:
            return _("nothing") if workflow.checked_at else "—"
        told = ((explain(code, about),) for code, about in workflow.problems)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", told))

    @admin.display(description=gettext_lazy("last test"))
    def last_test(self, workflow: Workflow) -> SafeString | str:
        job = workflow.tests.order_by("-pk").first()
        if job is None:
            return "—"
        image = job.images.finished().select_related("file").first()
        if image is None or image.file is None:
            return job.error or job.stage
        return format_html('<img src="{}" alt="" width="256">', image.thumb_url)

    # What can be done

    @admin.action(description=gettext_lazy("Check against ComfyUI"))
    def look_again(self, request: HttpRequest, chosen: QuerySet[Workflow]) -> None:
        for workflow in chosen:
            if self._look(request, workflow):
                self.message_user(request, _("“%(name)s” is ready.") % {"name": workflow}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Draw a test picture in 4 steps"))
    def test(self, request: HttpRequest, chosen: QuerySet[Workflow]) -> None:
        for workflow in chosen:
            try:
                ordering.order_test(request.user, workflow, self._source(request, workflow))
            except AppError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                sentence = _("The test of “%(name)s” is in line; its picture appears on its page.")
                self.message_user(request, sentence % {"name": workflow}, messages.SUCCESS)

    def _source(self, request: HttpRequest, workflow: Workflow) -> SourcePicture | None:
        if workflow.kind == Workflow.Kind.TXT2IMG:
            return None
        source = SourcePicture.objects.visible_to(request.user).order_by("-pk").first()
        if source is None:
            raise AppError(_("To test a change of a picture, first put one into a chat's composer."))
        return source

    @admin.action(description=gettext_lazy("Let it serve"))
    def activate(self, request: HttpRequest, chosen: QuerySet[Workflow]) -> None:
        for workflow in chosen:
            with transaction.atomic():
                Workflow.objects.filter(serves=workflow.kind).update(serves=None)
                Workflow.objects.filter(pk=workflow.pk).update(serves=workflow.kind)
                audit.note("workflow.activated", request=request, target=workflow.name, kind=workflow.kind)
            sentence = _("“%(name)s” draws from now on.") % {"name": workflow}
            self.message_user(request, sentence, messages.SUCCESS)
            self._look(request, workflow)

    @admin.action(description=gettext_lazy("Let the built-in one serve instead"))
    def deactivate(self, request: HttpRequest, chosen: QuerySet[Workflow]) -> None:
        chosen.update(serves=None)
        for workflow in chosen:
            audit.note("workflow.deactivated", request=request, target=workflow.name, kind=workflow.kind)

    # A workflow is code: whoever may upload one may have ComfyUI run what they like.

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _may(request)

    def has_view_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        return _may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _may(request)

    def has_change_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        return _may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        return _may(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        for kind in ImageJob.Kind.values:
            try:
                composing.find_own(kind)
            except WorkflowError as error:
                sentence = _(
                    "The operator's file for %(kind)s cannot be used, the built-in graph serves: %(why)s"
                )
                self.message_user(request, sentence % {"kind": kind, "why": error.sentence}, messages.WARNING)
        return super().changelist_view(request, extra_context)


def _may(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_admin", False))
