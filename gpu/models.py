"""What the app knows about each language model."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

# Bytes of UTF-8 a token, before a model has been measured. Low on purpose:
# guessing too many tokens leaves a message out, guessing too few is refused by Ollama.
CAUTIOUS_BYTES_PER_TOKEN = 2.6
LEARNING_RATE = 0.3


class LanguageModel(models.Model):
    """An admin's settings for a model, and what its answers have taught.

    `num_ctx` goes with every call to the model: a differing value reloads it for everybody.
    """

    name = models.CharField(_("name"), max_length=190, unique=True)
    label = models.CharField(
        _("friendly name"), max_length=80, blank=True, help_text=_("What people see; empty: the name itself.")
    )
    num_ctx = models.PositiveIntegerField(
        _("context window"),
        null=True,
        blank=True,
        validators=[MinValueValidator(512), MaxValueValidator(1_048_576)],
        help_text=_("Tokens; empty: the default."),
    )
    keep_alive = models.CharField(
        _("stays loaded for"), max_length=16, blank=True, help_text=_("Such as 30m.")
    )
    bytes_per_token = models.FloatField(default=CAUTIOUS_BYTES_PER_TOKEN, editable=False)
    load_seconds = models.FloatField(null=True, editable=False)

    class Meta:
        verbose_name = _("language model")
        verbose_name_plural = _("language models")

    def __str__(self) -> str:
        return self.name

    def window(self, trained: int = 0) -> int:
        """Return the context window in tokens, never above what the model was trained for."""
        wanted = self.num_ctx or settings.OLLAMA_NUM_CTX
        return min(wanted, trained) if trained else wanted

    def stays_loaded(self) -> str:
        """Return `keep_alive` as Ollama takes it."""
        return self.keep_alive or settings.OLLAMA_KEEP_ALIVE


class ModelChoice(models.Model):
    """An admin's choice of a model for a purpose; where the operator has set one, that wins."""

    class Purpose(models.TextChoices):
        """What a model can be the default for."""

        CHAT = "chat", _("New chats")
        VISION = "vision", _("Looking at pictures")
        TITLE = "title", _("Titles of chats")
        PROMPT = "prompt", _("Writing the prompts of pictures")

    purpose = models.CharField(_("purpose"), max_length=16, choices=Purpose, unique=True)
    name = models.CharField(_("model"), max_length=190)

    class Meta:
        verbose_name = _("choice of a model")
        verbose_name_plural = _("choices of models")

    def __str__(self) -> str:
        return f"{self.purpose}: {self.name}"


def settings_for(name: str) -> LanguageModel:
    """Return the model's settings row; a model that nobody has set up has the defaults."""
    return LanguageModel.objects.filter(name=name).first() or LanguageModel(name=name)


def learn_from_answer(name: str, *, sent_bytes: int, prompt_tokens: int, load_seconds: float) -> None:
    """Remember how many bytes a token of this model has, and how long it takes to load."""
    row, _made = LanguageModel.objects.get_or_create(name=name)
    if prompt_tokens > 50:
        ratio = max(1.0, min(8.0, sent_bytes / prompt_tokens))
        row.bytes_per_token += LEARNING_RATE * (ratio - row.bytes_per_token)
    if load_seconds > 0.5:
        before = row.load_seconds or load_seconds
        row.load_seconds = before + LEARNING_RATE * (load_seconds - before)
    row.save(update_fields=["bytes_per_token", "load_seconds"])
