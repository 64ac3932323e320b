"""The app's addresses."""

from __future__ import annotations

from django.urls import path

from gpu import model_views, views

app_name = "gpu"
urlpatterns = [
    path("models/", model_views.models, name="models"),
    path("models/picker/", model_views.picker, name="picker"),
    path("models/pull/", model_views.pull, name="pull"),
    path("models/pull/cancel/", model_views.cancel_pull, name="cancel_pull"),
    path("models/delete/", model_views.delete, name="delete_model"),
    path("models/warm/", model_views.warm, name="warm"),
    path("models/unload/", model_views.unload, name="unload"),
    path("models/settings/", model_views.configure, name="configure"),
    path("models/choose/", model_views.choose, name="choose"),
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
