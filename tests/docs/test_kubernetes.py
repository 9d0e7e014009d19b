"""`deploy/kubernetes`: what Kubernetes' own schemas say of it, how little its pods may, and that it starts what exists."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from beeld.settings import load_settings

from .conftest import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")
"""Of Kubernetes: the oldest that is meant, and the newest whose schemas are known."""
PROGRAMS = {
    "dask scheduler": ("distributed.cli.dask_scheduler", "main"),
    "dask worker": ("distributed.cli.dask_worker", "main"),
    "dagster api grpc": ("dagster._cli.api", "grpc_command"),
    "dagster api grpc-health-check": ("dagster._cli.api", "grpc_health_check_command"),
    "dagster-daemon run": ("dagster._daemon.cli", "run_command"),
    "dagster-webserver": ("dagster_webserver.cli", "dagster_webserver"),
}
"""What a container may start: module and name of the command that reads its options."""


def read(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")) if document]


OBJECTS = {
    f"{path.name}: {document['kind']} {document['metadata']['name']}": document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in read(path.name)
}


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [document for document in OBJECTS.values() if document["kind"] in kinds]


def pods() -> dict[str, dict[str, Any]]:
    """The label `app` of each pod, and its template."""
    found = of_kind("Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet", "Pod")
    return {each["spec"]["template"]["metadata"]["labels"]["app"]: each["spec"]["template"]["spec"] for each in found}


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for pod in pods().values():
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield pod, container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_schema_of_kubernetes_accepts(name: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)
    assert name.startswith("namespace.yaml") or OBJECTS[name]["metadata"]["namespace"] == "beeld"


def test_schema_of_kubernetes_refuses_what_does_not_exist() -> None:
    """Strict: a key that nobody knows is an error, and so is a wrong type."""
    for path, value in ((("replica",), 2), (("replicas",), "twee"), (("template", "spec", "containers", 0, "imag"), "x")):
        broken = copy.deepcopy(of_kind("Deployment")[0])
        place = broken["spec"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_pods_may_do_little() -> None:
    found = list(containers())
    assert {pod["securityContext"]["runAsUser"] for pod, _ in found} == {10001}, "the user of deploy/Containerfile"
    for pod, container in found:
        name, pod_context, context = container["name"], pod["securityContext"], container["securityContext"]
        assert pod_context["runAsNonRoot"] is True, name
        assert pod_context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert [volume for volume in pod["volumes"] if "hostPath" in volume] == [], name
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]], name  # noqa: S108 - of the pod
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}, name
        repository, _, tag = container["image"].partition(":")
        assert "/" not in repository, "an image of your own, from no registry that we chose"
        assert tag not in ("", "latest"), name
    (namespace,) = of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def commands() -> Iterator[list[str]]:
    for _, container in containers():
        yield container["command"]
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            if "exec" in container.get(probe, {}):
                yield container[probe]["exec"]["command"]


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words[:3])) for words in commands()])
def test_containers_start_what_exists(words: list[str], tmp_path: Path) -> None:
    """Each option is known to the program itself, and has a value of the right type."""
    (tmp_path / "workspace.yaml").touch()
    words = [str(tmp_path / "workspace.yaml") if word == "/etc/beeld/workspace.yaml" else word for word in words]
    if words[0] == "sh":
        assert words[2] == "mkdir -p /data/dagster && cp /etc/beeld/dagster.yaml /data/dagster/dagster.yaml"
        return
    (program,) = [name for name in PROGRAMS if words[: len(name.split())] == name.split()]
    module, name = PROGRAMS[program]
    command: click.Command = getattr(importlib.import_module(module), name)
    command.make_context(program, words[len(program.split()) :], resilient_parsing=False).close()


def test_one_thread_per_worker_and_no_nanny() -> None:
    (worker,) = [words for words in commands() if words[:2] == ["dask", "worker"]]
    assert worker[worker.index("--nthreads") + 1] == "1"
    assert "--no-nanny" in worker


# ---------------------------------------------------------------- who speaks to whom


def test_settings_are_read_and_lead_to_the_scheduler() -> None:
    (settings,) = [each["data"] for each in of_kind("ConfigMap") if each["metadata"]["name"] == "beeld"]
    read_back = load_settings(settings, ROOT / "tests")
    assert str(read_back.home) == "/data"
    (service,) = [each for each in of_kind("Service") if each["metadata"]["name"] == "beeld-dask"]
    (port,) = service["spec"]["ports"]
    assert read_back.cluster == f"tcp://{service['metadata']['name']}:{port['port']}"
    (worker,) = [words for words in commands() if words[:2] == ["dask", "worker"]]
    assert worker[2] == read_back.cluster
    (scheduler,) = pods()[service["spec"]["selector"]["app"]]["containers"]
    assert [each["containerPort"] for each in scheduler["ports"] if each["name"] == port["targetPort"]] == [port["port"]]
    assert scheduler["command"][scheduler["command"].index("--port") + 1] == str(port["port"])


def test_dagster_is_set_up_as_everywhere() -> None:
    (files,) = [each["data"] for each in of_kind("ConfigMap") if each["metadata"]["name"] == "beeld-dagster"]
    assert yaml.safe_load(files["dagster.yaml"]) == yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    (server,) = [each["grpc_server"] for each in yaml.safe_load(files["workspace.yaml"])["load_from"]]
    (code,) = [words for words in commands() if words[:3] == ["dagster", "api", "grpc"]]
    assert code[code.index("--port") + 1] == str(server["port"])
    assert code[code.index("--host") + 1] == server["host"] == "127.0.0.1"
    importlib.import_module(code[code.index("--module-name") + 1])


def test_selectors_find_their_pods() -> None:
    for each in of_kind("Deployment", "StatefulSet"):
        assert each["spec"]["selector"]["matchLabels"] == each["spec"]["template"]["metadata"]["labels"]
    for each in of_kind("Service"):
        assert each["spec"]["selector"]["app"] in pods()


def test_network_is_closed_but_for_what_is_named() -> None:
    """Everything is refused first; what comes in comes from pods of ours at their own ports, and nothing from elsewhere."""
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind("NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    named = {spec["podSelector"]["matchLabels"]["app"]: spec for spec in policies.values() if spec["podSelector"]}
    assert named.keys() == pods().keys()
    coming: dict[str, set[tuple[str, int]]] = {}
    going: dict[str, set[tuple[str, int]]] = {}
    for app, spec in named.items():
        for rule in spec.get("ingress", ()):
            coming[app] = {(peer, port["port"]) for peer in apps(rule["from"]) for port in rule["ports"]}
        for rule in spec.get("egress", ()):
            going.setdefault(app, set()).update((peer, port["port"]) for peer in apps(rule["to"]) for port in rule["ports"])
    scheduler, worker, dagster = "beeld-dask-scheduler", "beeld-dask-worker", "beeld-dagster"
    assert coming == {scheduler: {(worker, 8786), (dagster, 8786)}, worker: {(scheduler, 8788), (worker, 8788)}}
    let_in = {(peer, to, port) for to, peers in coming.items() for peer, port in peers}
    assert let_in == {(app, peer, port) for app, peers in going.items() for peer, port in peers if peer != "elsewhere"}
    assert {(app, port) for app, peers in going.items() for peer, port in peers if peer == "elsewhere"} == {(dagster, 443)}


def apps(peers: list[dict[str, Any]]) -> set[str]:
    """The pods of a rule, `elsewhere` for addresses; a peer of another form is no peer that we meant."""
    found: set[str] = set()
    for peer in peers:
        if "ipBlock" in peer:
            found.add("elsewhere")
        elif "matchLabels" in peer["podSelector"]:
            found.add(peer["podSelector"]["matchLabels"]["app"])
        else:
            (expression,) = peer["podSelector"]["matchExpressions"]
            assert (expression["key"], expression["operator"]) == ("app", "In")
            found.update(expression["values"])
    return found
