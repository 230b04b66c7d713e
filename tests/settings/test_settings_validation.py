from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from settings import validate
from settings.schema import Duration, Frozen
from settings.yaml_source import parse_yaml


class Wait(Frozen):
    kind: Literal["wait"]
    for_: Annotated[Duration, Field(alias="for")]


class Turn(Frozen):
    kind: Literal["turn"]
    lever: str
    value: float | bool


class Plan(Frozen):
    name: str
    steps: tuple[Annotated[Wait | Turn, Field(discriminator="kind")], ...] = ()
    by_name: dict[str, Wait] = Field(default_factory=dict)
    limits: dict[str, int] = Field(default_factory=dict)
    sharp: bool = False
    note: str | None = None
    number_or_list: float | list[int] = 0.0
    pair: tuple[int, ...] = Field(default=(), max_length=2)


def said(text: str, model: type[BaseModel] = Plan) -> list[str]:
    value, problems = validate(parse_yaml(text, "plan.yaml"), model, "plan.yaml")
    assert (value is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_a_valid_document_becomes_a_value() -> None:
    text = (
        "name: x\nsharp: true\nsteps:\n  - {kind: wait, for: 90s}\n  - {kind: turn, lever: cap, value: 7}\n"
    )
    value, problems = validate(parse_yaml(text, "plan.yaml"), Plan, "plan.yaml")
    assert problems == []
    assert value is not None
    assert value.sharp
    step = value.steps[0]
    assert isinstance(step, Wait)
    assert step.for_ == 90.0


def test_a_key_with_nothing_behind_it_keeps_the_default() -> None:
    value, problems = validate(parse_yaml("name: x\nsteps:\nlimits:\n", "plan.yaml"), Plan, "plan.yaml")
    assert problems == []
    assert value == Plan(name="x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("steps: []", "plan.yaml:1: 'name' is missing"),
        ("name:", "plan.yaml:1: 'name' is empty"),
        ("name: x\nsharp: maybe", "plan.yaml:2: sharp: 'maybe' is not true or false"),
        ("name: x\nlimits: {a: b}", "plan.yaml:2: limits.a: 'b' is not a whole number"),
        ("name: x\nnumber_or_list: y", "plan.yaml:2: number_or_list: 'y' is not a number or a list"),
        ("name: x\nnote: [1]", "plan.yaml:2: note: a list is not text"),
        ("name: x\npair: [1, 2, 3]", "plan.yaml:2: pair: a list is too long (want at most 2 entries)"),
        ("name: x\nstep: []", "plan.yaml:2: unknown key 'step' (did you mean 'steps'?)"),
        (
            "name: x\nsteps:\n  - {kind: wait, for: soon}",
            "plan.yaml:3: steps[0].for: 'soon' is not a duration (want e.g. 500ms, 30s, 5m)",
        ),
        (
            "name: x\nsteps:\n  - {kind: wait, fro: 1s}",
            "plan.yaml:3: steps[0]: unknown key 'fro' (did you mean 'for'?)",
        ),
        (
            "name: x\nsteps:\n  - {kind: turn, lever: a, value: z}",
            "steps[0].value: 'z' is not a number or true or",
        ),
        ("name: x\nsteps:\n  - {kind: jump}", "plan.yaml:3: steps[0]: 'jump' is not one of wait, turn"),
        ("name: x\nsteps:\n  - {for: 1s}", "plan.yaml:3: steps[0]: 'kind' is missing"),
        (
            "name: x\nby_name:\n  first: {kind: wait, fore: 1s}",
            "plan.yaml:3: by_name.first: unknown key 'fore' (did you mean 'for'?)",
        ),
    ],
)
def test_a_problem_names_the_place_the_value_and_what_is_wanted(text: str, problem: str) -> None:
    assert any(problem in line for line in said(text)), said(text)


def test_a_value_is_shown_short_and_without_the_password_of_a_url() -> None:
    shown = said(f"name: x\nlimits: {{a: 'http://me:secret@host/', b: {'y' * 100}}}")
    assert "'http://…@host/' is not a whole number" in shown[0]
    assert "secret" not in "".join(shown)
    assert len(shown[1]) < 120
