#!/bin/sh
# Open JupyterLab on the first notebook, after install.sh:   sh start.sh
set -eu
cd "$(dirname "$0")"
if [ ! -f .venv/{{ ready }} ]; then
    echo "start: error: not installed yet. First: sh install.sh" >&2
    exit 2
fi
[ "$(id -u)" = 0 ] && set -- --allow-root "$@"
exec .venv/bin/python -m jupyterlab --ServerApp.root_dir="$PWD" \
    --LabApp.default_url=/lab/tree/{{ first_notebook }} "$@"
