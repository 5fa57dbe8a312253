"""What a run over files tells: each outcome as it comes, on the terminal and in the report file; totals at the end."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, end_with, explain
from astrocodec.cli.growing_table import GrowingTable
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.size_table import Outcome, json_entry, json_report, parts_table, size_table, totals_line
from astrocodec.files.printable import one_line, printable_name
from astrocodec.files.report_file import ReportFile

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport


class RunReport(ExitStack):
    """The report of one run; the file for it is opened before the work, and closed by ``with``.

    Parameters
    ----------
    run : RunOptions
        The options.
    files : sequence of str
        Names of all files that `add` will be called for.
    to_stderr : bool
        Whether the table goes to standard error, since a file is on standard output.
    listing : callable, optional
        Text for a file; by default the files are rows of the table of sizes.
    """

    def __init__(
        self,
        run: RunOptions,
        files: Sequence[str],
        *,
        to_stderr: bool = False,
        listing: Callable[[Outcome], str] | None = None,
    ) -> None:
        super().__init__()
        self._run = run
        self._to_stderr = to_stderr
        self._listing = listing
        self._table = GrowingTable(files)
        self._file: ReportFile | None = None
        self._failure: Failure | None = None  # of the file: later lines are not tried
        # On a terminal the progress bar stands where lines would come, and the table comes at the end.
        stream = sys.stderr if to_stderr else sys.stdout
        self._shows = not run.quiet and not run.as_json
        self._at_end = stream.isatty() and sys.stderr.isatty()
        if run.report_file is not None:
            try:
                self._file = ReportFile(run.report_file, run.overwrite)
            except OSError as error:
                end_with(error, str(run.report_file))
            self.callback(self._file.close)

    def add(self, outcome: Outcome) -> Outcome:
        """Tell what became of a file; where its input is to be deleted, do that once it stands in the report.

        Gives the outcome back, or a failure to delete the input.
        """
        self._note(outcome)
        outcome = self._delete_input(outcome)
        if outcome.failure:
            click.echo(f"astrocodec: {one_line(outcome.failure.message)}", err=True)
        if outcome.note and not self._run.quiet:
            click.echo(f"astrocodec: {printable_name(outcome.file)}: {one_line(outcome.note)}", err=True)
        if outcome.details and self._run.verbose:
            click.echo(outcome.details, err=True)
        if self._shows and not self._at_end and outcome.report:
            self._print(self._text(outcome, outcome.report))
        return outcome

    def end(self, outcomes: Sequence[Outcome]) -> list[ExitCode]:
        """Print what comes last: the totals, the whole table on a terminal, or the JSON document.

        Takes the outcomes in the order that programs shall see; gives an exit code for each, and one more where the
        report could not be written.
        """
        if self._run.as_json:
            click.echo(json_report(outcomes))
        elif self._shows:
            self._print_end(outcomes)
        codes = [outcome.failure.code if outcome.failure else ExitCode.OK for outcome in outcomes]
        if self._failure:
            codes.append(self._failure.code)
        return codes

    def _print_end(self, outcomes: Sequence[Outcome]) -> None:
        reports = [outcome.report for outcome in outcomes if outcome.report]
        if self._at_end and (self._listing or self._run.verbose):
            for outcome in outcomes:
                if outcome.report:
                    self._print(self._text(outcome, outcome.report))
        if reports and not self._listing:
            self._print(size_table(reports) if self._at_end or self._run.verbose else totals_line(reports))
        if not outcomes:
            click.echo("no files in this shard", err=True)
        failed = sum(outcome.failure is not None for outcome in outcomes)
        if failed and len(outcomes) > 1:
            click.echo(f"{failed} of {len(outcomes)} files failed", err=True)

    def _text(self, outcome: Outcome, report: "FileReport") -> str:
        """Text for one file."""
        if self._listing:
            return self._listing(outcome)
        return f"{_course(report)}\n{parts_table(report)}\n" if self._run.verbose else self._table.add(report)

    def _print(self, text: str) -> None:
        click.echo(text, err=self._to_stderr)

    def _delete_input(self, outcome: Outcome) -> Outcome:
        """Delete an input whose output is verified; never one that is missing in the report."""
        if outcome.deletion is None:
            return outcome
        if self._failure:
            return replace(outcome, note="the input was kept, since the report cannot be written")
        try:
            outcome.deletion.perform()
        except Exception as error:  # one file must not stop the others
            failure = explain(error, outcome.file)
            if isinstance(error, OSError) and error.errno is not None:
                text = failure.message.removeprefix(f"{one_line(outcome.file)}: ")
                written = f"{one_line(outcome.target)} was written, the input could not be deleted"
                failure = replace(failure, message=f"{one_line(outcome.file)}: {written}: {text}")
            outcome = Outcome(outcome.file, outcome.target, failure=failure)
            self._note(outcome)
        return outcome

    def _note(self, outcome: Outcome) -> None:
        """Write the line of a file into the report."""
        if self._file is None or self._failure:
            return
        try:
            self._file.add(json_entry(outcome))
        except OSError as error:
            self._failure = explain(error, str(self._run.report_file))
            click.echo(f"astrocodec: {self._failure.message}; the report ends here", err=True)


def _course(report: "FileReport") -> str:
    """From where to where; a file that was only read went nowhere."""
    source, target = printable_name(report.source), printable_name(report.target)
    return f"{source} -> {target}" if target else source
