"""Every line that start.py says, in English and Russian. Must load on Python 3.8."""

from __future__ import annotations

import os
import sys

APT = "sudo apt install python3.11 python3.11-venv"
GET_PYTHON = (
    f"Ubuntu 22.04: {APT}, then python3.11 start.py (later Ubuntus have one; else ppa:deadsnakes/ppa)",
    f"Ubuntu 22.04: {APT}, затем python3.11 start.py (в новых Ubuntu он новее; иначе ppa:deadsnakes/ppa)",
)
COMPILER = "sudo apt install build-essential python3-dev"

WORDS = {
    # --- Python and its packages
    "python_old": (
        "Python {found} is too old, Ollama Chat needs 3.11-3.13. " + GET_PYTHON[0],
        "Python {found} слишком стар, Ollama Chat нужен 3.11-3.13. " + GET_PYTHON[1],
    ),
    "python_new": (
        "Python {found} is too new, Ollama Chat needs 3.11-3.13: use such a one, e.g. python3.13 start.py",
        "Python {found} слишком нов, Ollama Chat нужен 3.11-3.13: запустите, например, python3.13 start.py",
    ),
    "venv_making": ("Making the Python environment in {path}", "Создаю окружение Python в {path}"),
    "no_ensurepip": (
        "This Python cannot make environments. On Debian or Ubuntu: sudo apt install python{version}-venv",
        "Этот Python не умеет создавать окружения. В Debian и Ubuntu: sudo apt install python{version}-venv",
    ),
    "installing_runtime": (
        "Installing what the app needs (the first time takes a few minutes)",
        "Устанавливаю то, что нужно приложению (в первый раз это несколько минут)",
    ),
    "installing_engine": ("Installing the tiny built-in model", "Устанавливаю крошечную встроенную модель"),
    "installing_mysql": ("Installing the MySQL client", "Устанавливаю клиент MySQL"),
    "installing_mysql_tests": ("Installing the MySQL client", "Устанавливаю клиент MySQL"),
    "installing_dev": ("Installing the tools for tests", "Устанавливаю инструменты для тестов"),
    "failed_engine": (
        "The tiny built-in model is not available on this machine: install Ollama to get answers.",
        "Крошечная встроенная модель на этой машине недоступна: чтобы получать ответы, установите Ollama.",
    ),
    "failed_mysql": (
        "The MySQL client could not be built (DB_USE_MYSQL is on). It needs: {hint}",
        "Клиент MySQL не собрался (включён DB_USE_MYSQL). Ему нужно: {hint}",
    ),
    "failed_mysql_tests": (
        "The MySQL client could not be built: the tests on MySQL are left out. It needs: {hint}",
        "Клиент MySQL не собрался: тесты с MySQL пропускаются. Ему нужно: {hint}",
    ),
    "pip_fetching": ("fetching {what} ({count})", "загружаю {what} ({count})"),
    "pip_building": ("building {what}", "собираю {what}"),
    "pip_unpacking": ("unpacking {count} packages", "распаковываю пакеты: {count}"),
    "pip_seconds": ("... {seconds} s", "... {seconds} с"),
    "pip_disk": (
        "The disk is full: free about 1 GB and start again.",
        "Диск заполнен: освободите около 1 ГБ и запустите снова.",
    ),
    "pip_network": (
        "The packages could not be fetched: check the internet connection (or proxy) and start again.",
        "Не удалось загрузить пакеты: проверьте интернет (или прокси) и запустите снова.",
    ),
    "pip_no_wheel": (
        "There is no package {what} for this system and Python: use Python 3.11 or 3.12 on a 64-bit system.",
        "Для этой системы и этого Python нет пакета {what}: нужен Python 3.11 или 3.12, 64-битная система.",
    ),
    "pip_build": (
        "The package {what} could not be compiled. On Debian or Ubuntu: " + COMPILER,
        "Пакет {what} собрать не удалось. В Debian и Ubuntu: " + COMPILER,
    ),
    "pip_permission": (
        "No right to write {what}: start as the user who owns this folder.",
        "Нет права писать в {what}: запустите от имени владельца этой папки.",
    ),
    "pip_other": ("The packages could not be installed: {what}", "Не удалось установить пакеты: {what}"),
    # --- Data folder, address
    "folder_failed": ("{path} cannot be written: {why}", "Не удаётся записать {path}: {why}"),
    "disk_low": (
        "The disk under {path} is nearly full: {free} MB are free, at least 200 are needed.",
        "Диск с {path} почти заполнен: свободно {free} МБ, нужно хотя бы 200.",
    ),
    "already_runs": (
        "Ollama Chat already runs at {url} (another copy needs its own --data-dir and --port).",
        "Ollama Chat уже работает: {url} (второй копии нужны свои --data-dir и --port).",
    ),
    "who": (
        "Who should reach the app?\n  [1] only this computer\n  [2] everyone on our home network",
        "Кому открыть приложение?\n  [1] только этому компьютеру\n  [2] всем в нашей домашней сети",
    ),
    "who_choice": ("Your choice [1]: ", "Ваш выбор [1]: "),
    "port_taken": (
        "Port {port} is in use by another program: start with --port {other}",
        "Порт {port} занят другой программой: запустите с --port {other}",
    ),
    "from_environment": (
        "This shell's environment sets {names}, which wins over .env.",
        "Окружение этой оболочки задаёт {names}; это важнее, чем .env.",
    ),
    "port_moved": (
        "Port {port} is in use by another program; this start takes {other}.",
        "Порт {port} занят другой программой; на этот раз будет {other}.",
    ),
    "port_forbidden": (
        "Port {port} is reserved for the administrator: choose one above 1023, e.g. --port 5000",
        "Порт {port} доступен только администратору: выберите больше 1023, например --port 5000",
    ),
    "host_wrong": (
        "{host} is not an address of this computer ({why}): use --local or --lan",
        "{host} не адрес этого компьютера ({why}): используйте --local или --lan",
    ),
    # --- Processes
    "redis_silent": (
        "Redis did not answer within {seconds} s; logs/redis.log in the data folder says why.",
        "Redis не ответил за {seconds} с; причина в logs/redis.log в папке данных.",
    ),
    "redis_memory": (
        "No Redis found: one in memory serves; answers in progress are lost if it crashes.",
        "Redis не найден: работает встроенный, в памяти; при его сбое незаконченные ответы пропадут.",
    ),
    "migrating": ("Preparing the database ...", "Готовлю базу данных ..."),
    "step_failed": (
        "{step} failed: {why} (all of it is in {log})",
        "Не удалось: {step}: {why} (целиком в {log})",
    ),
    "cannot_start": ("{name} cannot be started: {why}", "{name} не запускается: {why}"),
    "ended": (
        "{name} ended ({how}) and is started again in {delay} s",
        "{name} завершился ({how}), перезапуск через {delay} с",
    ),
    "stopping": ("Stopping ...", "Останавливаю ..."),
    "stopped": ("Stopped.", "Остановлено."),
    # --- What is found
    "ollama_found": (
        "Ollama {version} found at {url}, models: {models}",
        "Найдена Ollama {version} по адресу {url}, моделей: {models}",
    ),
    "ollama_missing": (
        "No Ollama found: a tiny built-in model answers until one appears.",
        "Ollama не найдена: пока её нет, отвечает крошечная встроенная модель.",
    ),
    "ollama_missing_all": (
        "No Ollama found, and the built-in model is not available here: install Ollama to get answers.",
        "Ollama не найдена, и встроенная модель здесь недоступна: чтобы получать ответы, установите Ollama.",
    ),
    "ollama_down": (
        "Ollama does not answer at {url} (OLLAMA_URL); the app keeps looking.",
        "Ollama не отвечает по адресу {url} (OLLAMA_URL); приложение ждёт её.",
    ),
    "ollama_came": (
        "Ollama {version} appeared at {url}: the built-in model leaves.",
        "Появилась Ollama {version} по адресу {url}: встроенная модель уходит.",
    ),
    "ollama_left": (
        "Ollama has gone: the built-in model answers until it is back.",
        "Ollama пропала: пока её нет, отвечает встроенная модель.",
    ),
    "comfyui_found": ("ComfyUI {version} found at {url}", "Найден ComfyUI {version} по адресу {url}"),
    "comfyui_down": (
        "ComfyUI does not answer at {url} (COMFYUI_URL).",
        "ComfyUI не отвечает по адресу {url} (COMFYUI_URL).",
    ),
    # --- Ready
    "waiting": ("Starting, {seconds} s: {missing}", "Запускаю, {seconds} с: {missing}"),
    "waiting_web": ("web server", "веб-сервер"),
    "ready": ("Ollama Chat is ready: {url}", "Ollama Chat готов: {url}"),
    "ready_lan": ("In your home network:", "В домашней сети:"),
    "setup": (
        "Set it up: choose the first administrator's name and password at\n  {url}",
        "Настройка: выберите имя и пароль первого администратора на странице\n  {url}",
    ),
    "firewall": (
        "If other devices cannot reach it, open the port: {command}",
        "Если с других устройств не открывается, откройте порт: {command}",
    ),
    "firewall_windows": (
        "If other devices cannot reach it, open the port (terminal as administrator): {command}",
        "Если с других устройств не открывается, откройте порт (терминал от имени администратора): {command}",
    ),
    "wsl_lan": (
        "In WSL2 other devices reach the app only with networkingMode=mirrored in .wslconfig of Windows.",
        "В WSL2 с других устройств приложение видно только с networkingMode=mirrored в .wslconfig Windows.",
    ),
    "how_to_stop": ("Ctrl-C stops it.", "Остановить: Ctrl-C."),
    # --- Help
    "help_others": (
        "Also: start.py test [--all] runs the gates and tests, start.py bench NAME a benchmark.",
        "Ещё: start.py test [--all] запускает проверки и тесты, start.py bench ИМЯ - замеры.",
    ),
    "help_host": ("address to listen on", "адрес, на котором слушать"),
    "help_port": ("port to listen on (5000)", "порт, на котором слушать (5000)"),
    "help_data": (
        "folder for database, settings and pictures (data)",
        "папка базы, настроек и картинок (data)",
    ),
    "help_no_browser": ("do not open the browser", "не открывать браузер"),
    "help_lan": ("let the home network reach the app, from now on", "открыть домашней сети, отныне и впредь"),
    "help_local": ("let only this computer reach the app", "открыть только этому компьютеру"),
    "help_all": ("the long tests too", "и долгие тесты тоже"),
    "help_only": ("these gates alone: {gates}", "только эти проверки: {gates}"),
    "help_bench": ("the benchmark's name, e.g. stream", "имя замера, например stream"),
    # --- Gates
    "gates_unknown": ("There is no gate {names}; there are: {gates}", "Нет проверки {names}; есть: {gates}"),
    "gate_passed": ("passed", "прошла"),
    "gate_failed": ("FAILED", "НЕ ПРОШЛА"),
    "gates_passed": ("All gates passed in {seconds} s", "Все проверки прошли за {seconds} с"),
    "gates_failed": ("FAILED: {names}", "НЕ ПРОШЛИ: {names}"),
    "packages_installing": ("Installing for the tests: {names}", "Устанавливаю для тестов: {names}"),
    "packages_failed": (
        "These could not be installed: {names}; {why}",
        "Не удалось установить: {names}; {why}",
    ),
    "packages_missing": (
        "For the whole test suite: {command}",
        "Для полного набора тестов: {command}",
    ),
    "chromium_snap": (
        "Chromium is a snap here, which tests cannot drive: Google Chrome (.deb) is needed for those.",
        "Здесь chromium - это snap, тестам он не подходит: для тестов в браузере нужен Google Chrome (.deb).",
    ),
    "left_out": ("Left out: the tests that need {what}", "Пропущены тесты, которым нужно: {what}"),
}


def _is_russian() -> bool:
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x19)
    chosen = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((value for value in chosen if value), "").lower().startswith("ru")


RUSSIAN = _is_russian()


def say(key: str, **fields: object) -> str:
    """Return the line `key` in the person's language."""
    return WORDS[key][RUSSIAN].format(**fields)
