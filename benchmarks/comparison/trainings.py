"""All ways to train a network, in rounds in which each takes its turn, in processes of their own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from joblib import cpu_count

from benchmarks.comparison.contenders import CONTENDERS, FLOOR, OURS
from benchmarks.comparison.problems import Problem
from benchmarks.comparison.rows import Row

ROUNDS = 5
Answer = dict[str, Any]
Ask = Callable[[], Answer]
Answers = dict[str, list[Answer]]
_TAIL = 1500  # characters of what a process wrote before it died


def measure(problem: Problem, report_failure: Callable[[str], None]) -> Iterator[Row]:
    """Yield a row for each way that can train here; a way that fails, or is not installed, has none."""
    answers: Answers = {}
    with ExitStack() as processes:
        asks = {name: processes.enter_context(_process(name, problem)) for name in CONTENDERS}
        for _ in range(ROUNDS):
            for name in list(asks):
                answer = asks[name]()
                if "seconds" in answer:
                    answers.setdefault(name, []).append(answer)
                    continue
                answers.pop(name, None)
                del asks[name]
                title = f"{problem.name}, {CONTENDERS[name].title}"
                if "missing" in answer:
                    print(f"{title}: left out, {answer['missing']}")
                else:
                    report_failure(f"{title}: {answer['error']}")
    yield from _rows(problem, answers)


@contextmanager
def _process(name: str, problem: Problem) -> Iterator[Ask]:
    """Start a process that trains when it is asked to."""
    command = [sys.executable, "-m", "benchmarks.comparison.worker", name, problem.name, str(cpu_count())]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True) as process,  # noqa: S603
    ):
        questions, answers = process.stdin, process.stdout
        assert questions
        assert answers

        def ask() -> Answer:
            try:
                print(file=questions, flush=True)
                line = answers.readline()
            except BrokenPipeError:
                line = ""
            if line:
                return dict(json.loads(line))
            log.seek(0)
            return {"error": f"the process died: {log.read()[-_TAIL:]}"}

        yield ask
        try:
            questions.close()
        except BrokenPipeError:  # it has died
            return


def _rows(problem: Problem, answers: Answers) -> Iterator[Row]:
    what = f"training, {problem.iterations} iterations"
    ours = _values(answers.get(OURS, []), "seconds")
    for name, given in answers.items():
        contender, seconds = CONTENDERS[name], _values(given, "seconds")
        part = f" ({problem.listed} timed, and scaled)" if contender.listed else ""
        beside = ours if len(ours) == len(seconds) else None
        row = {"ours": beside, "accuracy": given[0]["score"], "memory": given[0]["memory"]}
        yield Row.of(problem.name, what + part, contender.title, seconds, **row)
    if FLOOR in answers:
        peaks = _values(answers[FLOOR], "peak")
        beside = ours if len(ours) == len(peaks) else None
        yield Row.of(problem.name, what, "its operations at the machine's peak", peaks, ours=beside)


def _values(answers: list[Answer], key: str) -> list[float]:
    return [float(answer[key]) for answer in answers]
