#!/bin/sh
# Install the tutorial from this folder alone, without a network:   sh install.sh
# PYTHON=/path/to/python{{ python }} chooses the interpreter.
set -eu
cd "$(dirname "$0")"
for python in ${PYTHON:+"$PYTHON"} python{{ python }} python3 python; do
    if "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "{{ python }}")' \
        >/dev/null 2>&1; then
        exec "$python" install.py "$@"
    fi
done
echo "install: error: Python {{ python }} is needed, and none was found. Install it, or name it:" \
    "PYTHON=/path/to/python{{ python }} sh install.sh" >&2
exit 2
