"""The Python client: thousands of orders in parts, all pages, and errors with the tracker's own words."""

import pytest
from pytest_httpserver import HTTPServer

from tests.web.api import WRITE
from tracker.client import PART, Added, ApiError, Client, FieldError, RowError


def test_thousands_are_added_in_parts_and_the_bad_ones_named_by_their_place_among_all(api):
    rows = [{"panel": "main", "id": str(n), "baseline": True} for n in range(2 * PART + 50)]
    rows[PART + 500]["quantity"] = "many"
    with api.client() as client:
        added = client.add_orders(iter(rows))
        assert added == Added(len(rows) - 1, 0, [RowError(PART + 500, "quantity", added.bad[0].reason)])
        assert client.add_orders(rows).known == len(rows) - 1
        assert client.add_orders([]) == Added(0, 0, [])
        assert len({row["id"] for row in client.orders(panel="main")}) == len(rows) - 1


def test_an_error_has_what_the_tracker_said(api):
    with api.client() as client, pytest.raises(ApiError) as refused:
        next(client.orders(status="parcial"))
    error = refused.value
    assert (error.status, error.title, error.retry_after_s) == (422, "Invalid", None)
    assert [type(wrong) for wrong in error.errors] == [FieldError]
    assert error.errors[0].field == "status"
    assert str(error).startswith("422 Invalid: status: must be one of")


def test_what_stands_in_between_is_an_error_as_well_and_the_token_goes_nowhere_else(tmp_path, monkeypatch):
    """A proxy that sends no problem documents, one that redirects, and a ~/.netrc with another token."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with HTTPServer("127.0.0.1", 0) as proxy:
        proxy.expect_request("/api/v1/panels").respond_with_data("<h1>Bad gateway</h1>", 502, {"Retry-After": "7"})
        proxy.expect_request("/api/v1/balances").respond_with_data("", 302, {"Location": "/elsewhere"})
        with Client(proxy.url_for("/"), WRITE) as client:
            with pytest.raises(ApiError) as refused:
                client.panels()
            assert (refused.value.status, refused.value.errors, refused.value.retry_after_s) == (502, [], 7.0)
            with pytest.raises(ApiError, match="302"):
                client.balances()
        asked = [request for request, _ in proxy.log]
        assert [request.path for request in asked] == ["/api/v1/panels", "/api/v1/balances"]
        assert {request.headers["Authorization"] for request in asked} == {f"Bearer {WRITE}"}
