"""What /metrics says of the parts of a process."""

from collector.loop_state import ScrapeLoopHealth
from own_metrics import ScrapeLoopNumbers, page


def test_the_scrape_loop_tells_how_it_keeps_time() -> None:
    health = ScrapeLoopHealth(
        rounds=60,
        missed_ticks=1,
        missed_scrapes=2,
        late_reports=3,
        skipped_rounds=4,
        round_errors=5,
        workers=6,
        hanging=7,
    )
    lines = page(ScrapeLoopNumbers(lambda: health))().decode().splitlines()
    assert [line for line in lines if line.startswith("showcall_")] == [
        "showcall_scrape_rounds_total 60.0",
        "showcall_scrape_missed_ticks_total 1.0",
        "showcall_scrape_missed_looks_total 2.0",
        "showcall_scrape_late_reports_total 3.0",
        "showcall_scrape_skipped_rounds_total 4.0",
        "showcall_scrape_round_errors_total 5.0",
        "showcall_scrape_workers 6.0",
        "showcall_scrape_hanging_targets 7.0",
    ]
