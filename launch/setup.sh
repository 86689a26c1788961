# shellcheck shell=bash
# Sourced by demo.sh and test.sh from the top of the checkout.
#   setup_venv [EXTRA]   makes the virtual environment, installs selfme_jax with that
#                        extra under constraints/, and sets $python to its interpreter.
# PYTHON chooses the interpreter (default python3). The environment is .venv, or
# .venv-3.13 and so on where .venv belongs to another Python. Nothing is installed
# again until setup.cfg or the constraints change.

fail() {
  echo "$1" >&2
  exit 2
}

# Prints major.minor of an interpreter.
python_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

choose_python() {
  local shims
  python=${PYTHON:-python3}
  if ! version=$(python_version "$python"); then
    # A pyenv shim runs only the versions that are switched on: look behind it.
    shims=$(dirname "$(command -v "$python" || echo .)")
    for python in "$shims"/../versions/*/bin/"${python##*/}"; do :; done
    version=$(python_version "$python") \
      || fail "'${PYTHON:-python3}' does not run. Set PYTHON, e.g. PYTHON=python3.12 $0"
  fi
  [[ -f constraints/py$version.txt ]] \
    || fail "$python is Python $version; 3.11 to 3.13 are supported. Set PYTHON, e.g. PYTHON=python3.12 $0"
  "$python" -c 'import ensurepip, venv' 2>/dev/null \
    || fail "$python has no venv module. Install it (Debian: apt install python$version-venv) or set PYTHON."
}

setup_venv() {
  local extra=${1:-} venv=.venv version wanted stamp
  choose_python
  if [[ -x .venv/bin/python && $(python_version .venv/bin/python) != "$version" ]]; then
    venv=.venv-$version
  fi
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$venv"
  fi
  python=$PWD/$venv/bin/python
  stamp=$venv/.installed${extra:+-$extra}
  wanted="$PWD $(cat setup.cfg "constraints/py$version.txt" | cksum)"
  if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
    echo "Installing into $venv (Python $version), a minute or two the first time ..."
    "$python" -m pip install --quiet --disable-pip-version-check \
      --constraint "constraints/py$version.txt" --editable ".${extra:+[$extra]}"
    echo "$wanted" >"$stamp"
  fi
}
