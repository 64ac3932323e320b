"""The app's addresses."""

from __future__ import annotations

from django.urls import path

from gpu import views

app_name = "gpu"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/pull/", views.pull, name="pull"),
    path("card/", views.card, name="card"),
    path("card/panel/", views.card_panel, name="panel"),
    path("card/chip/", views.card_chip, name="chip"),
    path("card/history/", views.card_history, name="history"),
    path("card/borrow/", views.borrow, name="borrow"),
    path("card/give-back/", views.give_back, name="give_back"),
    path("card/switch/", views.switch, name="switch"),
    path("card/free/", views.free, name="free"),
    path("card/pause/", views.pause, name="pause"),
    path("card/drain/", views.drain, name="drain"),
    path("card/retry/", views.retry, name="retry"),
]
