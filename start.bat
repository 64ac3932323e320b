@echo off
rem Starts Ollama Chat on Windows: double-click, or start.bat [the options of start.py].
setlocal
chcp 65001 >nul
cd /d "%~dp0"
set PYTHONUTF8=1
for %%V in (3.12 3.11 3.13) do (
    py -%%V -c "import sys" >nul 2>nul && set "PYTHON=py -%%V" && goto found
)
for %%C in (python3 python) do (
    %%C -c "import sys" >nul 2>nul && set "PYTHON=%%C" && goto found
)
echo Python is missing: winget install Python.Python.3.12 - then open a new window and start again.
goto failed

:found
%PYTHON% start.py %*
if not errorlevel 1 exit /b 0

:failed
set CODE=1
echo.
rem A window that was opened by a double-click would close over the message.
pause
exit /b %CODE%
