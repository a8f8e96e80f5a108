"""Runs commands as a user would, on the toolkit that the build made."""

import os
import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# What the user's own shell may hold, and a test must not depend on.
FOREIGN = ("ASCEND_", "ANYCANN_", "TORCH_", "TASK_QUEUE_ENABLE", "LD_", "PYTHON", "VIRTUAL_ENV")


class Toolkit:
    def __init__(self, home, reports):
        self.home = home
        self.command = str(home / "bin" / "anycann")
        self.reports = reports

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"  # as if activated
        return kept | {"ANYCANN_REPORT_DIR": str(self.reports)} | more

    def start(self, *command, **variables):
        return subprocess.Popen(
            [str(word) for word in command],
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that starts tests in the background ignores SIGINT, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            start_new_session=True,  # so that a hanging child's children end with it
        )

    def execute(self, *command, timeout=300, **variables):
        """Runs a command to its end and gives it back with returncode, stdout and stderr."""
        process = self.start(*command, **variables)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"{command} hangs\n{out}\n{err}") from None
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def anycann(self, *words, **variables):
        return self.execute(self.command, *words, **variables)

    def python(self, code, *arguments, options=(), **variables):
        """Runs Python code under `anycann run`."""
        return self.anycann("run", *options, "python3", "-c", code, *arguments, **variables)


def succeeded(result):
    """The output of a command that must have worked."""
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def crashed(result):
    fatal = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}
    return result.returncode in fatal
