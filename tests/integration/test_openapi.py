"""The document of the HTTP paths and the paths themselves say the same: every path that the code declares is documented,
every documented one answers, and answers what the document says."""
import json
import re
import urllib.error
import urllib.request

import pytest

from tests.support import pypackages
from tests.support.hooks import Hooks
from tests.support.places import ROOT

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
ENTRY = re.compile(r'\{"([A-Z,]+)", "(/[^"]*)"')
WORDS = {"tenant": "open", "dataCore": "shop", "flowType": "order.0", "eventType": "order.created.0", "source": "open",
         "name": "mirror", "id": "c232ab00-9414-11ec-b3c8-9f6bdeced846"}


@pytest.fixture(scope="module")
def running(built, tmp_path_factory):
    hooks = Hooks(tmp_path_factory.mktemp("openapi")).start()
    hooks.admin = hooks.key("--rights", "admin")
    yield hooks
    assert hooks.stop() == 0


@pytest.fixture(scope="module")
def document(running):
    answer = urllib.request.urlopen(f"http://127.0.0.1:{running.port}/openapi.json", timeout=10)
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(answer.read())


def resolved(document, thing):
    while "$ref" in thing:
        found = document
        for word in thing["$ref"][2:].split("/"):
            found = found[word.replace("~1", "/").replace("~0", "~")]
        thing = found
    return thing


def documented(document):
    """(method, path) ─▶ the operation."""
    return {(method.upper(), path): item[method] for path, item in
            ((path, resolved(document, item)) for path, item in document["paths"].items())
            for method in METHODS if method in item}


def declared():
    """(method, path) of all tables in the code; the server answers nothing else (see paths in <leat/ingest.h>)."""
    found = set()
    files = [*ROOT.glob("src/feed/*.c"), *ROOT.glob("connectors/sources/*/*.c"), ROOT / "src/daemon/pages.c"]
    for file in files:
        for methods, path in ENTRY.findall(file.read_text()):
            found |= {(method, path) for method in methods.split(",")}
        for path, methods in re.findall(r'\{"(/[a-z]+)", "([A-Z]+)", page_', file.read_text()):
            found.add((methods, path))
    return found


def ask(running, document, method, path, body=b"{}", key=True):
    """(status, body); the port is that of the path's server."""
    local = "servers" in resolved(document, document["paths"][path])
    target = re.sub(r"\{(\w+)\}", lambda m: WORDS[m[1]], path)
    headers = {"Content-Type": "application/json", **({"Authorization": running.admin} if key else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{running.http_port if local else running.port}{target}",
                                     body if method == "POST" and not local else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def test_document__is_valid(document):
    try:
        pypackages.use("openapi-spec-validator==0.7.1")
    except pypackages.Unavailable as e:
        pytest.skip(f"the validator cannot be had: {e}")
    from openapi_spec_validator import OpenAPIV31SpecValidator, validate
    validate(document, cls=OpenAPIV31SpecValidator)
    broken = json.loads(json.dumps(document))
    del broken["paths"]["/v1/readers/{name}"]["parameters"]
    with pytest.raises(Exception):  # it can fail
        validate(broken, cls=OpenAPIV31SpecValidator)


def test_document__has_every_declared_path_and_no_other(document):
    assert len(declared()) > 20
    assert set(documented(document)) == declared()


def test_document__is_of_this_version(running, document):
    status = json.loads(urllib.request.urlopen(f"http://127.0.0.1:{running.http_port}/status", timeout=10).read())
    assert document["info"]["version"] == status["version"]


def test_paths__answer_what_is_documented(running, document):
    for (method, path), operation in documented(document).items():
        responses = operation["responses"]
        status, headers, body = ask(running, document, method, path)
        assert str(status) in responses, f"{method} {path}: {status} {body[:200]}"
        assert b"nothing under this path" not in body
        kinds = resolved(document, responses[str(status)]).get("content", {})
        kind = (headers["Content-Type"] or "").split(";")[0]
        assert not kinds or kind in kinds, f"{method} {path}: {kind}"


def test_paths__want_a_key_where_the_document_says_so(running, document):
    for (method, path), operation in documented(document).items():
        security = operation.get("security", document["security"])
        status = ask(running, document, method, path, key=False)[0]
        if security and {} not in security:
            assert status == 401 and "401" in operation["responses"], f"{method} {path}"
        else:
            assert status != 401, f"{method} {path}"


def test_paths__have_no_other_methods(running, document):
    known = documented(document)
    for path in document["paths"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (method, path) not in known:
                status, headers, _ = ask(running, document, method, path)
                assert status == 405 and headers["Allow"], f"{method} {path}: {status}"


def test_parameters__are_those_that_are_taken(running, document):
    """What the query of /v1/events says is unknown names those that are known."""
    status, _, body = ask(running, document, "GET", "/v1/events")
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}/v1/events?x=1",
                                     headers={"Authorization": running.admin})
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(request, timeout=10)
    named = set(re.search(r"there are ([a-z_, ]+)", json.loads(e.value.read())["detail"])[1].split(", "))
    parameters = [resolved(document, p) for p in documented(document)["GET", "/v1/events"]["parameters"]]
    assert status == 200 and {p["name"] for p in parameters if p["in"] == "query"} == named
