"""Health checks for machines."""

from collector.round import TargetReport
from tests.web.desk import NOW, Desk
from web.parts import LoopHealth


def test_f67_a_dead_loop_makes_the_process_unhealthy_and_is_named(desk: Desk) -> None:
    assert desk.client.get("/-/healthy").status_code == 200
    desk.loops.append(LoopHealth("evaluation", False, 44.0))
    answer = desk.client.get("/-/healthy")
    assert answer.status_code == 503
    assert "evaluation" in answer.text
    assert desk.client.get("/health").status_code == 503
    assert desk.json("/health")["status"] == "fail"


def test_it_is_not_ready_before_every_target_was_looked_at(desk: Desk) -> None:
    answer = desk.client.get("/-/ready")
    assert answer.status_code == 503
    assert "containers" in answer.text
    seen = {report.target for report in desk.reports}
    for name in {target.name for target in desk.parts.settings.collector.targets} - seen:
        desk.reports.append(TargetReport(name, "x", NOW, 0.1, True, 3, None, None, NOW))
    assert desk.client.get("/-/ready").status_code == 200


def test_a_target_that_is_down_warns_but_showcall_itself_is_well(desk: Desk) -> None:
    answer = desk.client.get("/health")
    assert answer.status_code == 200
    assert answer.content_type == "application/health+json"
    assert desk.json("/health")["status"] == "warn"
    assert desk.json("/health")["checks"]["target:redis"][0]["status"] == "warn"


def test_a_database_that_does_not_answer_fails_the_health_check(desk: Desk) -> None:
    with desk.database.transaction() as tx:
        tx.exec_driver_sql("DROP TABLE incidents")
    answer = desk.client.get("/health")
    assert answer.status_code == 503
    assert desk.json("/health")["checks"]["database"][0]["status"] == "fail"
