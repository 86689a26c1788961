#!/usr/bin/env bash
# The whole product on built-in synthetic faces: no data, no GPU needed.
#
#   launch/demo.sh [--workdir=DIR] [--config.KEY=VALUE ...]
#   PYTHON=python3.13 launch/demo.sh      with another Python (3.11 to 3.13)
#
# Run again to resume; delete the workdir (default runs/demo) to start over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
workdir=runs/demo
options=()
for argument; do
  case $argument in
    --workdir=*) workdir=${argument#*=} ;;
    *) options+=("$argument") ;;
  esac
done
echo "Demo: learns facial motion from synthetic people without labels, then recognises the micro-expressions of others, one subject held out at a time."

source launch/setup.sh
setup_venv ""
if [[ ! -f $workdir/people/faces.png ]]; then  # what prepare writes last
  rm -rf "$workdir/clips"  # of a demo that was killed
  "$python" -m selfme_jax.prepare synthetic --as=video --size=64 --output="$workdir/clips"
  "$python" -m selfme_jax.prepare video --source="$workdir/clips" --detector=frame \
    --size=64 --data_dir="$workdir/people"
fi
"$python" -m selfme_jax.main --config=configs/synthetic_pretraining.py \
  --config.data.name=video --config.data.root="$workdir/people" \
  --workdir="$workdir/pretraining" ${options[@]+"${options[@]}"}
# 0.5 to 3 pixels of a face of 256x256: at twice that, a linear model comes close.
"$python" -m selfme_jax.main --config=configs/synthetic.py --workdir="$workdir" \
  "--config.synthetic.amplitude=(0.25, 1.5)" --config.motion.scope=pretrained \
  --config.motion.init="$workdir/pretraining" \
  ${options[@]+"${options[@]}"}
echo "Open $workdir/report.html in a browser; what was learned of motion is in $workdir/pretraining/report.html."
