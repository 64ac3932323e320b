"""Django's settings, made from the operator's settings in `ollamachat.env`."""

from __future__ import annotations

import hashlib
import hmac
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from ollamachat import env
from ollamachat.proxies import read_networks

ENV = env.read()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.data_folder()

DEBUG = ENV["OLLAMA_CHAT_DEBUG"]
SECRET_KEY = ENV["DJANGO_SECRET_KEY"]
if not SECRET_KEY:
    raise env.EnvError(
        "DJANGO_SECRET_KEY is missing: start the app with start.py, which generates it,"
        f" or put 50 random characters into {DATA_DIR / '.env'}."
    )


def _derived(purpose: str) -> str:
    return hmac.new(SECRET_KEY.encode(), purpose.encode(), hashlib.sha256).hexdigest()


# --- Where people reach the app -------------------------------------------------------------------

PUBLIC_URL = ENV["PUBLIC_URL"]
TRUSTED_PROXIES = read_networks(ENV["TRUSTED_PROXIES"])
SECURE = PUBLIC_URL.startswith("https://")
ON_LOOPBACK = ENV["HOST"] in {"127.0.0.1", "localhost", "::1"}
# Behind a proxy the app listens on loopback, and yet anybody may come.
SIGNUP_POLICY = ENV["SIGNUP_POLICY"] or ("open" if ON_LOOPBACK and not PUBLIC_URL else "invite")
LAN_ADDRESSES = ENV["LAN_ADDRESSES"]
ADMIN_MAY_READ_CHATS = ENV["ADMIN_MAY_READ_CHATS"]
CORS_ALLOWED_ORIGINS = ENV["CORS_ALLOWED_ORIGINS"]
_machine = socket.gethostname().lower()
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    _machine,
    f"{_machine}.local",
    *ENV["ALLOWED_HOSTS"],
    *ENV["LAN_ADDRESSES"],
    *([urlsplit(PUBLIC_URL).hostname] if PUBLIC_URL else []),
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

# --- Apps -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "accounts",
    "live",
    "gpu",
    "chats",
    "imaging",
    "ollamachat",
]

MIDDLEWARE = [
    "ollamachat.proxies.ProxyMiddleware",
    "ollamachat.request_ids.RequestIdMiddleware",
    "ollamachat.headers.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ollamachat.cors.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "accounts.middleware.ZoneMiddleware",
    "accounts.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.ErrorPageMiddleware",
]

ROOT_URLCONF = "ollamachat.urls"
ASGI_APPLICATION = "ollamachat.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "accounts.context.page",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------


def _sqlite() -> dict[str, Any]:
    """Several processes write: IMMEDIATE takes the lock at BEGIN, so a busy file waits instead of failing."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _mysql() -> dict[str, Any]:
    """Strict, in every letter; by TCP also on this machine, or the client would pass DB_PORT over."""
    return {
        "ENGINE": "ollamachat.mysql",
        "HOST": "127.0.0.1" if ENV["DB_HOST"] == "localhost" else ENV["DB_HOST"],
        "PORT": ENV["DB_PORT"],
        "USER": ENV["DB_USER"],
        "PASSWORD": ENV["DB_PASSWORD"],
        "NAME": ENV["DB_NAME"],
        "OPTIONS": {
            "charset": "utf8mb4",
            "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
            "isolation_level": "read committed",
            "connect_timeout": 10,
        },
    }


SQLITE_DATABASE, MYSQL_DATABASE = _sqlite(), _mysql()  # what copydb opens besides
# Under ASGI each request has a thread of its own: a kept connection would never be used again.
DATABASES = {"default": {**(MYSQL_DATABASE if ENV["DB_USE_MYSQL"] else SQLITE_DATABASE), "CONN_MAX_AGE": 0}}

# --- Redis: broker, channel layer, live log, cache ---------------------------------------------------

REDIS_URL = ENV["REDIS_URL"] or "redis://127.0.0.1:6379/0"
if ENV["REDIS_PASSWORD"] and "@" not in REDIS_URL:
    REDIS_URL = REDIS_URL.replace("://", f"://:{quote(ENV['REDIS_PASSWORD'])}@", 1)
REDIS_PREFIX = ENV["REDIS_PREFIX"]
REDIS_KIND = ENV["REDIS_KIND"]

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}:cache",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # redis-py's own timeout of 5 s would end the layer's blocking read on an idle socket.
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 15}],
            "prefix": f"{REDIS_PREFIX}:layer",
        },
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{REDIS_PREFIX}:",
    "visibility_timeout": 6 * 3600,
    "socket_timeout": 30,
    "socket_keepalive": True,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND_THREAD_SAFE = True  # there is none, and without this each thread looks for it anew
CELERY_TASK_ROUTES = {
    "gpu.*": {"queue": "upkeep"},
    "chats.*": {"queue": "llm"},
    "imaging.*": {"queue": "imaging"},
}
CELERY_TASK_DEFAULT_QUEUE = "llm"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.05, "interval_step": 0.2}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = ENV["LLM_THREADS"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SEND_TASK_EVENTS = False

# --- Ollama and the answers -------------------------------------------------------------------------

OLLAMA_URL = ENV["OLLAMA_URL"]
OLLAMA_ENGINE_URL = ENV["OLLAMA_ENGINE_URL"]
OLLAMA_DEFAULT_MODEL = ENV["OLLAMA_DEFAULT_MODEL"]
CHAT_TITLES = ENV["CHAT_TITLES"]
TAVILY_API_KEY = ENV["TAVILY_API_KEY"]
TAVILY_URL = ENV["TAVILY_URL"]
TAVILY_MONTHLY_LIMIT = ENV["TAVILY_MONTHLY_LIMIT"]
OLLAMA_VISION_MODEL = ENV["OLLAMA_VISION_MODEL"]
OPERATOR_MODELS = {  # what the operator has set wins over what admins choose on the models page
    purpose: ENV[name]
    for purpose, name in (("chat", "OLLAMA_DEFAULT_MODEL"), ("vision", "OLLAMA_VISION_MODEL"))
    if name in env.given()
}
OLLAMA_VISION_TIMEOUT = ENV["OLLAMA_VISION_TIMEOUT"]
OLLAMA_NUM_CTX = ENV["OLLAMA_NUM_CTX"]
OLLAMA_KEEP_ALIVE = ENV["OLLAMA_KEEP_ALIVE"]
ANSWER_CHECKPOINT = ENV["ANSWER_CHECKPOINT"]
ANSWER_HEARTBEAT = ENV["ANSWER_HEARTBEAT"]
ANSWER_STALE = ENV["ANSWER_STALE"]
ANSWER_UNCLAIMED = ENV["ANSWER_UNCLAIMED"]
SWEEP_INTERVAL = ENV["SWEEP_INTERVAL"]
SNAPSHOT_INTERVAL = ENV["SNAPSHOT_INTERVAL"]

METRICS_TOKEN = ENV["METRICS_TOKEN"]

# --- The card ---------------------------------------------------------------------------------------

GPU_OLLAMA_SLOTS = ENV["GPU_OLLAMA_SLOTS"]
GPU_HANDOFF = ENV["GPU_HANDOFF"]
GPU_POLICY = ENV["GPU_POLICY"]
GPU_THINK_BATCH = ENV["GPU_THINK_BATCH"]
GPU_MIN_FREE_VRAM_MB = ENV["GPU_MIN_FREE_VRAM_MB"]
GPU_WAIT_TIMEOUT = ENV["GPU_WAIT_TIMEOUT"]
GPU_PRIORITY_COMFYUI = ENV["GPU_PRIORITY_COMFYUI"]
GPU_PRIORITY_OLLAMA = ENV["GPU_PRIORITY_OLLAMA"]
GPU_SETTLE = ENV["GPU_SETTLE"]
GPU_LEASE_TTL = ENV["GPU_LEASE_TTL"]
GPU_LEASE_RENEW = ENV["GPU_LEASE_RENEW"]
GPU_LEASE_CLAIM = ENV["GPU_LEASE_CLAIM"]
GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI = ENV["GPU_ALWAYS_RESTORE_OLLAMA_AFTER_COMFYUI"]
GPU_RESTORE_GRACE = ENV["GPU_RESTORE_GRACE"]
GPU_INDEX = ENV["GPU_INDEX"]
GPU_MONITOR_ENABLED = ENV["GPU_MONITOR_ENABLED"]
GPU_MONITOR_INTERVAL = ENV["GPU_MONITOR_INTERVAL"]
GPU_VRAM_THRESHOLD = ENV["GPU_VRAM_THRESHOLD"]
COMFYUI_TIMEOUT = ENV["COMFYUI_TIMEOUT"]
COMFYUI_URL = ENV["COMFYUI_URL"]
COMFYUI_ENGINE_URL = ENV["COMFYUI_ENGINE_URL"]
PROCESS_MANAGER_API_URL = ENV["PROCESS_MANAGER_API_URL"]
PROCESS_MANAGER_TOKEN = ENV["PROCESS_MANAGER_TOKEN"]
PROCESS_SWITCH_TIMEOUT = ENV["PROCESS_SWITCH_TIMEOUT"]
PROCESS_STARTUP_WAIT = ENV["PROCESS_STARTUP_WAIT"]
PROCESS_RESTORE_ON_RELEASE = ENV["PROCESS_RESTORE_ON_RELEASE"]

# --- Pictures ---------------------------------------------------------------------------------------

COMFYUI_MODEL = ENV["COMFYUI_MODEL"]
COMFYUI_WORKFLOW_PATH = ENV["COMFYUI_WORKFLOW_PATH"]
COMFYUI_WORKFLOW_IMG2IMG_PATH = ENV["COMFYUI_WORKFLOW_IMG2IMG_PATH"]
IMAGE_STORAGE_PATH = DATA_DIR / ENV["IMAGE_STORAGE_PATH"]
MEDIA_ACCEL = ENV["MEDIA_ACCEL"]
IMAGE_DEFAULT_WIDTH = ENV["IMAGE_DEFAULT_WIDTH"]
IMAGE_DEFAULT_HEIGHT = ENV["IMAGE_DEFAULT_HEIGHT"]
IMAGE_MAX_WIDTH_UPLOAD = ENV["IMAGE_MAX_WIDTH_UPLOAD"]
IMAGE_MAX_HEIGHT_UPLOAD = ENV["IMAGE_MAX_HEIGHT_UPLOAD"]
IMAGE_MAX_BYTES_UPLOAD = ENV["IMAGE_MAX_BYTES_UPLOAD"]
IMAGE_MAX_SIZE_FOR_GENERATION = ENV["IMAGE_MAX_SIZE_FOR_GENERATION"]

# --- Accounts ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# allauth's own generator keeps a second table of addresses; ours stand with the user alone.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "signup": "accounts.forms.SignupForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.forms.PasswordAgainForm",
}
# Besides allauth's own: links that let somebody in, and what is asked for once more with the password.
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = {"link": "30/m/ip", "confirm": "10/m/user", "export": "6/h/user"}
# Limits count by address; X-Forwarded-For tells it behind a proxy, and ProxyMiddleware knows whose counts.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if SECURE else 0
# The second factor: codes of an app, recovery codes, and passkeys where the browser allows them.
MFA_ADAPTER = "accounts.second_factor.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Ollama Chat"
MFA_TOTP_TOLERANCE = 1  # periods of 30 s that the clock of a phone may be off
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
MFA_FORMS = {
    "authenticate": "accounts.mfa_forms.CodeForm",
    "reauthenticate": "accounts.mfa_forms.CodeAgainForm",
    "activate_totp": "accounts.mfa_forms.BeginCodesForm",
    "add_webauthn": "accounts.mfa_forms.NewPasskeyForm",
    "edit_webauthn": "accounts.mfa_forms.RenamePasskeyForm",
}
CSRF_FAILURE_VIEW = "accounts.error_pages.csrf_failure"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "chats:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())

MAIL = urlsplit(ENV["EMAIL_URL"])
EMAIL_CONFIGURED = bool(ENV["EMAIL_URL"])
EMAIL_VERIFICATION = ENV["EMAIL_VERIFICATION"] if EMAIL_CONFIGURED else "none"  # ours, not allauth's
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_CONFIGURED else 'dummy'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = MAIL.hostname or "localhost", MAIL.port or 587
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.username or "", MAIL.password or ""
EMAIL_USE_SSL = MAIL.scheme == "smtps"
EMAIL_USE_TLS = EMAIL_CONFIGURED and not EMAIL_USE_SSL and bool(MAIL.username)
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = ENV["EMAIL_FROM"]

# --- The JSON API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.HeaderAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.Allowed"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsing.Json"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.api.parsing.AnyAccept",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.Pages",
    "EXCEPTION_HANDLER": "accounts.api.errors.handle",
    "DEFAULT_THROTTLE_RATES": {"door": "20/min", "refresh": "120/min"},
    "NUM_PROXIES": ALLAUTH_TRUSTED_PROXY_COUNT,
    "PAGE_SIZE": 50,
}
SIMPLE_JWT = {
    "SIGNING_KEY": ENV["JWT_SECRET"] or _derived("jwt"),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ollama Chat",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["accounts.api.schema.without_trailing_slashes"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "accounts.api.schema.with_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PersonRole": "accounts.models.Role",
        "MessageRole": "chats.models.Message.Role",
        "MessageStatus": "chats.models.Message.Status",
        "JobStatus": "imaging.models.ImageJob.Status",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Language and time ----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- Static files ------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "build" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ollamachat.storage.StaticStorage"},
}
WHITENOISE_MAX_AGE = 3600

# --- Hardening ----------------------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if SECURE else None
X_FRAME_OPTIONS = "DENY"
# Plain http on the home network is a first-class case, and a proxy in front does the redirect itself.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
if not SECURE:
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "ollamachat.logs.Hiding", "format": "%(levelname)s %(name)s: %(message)s"},
        "json": {"()": "ollamachat.logs.Json"},
    },
    "filters": {"asked": {"()": "ollamachat.health.NotReadyFilter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": ENV["LOG_FORMAT"], "filters": ["asked"]}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        # A line for each request and task: for who collects logs, not for a terminal at home.
        "ollamachat.access": {"level": "INFO" if ENV["LOG_FORMAT"] == "json" else "WARNING"},
        "ollamachat.tasks": {"level": "INFO" if ENV["LOG_FORMAT"] == "json" else "WARNING"},
    },
}
