"""A URL as a visitor meets it, under blackbox_exporter's names."""

import time
from urllib.parse import urlsplit

import numpy as np

from collector.bounded_socket import connect, start_tls
from collector.deadline import Deadline
from collector.http_fetch import HttpAnswer, HttpFetcher, Phases
from collector.resolver import Resolver
from collector.round import ErrorKind
from collector.site import Site
from collector.source import Finding, Measured, Scraped, ScrapeError, gauges, measured
from collector.tls import looking_context, not_after

# A site's own 401 is an answer; AUTH is raised only for a password file that we cannot read.
OUR_FAULTS = frozenset({ErrorKind.INTERNAL, ErrorKind.AUTH})
UNVERIFIED = frozenset({ErrorKind.TLS_EXPIRED, ErrorKind.TLS_UNTRUSTED, ErrorKind.TLS_WRONG_HOST})

METADATA = gauges(
    {
        "probe_success": "Whether the site answered with a status of 2xx.",
        "probe_duration_seconds": "How long the whole probe took.",
        "probe_http_status_code": "The answer's status, 0 without an answer.",
        "probe_http_content_length": "Content-Length, -1 without one.",
        "probe_http_uncompressed_body_length": "Bytes of the body after decompression.",
        "probe_http_redirects": "How many redirects were followed.",
        "probe_http_ssl": "Whether TLS was spoken.",
        "probe_http_version": "HTTP version of the answer.",
        "probe_http_duration_seconds": "Time by phase, summed over redirects.",
        "probe_dns_lookup_time_seconds": "Time to look the name up.",
        "probe_ip_protocol": "4 or 6.",
        "probe_ssl_earliest_cert_expiry": "When the site's certificate ends, in Unix seconds.",
    }
)


class HttpProbeSource:
    """One URL, over a new connection each time, as a visitor comes; follows as many ``redirects``."""

    def __init__(self, site: Site, resolver: Resolver, redirects: int = 0) -> None:
        self._site = site
        self._resolver = resolver
        self._fetcher = HttpFetcher(site, resolver, redirects, keep=False)

    def fetch(self, at: float, deadline: Deadline) -> Scraped:  # noqa: ARG002 - a Source is given its time
        """Probe once. A broken site is a finding, not a failed look; only faults of ours raise."""
        begun = time.monotonic()
        try:
            answer = self._fetcher.get({"Accept": "*/*"}, deadline)
        except ScrapeError as error:
            if error.kind in OUR_FAULTS:
                raise
            verdict = [*_verdict(None, time.monotonic() - begun), *self._look_at_certificate(error, deadline)]
            return _result(verdict, Finding(error.kind, error.text))
        verdict = _verdict(answer, time.monotonic() - begun)
        verdict.extend(_expiry(answer.certificate))
        return _result(verdict, judge(answer))

    def close(self) -> None:
        """Nothing is kept."""
        self._fetcher.close()

    def _look_at_certificate(self, error: ScrapeError, deadline: Deadline) -> list[Measured]:
        """When the certificate that we refused ends: worth knowing exactly then."""
        url = urlsplit(self._site.url)
        if error.kind not in UNVERIFIED or url.scheme != "https" or url.hostname is None:
            return []
        try:
            addresses = self._resolver.resolve(url.hostname, url.port or 443, deadline)
            with start_tls(connect(addresses, deadline), looking_context(), url.hostname) as sock:
                certificate = sock.getpeercert(binary_form=True)
        except OSError:
            return []
        return _expiry(certificate)


def judge(answer: HttpAnswer) -> Finding | None:
    """What is wrong with an answer, if anything."""
    if 200 <= answer.status < 300:
        return None
    found = f"answered {answer.status} {answer.reason}".rstrip()
    if answer.location:
        return Finding(ErrorKind.HTTP_STATUS, f"{found} to {answer.location} (redirects are not followed)")
    return Finding(ErrorKind.HTTP_STATUS, f"{found} (want 2xx)")


def _verdict(answer: HttpAnswer | None, duration: float) -> list[Measured]:
    phases = answer.phases if answer else Phases()
    ok = answer is not None and judge(answer) is None
    facts = {
        "probe_success": float(ok),
        "probe_duration_seconds": duration,
        "probe_http_status_code": answer.status if answer else 0.0,
        "probe_http_content_length": answer.length if answer else 0.0,
        "probe_http_uncompressed_body_length": len(answer.body) if answer else 0.0,
        "probe_http_redirects": answer.redirects if answer else 0.0,
        "probe_http_ssl": float(bool(answer and answer.certificate)),
        "probe_http_version": answer.version if answer else 0.0,
        "probe_ip_protocol": answer.ip if answer else 0.0,
        "probe_dns_lookup_time_seconds": phases.resolve,
    }
    found = [measured(name, float(value)) for name, value in facts.items()]
    found += [
        measured("probe_http_duration_seconds", getattr(phases, name), phase=name)
        for name in ("resolve", "connect", "tls", "processing", "transfer")
    ]
    return found


def _expiry(certificate: bytes | None) -> list[Measured]:
    try:
        return [measured("probe_ssl_earliest_cert_expiry", not_after(certificate))] if certificate else []
    except ValueError:
        return []


def _result(verdict: list[Measured], finding: Finding | None) -> Scraped:
    return Scraped((), np.empty(0), METADATA, tuple(verdict), finding)
