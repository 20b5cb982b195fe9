"""The importance matrix that a conversion is to use: read, made now, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from starling_local.cli.output import Output
from starling_local.errors import UsageError

if TYPE_CHECKING:
    from starling_convert.conversion import ConversionSettings
    from starling_convert.plan import ConversionPlan


@dataclass(frozen=True)
class ImportanceOptions:
    """What the command line asks for: a matrix in a file, or one made of a text, or none."""

    imatrix: Path | None
    text: Path | None
    most_chunks: int


def with_importance(
    output: Output,
    plan: ConversionPlan,
    options: ImportanceOptions,
    settings: ConversionSettings,
    *,
    dry_run: bool,
) -> ConversionPlan:
    """The plan with the matrix that is asked for, which in a dry run is not made.

    Raises UsageError if there are two; and what `read_imatrix` and `calibrate` do.
    """
    from starling_convert.imatrix import read_imatrix

    if options.imatrix is not None and options.text is not None:
        raise UsageError("--imatrix gives a matrix, --calibrate makes one: choose one of them")
    if options.imatrix is not None:
        return plan.with_importance(read_imatrix(options.imatrix))
    if options.text is None:
        return plan
    return _calibrated(output, plan, options.text, options.most_chunks, settings, dry_run)


def _calibrated(
    output: Output,
    plan: ConversionPlan,
    text: Path,
    most_chunks: int,
    settings: ConversionSettings,
    dry_run: bool,
) -> ConversionPlan:
    from starling_convert.calibration import calibration_file
    from starling_local.cli.calibration_progress import calibration_progress
    from starling_local.quality.calibration import CalibrationSettings, calibrate, planned_matrix

    path = calibration_file(text)
    calibration = CalibrationSettings(
        path, str(text), most_chunks, settings.threads, settings.force, settings.kernels
    )
    if dry_run:
        planned = planned_matrix(plan, calibration)
        output.note(f"{planned.file} would be made of {planned.chunks} chunks of text")
        return replace(plan, importance=planned)
    with calibration_progress(output, plan) as events:
        matrix = calibrate(plan, calibration, events)
    output.note(f"the importance matrix is in {matrix.file}, for --imatrix")
    return plan.with_importance(matrix)
