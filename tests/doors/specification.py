"""Who may pass which door: the specification, row by row. A door without a row fails the tests.

A row is an address as the resolver has it, the methods that it answers to, and who gets through:

- anyone: everybody, signed in or not
- signed: whoever is signed in and not blocked
- grown: the same without guests, who lack the right
- owner: whose it is; to all others, admins too, there is nothing
- admin: admins; to all others it is forbidden
- token: whoever has the token in the address; to all others there is nothing
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Door:
    """One address of the app."""

    route: str
    ways: dict[str, str]

    def who_may(self, method: str) -> str:
        """Return who gets through with a method; "" for one that the address does not answer to."""
        return self.ways.get(method, "")


def _doors(text: str) -> dict[str, Door]:
    doors: dict[str, Door] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        route, methods, who = line.rsplit(None, 2)
        door = doors.setdefault(route.strip(), Door(route.strip(), {}))
        door.ways.update(dict.fromkeys(methods.split("+"), who))
    return doors


CHAT = r"api/^chats/(?P<chat_id>\d{1,18})"
MESSAGE = CHAT + r"/messages/(?P<message_id>\d{1,18})"
IMAGE = r"api/^image/(?P<message_id>\d{1,18})"

DOORS = _doors(
    rf"""
livez                                                   GET             anyone
readyz                                                  GET             anyone
^metrics/?$                                             GET             anyone
favicon.ico                                             GET+POST+PUT+PATCH+DELETE  anyone
language/                                               POST            anyone
^api/schema/?$                                          GET             anyone
^docs/?$                                                GET             anyone
^redoc/?$                                               GET             anyone
setup/<str:token>/                                      GET+POST        token
link/<str:token>/                                       GET+POST        token
accounts/login/                                         GET+POST+PUT        anyone
accounts/logout/                                        GET+POST        anyone
accounts/signup/                                        GET+POST+PUT        anyone
accounts/inactive/                                      GET             anyone
join/<str:token>/                                       GET             token
avatar/<int:user_id>/<slug:sha>/                        GET             signed
accounts/                                               GET             signed
accounts/profile/                                       POST            signed
accounts/look/                                          POST            signed
accounts/avatar/                                        POST            signed
accounts/email/                                         GET+POST        signed
accounts/email/confirm/<str:token>/                     GET+POST        token
accounts/sessions/<int:session_id>/end/                 POST            owner
accounts/programs/<uuid:login_id>/end/                  POST            owner
accounts/sessions/end/                                  POST            signed
accounts/export/                                        POST            signed
accounts/leave/                                         GET+POST        signed
accounts/stay/                                          POST            anyone
accounts/invites/                                       GET+POST        admin
accounts/invites/<int:invite_id>/withdraw/              POST            admin
accounts/confirm/                                       GET+POST+PUT    signed
accounts/second-factor/                                 GET             signed
accounts/second-factor/code/                            GET+POST        anyone
accounts/second-factor/confirm/                         GET+POST+PUT    signed
accounts/second-factor/app/                             GET+POST+PUT    signed
accounts/second-factor/app/remove/                      GET+POST+PUT    signed
accounts/second-factor/recovery/                        GET             signed
accounts/second-factor/recovery/new/                    GET+POST+PUT    signed
accounts/second-factor/passkeys/                        GET+POST+PUT+PATCH+DELETE  anyone
accounts/second-factor/passkeys/new/                    GET+POST+PUT    signed
accounts/second-factor/passkeys/sign-in/                GET+POST+PUT    anyone
accounts/second-factor/passkeys/confirm/                GET+POST+PUT    signed
accounts/second-factor/passkeys/<int:pk>/               GET+POST+PUT    signed
accounts/second-factor/passkeys/<int:pk>/remove/        GET+POST+PUT+DELETE    signed
accounts/password/change/                               GET+POST+PUT        signed
accounts/password/reset/                                GET+POST        anyone
accounts/password/reset/done/                           GET             anyone
accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$  GET+POST  anyone
accounts/password/reset/key/done/                       GET             anyone
api/^auth/register/?$                                   POST            anyone
api/^auth/login/?$                                      POST            anyone
api/^auth/refresh/?$                                    POST            anyone
api/^auth/logout/?$                                     POST            signed
api/^auth/verify/?$                                     GET             anyone
api/^auth/me/?$                                         GET+PATCH       signed
api/^keys/?$                                            GET             signed
api/^keys/?$                                            POST            grown
api/^keys/(?P<key_id>\d{{1,18}})/?$                     DELETE          owner
account/keys/                                           GET             signed
account/keys/                                           POST            grown
account/keys/<int:key_id>/withdraw/                     POST            owner
api/^usage/?$                                           GET             signed
api/^usage/days/?$                                      GET             signed
api/^models/?$                                          GET             signed
api/^models/?$                                          POST            admin
api/^models/(?P<name>[\w.:/-]{{0,189}}[\w.:-])/?$       DELETE          admin
api/^gpu/?$                                             GET             signed
api/^gpu/history/?$                                     GET             signed
api/^gpu/diary/?$                                       GET             signed
api/^gpu/borrow/?$                                      POST            grown
api/^gpu/borrow/?$                                      DELETE          signed
api/^process/status/?$                                  GET             admin
api/^process/switch/?$                                  POST            admin
api/^search/?$                                          GET             signed
api/^chat/search/?$                                     POST            signed
api/^chats/?$                                           GET+POST        signed
api/^chats/import/?$                                    POST            signed
{CHAT}/?$                                               GET+PUT+PATCH+DELETE  owner
{CHAT}/export/?$                                        GET             owner
{CHAT}/messages/?$                                      GET+POST        owner
{CHAT}/restore/?$                                       POST            owner
{CHAT}/context/?$                                       GET             owner
{CHAT}/summarise/?$                                     POST            owner
{MESSAGE}/?$                                            GET+PUT+PATCH+DELETE  owner
{MESSAGE}/restore/?$                                    POST            owner
{MESSAGE}/regenerate/?$                                 POST            owner
{MESSAGE}/continue/?$                                   POST            owner
{MESSAGE}/branch/?$                                     POST            owner
{MESSAGE}/fork/?$                                       POST            owner
{MESSAGE}/events/?$                                     GET             owner
{MESSAGE}/stop/?$                                       POST            owner
api/^jobs/?$                                            GET             signed
api/^jobs/(?P<job_id>\d{{1,18}})/?$                     GET             owner
api/^image/?$                                           GET             signed
api/^image/upload/?$                                    POST            signed
api/^image/generate/?$                                  POST            signed
api/^image/generate/stream/?$                           POST            signed
{IMAGE}/?$                                              GET+DELETE      owner
{IMAGE}/events/?$                                       GET             owner
{IMAGE}/approve/?$                                      POST            owner
{IMAGE}/again/?$                                        POST            owner
{IMAGE}/choose/?$                                       POST            owner
{IMAGE}/cancel/?$                                       POST            owner
v1/^models/?$                                           GET             signed
v1/^models/(?P<name>[\w.:/-]{{0,189}}[\w.:-])/?$        GET             signed
v1/^chat/completions/?$                                 POST            signed
v1/^images/generations/?$                               POST            signed
v1/^(?P<rest>.*)$                                       GET+POST+PUT+PATCH+DELETE  anyone
models/                                                 GET             signed
models/picker/                                          GET             signed
models/pull/                                            POST            admin
models/pull/cancel/                                     POST            admin
models/delete/                                          POST            admin
models/warm/                                            POST            admin
models/unload/                                          POST            admin
models/settings/                                        POST            admin
models/choose/                                          POST            admin
card/                                                   GET             signed
card/panel/                                             GET             signed
card/chip/                                              GET             signed
card/history/                                           GET             signed
card/borrow/                                            POST            grown
card/give-back/                                         POST            signed
card/switch/                                            POST            admin
card/free/                                              POST            admin
card/pause/                                             POST            admin
card/drain/                                             POST            admin
card/retry/                                             POST            admin
/                                                       GET             signed
search/                                                 GET             signed
chats/send/                                             POST            signed
chats/draft/                                            POST            signed
chats/list/                                             GET             signed
chats/export/                                           GET+POST        signed
chats/export/all/                                       GET             signed
chats/all/                                              GET             signed
chats/archive/                                          GET             signed
chats/bin/                                              GET             signed
chats/many/                                             POST            signed
chats/settings/                                         GET+POST        signed
chats/<int:chat_id>/                                    GET             owner
chats/<int:chat_id>/export/                             GET             owner
chats/<int:chat_id>/send/                               POST            owner
chats/<int:chat_id>/pin/                                POST            owner
chats/<int:chat_id>/archive/                            POST            owner
chats/<int:chat_id>/restore/                            POST            owner
chats/<int:chat_id>/draft/                              POST            owner
chats/<int:chat_id>/read/                               POST            owner
chats/<int:chat_id>/rename/                             POST            owner
chats/<int:chat_id>/delete/                             POST            owner
chats/<int:chat_id>/settings/                           GET+POST        owner
chats/<int:chat_id>/gauge/                              GET             owner
chats/<int:chat_id>/summarise/                          POST            owner
chats/<int:chat_id>/thread/                             GET             owner
chats/<int:chat_id>/messages/<int:message_id>/          GET             owner
chats/<int:chat_id>/messages/<int:message_id>/edit/     GET+POST        owner
chats/<int:chat_id>/messages/<int:message_id>/resend/   POST            owner
chats/<int:chat_id>/messages/<int:message_id>/branch/   POST            owner
chats/<int:chat_id>/messages/<int:message_id>/delete/   POST            owner
chats/<int:chat_id>/messages/<int:message_id>/restore/  POST            owner
chats/<int:chat_id>/messages/<int:message_id>/fork/     POST            owner
chats/<int:chat_id>/messages/<int:message_id>/stop/     POST            owner
chats/<int:chat_id>/messages/<int:message_id>/again/    POST            owner
chats/<int:chat_id>/messages/<int:message_id>/continue/ POST            owner
pictures/                                               GET             signed
pictures/bin/                                           GET             signed
pictures/delete/                                        POST            signed
pictures/restore/                                       POST            signed
pictures/download/                                      POST            signed
pictures/order/                                         POST            signed
pictures/setup/                                         GET             signed
pictures/sources/                                       POST            signed
pictures/sources/<int:source_id>/                       GET             owner
pictures/variants/<int:image_id>/                       GET             owner
pictures/variants/<int:image_id>/choose/                POST            owner
pictures/variants/<int:image_id>/delete/                POST            owner
pictures/variants/<int:image_id>/download/              GET             owner
pictures/variants/<int:image_id>/vary/                  POST            owner
pictures/<int:job_id>/approve/                          POST            owner
pictures/<int:job_id>/rethink/                          POST            owner
pictures/<int:job_id>/again/                            POST            owner
pictures/<int:job_id>/cancel/                           POST            owner
^media/(?P<sha256>[0-9a-f]{{64}})/(?P<variant>original|256|768)$  GET   owner
"""
)

SOCKETS = {
    "user": "signed",
    "card": "signed",
    "models": "signed",
    "message": "owner",
    "job": "owner",
    "pull": "admin",
}
"""Who may follow what on the websocket; whoever may not learns nothing, and stops nothing."""
