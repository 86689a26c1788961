#!/usr/bin/env bash
# What tpu_vm.sh has every worker of a TPU VM do, in the checkout on that worker.
#
#   launch/tpu_worker.sh setup            makes .venv with the extra tpu
#   launch/tpu_worker.sh idle             fails where a run is going on
#   launch/tpu_worker.sh start ARGUMENT...    of selfme_jax.main, in the background
#   launch/tpu_worker.sh stop             SIGTERM: the run saves and ends
#   launch/tpu_worker.sh logs             follows runs/pod.log
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh

worker=$(hostname)
worker=[${worker##*-w-}]  # t1v-n-1234abcd-w-3 is worker 3
log=runs/pod.log pidfile=runs/pod.pid

running() {
  pid=$(cat "$pidfile" 2>/dev/null) && [[ $(ps -o args= -p "$pid") == *tpu_worker.sh* ]]
}

refuse_two() {
  if running; then fail "$worker a run is going on (process $pid). Follow it by logs, or end it by stop."; fi
}

# An interpreter with venv; images of TPU VMs may have none that is new enough.
find_python() {
  local name
  for name in ${PYTHON:-} python3.12 python3.13 python3.11; do
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then echo "$name" && return; fi
  done
  python3 -m pip install --quiet --user uv
  "$HOME/.local/bin/uv" python install --quiet 3.12
  "$HOME/.local/bin/uv" python find 3.12
}

case ${1:-} in
  setup)
    PYTHON=$(find_python)
    setup_venv tpu
    echo "$worker ready: $("$python" --version) in $PWD/.venv"
    ;;
  idle) refuse_two ;;
  start)
    refuse_two
    [[ -x .venv/bin/python ]] || fail "$worker nothing is installed here. Run setup first."
    mkdir -p runs
    nohup setsid launch/tpu_worker.sh supervise "${@:2}" >>"$log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    echo "$worker started, process $!"
    ;;
  supervise)
    trap : TERM  # the run gets it as well, being of the same group
    echo "$(date '+%F %T') starts on $(hostname): ${*:2}"
    code=0
    SELFME_POD=auto .venv/bin/python -m selfme_jax.main "${@:2}" || code=$?
    echo "$(date '+%F %T') ended with exit code $code"
    exit "$code"
    ;;
  stop)
    if running; then
      kill -TERM -- "-$pid"
      echo "$worker told process $pid to save and end"
    else
      echo "$worker nothing is running"
    fi
    ;;
  logs)
    [[ -f $log ]] || fail "$worker no $log: nothing was started here."
    tail -n 100 -F "$log" | while IFS= read -r line; do printf '%s %s\n' "$worker" "$line"; done
    ;;
  *) fail "launch/tpu_worker.sh setup|idle|start|stop|logs" ;;
esac
