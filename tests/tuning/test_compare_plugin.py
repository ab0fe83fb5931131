"""What the Compare tab's routes answer, and what they must not: no browser is needed."""

import dataclasses
import json
import re
import shutil
import sys
import urllib.parse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from werkzeug.test import Client

from kerascnn.spec import RunSpec
from tests import boards, recorded
from tuning.commands import dashboard
from tuning.dashboard import plugin
from tuning.search_spec import SearchSpec
from tuning.space import Choice
from tuning.study import Study

STATIC = Path(plugin.__file__).parent / "static"
DATA = ("/studies", "/version", "/findings", "/figure", "/thumbnails")


class Routes:
    """The plug-in on a log directory, as TensorBoard would ask it."""

    def __init__(self, logdir: Path) -> None:
        context = SimpleNamespace(logdir=str(logdir), data_provider=None)
        self.applications = plugin.ComparePlugin(context).get_plugin_apps()

    def ask(self, route: str, query: str = "", method: str = "GET") -> Any:
        return Client(self.applications[route]).open(route, method=method, query_string=query)

    def error(self, route: str, **query: str) -> tuple[int, str]:
        answer = self.ask(route, urllib.parse.urlencode(query))
        return answer.status_code, answer.json["error"]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log directory with one study in it, and another beside it."""
    inside = tmp_path / "logs"
    recorded.study(inside / "ours")
    boards.begin(tmp_path / "secret", [boards.record(8, 0, 0.5)])
    return inside


@pytest.fixture
def routes(logs: Path) -> Routes:
    return Routes(logs)


def test_what_there_is_is_told(routes: Routes) -> None:
    assert routes.ask("/studies").json == ["ours"]
    found = routes.ask("/findings", "study=ours").json
    assert len(found["board"]["configurations"]) == 4
    for figure in found["figures"]:
        answer = routes.ask("/figure", f"study=ours&view={figure['name']}")
        assert answer.status_code == 200
        assert answer.json["data"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "..%2Fsecret",
        "%2e%2e/secret",
        "ours/../../secret",
        "/secret",
        "SECRET",
        "",
        ".",
        "ours/",
        "ours%00",
        "file:///etc/passwd",
    ],
)
@pytest.mark.parametrize("route", ["/version", "/findings", "/figure", "/thumbnails"])
def test_only_studies_that_were_found_are_served(logs: Path, route: str, name: str) -> None:
    name = name.replace("SECRET", urllib.parse.quote(str(logs.parent / "secret")))
    answer = Routes(logs).ask(route, f"view=forest&study={name}")
    assert answer.status_code == 404
    assert "\n" not in answer.json["error"]
    assert "configurations" not in answer.text


@pytest.mark.parametrize("linked", ["folder", "study.json", "log.jsonl", "chain"])
def test_a_link_leads_to_no_study_outside(logs: Path, linked: str) -> None:
    outside, link = logs.parent / "secret", logs / "link"
    if linked == "folder":
        link.symlink_to(outside, target_is_directory=True)
    elif linked == "chain":
        (logs.parent / "hop").symlink_to(outside, target_is_directory=True)
        link.symlink_to(logs.parent / "hop", target_is_directory=True)
    else:
        link.mkdir()
        for name in ("study.json", "log.jsonl"):
            if name == linked:
                (link / name).symlink_to(outside / name)
            else:
                shutil.copy(outside / name, link / name)
    routes = Routes(logs)
    assert routes.ask("/studies").json == ["ours"]
    assert routes.ask("/findings", "study=link").status_code == 404


def test_a_log_directory_that_is_a_link_is_one(logs: Path) -> None:
    (logs.parent / "here").symlink_to(logs, target_is_directory=True)
    assert Routes(logs.parent / "here").ask("/studies").json == ["ours"]


@pytest.mark.parametrize("route", DATA)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_get_is_answered(routes: Routes, route: str, method: str) -> None:
    answer = routes.ask(route, "study=ours&view=forest", method)
    assert answer.status_code == 405
    assert set(answer.json) == {"error"}


def test_no_route_takes_a_path(routes: Routes) -> None:
    assert all(re.fullmatch(r"/[a-z.]+", route) for route in routes.applications)
    assert set(routes.applications) == {
        *DATA,
        *(f"/{file.name}" for file in STATIC.iterdir()),
        "/plotly.js",
    }


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"study": "ourz"}, 404, "There is no 'ourz'."),
        ({"study": "ours", "metric": "acuracy"}, 400, "Did you mean 'accuracy'?"),
        ({"study": "ours", "split": "tset"}, 400, "Did you mean 'test'?"),
        ({"study": "ours", "metric": "accuracy", "split": "test"}, 400, "No run of"),
        ({}, 404, "There is no 'study'."),
    ],
)
def test_mistakes_are_one_line(
    routes: Routes, query: dict[str, str], code: int, message: str
) -> None:
    answer = routes.ask("/findings", urllib.parse.urlencode(query))
    told = answer.json.get("error") or answer.json["missing"]
    assert message in told
    assert "\n" not in told
    if "error" in answer.json:
        assert answer.status_code == code


def test_an_unknown_view_is_one_line(routes: Routes) -> None:
    code, message = routes.error("/figure", study="ours", view="florest")
    assert code == 400
    assert "Did you mean 'forest'?" in message


def test_a_damaged_log_is_one_line(logs: Path) -> None:
    with open(logs / "ours" / "log.jsonl", "a") as log:
        log.write("}{\n")
    answer = Routes(logs).ask("/findings", "study=ours")
    told = answer.json.get("error") or answer.json["missing"]
    assert "is damaged" in told
    assert "\n" not in told


def test_every_answer_is_json_or_a_file_of_ours(routes: Routes) -> None:
    suffixes = {".js": "application/javascript", ".css": "text/css"}
    kinds = {route: suffixes.get(Path(route).suffix) for route in routes.applications}
    for route in routes.applications:
        answer = routes.ask(route, "study=ours&view=forest")
        # The study holds no pictures.
        assert answer.status_code == (400 if route == "/thumbnails" else 200)
        assert answer.mimetype == (kinds[route] or "application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_json_has_no_nan(logs: Path) -> None:
    """A score that is not finite is none: a browser could not read the answer."""
    odd = dataclasses.replace(
        boards.record(4, 0, 0.5),
        metrics={"val_accuracy": 0.5, "val_loss": float("nan")},
        history={"loss/train": [1.0, float("nan"), float("inf")]},
    )
    text = json.dumps({"kind": "run", **odd.to_json()})
    assert "NaN" in text
    with open(logs / "ours" / "log.jsonl", "a") as log:
        log.write(text + "\n")
    routes = Routes(logs)
    figures = routes.ask("/findings", "study=ours").json["figures"]
    for metric in ("accuracy", "loss"):
        queries = [f"study=ours&metric={metric}"]
        queries += [f"{queries[0]}&view={f['name']}&selected={odd.spec.config_id}" for f in figures]
        for query in queries:
            answer = routes.ask("/figure" if "view" in query else "/findings", query)
            json.loads(answer.text, parse_constant=pytest.fail)


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_no_markup_is_made_of_text(file: Path) -> None:
    text = file.read_text()
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    assert re.findall(ways, text) == []
    assert re.findall(r"<script|\son\w+\s*=\s*[\"']|javascript:|https?://|@import", text) == []


def test_it_listens_on_this_machine_alone() -> None:
    host = next(each for each in dashboard.command.params if each.name == "host")
    assert host.default == "127.0.0.1"
    assert "default: 127.0.0.1" in CliRunner().invoke(dashboard.command, ["--help"]).output


def _strange(folder: Path, family: str, dataset: str, **fields: Any) -> Study:
    """Makes a log of a stranger's, of a family and data that are modules or files."""
    base = RunSpec(family=family, dataset=dataset, fingerprint="f" * 64, code="0" * 12, **fields)
    spec = SearchSpec(base=base, space={"units": Choice(1, 2)})
    records = []
    for units in (1, 2):
        config = dataclasses.replace(base, hyperparameters={"units": units})
        for repeat in range(2):
            record = boards.record(8, repeat, units / 3 + repeat / 10)
            run = config.repeated(0, "search", repeat)
            records.append(dataclasses.replace(record, spec=run, point={"units": units}))
    return boards.begin(folder, records, spec)


@pytest.mark.parametrize("kind", ["file", "module", "package", "gone"])
def test_opening_a_strangers_log_runs_nothing_it_names(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    code = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\ndef build(s, n, *, units=1): ...\n"
    (tmp_path / "evil").mkdir()
    for name in ("evil/__init__.py", "evil/mod.py", "evil_alone.py"):
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {"file": str(tmp_path / "evil_alone.py"), "module": "evil_alone.build"}
    name = {**names, "package": "evil.mod", "gone": "/no/such/file.py"}[kind]
    _strange(tmp_path / "logs" / "theirs", name, name)
    (tmp_path / "logs" / "theirs" / "code" / ("0" * 12)).mkdir(parents=True)
    (tmp_path / "logs" / "theirs" / "code" / ("0" * 12) / Path(name).name).write_text(code)
    routes = Routes(tmp_path / "logs")
    found = routes.ask("/findings", "study=theirs").json
    rows = found["board"]["configurations"]
    assert [row["hyperparameters"] for row in rows] == [{"units": 2}, {"units": 1}]
    for figure in found["figures"]:
        assert routes.ask("/figure", f"study=theirs&view={figure['name']}").status_code == 200
    assert not ran.exists()
    assert not {"evil", "evil.mod", "evil_alone"} & set(sys.modules)
