@echo off
rem Open JupyterLab on the first notebook, after install.bat. Untested on Windows.
cd /d "%~dp0"
if not exist .venv\{{ ready }} (
    echo start: error: not installed yet. First: install.bat
    exit /b 2
)
.venv\Scripts\python.exe -m jupyterlab "--ServerApp.root_dir=%CD%" --LabApp.default_url=/lab/tree/{{ first_notebook }} %*
