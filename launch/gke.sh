#!/usr/bin/env bash
# A pod on Google Kubernetes Engine: one or more TPU slices, by a JobSet (0.6 or later).
#
#   launch/gke.sh apply  --name=NAME --image=IMAGE --accelerator=tpu-v5-lite-podslice \
#                        --topology=4x4 [--slices=N] [--spot] [--hours=N] \
#                        -- [tables] --config=FILE --workdir=gs://BUCKET/DIR
#   launch/gke.sh logs   --name=NAME [--worker=all]
#   launch/gke.sh delete --name=NAME      saves, ends the run, frees the machines
#
# --hours=N ends the run N hours after apply, waiting and restarts included: it saves, and
# frees the machines. What has ended is deleted after a day.
#
# Each may be repeated. --dry_run prints the manifest and every command and runs none.
# Further options: --namespace, --chips_per_host (default 4), --max_restarts (default 20:
# after preemption, exit code 75, or a crash; never after bad input, exit code 2, or a
# loss that is not finite, 3). --worker=S.K is worker K of slice S. SELFME_GKE_NAME, _IMAGE, _ACCELERATOR and _TOPOLOGY stand
# in for options. launch/Dockerfile makes the image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
source launch/pod.sh

action=${1:-}
[[ " apply logs delete " == *" $action "* && $action ]] || fail "launch/gke.sh apply|logs|delete --name=NAME ..."
shift
name=${SELFME_GKE_NAME:-} image=${SELFME_GKE_IMAGE:-} namespace=''
accelerator=${SELFME_GKE_ACCELERATOR:-} topology=${SELFME_GKE_TOPOLOGY:-}
chips_per_host=4 max_restarts=20 slices=1 spot='' hours='' worker=0
keys="name= namespace="
case $action in
  apply) keys+=" image= accelerator= topology= chips_per_host= max_restarts= slices= spot hours=" ;;
  logs) keys+=" worker=" ;;
esac
parse "$keys" "$@"
require SELFME_GKE name
[[ $name =~ ^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$ ]] || fail "--name=$name: at most 40 of a-z, 0-9 and -, a letter first."
[[ $action == apply ]] || ((!${#arguments[@]})) || fail "only apply takes arguments after --."
[[ $dry_run ]] || command -v kubectl >/dev/null || fail "no kubectl here. Install it, or look with --dry_run."
place=()
if [[ $namespace ]]; then place+=(--namespace="$namespace"); fi

# One word as a YAML string; Kubernetes would expand $(NAME).
yaml() {
  local word=${1//\\/\\\\}
  word=${word//\"/\\\"}
  echo "\"${word//\$(/\$\$(}\""
}

# Ends a command at a time, in seconds of the epoch: by SIGTERM, then two minutes to save.
# --foreground: else timeout passes on any SIGTERM twice, the second while it saves.
# shellcheck disable=SC2016  # expanded in the container
until='left=$(($1 - $(date +%s))); shift; [ "$left" -gt 0 ] || exit 124; exec timeout --foreground --kill-after=120 "$left" "$@"'

manifest() {
  local word
  cat <<END
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata:
  name: $name
  annotations:
    # One slice is one node pool: the pods of a pod share one.
    alpha.jobset.sigs.k8s.io/exclusive-topology: cloud.google.com/gke-nodepool
spec:
  ttlSecondsAfterFinished: 86400
  failurePolicy:
    maxRestarts: $max_restarts
    rules:
    - name: NotAgain
      action: FailJobSet
      onJobFailureReasons: [PodFailurePolicy, DeadlineExceeded]
  replicatedJobs:
  - name: slice
    replicas: $slices
    template:
      spec:
        completionMode: Indexed
        completions: $hosts
        parallelism: $hosts
        backoffLimit: 0
END
  # For what never starts; a restart begins to count again, the end below does not.
  if [[ $hours ]]; then echo "        activeDeadlineSeconds: $((hours * 3600 + 300))"; fi
  cat <<END
        podFailurePolicy:
          rules:
          - action: FailJob  # again would be the same; all else restarts the JobSet
            onExitCodes: {containerName: selfme-jax, operator: In, values: [2, 3, 124]}
        template:
          spec:
            restartPolicy: Never
            terminationGracePeriodSeconds: 120
            nodeSelector:
              cloud.google.com/gke-tpu-accelerator: $accelerator
              cloud.google.com/gke-tpu-topology: $topology
END
  if [[ $spot ]]; then
    cat <<END
              cloud.google.com/gke-spot: "true"
            tolerations:
            - {key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}
END
  fi
  if ((slices > 1)); then
    cat <<END
            # Slices speak over the network of the machines.
            hostNetwork: true
            dnsPolicy: ClusterFirstWithHostNet
END
  fi
  cat <<END
            containers:
            - name: selfme-jax
              image: $(yaml "$image")
              env:
              - {name: SELFME_POD, value: auto}
              # Machines of a slice that comes back may take their time.
              - {name: SELFME_POD_TIMEOUT, value: "1800"}
              # That GKE has joined the slices is checked.
              - {name: SELFME_SLICES, value: "$slices"}
END
  if [[ $hours ]]; then
    echo "              command: [sh, -c, $(yaml "$until"), sh, \"$(($(date +%s) + hours * 3600))\", python, -m, selfme_jax.$module]"
  else
    echo "              command: [python, -m, selfme_jax.$module]"
  fi
  echo "              args:"
  for word in "${arguments[@]}"; do echo "              - $(yaml "$word")"; done
  cat <<END
              resources:
                requests: {google.com/tpu: $chips_per_host}
                limits: {google.com/tpu: $chips_per_host}
END
}

check() {
  require SELFME_GKE image accelerator topology
  [[ $accelerator =~ ^[a-z0-9-]+$ ]] || fail "--accelerator=$accelerator: give the node label, e.g. tpu-v5-lite-podslice or tpu-v6e-slice."
  [[ $topology =~ ^[1-9][0-9]*(x[1-9][0-9]*){1,2}$ ]] || fail "--topology=$topology: give e.g. 4x4 or 2x2x4."
  [[ $chips_per_host =~ ^[1-9][0-9]*$ ]] || fail "--chips_per_host=$chips_per_host: give a number from 1 up."
  [[ $max_restarts =~ ^[0-9]+$ ]] || fail "--max_restarts=$max_restarts: give a number."
  chips=$((${topology//x/*}))
  ((chips % chips_per_host == 0)) \
    || fail "--topology=$topology: $chips chips do not divide by --chips_per_host=$chips_per_host. It is 1, 4 or 8, by machine type."
  hosts=$((chips / chips_per_host))
  whole slices
  [[ ! $hours ]] || whole hours
  choose_module
  check_workdir
}

apply() {
  local there='' get=(kubectl get jobset "$name" ${place[@]+"${place[@]}"} --ignore-not-found --output=name)
  check
  if [[ $dry_run ]]; then
    run "${get[@]}"
  else
    there=$("${get[@]}") || fail "kubectl does not know this cluster's JobSets (see above). docs/pods.md says what to install."
  fi
  if [[ $there ]]; then
    echo "$name is there already; see its logs. To start it anew, delete it first: the workdir stays, and is resumed."
  else
    run kubectl apply ${place[@]+"${place[@]}"} --filename=- <<<"$(manifest)"
    [[ ! $dry_run ]] || manifest
  fi
  chips=$((slices * chips))
  echo "$name: $chips chips on $((slices * hosts)) hosts, so $chips chip-hours an hour. Follow it: launch/gke.sh logs"
  echo "It holds its machines until it ends${hours:+, in $hours hours at the latest,} or is deleted:"
  quote launch/gke.sh delete --name="$name" ${place[@]+"${place[@]}"}
}

logs() {
  local pods=jobset.sigs.k8s.io/jobset-name=$name
  [[ $worker =~ ^(all|([0-9]+\.)?[0-9]+)$ ]] || fail "--worker=$worker: give a number from 0 up, S.K for worker K of slice S, or all."
  if [[ $worker != all ]]; then
    [[ $worker == *.* ]] || worker=0.$worker
    pods+=,jobset.sigs.k8s.io/job-index=${worker%.*},batch.kubernetes.io/job-completion-index=${worker#*.}
  fi
  run kubectl logs ${place[@]+"${place[@]}"} --selector="$pods" --follow --prefix --tail=100 --max-log-requests=256
}

delete() {
  run kubectl delete jobset "$name" ${place[@]+"${place[@]}"} --ignore-not-found
}

case $action in
  apply) apply ;;
  logs) logs ;;
  delete) delete ;;
esac
