@echo off
rem Install the tutorial from this folder alone, without a network. Untested on Windows.
cd /d "%~dp0"
where py >nul 2>nul && (
    py -{{ python }} install.py %*
    exit /b
)
python install.py %*
