#!/bin/sh
# Everything that `make` installs, into a virtual environment; called by the Makefile:
#
#     sh workshop/install.sh venv .venv python3           the environment, or what is wrong with it
#     sh workshop/install.sh packages .venv '[test]'      this package with an extra, or with none
#
# PIP_ARGS in the environment, where there is something in it, goes to plain pip. Without it a Linux
# machine that has no NVIDIA GPU gets PyTorch's CPU build, through uv, and plain pip where that
# cannot be reached. What was interrupted is simply called again: whole downloads are kept.
# POSIX sh, and nothing else: it runs before anything is installed.
set -uf

# Megabytes to download, from the sizes of the wheels for Linux and Python 3.11 in November 2026.
# The CPU build's index could not be reached when these were measured: it has no figure.
PYTORCH_CPU="PyTorch's CPU build, a small part of the 3000 MB of the one with CUDA"
PYTORCH_CUDA="PyTorch with CUDA, 3000 MB"
others() {
    case $1 in *test*|*dev*) echo "400 MB" ;; *) echo "180 MB" ;; esac
}

stop() { echo "$1" >&2; exit 1; }

# It is the Python that decides: on Apple silicon there may be one that Rosetta runs.
refuse_intel_macs() { # python
    "$1" -c 'import sys, platform as p; sys.exit(p.system() + p.machine() == "Darwinx86_64")' ||
        stop "'$1' is for Intel Macs, and PyPI has no PyTorch for these after 2.2.2; 2.4 is \
needed, so nothing was installed. On Apple silicon, install a Python for arm64 and name it: \
make lab PYTHON=/path/to/python3.12. Otherwise see docs/setting_up.md"
}

make_venv() { # folder python
    py=$1/bin/python
    if [ -e "$1" ] || [ -h "$1" ]; then
        # made with a Python that is gone, half made, or copied from another place
        "$py" -c 'import sys' >/dev/null 2>&1 ||
            stop "$1 is broken: its Python does not start. Remove it and run make again: rm -rf $1"
        "$py" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            stop "$1 has $("$py" --version 2>&1), and Python 3.11 or newer is needed. Remove it \
and run make again: rm -rf $1"
        "$py" -c 'import pip' >/dev/null 2>&1 || "$py" -m ensurepip >/dev/null 2>&1 ||
            stop "$1 is broken: it has no pip. Remove it and run make again: rm -rf $1"
        return 0
    fi
    command -v "$2" >/dev/null 2>&1 ||
        stop "Python 3.11 or newer is needed, and no '$2' was found. Install one, or name it: \
make lab PYTHON=/path/to/python3.12"
    "$2" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "Python 3.11 or newer is needed, and '$2' is $("$2" --version 2>&1). Install a newer \
one, or name it: make lab PYTHON=python3.12"
    refuse_intel_macs "$2"
    "$2" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        stop "'$2' cannot make virtual environments: its venv module is missing. On Debian and \
Ubuntu: apt install python3-venv"
    "$2" -m venv "$1"
}

has_nvidia_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; }

has_pytorch() {
    "$1" -c 'import importlib.metadata as m; m.version("torch"), m.version("torchvision")' \
        >/dev/null 2>&1
}

# A uv that knows PyTorch's indexes: `$uv pip ...`. Fetched by pip where there is none.
find_uv() {
    for uv in uv "$1 -m uv"; do
        $uv pip install --help 2>/dev/null | grep -q -e --torch-backend && return 0
    done
    echo "uv, which knows PyTorch's CPU build, is fetched first (18 MB)."
    "$1" -m pip install --quiet --disable-pip-version-check 'uv>=0.6.9'
}

pip_install() { # python what
    # unquoted on purpose: PIP_ARGS holds several words
    "$1" -m pip install --disable-pip-version-check -e "$2" ${PIP_ARGS:-}
}

install_packages() { # folder extra
    py=$1/bin/python what=".$2"
    has_pytorch "$py" || refuse_intel_macs "$py"
    if [ -n "${PIP_ARGS:-}" ]; then
        pip_install "$py" "$what"
    elif has_pytorch "$py"; then
        echo "PyTorch is there already: pip adds what is missing, 400 MB at most."
        pip_install "$py" "$what"
    elif [ "$(uname -s)" = Darwin ]; then
        echo "About to download $(others "$2") of packages and PyTorch for Macs, 140 MB."
        pip_install "$py" "$what"
    elif has_nvidia_gpu; then
        echo "An NVIDIA GPU was found. About to download $(others "$2") of packages and" \
            "$PYTORCH_CUDA."
        pip_install "$py" "$what"
    elif find_uv "$py" &&
        UV_HTTP_TIMEOUT=15 UV_HTTP_RETRIES=1 $uv pip install --quiet --python "$py" --dry-run \
            --no-deps --torch-backend=cpu 'torch>=2.4' torchvision; then
        echo "No NVIDIA GPU was found. About to download $(others "$2") of packages and" \
            "$PYTORCH_CPU."
        $uv pip install --python "$py" --torch-backend=cpu -e "$what"
    else
        echo "PyTorch's CPU build cannot be reached from here, so plain pip installs the one on" \
            "PyPI: about to download $(others "$2") of packages and $PYTORCH_CUDA."
        pip_install "$py" "$what"
    fi
}

case ${1:-} in
    venv) make_venv "$2" "$3" ;;
    packages) install_packages "$2" "${3:-}" ;;
    *) stop "expected venv or packages, found '${1:-}'" ;;
esac
