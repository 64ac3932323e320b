"""What the endpoints of pictures read and write."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from chats.api.serializers import GREATEST_ID
from imaging import orders
from imaging.models import ImageJob

Loose = serializers.Serializer[Any]


class IdField(serializers.IntegerField):
    """An id that may be left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False, allow_null=True, default=None, min_value=1, max_value=GREATEST_ID, **options
        )


class GenerateSerializer(Loose):
    """What is drawn. Without `chat_id` a new chat begins; `reference_image_id` is a message's id."""

    chat_id = IdField()
    description = serializers.CharField(max_length=orders.LONGEST_DESCRIPTION, allow_blank=True)
    width = serializers.IntegerField(required=False, allow_null=True)
    height = serializers.IntegerField(required=False, allow_null=True)
    reference_image_id = IdField(help_text="A message with a picture: its chosen one, else the first.")
    image_id = IdField(help_text="Which of that message's pictures.")
    source_id = IdField(help_text="An upload.")
    batch_count = serializers.IntegerField(required=False, allow_null=True, default=1)
    seed = serializers.CharField(required=False, allow_blank=True, allow_null=True, default="")
    denoise = serializers.FloatField(
        required=False, allow_null=True, help_text="Counts only for a change of a picture."
    )
    strength = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="keep, balanced or free"
    )
    prompt_first = serializers.BooleanField(required=False, default=False)
    wait = serializers.BooleanField(required=False, default=False)
    previews = serializers.BooleanField(required=False, default=False)
    client_id = serializers.UUIDField(required=False, allow_null=True)


class ApproveSerializer(Loose):
    """What a person changes in a picture that was ordered with `prompt_first`."""

    prompt = serializers.CharField(required=False, allow_blank=True, default="")
    steps = serializers.IntegerField(required=False, allow_null=True)
    denoise = serializers.FloatField(required=False, allow_null=True)


class AgainSerializer(Loose):
    """With `image_id` that variant is varied; else the same is drawn again, by `prompt` if there is one."""

    image_id = IdField()
    prompt = serializers.CharField(required=False, allow_blank=True, default="")
    client_id = serializers.UUIDField(required=False, allow_null=True)


class ChooseSerializer(Loose):
    """The variant that is the best one."""

    image_id = serializers.IntegerField(min_value=1, max_value=GREATEST_ID)


class UploadSerializer(Loose):
    """A picture to be changed; the field may also be called `image`."""

    file = serializers.FileField(required=False)
    image = serializers.FileField(required=False)
    chat_id = IdField()


class UploadedSerializer(Loose):
    """A picture that was brought along; sizes in pixels."""

    message_id = serializers.IntegerField()
    chat_id = serializers.IntegerField()
    image_id = serializers.IntegerField()
    source_id = serializers.IntegerField(help_text="The same as `image_id`.")
    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.CharField()
    thumb_url = serializers.CharField()


class VariantSerializer(Loose):
    """A finished picture; sizes in pixels. An upload has neither `index` nor `seed`."""

    id = serializers.IntegerField()
    index = serializers.IntegerField(required=False)
    seed = serializers.CharField(required=False)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    url = serializers.CharField()
    thumb_url = serializers.CharField()
    chosen = serializers.BooleanField()
    seconds = serializers.FloatField(required=False, allow_null=True, help_text="What drawing it took.")


class JobSerializer(Loose):
    """A picture with everything that made it. Of an upload only what it has is told."""

    message_id = serializers.IntegerField(allow_null=True)
    job_id = serializers.IntegerField(required=False)
    chat_id = serializers.IntegerField(allow_null=True)
    kind = serializers.CharField(help_text="txt2img, img2img or upload")
    status = serializers.ChoiceField(ImageJob.Status.choices)
    stage = serializers.CharField(required=False)
    error_code = serializers.CharField(required=False)
    error = serializers.CharField(required=False, help_text="A sentence in the caller's language.")
    notices = serializers.ListField(child=serializers.CharField(), required=False)
    description = serializers.CharField()
    vision_description = serializers.CharField(required=False)
    prompt = serializers.CharField(required=False)
    negative_prompt = serializers.CharField(required=False)
    settings = serializers.DictField(required=False)
    model = serializers.CharField(required=False)
    workflow_hash = serializers.CharField(required=False)
    timings = serializers.DictField(
        required=False, help_text="Seconds that words and settings took, as `thinking`."
    )
    width = serializers.IntegerField(required=False)
    height = serializers.IntegerField(required=False)
    batch_count = serializers.IntegerField(required=False)
    created_at = serializers.DateTimeField(required=False)
    finished_at = serializers.DateTimeField(required=False, allow_null=True)
    images = VariantSerializer(many=True)
