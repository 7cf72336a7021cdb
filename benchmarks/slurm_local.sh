#!/bin/bash
# launch/cluster/slurm.sbatch under a real SLURM on this machine: two tasks, pre-empted once.
#
#   benchmarks/slurm_local.sh FOLDER     (root, on Debian; installs slurmctld, slurmd and munge)
#
# The job on the demo is run twice, undisturbed and pre-empted by SIGTERM as soon as a checkpoint is
# there. It must then end with 75, be requeued, and finish with the same losses and scores.
# Minutes, most of them compilation.
set -euo pipefail
home=$(cd "$(dirname "$0")/.." && pwd)
work=$(mkdir -p "${1:?a folder}" && cd "$1" && pwd)
python=${PYTHON:-$home/.venv/bin/python}
host=$(hostname -s)

command -v slurmctld munged >/dev/null || apt-get install -y -qq slurmctld slurmd slurm-client munge
mkdir -p "$work"/{spool,state,bin} /run/munge
chown munge /run/munge
pgrep -x munged >/dev/null || runuser -u munge -- /usr/sbin/munged
cat >"$work/slurm.conf" <<EOF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=7817
SlurmdPort=7818
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=local Nodes=ALL Default=YES
EOF
export SLURM_CONF=$work/slurm.conf
slurmctld
slurmd
trap 'kill "$(cat "$work/slurmd.pid")" "$(cat "$work/slurmctld.pid")"' EXIT
until sinfo --noheader --states=idle | grep -q .; do sleep 1; done

cat >"$work/bin/drr" <<EOF
#!/bin/bash
PYTHONPATH=$home exec $python -m drr_jax "\$@"
EOF
chmod +x "$work/bin/drr"
export PATH=$work/bin:$PATH JAX_PLATFORMS=cpu XLA_FLAGS=--xla_backend_optimization_level=1
config=$(
    PYTHONPATH=$home:$home/tests/helpers "$python" - "$work/data" <<EOF
import sys
from pathlib import Path
import small_run
often = {"log.every_steps": 1, "log.checkpoint_every_steps": 20, "log.eval_every_epochs": 1000}
data = small_run.render(Path(sys.argv[1]))
print("CONFIG", small_run.config(data, **often, **{"optim.max_steps": 400}))
EOF
)
submit() { # NAME: prints the job's number
    sbatch --parsable --nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --gpus-per-node=0 \
        --output="$work/$1.log" "$home/launch/cluster/slurm.sbatch" \
        --config="${config##*CONFIG }" --workdir="$work/$1"
}
state() { scontrol --oneliner show job "$1" | grep -o 'JobState=[A-Z]*\|Restarts=[0-9]*\|ExitCode=[0-9]*' | xargs; }
finish() { # JOB NAME
    until state "$1" | grep -q 'COMPLETED\|FAILED\|CANCELLED'; do sleep 2; done
    echo "$2: $(state "$1")"
    tr '\r' '\n' <"$work/$2.log" | grep -v 'Gloo\|steps\|: $' || true
}

job=$(submit undisturbed)
finish "$job" undisturbed
job=$(submit disturbed)
until compgen -G "$work/disturbed/checkpoints/[0-9]*" >/dev/null; do sleep 1; done
scancel --signal=TERM "$job"
# SLURM holds a requeued job for two minutes in case its cause is still there.
until state "$job" | grep -q 'Restarts=1'; do sleep 1; done
until scontrol update JobId="$job" StartTime=now 2>/dev/null; do sleep 1; done
finish "$job" disturbed

PYTHONPATH=$home "$python" - "$work" <<EOF
import sys
from drr_jax.runs import read_metrics

one, two = (read_metrics(f"{sys.argv[1]}/{name}") for name in ("undisturbed", "disturbed"))
for row in one + two:
    row.pop("steps_per_second", None)
assert one == two, "the disturbed run lost otherwise"
print(f"{len(one)} rows of losses and scores, the same in both")
EOF
