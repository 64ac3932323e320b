"""What a check finds, and every sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OK, WARN, FAIL = "ok", "warn", "fail"
LEVELS = (OK, WARN, FAIL)
Sentence = str | Promise


@dataclass(frozen=True)
class Finding:
    """What one check found.

    `anchor` is the entry in TROUBLESHOOTING.md; it and `fix` are empty where nothing is wrong.
    """

    name: str
    level: str
    sentence: str
    fix: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Trouble:
    """One thing that may be wrong: how bad, what is said of it, and what helps."""

    level: str
    sentence: Sentence
    fix: Sentence


TROUBLES: dict[str, Trouble] = {
    # Ollama
    "ollama_down": Trouble(
        FAIL,
        _("Ollama does not answer at %(url)s."),
        _("Start Ollama (`ollama serve`), or correct OLLAMA_URL."),
    ),
    "ollama_hangs": Trouble(
        FAIL, _("Ollama takes calls at %(url)s and never answers."), _("Restart Ollama and read its log.")
    ),
    "ollama_strange": Trouble(
        FAIL,
        _("What answers at %(url)s does not answer as Ollama does: %(why)s."),
        _("Correct OLLAMA_URL; behind a proxy, let it pass /api/ through untouched."),
    ),
    "ollama_standin": Trouble(
        WARN,
        _("No Ollama was found, so the tiny built-in model answers."),
        _("Install Ollama on this computer, or set OLLAMA_URL."),
    ),
    "ollama_old": Trouble(
        FAIL,
        _("Ollama %(version)s has known security holes."),
        _("Update Ollama to %(wanted)s or newer."),
    ),
    "ollama_exposed": Trouble(
        WARN,
        _("Everybody on the network can use Ollama at %(url)s, without any password."),
        _("Unset OLLAMA_HOST or set it to 127.0.0.1 and restart Ollama; only this app needs to reach it."),
    ),
    "no_models": Trouble(
        FAIL, _("Ollama has no model that could answer."), _("Run `ollama pull %(model)s`.")
    ),
    "model_missing": Trouble(
        WARN,
        _("The model %(model)s for new chats is not installed."),
        _("Run `ollama pull %(model)s`, or name an installed one in OLLAMA_DEFAULT_MODEL."),
    ),
    "vision_missing": Trouble(
        WARN,
        _("No installed model can look at pictures."),
        _("Run `ollama pull %(model)s`, or name an installed one in OLLAMA_VISION_MODEL."),
    ),
    "model_on_cpu": Trouble(
        WARN,
        _("%(share)s %% of %(model)s is computed on the CPU, which is many times slower."),
        _("Lower its context window or OLLAMA_NUM_PARALLEL, take a smaller model, or free the card."),
    ),
    # ComfyUI
    "comfyui_down": Trouble(
        FAIL, _("ComfyUI does not answer at %(url)s."), _("Start ComfyUI, or correct COMFYUI_URL.")
    ),
    "comfyui_missing": Trouble(
        WARN,
        _("No ComfyUI was found, so nobody can make pictures."),
        _("Start ComfyUI on this computer, or set COMFYUI_URL."),
    ),
    "comfyui_standin": Trouble(
        WARN,
        _("No ComfyUI was found, so the built-in stand-in sketches."),
        _("Start ComfyUI on this computer, or set COMFYUI_URL."),
    ),
    "comfyui_strange": Trouble(
        FAIL,
        _("What answers at %(url)s does not answer as ComfyUI does: %(why)s."),
        _("Correct COMFYUI_URL; it must lead to ComfyUI itself, not to a sign-in page."),
    ),
    "checkpoint_missing": Trouble(
        FAIL,
        _("ComfyUI lacks the file %(wanted)s. It has: %(has)s."),
        _("Put the file into ComfyUI's models folder, or name another one in COMFYUI_MODEL."),
    ),
    "node_missing": Trouble(
        FAIL,
        _("ComfyUI does not know the node %(class_type)s of the workflow %(workflow)s."),
        _("Install the custom node through ComfyUI's manager and restart ComfyUI, or update ComfyUI."),
    ),
    "workflow_broken": Trouble(
        WARN,
        _("The workflow %(workflow)s cannot be used, so the built-in one draws: %(why)s"),
        _("Correct it in ComfyUI, choose “Export (API)” and replace the file."),
    ),
    # Our own processes
    "redis_down": Trouble(
        FAIL,
        _("Redis does not answer."),
        _("Start the app, or correct REDIS_URL."),
    ),
    "redis_in_memory": Trouble(
        WARN,
        _("Redis keeps nothing on disk: a restart forgets the line and what is being written."),
        _("Install redis-server, or set appendonly to yes in its configuration."),
    ),
    "redis_evicts": Trouble(
        WARN,
        _("Redis throws keys away when its memory is full (%(policy)s)."),
        _("Set maxmemory-policy to noeviction."),
    ),
    "worker_missing": Trouble(
        FAIL,
        _("The worker “%(worker)s” gives no sign of life."),
        _("Start the app, and read this worker's log."),
    ),
    "process_manager_down": Trouble(
        WARN,
        _("The process manager does not answer at %(url)s, so a service that hangs is not restarted."),
        _("Start `python3 manage.py processmanager` there, or empty PROCESS_MANAGER_API_URL."),
    ),
    "process_manager_refuses": Trouble(
        WARN,
        _("The process manager at %(url)s refuses us."),
        _("Set PROCESS_MANAGER_TOKEN to the token of its file."),
    ),
    # The machine
    "disk_full": Trouble(
        FAIL,
        _("Only %(free)s MB are free in %(folder)s; the app does not start below %(least)s MB."),
        _("Free some space, or move the data folder (OLLAMA_CHAT_DATA)."),
    ),
    "disk_low": Trouble(
        WARN,
        _("Only %(free)s MB are free in %(folder)s."),
        _("Free some space: deleted chats and pictures go with `python3 manage.py purge`."),
    ),
    "database_down": Trouble(
        FAIL,
        _("The database does not answer: %(why)s."),
        _("Start it, and check DB_HOST, DB_PORT, DB_USER, DB_PASSWORD and DB_NAME."),
    ),
    "migrations_pending": Trouble(
        FAIL,
        _("The database lacks %(count)s migrations."),
        _("Run `python3 manage.py migrate`; start.py does it by itself."),
    ),
    "database_charset": Trouble(
        FAIL,
        _("The database's character set is %(charset)s, which cannot hold every letter and emoji."),
        _("Run `ALTER DATABASE … CHARACTER SET utf8mb4`, and convert tables that are there already."),
    ),
    "mail_missing": Trouble(
        FAIL,
        _("EMAIL_VERIFICATION is mandatory, but no mail can be sent."),
        _("Set EMAIL_URL, or EMAIL_VERIFICATION to none."),
    ),
    "mail_down": Trouble(
        WARN,
        _("The mail server %(host)s:%(port)s does not take our mail: %(why)s."),
        _("Correct EMAIL_URL: name, password, port (587, or 465 with smtps://)."),
    ),
    # Safety
    "secret_weak": Trouble(
        FAIL,
        _("%(name)s can be guessed."),
        _("Put 50 random characters there; everybody signs in anew after that."),
    ),
    "secret_readable": Trouble(
        WARN,
        _("Other users of this computer can read %(path)s, which holds secrets."),
        _("Run `chmod 600 %(path)s`."),
    ),
    "database_password": Trouble(
        WARN,
        _("The database's password is empty or the example's own."),
        _("Give the database's user a password, and set DB_PASSWORD to it."),
    ),
    "debug_on": Trouble(
        WARN,
        _("OLLAMA_CHAT_DEBUG is on: error pages show settings and code."),
        _("Remove OLLAMA_CHAT_DEBUG from the settings."),
    ),
    "debug_on_network": Trouble(
        FAIL,
        _("OLLAMA_CHAT_DEBUG is on, and the network can reach the app: error pages show settings and code."),
        _("Remove OLLAMA_CHAT_DEBUG from the settings."),
    ),
    "http_on_network": Trouble(
        WARN,
        _("The network reaches the app by plain http: whoever listens there can read along."),
        _("Put https in front (docs/https-at-home.md) and set PUBLIC_URL to that address."),
    ),
    "port_beside_proxy": Trouble(
        WARN,
        _("The app's own port is open to the network, beside the proxy that does https."),
        _("Set HOST to 127.0.0.1; if the proxy is another machine, name it in TRUSTED_PROXIES."),
    ),
    "signup_open": Trouble(
        WARN,
        _("Everybody on the network can make an account."),
        _("Set SIGNUP_POLICY to invite, approval or closed."),
    ),
    "admin_missing": Trouble(
        WARN,
        _("There is no admin who can sign in."),
        _("Run `python3 manage.py createadmin`."),
    ),
    "not_checked": Trouble(
        WARN,
        _("This could not be checked, because something that it needs is missing: %(check)s."),
        _("Put right what else is listed here, and ask again."),
    ),
}

FINE: dict[str, Sentence] = {
    "ollama": _("Ollama %(version)s answers at %(url)s."),
    "ollama_private": _("Ollama answers this computer alone."),
    "model": _("New chats use %(model)s."),
    "vision": _("%(model)s looks at pictures."),
    "memory": _("What is loaded is whole on the card."),
    "comfyui": _("ComfyUI %(version)s answers at %(url)s."),
    "workflow": _("The workflow %(workflow)s has everything that it needs."),
    "redis": _("Redis %(version)s answers and keeps what it has."),
    "worker": _("The worker “%(worker)s” is there."),
    "process_manager": _("The process manager answers at %(url)s."),
    "no_process_manager": _("No process manager is set up; the card is handed over without it."),
    "disk": _("%(free)s GB are free in %(folder)s."),
    "database": _("The database answers and has every migration."),
    "mail": _("The mail server takes our mail."),
    "no_mail": _("No mail is set up; the admin hands out one-time links instead."),
    "secrets": _("The secrets are strong."),
    "doors": _("Nothing is open that should be closed."),
    "admin": _("There is an admin."),
    "unused": _("%(name)s is accepted and changes nothing: pages and API have one address here."),
}


def trouble(name: str, code: str, /, **about: object) -> Finding:
    """Return the finding of that code under a check's name; `about` are the values that it names."""
    entry = TROUBLES[code]
    return Finding(
        name, entry.level, _filled(entry.sentence, about), _filled(entry.fix, about), anchor_of(code)
    )


def fine(name: str, code: str, /, **about: object) -> Finding:
    """Return the finding that all is well."""
    return Finding(name, OK, _filled(FINE[code], about))


def _filled(sentence: Sentence, about: dict[str, object]) -> str:
    return str(sentence) % about if about else str(sentence)


def anchor_of(code: str) -> str:
    """Return a trouble's place in TROUBLESHOOTING.md."""
    return code.replace("_", "-")
