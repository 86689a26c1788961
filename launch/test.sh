#!/usr/bin/env bash
# The whole check: makes the virtual environment, then ruff, mypy and the tests on CPU.
#
#   launch/test.sh [PYTEST ARGUMENTS]     e.g. launch/test.sh tests/ops -k warp
#   PYTHON=python3.13 launch/test.sh      with another Python (3.11 to 3.13)
#   SELFME_TEST_DATA=DIR launch/test.sh   with the tests that need real data
#   SELFME_TEST_EXTRA=test,torch launch/test.sh   with those against PyTorch
#   SELFME_TEST_EXTRA=test,docs launch/test.sh    with that of the site (docs/)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SELFME_TEST_STARTED=$(date +%s)
export SELFME_TEST_STARTED

source launch/setup.sh
setup_venv "${SELFME_TEST_EXTRA:-test}"
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy

# One thread per worker: the workers share the cores.
export PJRT_NPROC=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$python" -m pytest -n logical --maxprocesses 8 --dist loadfile \
  --no-loadscope-reorder "$@"
