import os
import signal
import subprocess
import sys

import pytest

from dl4ia.execution.signals import Interrupted, block_signals, raise_on_signals, stopping_in_order

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_raised_with_the_exit_code_of_a_shell(number, code):
    raise_on_signals()
    with pytest.raises(Interrupted, match=number.name) as raised:
        os.kill(os.getpid(), number)
    assert raised.value.code == code


def test_the_first_signal_asks_to_stop_and_raises_nothing():
    asked = []
    with stopping_in_order(lambda: asked.append("stop")) as interrupted:
        assert interrupted == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == ["stop"]
    assert [interruption.code for interruption in interrupted] == [143]


def test_signals_are_handled_as_before_afterwards():
    raise_on_signals()
    with stopping_in_order(lambda: None):
        pass
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_blocked_signal_comes_afterwards():
    steps = []

    def raise_meanwhile():
        with block_signals():
            signal.raise_signal(signal.SIGINT)
            steps.append("still here")

    raise_on_signals()
    with pytest.raises(Interrupted):
        raise_meanwhile()
    assert steps == ["still here"]


def test_a_child_started_while_signals_are_blocked_does_not_receive_them():
    with block_signals():
        child = subprocess.Popen([sys.executable, "-c", "input(); print('done')"], stdin=-1, stdout=-1, text=True)
    for number in STOP_SIGNALS:
        child.send_signal(number)
    assert child.communicate("\n")[0] == "done\n"
