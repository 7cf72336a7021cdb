"""launch/cluster/: shell that shellcheck finds nothing in, and a manifest of known fields."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from drr_jax import config, launches

FOLDER = launches.folder() / "cluster"
SHELL = [
    *FOLDER.glob("*.sh"),
    *FOLDER.glob("*.sbatch"),
    *(Path(__file__).parents[1] / "benchmarks").glob("*.sh"),
]


def an_object(properties, required=()):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


NAME = {"type": "string", "pattern": "^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$"}
COUNT = {"type": "integer", "minimum": 1}
# Of jobset.x-k8s.io/v1alpha2 what the manifest uses; a Job is Kubernetes' own to check.
JOBSET = an_object(
    {
        "apiVersion": {"const": "jobset.x-k8s.io/v1alpha2"},
        "kind": {"const": "JobSet"},
        "metadata": an_object({"name": NAME}, ["name"]),
        "spec": an_object(
            {
                "failurePolicy": an_object(
                    {
                        "maxRestarts": COUNT,
                        "rules": {
                            "type": "array",
                            "items": an_object(
                                {
                                    "action": {
                                        "enum": [
                                            "FailJobSet",
                                            "RestartJobSet",
                                            "RestartJobSetAndIgnoreMaxRestarts",
                                        ]
                                    },
                                    "onJobFailureReasons": {
                                        "type": "array",
                                        "items": {
                                            "enum": [
                                                "BackoffLimitExceeded",
                                                "DeadlineExceeded",
                                                "FailedIndexes",
                                                "MaxFailedIndexesExceeded",
                                                "PodFailurePolicy",
                                            ]
                                        },
                                    },
                                },
                                ["action"],
                            ),
                        },
                    }
                ),
                "network": an_object(
                    {
                        "enableDNSHostnames": {"type": "boolean"},
                        "publishNotReadyAddresses": {"type": "boolean"},
                        "subdomain": NAME,
                    }
                ),
                "replicatedJobs": {
                    "type": "array",
                    "minItems": 1,
                    "items": an_object(
                        {
                            "name": NAME,
                            "replicas": COUNT,
                            "template": an_object({"spec": {"type": "object"}}, ["spec"]),
                        },
                        ["name", "template"],
                    ),
                },
            },
            ["replicatedJobs"],
        ),
    },
    ["apiVersion", "kind", "metadata", "spec"],
)


@pytest.mark.parametrize("file", SHELL, ids=lambda file: file.name)
def test_shellcheck(file):
    tool = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run([str(tool), file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def manifest():
    return yaml.safe_load((FOLDER / "jobset.yaml").read_text(encoding="utf-8"))


def test_the_manifest_has_known_fields(manifest):
    jsonschema.validate(manifest, JOBSET)
    for job in manifest["spec"]["replicatedJobs"]:
        about = {"apiVersion": "batch/v1", "kind": "Job", "metadata": manifest["metadata"]}
        version = kubernetes_validate.latest_version()
        kubernetes_validate.validate(about | job["template"], version, strict=True)


def test_the_manifest_agrees_with_itself(manifest):
    [job] = manifest["spec"]["replicatedJobs"]
    spec = job["template"]["spec"]
    [container] = spec["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    first = f"{manifest['metadata']['name']}-{job['name']}-0-0.{manifest['metadata']['name']}"
    port = container["ports"][0]["containerPort"]
    assert variables["JAX_COORDINATOR_ADDRESS"] == f"{first}:{port}"
    keys = dict(re.findall(r"--config\.([a-z_.]+)=(\S+)", " ".join(container["args"])))
    hosts = {str(spec["parallelism"]), str(spec["completions"]), keys["mesh.hosts"]}
    assert hosts == {variables["JAX_NUM_PROCESSES"]}
    each = int(container["resources"]["limits"]["nvidia.com/gpu"])
    assert int(keys["mesh.devices"]) == spec["parallelism"] * each


def test_every_key_in_the_files_is_one():
    for file in FOLDER.iterdir():
        for key in re.findall(r"--config\.([a-z_.]+)=", file.read_text(encoding="utf-8")):
            config.check_key(key)
