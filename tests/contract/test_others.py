"""Contract checks that need no environment of their own; `make contract` runs all."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parent / "others"))
import check_schemas
import contract_inputs as inputs
import contract_run as run


def test_exports_keep_to_the_schemas_of_readers_that_cannot_run_here(tmp_path: Path) -> None:
    inputs.exports(tmp_path)
    check_schemas.llava(tmp_path / "export/llava")
    check_schemas.internvl(tmp_path / "export/internvl")
    check_schemas.negclip(tmp_path / "export/negclip")
    check_schemas.easyr1(tmp_path / "export/verl")
    check_schemas.unsloth(tmp_path / "release")


def test_a_broken_export_fails_the_schemas(tmp_path: Path) -> None:
    inputs.exports(tmp_path)
    path = tmp_path / "export/llava/sft-train.json"
    path.write_text(path.read_text().replace("<image>", "", 1))
    with pytest.raises(AssertionError, match="placeholders: found 0, expected 1"):
        check_schemas.llava(tmp_path / "export/llava")


def test_every_team_has_a_check_and_an_environment() -> None:
    checks = {path.stem.removeprefix("check_") for path in (run.HERE / "others").glob("check_*.py")}
    assert {team.check for team in run.TEAMS} == checks
    assert {team.environment for team in run.TEAMS} == {run.OWN, *run.ENVIRONMENTS}


def test_what_cannot_be_installed_is_a_line_in_the_table(tmp_path: Path) -> None:
    run.ENVIRONMENTS["none"] = run.Environment(("no-such-package-0f3a==1.0",), python="0.1")
    try:
        found = run.outcome(run.Team("None", "coco", "none", "nothing"), tmp_path, tmp_path)
    finally:
        del run.ENVIRONMENTS["none"]
    assert not found.passed and "cannot be installed here" in found.row("2026-01-01")


@pytest.mark.slow
@pytest.mark.parametrize("check", ["schemas", "lm_eval", "trl"])
def test_readers_of_our_own_environment(
    check: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = inputs.make(tmp_path_factory.getbasetemp() / "contract")
    (team,) = (team for team in run.TEAMS if team.check == check)
    found = run.outcome(team, made, made)
    assert found.passed, found.trouble
