"""A running tracker answers every request as its OpenAPI document says, and never with a 500.

Schemathesis makes good and bad requests from the document and checks each answer against it.
"""

import json

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.databases import ENGINES, made
from tests.system.site import Site, panel_section, wait_for
from tests.system.test_dashboard import answers, web_section
from tests.web import free_port
from tests.web.api import WRITE, problem
from tracker.core.orders.new_orders import FIELDS
from tracker.web.api import openapi, shapes
from tracker.web.api.operations import OPERATIONS
from tracker.web.api.problems import KINDS

EXAMPLES = 10
HEADERS = {"Authorization": f"Bearer {WRITE}"}
PANEL = "http://127.0.0.1:9/"

load_all_checks()
# Whoever shows wrong tokens has to wait: test_taking.py does that.
LEFT_OUT = {"ignored_auth"}
# Rows are read as kindly as those of a file, and a schema cannot say that no order was placed in the future.
LEFT_OUT_OF_ROWS = LEFT_OUT | {"positive_data_acceptance", "negative_data_rejection"}

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failure is told as it is: making it smaller would take longer than all the rest
    suppress_health_check=list(HealthCheck),
)


class Running:
    """A tracker that runs, and its log."""

    def __init__(self, site, port):
        self.site = site
        self.url = f"http://127.0.0.1:{port}"
        self.document = requests.get(f"{self.url}/api/v1/openapi.json", timeout=10).json()

    def post(self, body):
        headers = HEADERS | {"Content-Type": "application/json"}
        return requests.post(f"{self.url}/api/v1/orders", data=body, headers=headers, timeout=20)


@pytest.fixture(scope="module", params=ENGINES)
def running(request, tmp_path_factory):
    engine = request.getfixturevalue({"sqlite": "sqlite_files", "postgres": "postgres_databases"}[request.param])
    port = free_port()
    sections = panel_section(PANEL) + panel_section(PANEL, "spare") + web_section(port, write_token=WRITE)
    with made(engine.fresh(), engine) as url:
        site = Site(tmp_path_factory.mktemp("contract"), sections, url)
        site.track(["1", "23501"])
        site.start()
        try:
            wait_for(lambda: answers(port), 10, "the API")
            yield Running(site, port)
        finally:
            code = site.stop()
            site.close()
        assert code == 0
        assert "Traceback" not in site.log.read_text()
        assert "web.failed" not in site.log.read_text()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_answer_is_one_that_the_document_describes(running, operation, mode):
    schema = schemathesis.openapi.from_dict(running.document)
    (asked,) = [
        found
        for result in schema.get_all_operations()
        if (found := result.ok()).definition.raw["operationId"] == operation.name
    ]
    left_out = LEFT_OUT_OF_ROWS if operation.method == "POST" else LEFT_OUT
    checks = [check for check in CHECKS.get_all() if check.__name__ not in left_out]

    @fuzzed
    @given(asked.as_strategy(generation_mode=mode))
    def hold(case):
        if isinstance((case.query or {}).get("wait"), int):
            case.query["wait"] = min(case.query["wait"], 0)  # nobody has the time
        case.call_and_validate(base_url=running.url, headers=HEADERS, checks=checks, timeout=20)

    try:
        hold()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "there is always something good to ask"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ROW = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)


@given(st.lists(ROW | JSON, max_size=8) | ROW | JSON)
@settings(fuzzed, max_examples=60)
def test_any_json_is_taken_or_refused(running, told):
    answer = running.post(json.dumps(told))
    assert answer.status_code in (200, 201, 400, 422), answer.text
    if answer.status_code < 400:
        assert answer.json()["added"] + answer.json()["known"] + len(answer.json()["bad"]) <= len(told)


@given(st.binary(max_size=200))
@settings(fuzzed, max_examples=30)
def test_any_bytes_are_taken_or_refused(running, body):
    assert running.post(body).status_code in (200, 201, 400, 422)


@given(st.sampled_from([operation for operation in OPERATIONS if operation.method == "GET"]), st.data())
@settings(fuzzed, max_examples=60)
def test_any_parameters_are_understood_or_named(running, operation, data):
    names = [param.name for param in operation.params if param.where == "query"] or ["colour"]
    words = st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["o1", "t1", "2026-11-23T00:00:00Z"])
    query = data.draw(st.lists(st.tuples(st.sampled_from(names), words), max_size=4))
    query = [(name, "0" if name == "wait" else value) for name, value in query]
    path = operation.rule.replace("<panel>", "main").replace("<path:id>", "1")
    answer = requests.get(f"{running.url}/api/v1{path}", params=query, timeout=20)
    assert answer.status_code in (200, 404, 409, 422), answer.text
    if answer.status_code == 422:
        assert {error["field"] for error in problem(answer, 422)["errors"]} <= {*names}


# --- the document itself


def test_every_example_is_as_its_schema_says():
    document = openapi.document(["main"])
    components = {"components": document["components"]}
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                jsonschema.validate(parameter["example"], parameter["schema"])
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    jsonschema.validate(content["example"], content["schema"] | components)
    body = document["paths"]["/api/v1/orders"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        jsonschema.validate(example["value"], body["schema"] | components)
    for response in document["components"]["responses"].values():
        for content in response["content"].values():
            jsonschema.validate(content["example"], content["schema"] | components)


def test_a_row_may_have_the_fields_of_an_import_and_every_refusal_is_described():
    assert set(shapes.new_order(["main"])["properties"]) == set(FIELDS)
    assert {code for operation in OPERATIONS for code in operation.refusals} <= set(KINDS)
