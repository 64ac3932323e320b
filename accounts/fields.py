"""Columns that hold one spelling only, so that a unique index means what people mean.

SQLite folds the case of ASCII letters alone and MySQL's collations differ, hence
the folding is done here, for what is stored and for what is looked up.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db import models


def fold_username(value: str) -> str:
    """Return the one spelling of a user name: NFKC, lower case, no blanks around it."""
    return unicodedata.normalize("NFKC", value).strip().lower()


def fold_email(value: str) -> str | None:
    """Return the one spelling of an address; none at all for an empty one."""
    return value.strip().lower() or None


class UsernameField(models.CharField):  # type: ignore[type-arg]
    """A user name, stored and found whatever the case it is typed in."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return fold_username(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.get_prep_value(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value


class OptionalEmailField(models.EmailField):  # type: ignore[type-arg]
    """An address in lower case; NULL when empty, so that any number of people have none."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return fold_email(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.get_prep_value(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value
