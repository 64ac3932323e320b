"""Pictures, the jobs that draw them and the files they are kept in. The job's row is the truth."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from chats.models import Chat, Message
from imaging import sentences

MOST_VARIANTS = 4


class StoredFileQuerySet(models.QuerySet["StoredFile"]):
    """Files as people and sweeps see them."""

    def visible_to(self, user: Any) -> StoredFileQuerySet:
        """Return the files that something of the user's refers to; the bin shows what was deleted."""
        if not user.pk:
            return self.none()
        mine = GeneratedImage.objects.filter(job__user_id=user.pk, job__chat__deleted_at=None)
        drawn = mine.filter(file=OuterRef("pk"))
        uploaded = SourcePicture.objects.visible_to(user).filter(file=OuterRef("pk"))
        beside = MessagePicture.objects.visible_to(user).filter(source__file=OuterRef("pk"))
        return self.filter(Exists(drawn) | Exists(uploaded) | Exists(beside))

    def orphans(self) -> StoredFileQuerySet:
        """Return the files that no row refers to any more."""
        drawn = GeneratedImage.objects.filter(file=OuterRef("pk"))
        uploaded = SourcePicture.objects.filter(file=OuterRef("pk"))
        return self.filter(~Exists(drawn), ~Exists(uploaded))


class StoredFile(models.Model):
    """One file on disk, found by the hash of its bytes."""

    sha256 = models.CharField(max_length=64, unique=True)
    bytes = models.PositiveBigIntegerField(_("size"))
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    content_type = models.CharField(_("type"), max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("stored file")
        verbose_name_plural = _("stored files")

    def __str__(self) -> str:
        return self.sha256[:12]

    def url(self, variant: str = "original") -> str:
        """Return where the file, or a thumbnail of that many pixels, is served."""
        return f"/media/{self.sha256}/{variant}"


class SourcePictureQuerySet(models.QuerySet["SourcePicture"]):
    """Uploads as people see them."""

    def visible_to(self, user: Any) -> SourcePictureQuerySet:
        """Return the user's own, unless they were deleted."""
        return self.filter(user_id=user.pk, deleted_at=None) if user.pk else self.none()

    def unused(self) -> SourcePictureQuerySet:
        """Return those that no message shows and no drawing began with."""
        beside = MessagePicture.objects.filter(source=OuterRef("pk"))
        jobs = ImageJob.objects.filter(source=OuterRef("pk"))
        return self.filter(~Exists(beside), ~Exists(jobs), message=None)


class SourcePicture(models.Model):
    """A picture that a person brought along, to be changed or to be talked about."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="source_pictures")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")
    # The message that shows it, for one that came through the API.
    message = models.OneToOneField(Message, models.SET_NULL, null=True, related_name="source_picture")
    name = models.CharField(_("name"), max_length=190, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = SourcePictureQuerySet.as_manager()

    class Meta:
        verbose_name = _("source picture")
        verbose_name_plural = _("source pictures")

    def __str__(self) -> str:
        return self.name or f"source picture {self.pk}"

    @property
    def thumb_url(self) -> str:
        return self.file.url("256")


class MessagePictureQuerySet(models.QuerySet["MessagePicture"]):
    """Pictures beside messages, as people see them."""

    def visible_to(self, user: Any) -> MessagePictureQuerySet:
        """Return those of messages that `user` may see, also when the upload itself was deleted."""
        return self.filter(message__in=Message.objects.visible_to(user))


class MessagePicture(models.Model):
    """A picture that goes along with a person's message."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="beside")
    source = models.ForeignKey(SourcePicture, models.CASCADE, related_name="beside")
    position = models.PositiveSmallIntegerField()

    objects = MessagePictureQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture beside a message")
        verbose_name_plural = _("pictures beside messages")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "source"], name="picture_beside_once"),
            models.UniqueConstraint(fields=["message", "position"], name="picture_beside_place"),
        ]

    def __str__(self) -> str:
        return f"picture {self.source_id} beside message {self.message_id}"


class Workflow(models.Model):
    """An operator's own graph for ComfyUI, in API format; at most one of a kind serves."""

    class Kind(models.TextChoices):
        TXT2IMG = "txt2img", _("from words")
        IMG2IMG = "img2img", _("from a picture")

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.TXT2IMG)
    graph = models.JSONField(_("workflow"))
    # The kind that it serves now, so that no two of a kind do: also in databases without partial indexes.
    serves = models.CharField(max_length=16, null=True, blank=True, unique=True)
    # What ComfyUI lacked when it was asked last: codes of imaging.workflows.errors and their values.
    problems = models.JSONField(default=list)
    checked_at = models.DateTimeField(_("checked"), null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        verbose_name = _("workflow")
        verbose_name_plural = _("workflows")

    def __str__(self) -> str:
        return self.name

    @property
    def active(self) -> bool:
        return self.serves is not None


class ImageJobQuerySet(models.QuerySet["ImageJob"]):
    """Jobs as people, workers and sweeps see them."""

    def visible_to(self, user: Any) -> ImageJobQuerySet:
        """Return the jobs of chats that `user` may see."""
        if not user.pk:
            return self.none()
        mine = self.filter(user_id=user.pk, chat__deleted_at=None, message__deleted_at=None)
        return mine.filter(chat__kind=Chat.Kind.CHAT)

    def held_by(self, claim: str) -> ImageJobQuerySet:
        """Return the job that the worker's `claim` still holds."""
        return self.filter(claim=claim)

    def unclaimed(self, *stages: str) -> ImageJobQuerySet:
        """Return the jobs at these stages that no worker has."""
        return self.filter(status__in=stages, claim=None)


class ImageJob(models.Model):
    """A picture that somebody ordered, in up to four variants; `status` is the stage that is next or runs.

    A stage's results are stored by the same statement that moves `status` on, so a retry
    begins where the last worker stood.
    """

    class Kind(models.TextChoices):
        TXT2IMG = "txt2img", _("from words")
        IMG2IMG = "img2img", _("from a picture")

    class Strength(models.TextChoices):
        KEEP = "keep", _("keep")
        BALANCED = "balanced", _("balanced")
        FREE = "free", _("free")

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        DESCRIBING = "describing", _("looking at the picture")
        PROMPTING = "prompting", _("finding the words")
        SHAPING = "shaping", _("choosing the settings")
        REVIEWING = "reviewing", _("waiting for your word")
        WAITING = "waiting", _("waiting for the card")
        RENDERING = "rendering", _("drawing")
        SAVING = "saving", _("saving")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    THINKING = (Status.QUEUED, Status.DESCRIBING, Status.PROMPTING, Status.SHAPING)
    DRAWING = (Status.WAITING, Status.RENDERING, Status.SAVING)
    FINAL = (Status.DONE, Status.FAILED, Status.CANCELLED)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="image_jobs")
    chat = models.ForeignKey(Chat, models.CASCADE, related_name="image_jobs")
    message = models.OneToOneField(Message, models.CASCADE, related_name="image_job")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.TXT2IMG)
    source = models.ForeignKey(SourcePicture, models.SET_NULL, null=True, related_name="jobs")
    source_image = models.ForeignKey("GeneratedImage", models.SET_NULL, null=True, related_name="used_in")
    description = models.TextField(_("description"))
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    variants = models.PositiveSmallIntegerField(_("variants"), default=1)
    # Text: seeds go up to 2^64-1, which no database column and no script of a page holds exactly.
    seed = models.CharField(max_length=20, blank=True)
    strength = models.CharField(max_length=16, choices=Strength, blank=True)
    denoise = models.FloatField(null=True)
    # Set for a test of this very workflow.
    workflow = models.ForeignKey(Workflow, models.SET_NULL, null=True, related_name="tests")
    prompt_first = models.BooleanField(default=False)
    # A number of steps that the person has named: it goes before an operator's workflow's.
    own_steps = models.PositiveSmallIntegerField(null=True)

    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    vision_text = models.TextField(blank=True)
    # The same in the person's language, for who wants to see the prompt first.
    vision_shown = models.TextField(blank=True)
    prompt = models.TextField(_("prompt"), blank=True)
    negative = models.TextField(blank=True)
    change = models.CharField(max_length=16, blank=True)
    settings = models.JSONField(default=dict)
    notices = models.JSONField(default=list)
    workflow_hash = models.CharField(max_length=64, blank=True)
    model_name = models.CharField(_("model"), max_length=190, blank=True)
    numbers = models.JSONField(default=dict)

    client_id = models.UUIDField(null=True)
    claim = models.CharField(max_length=32, null=True)
    token = models.BigIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=32, blank=True)
    error_about = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    objects = ImageJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        constraints = [
            models.UniqueConstraint(fields=["user", "client_id"], name="picture_ordered_once"),
            models.CheckConstraint(
                condition=Q(variants__gte=1, variants__lte=MOST_VARIANTS), name="picture_variants"
            ),
        ]
        indexes = [
            models.Index(fields=["status", "heartbeat_at"], name="picture_liveness"),
            models.Index(fields=["user", "-created_at"], name="picture_of_user"),
        ]

    def __str__(self) -> str:
        return f"picture {self.pk}"

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def changes_a_picture(self) -> bool:
        return self.kind == self.Kind.IMG2IMG

    @property
    def steps(self) -> int:
        return int(self.settings.get("steps", 0))

    @property
    def stage(self) -> str:
        """Return the stage in the reader's words."""
        return sentences.stage(self.status)

    @property
    def error(self) -> str:
        """Return what happened, whether the work is safe and what to do; "" when all is well."""
        return sentences.explain(self.status, self.error_code, self.error_about)

    @property
    def notice_lines(self) -> list[str]:
        """Return what the person should know about how it was made."""
        return sentences.notice_lines(self.notices)


class GeneratedImageQuerySet(models.QuerySet["GeneratedImage"]):
    """Variants as people and workers see them."""

    def visible_to(self, user: Any) -> GeneratedImageQuerySet:
        """Return the variants of jobs that `user` may see, unless they were deleted."""
        if not user.pk:
            return self.none()
        return self.filter(
            job__user_id=user.pk,
            job__chat__deleted_at=None,
            job__chat__kind=Chat.Kind.CHAT,
            job__message__deleted_at=None,
            deleted_at=None,
        )

    def finished(self) -> GeneratedImageQuerySet:
        """Return those that have a picture."""
        return self.filter(status=GeneratedImage.Status.DONE)

    def sent(self) -> GeneratedImageQuerySet:
        """Return those that ComfyUI may be drawing."""
        return self.filter(status__in=[GeneratedImage.Status.SENDING, GeneratedImage.Status.RENDERING])

    def held_by(self, claim: str) -> GeneratedImageQuerySet:
        """Return the variants of the job that the worker's `claim` still holds."""
        return self.filter(job__in=ImageJob.objects.held_by(claim))


class GeneratedImage(models.Model):
    """One variant: a seed of its own, a prompt of ComfyUI's of its own, which is named before it is sent."""

    class Status(models.TextChoices):
        NEW = "new", _("not sent yet")
        SENDING = "sending", _("being sent")
        RENDERING = "rendering", _("drawing")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    job = models.ForeignKey(ImageJob, models.CASCADE, related_name="images")
    index = models.PositiveSmallIntegerField()
    prompt_id = models.UUIDField(unique=True, default=uuid.uuid4)
    seed = models.CharField(max_length=20)
    status = models.CharField(max_length=16, choices=Status, default=Status.NEW)
    tries = models.PositiveSmallIntegerField(default=0)
    file = models.ForeignKey(StoredFile, models.PROTECT, null=True, related_name="+")
    chosen = models.BooleanField(default=False)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    numbers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = GeneratedImageQuerySet.as_manager()

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["job", "index"], name="variant_once")]

    def __str__(self) -> str:
        return f"variant {self.index + 1} of picture {self.job_id}"

    @property
    def url(self) -> str:
        return self._served()

    @property
    def thumb_url(self) -> str:
        return self._served("768")

    @property
    def small_url(self) -> str:
        return self._served("256")

    def _served(self, variant: str = "original") -> str:
        return self.file.url(variant) if self.file else ""


class PictureDescription(models.Model):
    """What a vision model saw in a file: asked once."""

    sha256 = models.CharField(max_length=64)
    model_name = models.CharField(max_length=190)
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture description")
        verbose_name_plural = _("picture descriptions")
        constraints = [models.UniqueConstraint(fields=["sha256", "model_name"], name="picture_seen_once")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} seen by {self.model_name}"
