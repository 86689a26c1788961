#!/usr/bin/env bash
# A pod on this machine: N processes of the same command that find one another.
#
#   launch/local_pod.sh N [--devices=M] [--dry_run] -- --config=configs/synthetic.py ...
#   launch/local_pod.sh N ... -- tables --table=sota --config=configs/synthetic.py ...
#
# What follows -- is a module of selfme_jax (else main) and its arguments. With --devices=M each process gets M CPU
# devices, else what there is. Lines start with [k], the process they come from. Ctrl-C
# and SIGTERM go to all. When one fails the others are ended (by SIGTERM, and after
# SELFME_POD_GRACE seconds, default 60, by SIGKILL); the exit code is that of the first
# that failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
source launch/pod.sh

count=${1:-}
[[ $count =~ ^[1-9][0-9]*$ ]] || fail "how many processes? launch/local_pod.sh N [--devices=M] -- --config=..."
shift
devices=
parse "devices=" "$@"
[[ ! $devices ]] || whole devices
((${#arguments[@]})) || fail "nothing to run: launch/local_pod.sh $count -- --config=configs/synthetic.py"
choose_module

# The coordinator's port; that beside it must be free as well, workers meet there.
free_port='import contextlib, socket
while True:
    with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as two:
        one.bind(("", 0))
        port = one.getsockname()[1]
        two.bind(("", port + 1 if port < 65535 else port - 1))
        print(port)
        break'
python=.venv/bin/python port=PORT
if [[ ! $dry_run ]]; then
  setup_venv ""
  port=$("$python" -c "$free_port")
fi
settings=(JAX_COORDINATOR_ADDRESS="127.0.0.1:$port" JAX_NUM_PROCESSES="$count")
if [[ $devices ]]; then
  flag=--xla_force_host_platform_device_count=$devices
  settings+=(JAX_PLATFORMS=cpu XLA_FLAGS="${XLA_FLAGS:+$XLA_FLAGS }$flag")
fi
command=("$python" -m "selfme_jax.$module" ${arguments[@]+"${arguments[@]}"})
if [[ $dry_run ]]; then
  for ((k = 0; k < count; k++)); do
    run env "${settings[@]}" JAX_PROCESS_ID="$k" "${command[@]}"
  done
  exit
fi

prefix() {
  local line
  while IFS= read -r line || [[ $line ]]; do printf '[%s] %s\n' "$1" "$line"; done
}

pids=() readers=() deadline='' ending=''
signal_all() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do kill "-$1" "$pid" 2>/dev/null || true; done
}
pipes=$(mktemp -d)
trap 'signal_all KILL; rm -rf "$pipes"' EXIT
trap 'ending=1; signal_all TERM' TERM
trap 'ending=1; signal_all INT' INT

# Job control while they start: without it processes in the background ignore SIGINT, and
# with it ctrl-C reaches them only from here, once.
set -m
for ((k = 0; k < count; k++)); do
  mkfifo "$pipes/$k"
  prefix "$k" <"$pipes/$k" &
  readers+=($!)
  env "${settings[@]}" JAX_PROCESS_ID="$k" "${command[@]}" </dev/null >"$pipes/$k" 2>&1 &
  pids+=($!)
done
set +m

first=0
while ((${#pids[@]})); do
  for k in "${!pids[@]}"; do
    if kill -0 "${pids[k]}" 2>/dev/null; then continue; fi
    code=0
    wait "${pids[k]}" || code=$?
    unset "pids[k]"
    if ((code && !first)); then
      first=$code
      deadline=$((SECONDS + ${SELFME_POD_GRACE:-60}))
      echo "process $k ended with exit code $code; the others end too." >&3
      # Once: a second signal may end a process that is saving.
      [[ $ending ]] || signal_all TERM
    fi
  done
  if [[ $deadline ]] && ((SECONDS >= deadline)); then signal_all KILL; fi
  sleep 0.1 || true  # ctrl-C ends it
done 3>&2 2>/dev/null  # bash has a line of its own on a killed process
for pid in "${readers[@]}"; do wait "$pid" || true; done
exit "$first"
