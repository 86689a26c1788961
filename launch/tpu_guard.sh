#!/usr/bin/env bash
# Ends what is billed from one of the TPU VM's own machines, with their service account:
# also where whoever started it is asleep or gone. Needs curl and no checkout.
#
#   launch/tpu_guard.sh delete RESOURCE   deletes it, trying until this machine is gone
#   launch/tpu_guard.sh check [RESOURCE]  fails where the service account may not; without
#                                         RESOURCE, of --hours if they were given
#   launch/tpu_guard.sh                   start-up script, by root at every boot: lets
#                                         the run save and deletes when hours are over
#
# RESOURCE is projects/PROJECT/locations/ZONE/queuedResources/NAME; tpu_vm.sh create
# --hours=N writes it and the hours into the metadata (selfme-resource, selfme-hours).
set -euo pipefail

state=${SELFME_GUARD_STATE:-/var/lib/selfme_guard} homes=${SELFME_GUARD_HOMES:-/home}

tell() {
  echo "guard: $*"
}

metadata() {
  curl --silent --fail --header 'Metadata-Flavor: Google' \
    "http://metadata.google.internal/computeMetadata/v1/instance/$1"
}

# Prints the answer and, in a last line, its HTTP code. The token stays out of ps.
call() {
  local token
  token=$(metadata service-accounts/default/token) || return
  token=$(sed -E 's/.*"access_token": *"([^"]+)".*/\1/' <<<"$token")
  curl --silent --show-error --config - --write-out '\n%{http_code}' "$@" \
    <<<"header = \"Authorization: Bearer $token\""
}

delete() {
  local answer
  while :; do
    answer=$(call --request DELETE "https://tpu.googleapis.com/v2/$1?force=true" 2>&1) || true
    case ${answer##*$'\n'} in
      200) tell "deleting $1" ;;
      404) tell "$1 is gone" && return ;;
      *) tell "cannot delete $1 yet: $answer" ;;
    esac
    sleep 60
  done
}

check() {
  local resource=$1 project answer
  [[ $resource ]] || resource=$(metadata attributes/selfme-resource) || return 0
  project=${resource#projects/}
  project=${project%%/*}
  answer=$(call --header 'Content-Type: application/json' \
    --data '{"permissions": ["tpu.nodes.delete"]}' \
    "https://cloudresourcemanager.googleapis.com/v1/projects/$project:testIamPermissions" 2>&1) || true
  [[ ${answer##*$'\n'} == 200 && $answer == *tpu.nodes.delete* ]] && return
  tell "the service account of these machines may not delete them, so nothing would end what is billed. Give it roles/tpu.admin (docs/pods.md). It was told: $(tr '\n' ' ' <<<"$answer")" >&2
  return 2
}

# SIGTERM to the runs of this machine, and two minutes at most to save.
save() {
  local file pid end
  end=$(($(date +%s) + 120))
  for file in "$homes"/*/selfme_jax/runs/pod.pid; do
    pid=$(cat "$file" 2>/dev/null) || continue
    kill -TERM -- "-$pid" 2>/dev/null || continue
    while kill -0 "$pid" 2>/dev/null && (($(date +%s) < end)); do sleep 2; done
  done
}

# The hours count from the first boot; a machine may boot again.
watch() {
  local resource hours end now
  hours=$(metadata attributes/selfme-hours)
  resource=$(metadata attributes/selfme-resource)
  mkdir -p "$state"
  if [[ ! -s $state/end ]]; then echo $(($(date +%s) + hours * 3600)) >"$state/end"; fi
  end=$(cat "$state/end")
  tell "$resource ends in $(((end - $(date +%s)) / 60)) minutes"
  while now=$(date +%s) && ((now < end)); do sleep $((end - now)); done
  tell "the $hours hours are over"
  save
  delete "$resource"
}

case ${1:-watch} in
  watch) watch ;;
  delete) delete "$2" ;;
  check) check "${2:-}" ;;
  *) echo "launch/tpu_guard.sh [delete|check RESOURCE]" >&2 && exit 2 ;;
esac
