"""A household's chats, put straight into the database: something of everything that a page can show."""

from __future__ import annotations

import json
from typing import Any

from tests.processes import App, Person

ANSWER = """## Тепловой насос

Он **переносит** тепло, а не делает его: на 1 кВт·ч тока приходит 3–4 кВт·ч тепла [1].

| режим | мощность | COP |
| --- | --- | --- |
| зима | 5 кВт | 2,8 |
| лето | 3 кВт | 4,1 |

- [x] мощность
- [ ] место

$$COP = \\frac{Q}{W}$$
"""
CODE = """Вот так:

```python
def twins(folder: Path) -> list[Path]:
    seen: dict[str, Path] = {}
    return [path for path in folder.rglob("*.jpg") if seen.setdefault(digest(path), path) != path]
```

Запустите `python twins.py ~/Photos`."""
SOURCES = [
    {"n": 1, "title": "Тепловой насос — Википедия", "url": "https://ru.wikipedia.org/wiki/x", "text": ""},
    {"n": 2, "title": "Heat pump basics", "url": "https://www.energy.example/heat-pumps", "text": ""},
]
LINES: list[dict[str, Any]] = [
    {"role": "user", "content": "Как устроен тепловой насос? Коротко, с формулой."},
    {
        "role": "assistant",
        "content": ANSWER,
        "thinking": "Нужна таблица и формула.",
        "sources": SOURCES,
        "numbers": {"tokens": 212, "speed": 48.2, "thinking": 3.4, "prompt_tokens": 61, "num_ctx": 8192},
    },
    {"role": "user", "content": "Напиши программу, которая находит одинаковые фотографии."},
    {"role": "assistant", "content": CODE, "numbers": {"left_out": 2, "done_reason": "length"}},
    {"role": "user", "content": "А для видео?"},
    {"role": "assistant", "content": "Для видео", "status": "interrupted", "error_code": "cut_off"},
]
TITLES = ["Письмо хозяину квартиры", "Рецепт сырников", "Сравнить тарифы", "Стихи на юбилей", "План отпуска"]
MAKE = """
import json, datetime
from django.utils import timezone
from accounts.models import User
from chats.models import Chat, Message
told = json.loads({told!r})
user = User.objects.get(pk={user})
now = timezone.now()
for number, title in enumerate(told["titles"]):
    moment = now - datetime.timedelta(days=number * 2, minutes=5)
    pinned = now if number == 0 else None
    Chat.objects.create(user=user, title=title, updated_at=moment, pinned_at=pinned, unread=number == 1)
Chat.objects.create(user=user, title="Old", updated_at=now, archived_at=now)
Chat.objects.create(user=user, title="Gone", updated_at=now, deleted_at=now)
chat = Chat.objects.create(user=user, title="Тепловой насос", updated_at=now, model_name={model!r})
for line in told["lines"]:
    chat.leaf = Message.objects.create(
        chat=chat, parent=chat.leaf, author=user, model_name={model!r}, finished_at=now, **line
    )
Message.objects.create(
    chat=chat, parent=chat.leaf.parent, author=user, role="assistant", content="Иначе", finished_at=now
)
chat.save()
print(chat.pk)
"""


def furnish(app: App, person: Person) -> int:
    """Fill the person's app; return the chat that has something of everything."""
    told = json.dumps({"titles": TITLES, "lines": LINES})
    model = next(iter(app.ollama.models))
    code = MAKE.format(told=told, user=person.pk, model=model)
    return int(app.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1])
