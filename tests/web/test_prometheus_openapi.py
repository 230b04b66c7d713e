"""The published description of the API, tried out on ours: any request, and no answer outside of it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web import prometheus_samples
from tests.web.desk import Desk
from web.server import WebServer

ROOT = Path(__file__).parents[2]
CONFORMANCE = Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance"))
DESCRIPTION = CONFORMANCE / "api" / "prometheus_v1_openapi.yaml"

SERVED = (
    "/query", "/query_range", "/query_exemplars", "/format_query", "/parse_query", "/labels",
    "/label/{name}/values", "/series", "/metadata", "/targets", "/rules", "/alerts", "/status/buildinfo",
)  # fmt: skip
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TRIED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not DESCRIPTION.is_file(), reason=f"no public test data at {CONFORMANCE}"),
]


@pytest.fixture
def base_url(desk: Desk) -> Iterator[str]:
    web = desk.parts.settings.web.model_copy(update={"api_without_token": True, "port": 0})
    settings_ = desk.parts.settings.model_copy(update={"web": web})
    store = prometheus_samples.store()
    server = WebServer(replace(desk.parts, settings=settings_, asker=store, series=store))
    server.start()
    yield f"{server.address}/api/v1"
    server.stop()


def operations() -> list[Any]:
    """What is served here of what is described."""
    if not DESCRIPTION.is_file():
        return []
    described = schemathesis.openapi.from_path(DESCRIPTION).include(path=list(SERVED))
    return [each.ok() for each in described.get_all_operations() if isinstance(each, Ok)]


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.label)
def test_every_answer_is_one_that_is_described(operation: Any, base_url: str) -> None:
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @TRIED
    @given(st.one_of(modes))
    def tried(case: Any) -> None:
        case.call_and_validate(base_url=base_url, checks=CHECKS)

    tried()
