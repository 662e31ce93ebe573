"""A training run over nets whose blobs and gradients a script looks at and writes into."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from protonet.data.definition import fresh_seed
from protonet.pycaffe import control
from protonet.pycaffe.live import LiveNet
from protonet.pycaffe.net import Net
from protonet.training.evaluate import Tested, evaluate
from protonet.training.gradients import Gradients
from protonet.training.log_kinds import open_log
from protonet.training.nets import Net as RunningNet
from protonet.training.nets import Output, Runs
from protonet.training.optimizer import optimizer
from protonet.training.parallel import Group
from protonet.training.plan import Plan, check_prefix
from protonet.training.random import seed_random
from protonet.training.run import Run
from protonet.training.signals import Signals


class Diffs(Gradients):
    """The diffs of a net's parameters, and what a script wants to do around them."""

    def __init__(self, live: LiveNet) -> None:
        self.live = live
        self.last_pass = True
        self.on_start: list[Callable[[], object]] = []
        self.on_gradients_ready: list[Callable[[], object]] = []

    def zero(self) -> None:
        """Zeros, before an iteration. Source: Solver::WiringStep."""
        self.live.parameters.clear_gradients()
        for run in self.on_start:
            run()

    def reduce(self) -> None:
        """Nothing is to be averaged; a script may look before the update."""
        for run in self.on_gradients_ready:
            run()


class _Whole:
    """A test net as ``evaluate`` runs it: over its blobs."""

    def __init__(self, live: LiveNet) -> None:
        self.live = live
        self.outputs: list[Output] = live.net.outputs

    def next_batch(self) -> dict[str, Tensor]:
        """Nothing: the data layers run with the others."""
        return {}

    def forward(
        self, batch: Mapping[str, Tensor], through: Runs | None = None
    ) -> dict[str, Tensor]:
        """The outputs after a pass."""
        self.live.forward(0, len(self.live.runners) - 1)
        return self.live.results()


class SteppedRun(Run):
    """A run whose passes go over the blobs of ``train`` and of ``tested_nets``."""

    live_nets: Mapping[int, LiveNet]
    train: LiveNet
    told_not_finite = False

    def forward_backward(self, detailed: bool) -> float:
        """One pass forward and backward, whose gradients are added up; its loss.

        A loss that is no number is said once, and goes on, as in Caffe.
        """
        last = len(self.train.runners) - 1
        loss = self.train.forward(0, last)
        self.train.backward(last, 0, trusted=True)
        self.outputs = self.train.results()
        if loss != loss and not self.told_not_finite:  # noqa: PLR0124 (not a number)
            self.told_not_finite = True
            control.say(f"iteration {self.iteration}: the loss is no number")
        return loss

    def show_last_loss(self) -> None:
        """A forward pass after the last update, only to say its loss."""
        self.smooth(self.train.forward(0, len(self.train.runners) - 1))
        self.log.trained(self.iteration, self.progress.smoothed_loss, [], None)

    def evaluated(self, net: RunningNet) -> Tested | None:
        """The means of a test net over its batches."""
        return evaluate(_Whole(self.live_nets[id(net)]), net.plan.iterations, self.interrupted)

    def update(self, rate: float, shown: bool) -> None:
        """Apply the diffs, which hold what was taken off the parameters then."""
        for group in self.optimizer.param_groups:
            group["step"] = self.iteration
        super().update(rate, shown)
        for group in self.optimizer.param_groups:
            if not (group["moving"] or group["lr_mult"]):
                for tensor in group["params"]:
                    if tensor.grad is not None:
                        tensor.grad.zero_()


def stepped_run(made: Plan) -> tuple[SteppedRun, Net, list[Net]]:
    """A run before its first iteration, its net and its test nets, which share parameters."""
    if made.solver.snapshot_after_train or made.solver.snapshot:
        check_prefix(made)
    seed = _seed(made)
    train = Net.of_plan(made.train, seed)
    tests = [Net.of_plan(test, seed) for test in made.tests]
    for test in tests:
        test.share_with(train)
    own = train.live
    for one in own.parameters.all:
        one.tensor.grad = one.gradient
    weights = own.net.weights()
    chosen = optimizer(made.method, made.solver, weights)
    chosen.keep_updates = True
    running = [test.live.net for test in tests]
    log = open_log("caffe" if control.logs() else "none")
    run = SteppedRun(made, Group(), own.net, running, weights, chosen, Diffs(own), log, Signals({}))
    run.train = own
    run.live_nets = {id(test.live.net): test.live for test in tests}
    return run, train, tests


def _seed(made: Plan) -> int:
    """The seed of the nets and their data, which random numbers start from. Solver::Init."""
    stated: int = made.solver.random_seed
    if stated >= 0:
        seed_random(stated)
        return stated
    given = control.next_seed()
    return fresh_seed() if given is None else given
