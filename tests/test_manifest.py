"""The Kubernetes manifest of chapter 7: what has to agree agrees, and the flags are known."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from unrolled import fields
from unrolled.__main__ import Training
from unrolled.command_line import flag

MANIFEST = Path(__file__).parents[1] / "book" / "many-devices" / "job.yaml"


@pytest.fixture(scope="module")
def parts():
    return {
        part["kind"]: part
        for part in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    }


@pytest.fixture(scope="module")
def words(parts):
    """The command that trains, as words."""
    (container,) = parts["Job"]["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    assert container["command"] == ["sh", "-c"]
    return shlex.split(script.partition("exec ")[2].replace("\\\n", ""))


def test_it_is_a_service_and_a_job(parts):
    assert {kind: part["apiVersion"] for kind, part in parts.items()} == {
        "Service": "v1",
        "Job": "batch/v1",
    }
    for part in parts.values():
        # Names in the cluster's name service.
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", part["metadata"]["name"])


def test_all_pods_run_at_once_and_are_numbered(parts, words):
    job = parts["Job"]["spec"]
    assert job["completionMode"] == "Indexed"
    told = int(words[words.index("--processes") + 1])
    assert job["completions"] == job["parallelism"] == told
    assert words[words.index("--process") + 1] == "$JOB_COMPLETION_INDEX"


def test_a_pod_that_loses_its_machine_does_not_count_as_failed(parts):
    job = parts["Job"]["spec"]
    assert job["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    ]
    # Kubernetes takes a policy with no other.
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_shared_memory_is_memory(parts):
    pod = parts["Job"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (name,) = (
        one["name"]
        for one in container["volumeMounts"]
        if one["mountPath"] == "/dev/shm"
    )
    (volume,) = (one for one in pod["volumes"] if one["name"] == name)
    assert volume["emptyDir"]["medium"] == "Memory"


def test_the_first_pod_has_the_name_that_the_others_ask_for(parts, words):
    service, job = parts["Service"], parts["Job"]
    pod = job["spec"]["template"]["spec"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    host, port = words[words.index("--coordinator") + 1].split(":")
    assert host == f"{job['metadata']['name']}-0.{pod['subdomain']}"
    assert {"containerPort": int(port)} in pod["containers"][0]["ports"]


def test_what_is_mounted_is_there(parts):
    pod = parts["Job"]["spec"]["template"]["spec"]
    named = {volume["name"] for volume in pod["volumes"]}
    assert {one["name"] for one in pod["containers"][0]["volumeMounts"]} <= named


def test_the_program_knows_the_command(parts, words):
    assert words[:4] == ["python", "-m", "unrolled", "train"]
    script = parts["Job"]["spec"]["template"]["spec"]["containers"][0]["args"][0]
    known = {flag(name) for name in fields.flat(Training())}
    asked = set(re.findall(r"--[a-z-]+", script))
    assert asked <= known
    assert {"--resume", "--output", "--distributed"} <= asked
