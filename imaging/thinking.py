"""The stages of a picture that are words: what the source shows, the prompt, the settings.

All of them run under one lease of Ollama's, each is stored as it ends, and none can fail the
job: what no model answers usefully falls back on the person's own words and the usual
settings, and the person is told.
"""

from __future__ import annotations

import base64
import io
import logging
import re
import time
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection
from PIL import Image

from chats.structured import ask_for_json
from gpu import arbiter, choices, snapshot
from gpu.models import settings_for as model_settings
from gpu.services.errors import ServiceError
from gpu.services.ollama import Ask
from imaging import prompts, shaping, storage, wording
from imaging.asking import Asker
from imaging.models import ImageJob, PictureDescription, StoredFile
from imaging.running import Running
from imaging.tickets import ticket_of

logger = logging.getLogger(__name__)
Status = ImageJob.Status
DOWN_PATIENCE = 60.0  # seconds without an Ollama until a picture goes on without one
LOOK_EVERY = 1.0
TIMEOUT = 120.0  # seconds for one structured answer of a loaded model
VISION_TOKENS = 400
QUESTION_SHARE = 0.3  # of the window, for what people wrote
LEAST_QUESTION = 200  # characters
LANGUAGES = {"ru": "Russian"}
"""The languages of the pages that vision models do not write themselves."""
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def think(running: Running, lease: arbiter.Held) -> None:
    """Do the stages that are left, and hand the job on. Raises EndedError, HungUpError, LeaseLostError."""
    job = running.job
    seen = _find_ollama(running)
    if seen.state == snapshot.DOWN or why_not(seen):
        _hand_on(running, **without_a_model(job, why_not(seen) or "no_ollama"))
        return
    asker = Asker(running, lease, seen.url)
    begun = time.monotonic()
    try:
        if job.status == Status.QUEUED:
            running.move_to(Status.DESCRIBING if job.changes_a_picture else Status.PROMPTING)
        if job.status == Status.DESCRIBING:
            running.move_to(Status.PROMPTING, **_described(running, asker, seen))
        if job.status == Status.PROMPTING:
            running.move_to(Status.SHAPING, **_worded(running, asker, seen))
            running.line.tell("prompt", prompt=job.prompt, vision=job.vision_text)
        if job.status == Status.SHAPING:
            shaped = _shaped(running, asker, seen)
            numbers = {**job.numbers, "thinking": round(time.monotonic() - begun, 2)}
            _hand_on(running, numbers=numbers, **shaped)
    finally:
        lease.used = asker.seconds


def _hand_on(running: Running, **results: Any) -> None:
    after = Status.REVIEWING if running.job.prompt_first else Status.WAITING
    if running.hand_on(**{"status": after, **results}) and after == Status.WAITING:
        job = ImageJob.objects.get(pk=running.job_id)
        arbiter.enqueue(ticket_of(job))


def why_not(seen: snapshot.Snapshot) -> str:
    """Return the notice for why no language model is to be asked, "" when one is.

    The built-in toy model repeats its examples: a fox that was ordered would become the examples' dog.
    An Ollama that is away may just be restarting, and one with a process manager is started when its
    turn comes.
    """
    if seen.is_engine:
        return "toy_model"
    away = seen.state == snapshot.DOWN and not settings.PROCESS_MANAGER_API_URL
    gone = away and time.time() - seen.since >= DOWN_PATIENCE
    return "no_ollama" if gone or seen.state == snapshot.NO_MODELS else ""


def _find_ollama(running: Running) -> snapshot.Snapshot:
    """Return what is known of Ollama; one that is away is waited for as long as it may be restarting."""
    deadline = time.monotonic() + DOWN_PATIENCE
    while (seen := snapshot.look_now()).state == snapshot.DOWN:
        if why_not(seen) or time.monotonic() > deadline:
            break
        running.rest(LOOK_EVERY)
    return seen


def without_a_model(job: ImageJob, notice: str) -> dict[str, Any]:
    """Return a job's row as it goes on when no model can be asked; finished stages keep their results."""
    after = Status.REVIEWING if job.prompt_first else Status.WAITING
    change = shaping.USUAL_CHANGE if job.changes_a_picture else ""
    return {
        "status": after,
        "prompt": job.prompt or _own_words(job),
        "change": change,
        "settings": shaping.settings_for(change=change, strength=job.strength, denoise=job.denoise),
        "notices": [*job.notices, notice],
    }


def _own_words(job: ImageJob) -> str:
    return wording.shorten(wording.tidy(job.description), wording.LONGEST_PROMPT)


# Looking


def vision_model(seen: snapshot.Snapshot) -> snapshot.Known | None:
    """Return the model for looking, None when no model can see."""
    return seen.find(choices.model_for(choices.VISION, seen))


def words_model(seen: snapshot.Snapshot) -> snapshot.Known | None:
    """Return the model that writes prompts and proposes settings."""
    return seen.find(choices.model_for(choices.PROMPT, seen))


def _described(running: Running, asker: Asker, seen: snapshot.Snapshot) -> dict[str, Any]:
    file, model = source_file(running.job), vision_model(seen)
    if file is None:
        return {}  # the drawing tells it: there is nothing to draw from
    if model is None:
        return {"notices": running.note("no_vision")}
    known = PictureDescription.objects.filter(sha256=file.sha256, model_name=model.name).first()
    if known:
        return _seen(running, asker, seen, known.text)
    connection.close()  # looking takes its time, and a connection is dear
    try:
        text = wording.shorten(wording.tidy(_look(asker, model, file)), wording.LONGEST_VISION)
    except (ServiceError, OSError, ValueError) as error:
        logger.warning("picture %s could not be looked at: %s", running.job_id, error)
        return {"notices": running.note("vision_failed")}
    if not text or wording.REFUSAL.match(text):
        return {"notices": running.note("vision_failed")}
    _remember(file, model, text)
    return _seen(running, asker, seen, text)


def _seen(running: Running, asker: Asker, seen: snapshot.Snapshot, text: str) -> dict[str, Any]:
    """Return what the picture shows, also in the language of a person who wants to read it first."""
    language, model = language_of(running.job), words_model(seen)
    if not (running.job.prompt_first and language and model):
        return {"vision_text": text, "vision_shown": text}
    answer = ask_for_json(
        asker.url,
        model=model,
        messages=prompts.ask("translate", language=language, text=text),
        schema=wording.TEXT_SCHEMA,
        check=wording.check_text,
        defaults={"text": text},
        timeout=TIMEOUT,
        complete=asker.complete,
    )
    return {"vision_text": text, "vision_shown": answer.data["text"]}


def language_of(job: ImageJob) -> str:
    """Return the person's language by its English name, "" for the one that vision models write."""
    if job.user.language:
        return LANGUAGES.get(job.user.language, "")
    return "Russian" if CYRILLIC.search(job.description) else ""  # no browser is at hand to be asked


def _remember(file: StoredFile, model: snapshot.Known, text: str) -> None:
    try:
        PictureDescription.objects.create(sha256=file.sha256, model_name=model.name, text=text)
    except IntegrityError:
        return  # another job has looked at the same picture meanwhile


def source_file(job: ImageJob) -> StoredFile | None:
    """Return the file that the job starts from, None when there is none or it is gone."""
    source = job.source or job.source_image
    return source.file if source else None


def _look(asker: Asker, model: snapshot.Known, file: StoredFile) -> str:
    row = model_settings(model.name)
    (rules,) = prompts.read("look")
    picture = base64.b64encode(_as_jpeg(storage.read(file))).decode()
    ask = Ask(
        model=model.name,
        messages=[rules, {"role": "user", "content": "What does this picture show?", "images": [picture]}],
        num_ctx=row.window(model.context_length),
        keep_alive=row.stays_loaded(),
        num_predict=VISION_TOKENS,
        options={"temperature": 0.2},
    )
    return asker.complete(ask, settings.OLLAMA_VISION_TIMEOUT)[0]


def _as_jpeg(data: bytes) -> bytes:
    """Return the picture as every vision model reads it."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.convert("RGB").save(written, "JPEG", quality=90)
    return written.getvalue()


# Words


def _worded(running: Running, asker: Asker, seen: snapshot.Snapshot) -> dict[str, Any]:
    job, model = running.job, words_model(seen)
    own = _own_words(job)
    if model is None:
        return {"prompt": own, "notices": running.note("no_ollama")}
    name = "change" if job.changes_a_picture else "prompt"
    connection.close()
    answer = ask_for_json(
        asker.url,
        model=model,
        messages=prompts.ask(name, **_question(job, model)),
        schema=wording.SCHEMA,
        check=wording.check,
        defaults={"prompt": own},
        timeout=TIMEOUT,
        complete=asker.complete,
    )
    notices = running.note(f"prompt_{answer.notice}") if answer.notice else job.notices
    return {"prompt": answer.data["prompt"], "negative": "", "notices": notices}


def _question(job: ImageJob, model: snapshot.Known) -> dict[str, str]:
    """Return what people and the vision model wrote, cut to what the window holds beside the examples."""
    row = model_settings(model.name)
    most = int(row.window(model.context_length) * QUESTION_SHARE * row.bytes_per_token / 2)
    most = max(LEAST_QUESTION, most)  # Cyrillic letters have two bytes
    wish = wording.shorten(wording.tidy(job.description), most)
    if not job.changes_a_picture:
        return {"description": wish}
    return {"picture": wording.shorten(job.vision_text, most // 2), "wish": wish}


def _shaped(running: Running, asker: Asker, seen: snapshot.Snapshot) -> dict[str, Any]:
    """Return the settings; a picture from words alone has the usual ones, and a person's denoise is law."""
    job = running.job
    model = words_model(seen)
    if not job.changes_a_picture:
        return {"change": "", "settings": shaping.settings_for(denoise=job.denoise)}
    proposed: dict[str, Any] = {"change": shaping.USUAL_CHANGE}
    notices = job.notices
    if model is not None and job.denoise is None:
        connection.close()
        answer = ask_for_json(
            asker.url,
            model=model,
            messages=prompts.ask("settings", **_question(job, model)),
            schema=shaping.SCHEMA,
            check=shaping.check,
            defaults=proposed,
            timeout=TIMEOUT,
            complete=asker.complete,
        )
        proposed = answer.data
        notices = running.note("settings_default") if answer.notice else notices
    chosen = shaping.settings_for(
        change=proposed["change"], proposed=proposed, strength=job.strength, denoise=job.denoise
    )
    return {"change": proposed["change"], "settings": chosen, "notices": notices}
