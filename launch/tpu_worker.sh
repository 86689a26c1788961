#!/usr/bin/env bash
# What tpu_vm.sh has every worker of a TPU VM do, in the checkout on that worker.
#
#   launch/tpu_worker.sh setup            makes .venv with the extra tpu
#   launch/tpu_worker.sh idle [--delete_after=RESOURCE]
#                                         fails where a run is going on, or where these
#                                         machines may not be deleted by themselves
#   launch/tpu_worker.sh start [--delete_after=RESOURCE] MODULE ARGUMENT...
#                                         of selfme_jax, in the background; after it,
#                                         whatever its end, the machines are deleted
#   launch/tpu_worker.sh stop             SIGTERM: the run saves and ends, and what it
#                                         ran on stays
#   launch/tpu_worker.sh logs             follows runs/pod.log
#
# Where there are several slices, SELFME_SLICE is the number of this one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh

number=$(hostname)
number=${SELFME_SLICE:+$SELFME_SLICE.}${number##*-w-}  # t1v-n-1234abcd-w-3 is worker 3
worker=[$number]
log=runs/pod.log pidfile=runs/pod.pid stopped=runs/pod.stopped

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

supervise() {
  local resource='' word workdir='' code=0
  case $1 in --delete_after=*) resource=${1#*=} && shift ;; esac
  trap : TERM  # the run gets it as well, being of the same group
  echo "$(date '+%F %T') starts on $(hostname): $*"
  SELFME_POD=auto .venv/bin/python -m "selfme_jax.$1" "${@:2}" || code=$?
  echo "$(date '+%F %T') ended with exit code $code"
  if [[ $resource && ! -e $stopped ]]; then
    for word; do
      case $word in --workdir=* | --output=*) workdir=${word#*=} ;; esac
    done
    # The log goes with the machines; the first worker is the first to delete them.
    .venv/bin/python -c "$keep" "$log" "$workdir/pod_$number.log" || echo "this log could not be kept"
    [[ $number =~ ^(0\.)?0$ ]] || sleep 300
    launch/tpu_guard.sh delete "$resource"
  fi
  return "$code"
}

keep='import sys, fsspec
source, target = sys.argv[1:]
with open(source, "rb") as read, fsspec.open(target, "wb") as written:
    written.write(read.read())'

case ${1:-} in
  setup)
    PYTHON=$(find_python)
    setup_venv tpu
    launch/tpu_guard.sh check
    echo "$worker ready: $("$python" --version) in $PWD/.venv"
    ;;
  idle)
    refuse_two
    case ${2:-} in --delete_after=*) launch/tpu_guard.sh check "${2#*=}" ;; esac
    ;;
  start)
    refuse_two
    [[ -x .venv/bin/python ]] || fail "$worker nothing is installed here. Run setup first."
    mkdir -p runs
    rm -f "$stopped"
    nohup setsid launch/tpu_worker.sh supervise "${@:2}" >>"$log" 2>&1 </dev/null &
    echo $! >"$pidfile"
    echo "$worker started, process $!"
    ;;
  supervise) supervise "${@:2}" ;;
  stop)
    if running; then
      touch "$stopped"
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
