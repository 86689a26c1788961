#!/usr/bin/env bash
# A pod of TPU VMs (a queued resource of Google Cloud): the same on all its workers.
#
#   launch/tpu_vm.sh create --name=NAME --zone=ZONE --type=v5litepod-16 [--spot] [--hours=N]
#   launch/tpu_vm.sh setup  --name=NAME --zone=ZONE    the current commit, installed
#   launch/tpu_vm.sh run    --name=NAME --zone=ZONE [--delete_after] \
#                           -- [tables] --config=FILE --workdir=gs://BUCKET/DIR
#   launch/tpu_vm.sh logs   --name=NAME --zone=ZONE [--worker=all]
#   launch/tpu_vm.sh stop   --name=NAME --zone=ZONE    saves and ends the run
#   launch/tpu_vm.sh delete --name=NAME --zone=ZONE    ends what is billed
#
# Two guards end what is billed from the machines themselves, by launch/tpu_guard.sh:
# --hours=N lets the run save and deletes all N hours after the first boot;
# --delete_after deletes all when the run ends, however it ends, unless by stop.
#
# --slices=N, given to every action, is a pod of N slices of that type, named NAME-0 and
# so on; --worker=S.K is then worker K of slice S.
#
# Each may be repeated. --dry_run prints every command and runs none. Further options:
# --project, --runtime (the TPU software version; default by type), --wait (minutes that
# create waits for the machines, default 60). SELFME_TPU_NAME, _ZONE, _TYPE, _SLICES,
# _PROJECT and _RUNTIME stand in for options; SELFME_TPU_POLL is the seconds between two
# looks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
source launch/pod.sh

usage="launch/tpu_vm.sh create|setup|run|logs|stop|delete --name=NAME --zone=ZONE ..."
action=${1:-}
[[ " create setup run logs stop delete " == *" $action "* && $action ]] || fail "$usage"
shift
name=${SELFME_TPU_NAME:-} zone=${SELFME_TPU_ZONE:-} project=${SELFME_TPU_PROJECT:-}
type=${SELFME_TPU_TYPE:-} runtime=${SELFME_TPU_RUNTIME:-} slices=${SELFME_TPU_SLICES:-1}
spot='' worker=0 wait=60 hours='' delete_after=''
keys="name= zone= project= slices="
case $action in
  create) keys+=" type= runtime= spot wait= hours=" ;;
  run) keys+=" delete_after" ;;
  logs) keys+=" worker=" ;;
esac
parse "$keys" "$@"
require SELFME_TPU name zone
[[ $name =~ ^[a-z][-a-z0-9]*$ ]] || fail "--name=$name: a-z, 0-9 and -, a letter first."
whole slices
[[ $action == run ]] || ((!${#arguments[@]})) || fail "only run takes arguments after --."
[[ $dry_run ]] || command -v gcloud >/dev/null || fail "no gcloud here. Install the Google Cloud CLI, or look with --dry_run."

place=(--zone="$zone")
if [[ $project ]]; then place+=(--project="$project"); fi
queued=(gcloud compute tpus queued-resources)
describe=("${queued[@]}" describe "$name" "${place[@]}" '--format=value(state.state)')
nodes=("$name")
if ((slices > 1)); then
  nodes=()
  for ((slice = 0; slice < slices; slice++)); do nodes+=("$name-$slice"); done
fi
delete_command=(launch/tpu_vm.sh delete --name="$name" "${place[@]}")

# Sets $now: WAITING_FOR_RESOURCES, PROVISIONING, ACTIVE, FAILED, SUSPENDED, ...; ABSENT
# where there is no such queued resource.
look() {
  local errors
  if [[ $dry_run ]]; then
    run "${describe[@]}"
    return
  fi
  errors=$(mktemp)
  if now=$("${describe[@]}" 2>"$errors"); then
    rm "$errors"
  elif grep -qiE 'NOT_FOUND|not found' "$errors"; then
    rm "$errors"
    now=ABSENT
  else
    cat "$errors" >&2
    rm "$errors"
    exit 1
  fi
}

# Calls a function for each slice, side by side; fails where one does.
for_slices() {
  local slice pid code=0 pids=()
  if [[ $dry_run ]] || (($# == 2)); then
    for slice in "${@:2}"; do "$1" "$slice"; done
    return
  fi
  for slice in "${@:2}"; do
    "$1" "$slice" </dev/null &
    pids+=($!)
  done
  trap 'kill "${pids[@]}" 2>/dev/null || true; exit 130' INT
  for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
  return "$code"
}

# shellcheck disable=SC2317,SC2329  # for_slices calls it
on_slice() {
  local words=$command
  if ((slices > 1)); then words="export SELFME_SLICE=$1 SELFME_SLICES=$slices; $command"; fi
  run gcloud compute tpus tpu-vm ssh "${nodes[$1]}" "${place[@]}" --worker="$which" --command="$words"
}

# A command on workers: all, K of the first slice, or S.K.
on_workers() {
  local which=${1##*.} command=$2 chosen=(0)
  case $1 in
    all) chosen=("${!nodes[@]}") ;;
    *.*) chosen=("${1%.*}") ;;
  esac
  for_slices on_slice "${chosen[@]}"
}

# What tpu_guard.sh deletes.
resource() {
  local found=$project
  if [[ ! $found && ! $dry_run ]]; then found=$(gcloud config get-value project 2>/dev/null); fi
  if [[ ! $found && $dry_run ]]; then found=PROJECT; fi
  [[ $found ]] || fail "--project=... is missing, and gcloud knows none: whose machines are to be deleted?"
  echo "projects/$found/locations/$zone/queuedResources/$name"
}

end_with_delete() {
  echo "It is billed until it is deleted:"
  quote "${delete_command[@]}"
}

software() {
  case $type in
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v6e-*) echo v2-alpha-tpuv6e ;;
    v[234]-*) echo tpu-ubuntu2204-base ;;
    *) fail "--type=$type: its software is not known here. Give --runtime=..., too." ;;
  esac
}

# v5litepod-16 and v6e-16 have 16 chips; up to v4, and for v5p, cores are counted: 2 a chip.
chips() {
  case $type in
    v[234]-* | v5p-*) echo $((slices * ${type##*-} / 2)) ;;
    *) echo $((slices * ${type##*-})) ;;
  esac
}

create() {
  local now=ABSENT resource options=() named=(--node-id="$name")
  require SELFME_TPU type
  [[ $type =~ ^v[0-9a-z]+-[1-9][0-9]*$ ]] || fail "--type=$type: give an accelerator type, e.g. v5litepod-16 or v6e-16."
  [[ $wait =~ ^[0-9]+$ ]] || fail "--wait=$wait: give minutes."
  [[ $runtime ]] || runtime=$(software)
  [[ ! $hours ]] || whole hours
  if [[ $spot ]]; then options+=(--spot); fi
  look
  if [[ $now == ABSENT ]]; then
    if [[ $hours ]]; then
      resource=$(resource)
      options+=(--metadata="selfme-resource=$resource,selfme-hours=$hours" --metadata-from-file=startup-script=launch/tpu_guard.sh)
    fi
    if ((slices > 1)); then
      named=(--node-count="$slices" --node-prefix="$name")
    fi
    run "${queued[@]}" create "$name" "${named[@]}" "${place[@]}" \
      --accelerator-type="$type" --runtime-version="$runtime" ${options[@]+"${options[@]}"}
    look
  else
    echo "$name is there already: $now."
  fi
  [[ $dry_run || $now == ACTIVE ]] || wait_until_active
  echo "$name: $(chips) chips, so $(chips) chip-hours an hour, used or not. Next: launch/tpu_vm.sh setup"
  [[ ! $hours ]] || echo "It is deleted $hours hours after its first boot, by itself."
  end_with_delete
}

wait_until_active() {
  local end=$((SECONDS + wait * 60))
  until [[ $now == ACTIVE ]]; do
    case $now in
      FAILED | SUSPEND* | DELETING | ABSENT)
        echo "$name is $now: it was refused or taken back, and never comes again. Delete it, then create it again:" >&2
        quote "${delete_command[@]}" >&2
        exit 1
        ;;
    esac
    if ((SECONDS >= end)); then
      echo "$name is $now after $wait minutes. It stays in the queue: create goes on waiting; or try another zone or --spot, after" >&2
      quote "${delete_command[@]}" >&2
      exit 1
    fi
    echo "$(date +%T) $name is $now"
    sleep "${SELFME_TPU_POLL:-30}"
    look
  done
}

# shellcheck disable=SC2317,SC2329  # for_slices calls it
send() {
  run gcloud compute tpus tpu-vm scp "$folder/selfme_jax.bundle" "${nodes[$1]}:selfme_jax.bundle" "${place[@]}" --worker=all
}

setup() {
  local commit folder=DIR
  commit=$(git rev-parse HEAD 2>/dev/null) || fail "no git checkout: what would the workers run? Clone the repository."
  [[ $(git rev-parse --is-shallow-repository) == false ]] || fail "a shallow clone cannot be sent. First: git fetch --unshallow"
  [[ ! $(git status --porcelain) ]] || echo "Changes that are not committed stay here; the workers get ${commit:0:12}."
  if [[ ! $dry_run ]]; then
    folder=$(mktemp -d)
    # shellcheck disable=SC2064  # the folder as it is now
    trap "rm -rf '$folder'" EXIT
  fi
  run git bundle create --quiet "$folder/selfme_jax.bundle" HEAD
  for_slices send "${!nodes[@]}"
  on_workers all "set -e; git init -q selfme_jax; cd selfme_jax; ! test -x launch/tpu_worker.sh || launch/tpu_worker.sh idle; git fetch -q ../selfme_jax.bundle HEAD; git checkout -q --detach $commit; launch/tpu_worker.sh setup"
  echo "Next: launch/tpu_vm.sh run -- --config=... --workdir=gs://..."
  end_with_delete
}

start() {
  local resource guard=()
  ((${#arguments[@]})) || fail "nothing to run: launch/tpu_vm.sh run ... -- --config=FILE --workdir=gs://BUCKET/DIR"
  choose_module
  check_workdir
  if [[ $delete_after ]]; then
    resource=$(resource)
    guard=(--delete_after="$resource")
  fi
  # All are asked before any starts: a pod of which one worker refuses would hang.
  on_workers all "cd selfme_jax && launch/tpu_worker.sh idle${guard[*]:+ $(quote "${guard[@]}")}"
  on_workers all "cd selfme_jax && launch/tpu_worker.sh start $(quote ${guard[@]+"${guard[@]}"} "$module" "${arguments[@]}")"
  [[ ! $delete_after ]] || echo "When it ends, the machines are deleted; the report is in the workdir: launch/fetch.sh"
  echo "Follow it: launch/tpu_vm.sh logs"
  end_with_delete
}

delete() {
  local now=
  look
  if [[ $now == ABSENT ]]; then
    echo "There is no $name in $zone: nothing to delete."
  else
    run "${queued[@]}" delete "$name" "${place[@]}" --force --quiet
  fi
}

case $action in
  create) create ;;
  setup) setup ;;
  run) start ;;
  delete) delete ;;
  logs)
    [[ $worker =~ ^(all|([0-9]+\.)?[0-9]+)$ ]] || fail "--worker=$worker: give a number from 0 up, S.K for worker K of slice S, or all."
    [[ $worker != *.* || ${nodes[${worker%.*}]:-} ]] || fail "--worker=$worker: there are slices 0 to $((slices - 1)) (--slices)."
    on_workers "$worker" "cd selfme_jax && launch/tpu_worker.sh logs"
    ;;
  stop) on_workers all "cd selfme_jax && launch/tpu_worker.sh stop" ;;
esac
