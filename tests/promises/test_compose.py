"""docker-compose.yml and the Dockerfile say what the code understands.

No Docker engine is at hand: every command, variable, port, path and health check is held
against the code, and the file against the Compose specification.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import typer
import yaml

from deploy.stack import in_order
from schemas.topics import ARTICLES
from services.cli import app
from services.config.folder import Folder, read_folder
from services.runtime.settings import Settings, variable

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "wirewatch"}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_file_fits_the_compose_specification() -> None:
    compose = compose_spec.PyCompose.from_json(json.dumps(COMPOSE))
    assert set(compose.service_names()) == set(SERVICES)


def test_a_mistake_in_the_file_would_be_noticed() -> None:
    wrong = {"services": {"poller": {"image": "wirewatch", "comand": ["poller"]}}}
    with pytest.raises(ValueError, match="comand"):
        compose_spec.PyCompose.from_json(json.dumps(wrong))


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    words = OURS[name]["command"]
    group: Any = typer.main.get_command(app)
    command = group.commands[words[0]]
    rest = words[1:]
    if hasattr(command, "commands"):
        command, rest = command.commands[words[1]], words[2:]
    command.make_parser(typer.Context(command)).parse_args(args=list(rest))


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_with_a_good_value(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {variable(field) for field in Settings.model_fields}
    for key, value in OURS[name]["environment"].items():
        assert key in known
        monkeypatch.setenv(key, str(value))
    settings = Settings()
    assert settings.kafka_servers is not None
    assert settings.database_url is not None


@pytest.mark.parametrize("name", OURS)
def test_servers_are_named_as_the_services_are(name: str) -> None:
    environment = OURS[name]["environment"]
    host, port = environment["WIREWATCH_KAFKA_SERVERS"].split(":")
    assert (
        f"PLAINTEXT://{host}:{port}" == SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    )
    url = re.fullmatch(
        r"postgresql\+asyncpg://(\w+):(\w+)@(\w+):5432/(\w+)", environment["WIREWATCH_DATABASE_URL"]
    )
    assert url
    database = SERVICES[url[3]]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_PASSWORD"]) == (url[1], url[2])
    assert database["POSTGRES_DB"] == url[4]


@pytest.mark.parametrize("name", [name for name, s in OURS.items() if "healthcheck" in s])
def test_health_checks_ask_where_the_process_answers(name: str) -> None:
    check = OURS[name]["healthcheck"]["test"][-1]
    port = OURS[name]["environment"]["WIREWATCH_HTTP_PORT"]
    assert f"http://127.0.0.1:{port}/healthz" in check
    compile(check, "healthcheck", "exec")


def test_every_long_running_process_of_ours_has_a_health_check() -> None:
    jobs = {name for name, service in OURS.items() if service["restart"] == "no"}
    assert jobs == {"topics", "migrations", "apply"}
    assert all("healthcheck" in OURS[name] for name in OURS.keys() - jobs)


def test_dependencies_are_on_what_exists_and_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[needed]["restart"] == "no"
    assert in_order(SERVICES).index("kafka") < in_order(SERVICES).index("poller")


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_file_and_named_volume_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"]


def test_there_are_never_fewer_partitions_than_matchers() -> None:
    assert SERVICES["matcher"]["deploy"]["replicas"] <= ARTICLES.partitions


def test_the_folder_that_is_mounted_is_a_good_one_and_names_the_mail_catcher() -> None:
    folder = read_folder(ROOT / "deploy" / "examples" / "stack")
    assert isinstance(folder, Folder), folder
    assert folder.warnings == ()
    (channel,) = folder.channels
    assert channel.type == "email"
    assert channel.host in SERVICES


def test_kafka_is_the_version_that_the_tests_run() -> None:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    version = re.search(r"<kafka.version>(.*)</kafka.version>", pom)
    assert version
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_the_image_is_built_from_what_is_there_and_does_not_run_as_root() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(stages) == 2
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = shlex.split(line)
        assert all((ROOT / source).exists() for source in sources)
    last = DOCKERFILE.rindex("FROM ")
    assert re.search(r"^USER wirewatch$", DOCKERFILE[last:], re.MULTILINE)
    assert 'ENTRYPOINT ["wirewatch"]' in DOCKERFILE
