#!/usr/bin/env bash
# A pod of TPU VMs (a queued resource of Google Cloud): the same on all its workers.
#
#   launch/tpu_vm.sh create --name=NAME --zone=ZONE --type=v5litepod-16 [--spot]
#   launch/tpu_vm.sh setup  --name=NAME --zone=ZONE    the current commit, installed
#   launch/tpu_vm.sh run    --name=NAME --zone=ZONE -- --config=FILE --workdir=gs://BUCKET/DIR
#   launch/tpu_vm.sh logs   --name=NAME --zone=ZONE [--worker=all]
#   launch/tpu_vm.sh stop   --name=NAME --zone=ZONE    saves and ends the run
#   launch/tpu_vm.sh delete --name=NAME --zone=ZONE    ends what is billed
#
# Each may be repeated. --dry_run prints every command and runs none. Further options:
# --project, --runtime (the TPU software version; default by type), --wait (minutes that
# create waits for the machines, default 60). SELFME_TPU_NAME, _ZONE, _TYPE, _PROJECT
# and _RUNTIME stand in for options; SELFME_TPU_POLL is the seconds between two looks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
source launch/pod.sh

usage="launch/tpu_vm.sh create|setup|run|logs|stop|delete --name=NAME --zone=ZONE ..."
action=${1:-}
[[ " create setup run logs stop delete " == *" $action "* && $action ]] || fail "$usage"
shift
name=${SELFME_TPU_NAME:-} zone=${SELFME_TPU_ZONE:-} project=${SELFME_TPU_PROJECT:-}
type=${SELFME_TPU_TYPE:-} runtime=${SELFME_TPU_RUNTIME:-} spot='' worker=0 wait=60
keys="name= zone= project="
case $action in
  create) keys+=" type= runtime= spot wait=" ;;
  logs) keys+=" worker=" ;;
esac
parse "$keys" "$@"
require SELFME_TPU name zone
[[ $name =~ ^[a-z][-a-z0-9]*$ ]] || fail "--name=$name: a-z, 0-9 and -, a letter first."
[[ $action == run ]] || ((!${#arguments[@]})) || fail "only run takes arguments after --."
[[ $dry_run ]] || command -v gcloud >/dev/null || fail "no gcloud here. Install the Google Cloud CLI, or look with --dry_run."

place=(--zone="$zone")
if [[ $project ]]; then place+=(--project="$project"); fi
queued=(gcloud compute tpus queued-resources)
describe=("${queued[@]}" describe "$name" "${place[@]}" '--format=value(state.state)')
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

on_workers() {
  run gcloud compute tpus tpu-vm ssh "$name" "${place[@]}" --worker="$1" --command="$2"
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
    v[234]-* | v5p-*) echo $((${type##*-} / 2)) ;;
    *) echo "${type##*-}" ;;
  esac
}

create() {
  local now=ABSENT options=()
  require SELFME_TPU type
  [[ $type =~ ^v[0-9a-z]+-[1-9][0-9]*$ ]] || fail "--type=$type: give an accelerator type, e.g. v5litepod-16 or v6e-16."
  [[ $wait =~ ^[0-9]+$ ]] || fail "--wait=$wait: give minutes."
  [[ $runtime ]] || runtime=$(software)
  if [[ $spot ]]; then options+=(--spot); fi
  look
  if [[ $now == ABSENT ]]; then
    run "${queued[@]}" create "$name" --node-id="$name" "${place[@]}" \
      --accelerator-type="$type" --runtime-version="$runtime" ${options[@]+"${options[@]}"}
    look
  else
    echo "$name is there already: $now."
  fi
  [[ $dry_run || $now == ACTIVE ]] || wait_until_active
  echo "$name: $(chips) chips, so $(chips) chip-hours an hour, used or not. Next: launch/tpu_vm.sh setup"
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
  run gcloud compute tpus tpu-vm scp "$folder/selfme_jax.bundle" "$name:selfme_jax.bundle" "${place[@]}" --worker=all
  on_workers all "set -e; git init -q selfme_jax; cd selfme_jax; ! test -x launch/tpu_worker.sh || launch/tpu_worker.sh idle; git fetch -q ../selfme_jax.bundle HEAD; git checkout -q --detach $commit; launch/tpu_worker.sh setup"
  echo "Next: launch/tpu_vm.sh run -- --config=... --workdir=gs://..."
  end_with_delete
}

start() {
  local word workdir=
  ((${#arguments[@]})) || fail "nothing to run: launch/tpu_vm.sh run ... -- --config=FILE --workdir=gs://BUCKET/DIR"
  for word in "${arguments[@]}"; do
    case $word in --workdir=*) workdir=${word#*=} ;; esac
  done
  [[ $workdir == gs://* || $workdir == /* ]] \
    || fail "--workdir=$workdir: all workers must see it. Give gs://BUCKET/DIR or a shared folder by its full path."
  # All are asked before any starts: a pod of which one worker refuses would hang.
  on_workers all "cd selfme_jax && launch/tpu_worker.sh idle"
  on_workers all "cd selfme_jax && launch/tpu_worker.sh start $(quote "${arguments[@]}")"
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
    [[ $worker =~ ^(all|[0-9]+)$ ]] || fail "--worker=$worker: give a number from 0 up, or all."
    on_workers "$worker" "cd selfme_jax && launch/tpu_worker.sh logs"
    ;;
  stop) on_workers all "cd selfme_jax && launch/tpu_worker.sh stop" ;;
esac
