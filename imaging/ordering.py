"""What people do with pictures: order, review, cancel, again, vary, choose, delete."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import limits, rights
from accounts.errors import AppError, Code
from accounts.models import Verb
from chats.models import Chat, Message
from chats.sending import DRAINING_RETRY, title_from
from gpu import arbiter, snapshot
from imaging import access, ending, orders, shaping, sources, thinking, wording
from imaging.models import MOST_VARIANTS, GeneratedImage, ImageJob, SourcePicture, Workflow
from imaging.tickets import ticket_of
from live import log
from live.events import tell_user
from live.redis import RedisError

logger = logging.getLogger(__name__)
TEST_PROMPT = "A small wooden lighthouse stands on a rock in the evening sun."
TEST_SIDE, TEST_STEPS = 512, 4
Status, Kind = ImageJob.Status, ImageJob.Kind


def order_picture(
    user: Any,
    chat: Chat | None,
    description: str,
    *,
    width: int | None = None,
    height: int | None = None,
    variants: int = 1,
    seed: str | int | None = None,
    source: SourcePicture | GeneratedImage | None = None,
    strength: str = "",
    denoise: float | None = None,
    prompt_first: bool = False,
    client_id: UUID | None = None,
) -> ImageJob:
    """Store the wish and its picture message, and put the job in line; without a chat a new one begins.

    A picture made from another one has that one's size. The same `client_id` again returns what the
    first call made. Raises AppError (invalid, too_large, draining).
    """
    words, denoise = orders.checked_description(description), orders.checked_denoise(denoise)
    if source and source.file:
        width, height = sources.size_of(source.file)
    else:
        width = orders.checked_side("width", width, settings.IMAGE_DEFAULT_WIDTH)
        height = orders.checked_side("height", height, settings.IMAGE_DEFAULT_HEIGHT)
    order = orders.Order(
        description=words,
        width=width,
        height=height,
        variants=orders.checked_variants(variants),
        seed=orders.checked_seed(seed),
        source=source,
        strength=orders.checked_strength(strength),
        denoise=denoise if source else None,  # without a picture there is nothing to keep of it
        prompt_first=prompt_first,
    )
    return _place(user, chat, order, client_id)


def draw_again(job: ImageJob, *, prompt: str = "", client_id: UUID | None = None) -> ImageJob:
    """Order the same with new seeds, as its own message; `prompt` takes the old one's place.

    A job that never came to a prompt is thought about anew. Raises AppError.
    """
    order = orders.Order(
        description=job.description,
        width=job.width,
        height=job.height,
        variants=job.variants,
        source=job.source or job.source_image,
        strength=job.strength,
        denoise=job.denoise,
        prompt=orders.checked_prompt(prompt) if prompt else job.prompt,
        vision_text=job.vision_text,
        change=job.change,
        settings=job.settings,
        own_steps=job.own_steps,
    )
    if job.changes_a_picture and order.source is None:
        raise AppError(_("The picture to start from is no longer there."), code=Code.GONE)
    return _place(job.user, job.chat, order, client_id)


def vary_image(
    image: GeneratedImage, *, variants: int = MOST_VARIANTS, client_id: UUID | None = None
) -> ImageJob:
    """Order variations of a finished picture: drawn from it, with its prompt, by other seeds.

    Raises AppError.
    """
    job = image.job
    if image.file is None:
        raise AppError(_("This picture is not finished yet."), code=Code.STALE)
    width, height = sources.size_of(image.file)
    order = orders.Order(
        description=job.description,
        width=width,
        height=height,
        variants=orders.checked_variants(variants),
        source=image,
        denoise=shaping.VARY,
        prompt=job.prompt,
        vision_text=job.vision_text,
        change=shaping.USUAL_CHANGE,
        settings={**job.settings, "denoise": shaping.VARY},
        own_steps=job.own_steps,
    )
    return _place(job.user, job.chat, order, client_id)


def order_test(user: Any, workflow: Workflow, source: SourcePicture | None = None) -> ImageJob:
    """Order a small, quick picture by a workflow that need not serve yet. Raises AppError."""
    change = shaping.USUAL_CHANGE if source else ""
    order = orders.Order(
        description=TEST_PROMPT,
        width=source.file.width if source else TEST_SIDE,
        height=source.file.height if source else TEST_SIDE,
        source=source,
        prompt=TEST_PROMPT,
        change=change,
        settings={**shaping.settings_for(change=change), "steps": TEST_STEPS},
        workflow=workflow,
    )
    return _place(user, None, order, None)


def approve_prompt(job: ImageJob, *, prompt: str = "", chosen: dict[str, Any] | None = None) -> ImageJob:
    """Let a job that waits for its person's word be drawn, with what they have changed.

    `chosen` may hold `denoise` and `steps`. Raises AppError (invalid, stale).
    """
    prompt = orders.checked_prompt(prompt) if prompt.strip() else job.prompt
    decided = orders.checked_settings(chosen or {})
    if not job.changes_a_picture:
        decided.pop("denoise", None)
    told = {**job.settings, **decided}
    with transaction.atomic():
        moved = ImageJob.objects.filter(pk=job.pk, status=Status.REVIEWING, cancelled_at=None).update(
            status=Status.WAITING,
            prompt=prompt,
            settings=told,
            own_steps=decided.get("steps"),
            sent_at=timezone.now(),
        )
        if not moved:
            raise _answered_already()
        job.refresh_from_db()
        _line_up(job)
    return job


def rethink(job: ImageJob, *, vision: str) -> ImageJob:
    """Have the prompt written anew for a job that waits for its person's word: `vision` is what they see.

    Raises AppError (invalid, stale, unavailable).
    """
    vision = wording.shorten(wording.tidy(vision), wording.LONGEST_VISION)
    if thinking.why_not(snapshot.read()):
        raise AppError(
            _("No language model is there to write the prompt anew. Yours is kept; change it by hand."),
            code=Code.UNAVAILABLE,
        )
    with transaction.atomic():
        moved = ImageJob.objects.filter(pk=job.pk, status=Status.REVIEWING, cancelled_at=None).update(
            status=Status.PROMPTING, vision_text=vision, vision_shown=vision, sent_at=timezone.now()
        )
        if not moved:
            raise _answered_already()
        job.refresh_from_db()
        _line_up(job)
    return job


def _answered_already() -> AppError:
    return AppError(_("This picture waits for nobody's word any more."), code=Code.STALE)


def cancel_job(job: ImageJob) -> None:
    """Cancel a picture: at once when neither a worker nor ComfyUI has it.

    Else its worker takes it back from ComfyUI, or the sweep where no worker is left. Finished variants
    are kept. One that is over is left as it is.
    """
    running = ImageJob.objects.filter(pk=job.pk).exclude(status__in=ImageJob.FINAL)
    with transaction.atomic():
        if not running.update(cancelled_at=timezone.now()):
            return
        free = not job.images.sent().exists()
        ended = free and ending.end_job(job, running.filter(claim=None), Status.CANCELLED)
    arbiter.cancel("think", job.pk)
    arbiter.cancel("draw", job.pk)
    if ended:
        tell_end(job, Status.CANCELLED)


def tell_end(job: ImageJob, status: ImageJob.Status, code: str = "") -> None:
    """Close the log of a job that no worker has."""
    try:
        log.write_end("job", job.pk, status=status.value, **({"code": code} if code else {}))
    except RedisError as error:
        logger.warning("the end of picture %s could not be told: %s", job.pk, error)


@transaction.atomic
def choose_image(image: GeneratedImage) -> None:
    """Make this variant the job's best: the chat's picture and the next one's source. Raises AppError."""
    if image.file is None:
        raise AppError(_("This picture is not finished yet."), code=Code.STALE)
    image.job.images.exclude(pk=image.pk).update(chosen=False)
    GeneratedImage.objects.filter(pk=image.pk).update(chosen=True)
    image.chosen = True
    tell_user(image.job.user_id, "chosen", job=image.job_id, image=image.pk)


@transaction.atomic
def delete_image(image: GeneratedImage) -> None:
    """Take a variant out of sight, for 30 days to be brought back; the last one takes its picture along."""
    others = image.job.images.exclude(pk=image.pk).filter(deleted_at=None)
    if image.job.is_final and not others.finished().exists():
        delete_job(image.job)
    else:
        GeneratedImage.objects.filter(pk=image.pk).update(deleted_at=timezone.now(), chosen=False)
        tell_user(image.job.user_id, "chats")


@transaction.atomic
def restore_image(image: GeneratedImage) -> None:
    """Bring a deleted variant back, and its picture with it."""
    GeneratedImage.objects.filter(pk=image.pk).update(deleted_at=None)
    restore_job(image.job)


def delete_job(job: ImageJob) -> None:
    """Take a picture with all its variants out of sight; a running one is cancelled."""
    cancel_job(job)
    Message.objects.filter(pk=job.message_id).update(deleted_at=timezone.now())
    tell_user(job.user_id, "chats")


def delete_source(source: SourcePicture) -> None:
    """Take an upload out of sight."""
    SourcePicture.objects.filter(pk=source.pk).update(deleted_at=timezone.now())


def restore_job(job: ImageJob) -> None:
    """Bring a deleted picture back."""
    Message.objects.filter(pk=job.message_id).update(deleted_at=None)
    tell_user(job.user_id, "chats")


# Making the rows


def _place(user: Any, chat: Chat | None, order: orders.Order, client_id: UUID | None) -> ImageJob:
    if client_id and (before := _ordered_before(user, client_id)):
        return before
    rights.check(user, Verb.DRAW)
    limits.check(user, limits.GPU, limits.STORAGE)
    limits.check(user, limits.PICTURES, more=order.variants)
    if arbiter.is_draining():
        raise AppError(code=Code.DRAINING, retry_after=DRAINING_RETRY)
    try:
        return _store(user, chat, order, client_id)
    except IntegrityError:
        if client_id and (before := _ordered_before(user, client_id)):
            return before
        if client_id and Message.objects.filter(author=user, client_id=client_id).exists():
            raise AppError(code=Code.CONFLICT) from None
        raise


def _ordered_before(user: Any, client_id: UUID) -> ImageJob | None:
    return ImageJob.objects.select_related("chat", "message").filter(user=user, client_id=client_id).first()


@transaction.atomic
def _store(user: Any, chat: Chat | None, order: orders.Order, client_id: UUID | None) -> ImageJob:
    now = timezone.now()
    if chat is None:
        chat = Chat.objects.create(user=user, title=title_from(order.description), updated_at=now)
    message = _store_messages(user, chat, order, client_id)
    job = ImageJob(
        user=user,
        chat=chat,
        message=message,
        kind=Kind.IMG2IMG if order.source else Kind.TXT2IMG,
        source=order.source if isinstance(order.source, SourcePicture) else None,
        source_image=order.source if isinstance(order.source, GeneratedImage) else None,
        description=order.description,
        width=order.width,
        height=order.height,
        variants=order.variants,
        seed=order.seed,
        strength=order.strength,
        denoise=order.denoise,
        prompt_first=order.prompt_first,
        own_steps=order.own_steps,
        workflow=order.workflow,
        client_id=client_id,
        sent_at=now,
        **_words_at_hand(order),
    )
    for name, value in _words_without_a_model(job).items():
        setattr(job, name, value)
    job.save()
    limits.note(user.pk, limits.PICTURES, job.variants)
    tell_user(user.pk, "picture", chat=chat.pk, message=message.pk, job=job.pk)
    if job.status != Status.REVIEWING:
        _line_up(job)
    return job


def _words_at_hand(order: orders.Order) -> dict[str, Any]:
    if not order.prompt:
        return {"status": Status.QUEUED}
    change = order.change or (shaping.USUAL_CHANGE if order.source else "")
    usual = shaping.settings_for(change=change, strength=order.strength, denoise=order.denoise)
    return {
        "status": Status.WAITING,
        "prompt": order.prompt,
        "vision_text": order.vision_text,
        "change": change,
        "settings": order.settings or usual,
    }


def _words_without_a_model(job: ImageJob) -> dict[str, Any]:
    """Return what the words become when no language model is there to ask; {} when one is."""
    notice = thinking.why_not(snapshot.read())
    return thinking.without_a_model(job, notice) if notice and job.status == Status.QUEUED else {}


def _store_messages(user: Any, chat: Chat, order: orders.Order, client_id: UUID | None) -> Message:
    """Return the picture's message, under the wish where the chat stands."""
    now = timezone.now()
    wish = Message.objects.create(
        chat=chat,
        parent_id=chat.leaf_id,
        author=user,
        role=Message.Role.USER,
        content=order.description,
        client_id=client_id,
        finished_at=now,
    )
    # Streaming, so that the chat's own sweep and stop, which know nothing of jobs, leave it alone.
    picture = Message.objects.create(
        chat=chat,
        parent=wish,
        author=user,
        role=Message.Role.ASSISTANT,
        kind=Message.Kind.PICTURE,
        status=Message.Status.STREAMING,
    )
    chat.leaf, chat.updated_at = picture, now
    chat.title = chat.title or title_from(order.description)
    chat.save(update_fields=["leaf", "updated_at", "title"])
    return picture


def _line_up(job: ImageJob) -> None:
    transaction.on_commit(lambda: arbiter.enqueue(ticket_of(job)))


def source_of_message(
    user: Any, message_id: int, image_id: int | None = None
) -> GeneratedImage | SourcePicture:
    """Return the picture that a message offers as a source: brought along, named, chosen, else the first."""
    if brought := SourcePicture.objects.visible_to(user).filter(message_id=message_id).first():
        return brought
    if image_id is not None:
        image: GeneratedImage | None = access.get_image(user, image_id)
    else:
        image = access.best_image(access.get_job_of_message(user, message_id))
    if image is None or image.job.message_id != message_id:
        raise AppError(_("There is no such picture."), code=Code.NOT_FOUND)
    return image
