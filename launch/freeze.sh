#!/usr/bin/env bash
# Renews constraints/pyX.Y.txt: the newest releases that one Python can have.
# Run the tests with it afterwards.
#
#   PYTHON=python3.13 launch/freeze.sh && PYTHON=python3.13 launch/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
PYTHON=${PYTHON:-python3}
version=$(python_version "$PYTHON") || fail "'$PYTHON' does not run. Set PYTHON."
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT

"$PYTHON" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[test]"
{
  echo "# Resolved and tested on Python $version; made by launch/freeze.sh."
  "$venv/bin/python" -m pip freeze --exclude-editable
} >"constraints/py$version.txt"
