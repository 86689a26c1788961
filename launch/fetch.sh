#!/usr/bin/env bash
# Brings report, results, tables and logs of a workdir in a bucket to this machine.
#
#   launch/fetch.sh gs://BUCKET/DIR [--output=DIR] [--dry_run]    default runs/<its name>
#
# Without checkpoints and arrays, which stay there; it needs no machine of the pod. Again,
# it brings what has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source launch/setup.sh
source launch/pod.sh

source=${1:-}
[[ $source == gs://?*/?* ]] || fail "which workdir? launch/fetch.sh gs://BUCKET/DIR [--output=DIR]"
shift
source=${source%/}
output=runs/${source##*/}
parse "output=" "$@"
((!${#arguments[@]})) || fail "nothing follows --: launch/fetch.sh gs://BUCKET/DIR [--output=DIR]"
[[ $output ]] || fail "--output=... is empty."
[[ $dry_run ]] || command -v gcloud >/dev/null || fail "no gcloud here. Install the Google Cloud CLI, or look with --dry_run."

# Python's re.match of paths under the workdir; runs of tables lie deeper.
left='^(.*/)?checkpoints/,^.*\.npy$'
[[ $dry_run ]] || mkdir -p "$output"
run gcloud storage rsync "$source" "$output" --recursive --exclude="$left"
[[ $dry_run ]] || find "$output" -maxdepth 2 -name '*.html'
