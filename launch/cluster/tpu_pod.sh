#!/bin/bash
# One run on all hosts of a TPU slice that is there (gcloud compute tpus tpu-vm create ...):
#   TPU=my-slice ZONE=us-east5-a launch/cluster/tpu_pod.sh --config=reactionet \
#       --workdir=/shared/runs/reactionet --config.data.data_dir=/shared/prepared
# /shared is a disk that every host mounts at the same place (Filestore), with a virtual environment
# in it: python3 -m venv /shared/venv && /shared/venv/bin/pip install '/shared/drr-jax[tpu]'
set -u
: "${TPU:?the name of the slice}" "${ZONE:?its zone}" "${VENV:=/shared/venv}"

# One process a host has all its chips; who is who, JAX reads from the machines' metadata. No other
# process may hold the chips: one that is left over shows as "TPU is already in use".
# This is for training and evaluation; reports and predictions are made on one host.
# Compiled programs, minutes each, are kept for all hosts and all starts.
command="JAX_COMPILATION_CACHE_DIR=/shared/compiled $VENV/bin/drr$(printf ' %q' "$@")"

# 75: pre-empted, or a lost peer: go on from the last checkpoint. A spot slice that was taken away
# has to be made again first; then the same command goes on, too.
for _ in $(seq 100); do
    gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all --command="$command"
    code=$?
    [ "$code" -eq 75 ] || exit "$code"
done
exit "$code"
