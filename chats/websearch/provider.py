"""Who searches the web: Tavily, behind an interface that says what an answer needs.

Without a key nothing is asked at all: the library would ask without one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import tavily
from django.conf import settings
from tavily import errors as told

logger = logging.getLogger(__name__)

TIMEOUT = 12.0  # seconds
LONGEST_TITLE = 200  # characters
LONGEST_TEXT = 4000


@dataclass(frozen=True)
class Result:
    """A page that was found; `text` is what of it answers the query."""

    title: str
    url: str
    text: str


class SearchError(Exception):
    """A search that brought nothing; `code` is a key of chats.sentences.SEARCH."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Provider(Protocol):
    """Somebody who searches."""

    def search(self, query: str, *, most: int) -> list[Result]:
        """Return the best `most` pages. Raises SearchError."""


def is_set_up() -> bool:
    """Whether there is a key."""
    return bool(settings.TAVILY_API_KEY)


def provider() -> Provider:
    """Return who searches here. Raises SearchError no_key."""
    if not is_set_up():
        raise SearchError("no_key")
    return Tavily(settings.TAVILY_API_KEY, settings.TAVILY_URL)


class Tavily:
    """Tavily's search (https://docs.tavily.com/documentation/api-reference/endpoint/search)."""

    def __init__(self, api_key: str, url: str = "") -> None:
        self._client = tavily.TavilyClient(api_key=api_key, api_base_url=url or None)

    def search(self, query: str, *, most: int) -> list[Result]:
        """Return the best `most` pages, basic depth: one credit. Raises SearchError."""
        try:
            found = self._client.search(query, max_results=most, search_depth="basic", timeout=TIMEOUT)
        except (told.InvalidAPIKeyError, told.MissingAPIKeyError) as error:
            raise _failed("bad_key", error) from error
        except (told.UsageLimitExceededError, told.ForbiddenError) as error:  # 429; 432, 433
            raise _failed("quota", error) from error
        except (told.TimeoutError, requests.Timeout) as error:
            raise _failed("timeout", error) from error
        except (told.BadRequestError, requests.RequestException, ValueError, AttributeError) as error:
            # the library trips over JSON that is no object
            raise _failed("failed", error) from error
        return read_results(found)


def _failed(code: str, error: Exception) -> SearchError:
    logger.warning("a web search failed (%s): %s", code, type(error).__name__)
    return SearchError(code)


def read_results(found: Any) -> list[Result]:
    """Return what can be used of an answer of any shape: pages with an address of the web and a text."""
    entries = found.get("results") if isinstance(found, dict) else None
    entries = entries if isinstance(entries, list) else []
    results = [_read(entry) for entry in entries if isinstance(entry, dict)]
    return [result for result in results if result]


def _read(entry: dict[str, Any]) -> Result | None:
    title, url, text = (entry.get(name) for name in ("title", "url", "content"))
    if not isinstance(url, str) or not isinstance(text, str) or not is_web(url):
        return None
    name = " ".join(str(title or "").split())[:LONGEST_TITLE] or url
    return Result(name, url, text.strip()[:LONGEST_TEXT])


def is_web(url: str) -> bool:
    """Whether an address may be a link: http or https, a host, one line, and no longer than one can be."""
    if " " in url or not url.isprintable():  # urlsplit drops line ends unseen
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) < 2000
    except ValueError:
        return False
