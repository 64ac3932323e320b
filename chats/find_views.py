"""The page that looks for words in a person's chats; the sidebar's field gets its piece of it."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.http import AuthenticatedRequest
from chats import pages
from chats.finding import search as finding
from chats.finding.words import LONGEST_QUERY
from chats.forms import read_id


@require_GET
@login_required
def search(request: AuthenticatedRequest) -> HttpResponse:
    """Show what holds all words of `q`; htmx gets the list alone, of a later page its rows."""
    query = request.GET.get("q", "")[:LONGEST_QUERY].strip(" ")
    before = read_id(request.GET.get("before"))
    found = finding.find(request.user, query, before=before)
    more = urlencode({"q": query, "before": found.next}) if found.next else ""
    context = {"query": query, "found": found, "more": more, "first": before is None}
    if request.headers.get("HX-Request"):
        template = "chats/_found.html" if before is None else "chats/_found_messages.html"
        return render(request, template, context)
    return render(request, "chats/search.html", pages.page(request.user) | context)
