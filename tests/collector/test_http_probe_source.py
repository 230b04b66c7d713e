"""A URL as a visitor meets it: good, slow, broken, and behind every kind of certificate."""

import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.http_probe import HttpProbeSource
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.site import Site
from collector.source import Finding, Scraped, ScrapeError
from collector.tls import not_after
from metrics.values import label
from tests.collector.certificates import Authority, ServerFiles
from tests.collector.raw_server import (
    HOST,
    RawServer,
    Serve,
    always,
    answer,
    once,
    read_request,
    serving,
    soon,
)

NOW = 1_700_000_000.0
PAGE = answer(b"[]", "application/json")

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not here")


def probe(
    url: str, ca_file: Path | None = None, redirects: int = 0, limit: int = 10 << 20
) -> HttpProbeSource:
    return HttpProbeSource(Site(url, limit, ca_file=ca_file), Resolver(), redirects)


def look(serve: Serve, seconds: float = 2.0, redirects: int = 0, limit: int = 10 << 20) -> Scraped:
    with serving(serve) as server:
        return probe(server.url, redirects=redirects, limit=limit).fetch(NOW, soon(seconds))


def verdict(scraped: Scraped) -> dict[str, float]:
    return {
        label(labels, "__name__"): value for labels, value in scraped.verdict if not label(labels, "phase")
    }


def test_a_good_site_has_the_series_of_blackbox_exporter() -> None:
    scraped = look(always(PAGE))
    found = verdict(scraped)
    assert scraped.finding is None
    assert len(scraped.labels) == 0
    assert found["probe_success"] == 1
    assert found["probe_http_status_code"] == 200
    assert found["probe_http_content_length"] == found["probe_http_uncompressed_body_length"] == 2
    assert found["probe_http_version"] == 1.1
    assert found["probe_ip_protocol"] == 4
    assert found["probe_http_ssl"] == found["probe_http_redirects"] == 0
    phases = {label(labels, "phase"): value for labels, value in scraped.verdict if label(labels, "phase")}
    assert set(phases) == {"resolve", "connect", "tls", "processing", "transfer"}
    assert 0 < found["probe_duration_seconds"] < 2
    assert sum(phases.values()) <= found["probe_duration_seconds"]


def test_each_probe_comes_over_a_connection_of_its_own() -> None:
    with serving(always(PAGE)) as server:
        source = probe(server.url)
        for _ in range(3):
            assert verdict(source.fetch(NOW, soon()))["probe_success"] == 1
        assert server.connections == 3


@pytest.mark.parametrize(
    ("reply", "finding"),
    [
        (
            answer(b"", "text/plain", "503 Service Unavailable"),
            Finding(ErrorKind.HTTP_STATUS, "answered 503 Service Unavailable (want 2xx)"),
        ),
        (
            answer(b"", "text/plain", "302 Found", Location="https://elsewhere.example/"),
            Finding(
                ErrorKind.HTTP_STATUS,
                "answered 302 Found to https://elsewhere.example/ (redirects are not followed)",
            ),
        ),
        (
            b"hello\r\n",
            Finding(ErrorKind.BAD_FORMAT, "{where} does not speak HTTP/1: it answered 'hello'"),
        ),
        (b"", Finding(ErrorKind.RESET, "{where} closed the connection before it had answered")),
    ],
    ids=["503", "redirect to another site", "http 0.9", "closed"],
)
def test_f18_a_broken_site_is_a_finding_and_the_look_itself_worked(reply: bytes, finding: Finding) -> None:
    with serving(once(reply)) as server:
        scraped = probe(server.url).fetch(NOW, soon())
    where = f"{HOST}:{server.port}"
    assert scraped.finding == Finding(finding.kind, finding.text.replace("{where}", where))
    assert verdict(scraped)["probe_success"] == 0


def test_f18_a_status_is_kept_although_the_probe_failed() -> None:
    assert verdict(look(once(answer(b"", status="503 Busy"))))["probe_http_status_code"] == 503


def test_f18_a_body_of_a_gigabyte_is_cut_at_the_limit() -> None:
    def flood(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while True:
            sock.sendall(bytes(65536))

    scraped = look(flood, limit=1 << 20)
    assert scraped.finding == Finding(ErrorKind.TOO_LARGE, "body over 1 MiB")


def test_f18_a_site_that_hangs_is_a_timeout() -> None:
    scraped = look(lambda sock: time.sleep(3), seconds=0.3)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TIMEOUT
    assert 0.2 < verdict(scraped)["probe_duration_seconds"] < 1.0


def test_redirects_are_followed_as_far_as_the_settings_allow() -> None:
    def serve(sock: socket.socket) -> None:
        head = read_request(sock)
        moved = answer(b"", "text/plain", "302 Found", Location="/here")
        sock.sendall(PAGE if head.startswith(b"GET /here ") else moved)

    found = verdict(look(serve, redirects=1))
    assert (found["probe_success"], found["probe_http_redirects"]) == (1, 1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@contextmanager
def tls_site(site: ServerFiles, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Iterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site.certificate, site.key)
    if maximum is not ssl.TLSVersion.TLSv1_3:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = maximum
    context.maximum_version = maximum

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as wrapped:
            read_request(wrapped)
            wrapped.sendall(PAGE)

    with serving(serve) as server:
        yield server


def look_over_tls(server: RawServer, ca_file: Path | None) -> Scraped:
    return probe(f"https://{HOST}:{server.port}/", ca_file).fetch(NOW, soon())


@needs_openssl
def test_f18_a_trusted_site_tells_when_its_certificate_ends(authority: Authority) -> None:
    with tls_site(authority.site("good", f"IP:{HOST}")) as server:
        scraped = look_over_tls(server, authority.file)
    found = verdict(scraped)
    assert scraped.finding is None
    assert found["probe_success"] == found["probe_http_ssl"] == 1
    ends = not_after(ssl.PEM_cert_to_DER_cert((authority.folder / "good.pem").read_text("ascii")))
    assert found["probe_ssl_earliest_cert_expiry"] == ends


@needs_openssl
def test_f18_a_certificate_that_has_expired_is_told_with_the_time_it_did(authority: Authority) -> None:
    with tls_site(authority.site("expired", f"IP:{HOST}", days=-1)) as server:
        scraped = look_over_tls(server, authority.file)
    where = f"{HOST}:{server.port}"
    assert scraped.finding == Finding(ErrorKind.TLS_EXPIRED, f"the certificate of {where} has expired")
    assert verdict(scraped)["probe_success"] == 0
    ends = not_after(ssl.PEM_cert_to_DER_cert((authority.folder / "expired.pem").read_text("ascii")))
    assert verdict(scraped)["probe_ssl_earliest_cert_expiry"] == ends


@needs_openssl
def test_f18_a_certificate_for_another_host_is_told(authority: Authority) -> None:
    with tls_site(authority.site("other", "DNS:elsewhere.example")) as server:
        scraped = look_over_tls(server, authority.file)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TLS_WRONG_HOST
    assert f"is not for {HOST}" in scraped.finding.text
    assert "probe_ssl_earliest_cert_expiry" in verdict(scraped)


@needs_openssl
def test_f18_a_self_signed_certificate_is_told_and_can_be_trusted(authority: Authority) -> None:
    site = authority.self_signed(f"IP:{HOST}")
    with tls_site(site) as server:
        scraped = look_over_tls(server, None)
        trusted = look_over_tls(server, site.certificate)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TLS_UNTRUSTED
    assert "is self-signed (set ca_file to trust it)" in scraped.finding.text
    assert verdict(trusted)["probe_success"] == 1


@needs_openssl
def test_f18_an_unknown_authority_is_told(authority: Authority) -> None:
    with tls_site(authority.site("unknown", f"IP:{HOST}")) as server:
        scraped = look_over_tls(server, None)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TLS_UNTRUSTED
    assert "authority we do not trust" in scraped.finding.text


@needs_openssl
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated")
def test_f18_a_site_with_an_old_tls_is_told(authority: Authority) -> None:
    with tls_site(authority.site("old", f"IP:{HOST}"), ssl.TLSVersion.TLSv1) as server:
        scraped = look_over_tls(server, authority.file)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TLS
    assert "offers no TLS version that we accept" in scraped.finding.text


def test_f18_plain_http_behind_https_is_told() -> None:
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer(b"[]", status="400 Bad Request"))

    with serving(serve) as server:
        scraped = look_over_tls(server, None)
    assert scraped.finding is not None
    assert scraped.finding.kind is ErrorKind.TLS
    assert "does not speak TLS" in scraped.finding.text


def test_a_ca_file_that_is_not_there_is_our_fault_and_not_the_sites(tmp_path: Path) -> None:
    with serving(always(PAGE)) as server, pytest.raises(ScrapeError) as caught:
        look_over_tls(server, tmp_path / "nothing.pem")
    assert caught.value.kind is ErrorKind.INTERNAL
    assert "nothing.pem cannot be used: No such file or directory" in caught.value.text


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x03\x02\x01\x01", b"\x30\x82\xff\xff\x30\x05"])
def test_a_certificate_cut_short_is_an_error_and_no_crash(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is all that callers look at
        not_after(data)
