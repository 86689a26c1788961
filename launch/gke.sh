#!/usr/bin/env bash
# A pod on Google Kubernetes Engine: one TPU slice, by a JobSet (0.6 or later).
#
#   launch/gke.sh apply  --name=NAME --image=IMAGE --accelerator=tpu-v5-lite-podslice \
#                        --topology=4x4 [--spot] -- --config=FILE --workdir=gs://BUCKET/DIR
#   launch/gke.sh logs   --name=NAME [--worker=all]
#   launch/gke.sh delete --name=NAME      saves, ends the run, frees the machines
#
# Each may be repeated. --dry_run prints the manifest and every command and runs none.
# Further options: --namespace, --chips_per_host (default 4), --max_restarts (default 20:
# after preemption, exit code 75, or a crash; never after bad input, exit code 2, or a
# loss that is not finite, 3). SELFME_GKE_NAME, _IMAGE, _ACCELERATOR and _TOPOLOGY stand
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
chips_per_host=4 max_restarts=20 spot='' worker=0
keys="name= namespace="
case $action in
  apply) keys+=" image= accelerator= topology= chips_per_host= max_restarts= spot" ;;
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
  failurePolicy:
    maxRestarts: $max_restarts
    rules:
    - name: BadInput
      action: FailJobSet
      onJobFailureReasons: [PodFailurePolicy]
  replicatedJobs:
  - name: slice
    replicas: 1
    template:
      spec:
        completionMode: Indexed
        completions: $hosts
        parallelism: $hosts
        backoffLimit: 0
        podFailurePolicy:
          rules:
          - action: FailJob  # again would be the same; all else restarts the JobSet
            onExitCodes: {containerName: selfme-jax, operator: In, values: [2, 3]}
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
  cat <<END
            containers:
            - name: selfme-jax
              image: $(yaml "$image")
              env:
              - {name: SELFME_POD, value: auto}
              # Machines of a slice that comes back may take their time.
              - {name: SELFME_POD_TIMEOUT, value: "1800"}
              command: [python, -m, selfme_jax.main]
              args:
END
  for word in "${arguments[@]}"; do echo "              - $(yaml "$word")"; done
  cat <<END
              resources:
                requests: {google.com/tpu: $chips_per_host}
                limits: {google.com/tpu: $chips_per_host}
END
}

check() {
  local word workdir=
  require SELFME_GKE image accelerator topology
  [[ $accelerator =~ ^[a-z0-9-]+$ ]] || fail "--accelerator=$accelerator: give the node label, e.g. tpu-v5-lite-podslice or tpu-v6e-slice."
  [[ $topology =~ ^[1-9][0-9]*(x[1-9][0-9]*){1,2}$ ]] || fail "--topology=$topology: give e.g. 4x4 or 2x2x4."
  [[ $chips_per_host =~ ^[1-9][0-9]*$ ]] || fail "--chips_per_host=$chips_per_host: give a number from 1 up."
  [[ $max_restarts =~ ^[0-9]+$ ]] || fail "--max_restarts=$max_restarts: give a number."
  chips=$((${topology//x/*}))
  ((chips % chips_per_host == 0)) \
    || fail "--topology=$topology: $chips chips do not divide by --chips_per_host=$chips_per_host. It is 1, 4 or 8, by machine type."
  hosts=$((chips / chips_per_host))
  for word in ${arguments[@]+"${arguments[@]}"}; do
    case $word in --workdir=*) workdir=${word#*=} ;; esac
  done
  [[ $workdir == gs://* || $workdir == /* ]] \
    || fail "--workdir=$workdir: all workers must see it. Give -- ... --workdir=gs://BUCKET/DIR, or a mounted folder by its full path."
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
  echo "$name: $chips chips on $hosts hosts, so $chips chip-hours an hour. Follow it: launch/gke.sh logs"
  echo "It holds its machines until it ends or is deleted:"
  quote launch/gke.sh delete --name="$name" ${place[@]+"${place[@]}"}
}

logs() {
  local pods=jobset.sigs.k8s.io/jobset-name=$name
  [[ $worker =~ ^(all|[0-9]+)$ ]] || fail "--worker=$worker: give a number from 0 up, or all."
  if [[ $worker != all ]]; then pods+=,batch.kubernetes.io/job-completion-index=$worker; fi
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
