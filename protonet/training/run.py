"""What a run holds, and what it does when the loop says so."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial

import torch

from protonet.diagnostics import NetError
from protonet.runtime.failure import first_bad_layer
from protonet.training.debug import explained, mean, told, update_lines
from protonet.training.detection import evaluate_detection, judged
from protonet.training.evaluate import Score, Tested, evaluate, scores
from protonet.training.gradients import Gradients
from protonet.training.log import Log, Speed
from protonet.training.nets import Net, Weight
from protonet.training.optimizer import read_history
from protonet.training.parallel import Group
from protonet.training.plan import Plan
from protonet.training.random import marked
from protonet.training.rates import Progress
from protonet.training.reading import Reading
from protonet.training.signals import Signals
from protonet.training.snapshot import position, write_snapshot
from protonet.training.updates import CaffeOptimizer
from protonet.weights.solver_state import SolverState


@dataclass
class Run:
    """Nets, optimiser and progress of one training run; the loop tells it what to do."""

    plan: Plan
    group: Group
    net: Net
    tests: list[Net]
    weights: list[Weight]
    optimizer: CaffeOptimizer
    gradients: Gradients
    log: Log
    signals: Signals
    progress: Progress = field(default_factory=Progress)
    losses: deque[float] = field(default_factory=deque)
    outputs: dict[str, torch.Tensor] = field(default_factory=dict)
    tested: dict[int, list[Score]] = field(default_factory=dict)
    stopping: bool = False
    snapshot_asked: bool = False
    last_snapshot: str = ""
    shown_at: tuple[int, float] = (0, 0.0)

    @property
    def iteration(self) -> int:
        """How many updates the weights have had."""
        return self.progress.iteration

    @property
    def items(self) -> int:
        """Images that one iteration takes, over all processes."""
        return int(self.net.batch_size * self.plan.solver.iter_size * self.group.size)

    @property
    def is_test_interval(self) -> bool:
        """Whether the tests are due at this iteration."""
        interval = self.plan.solver.test_interval
        return bool(interval) and self.iteration % interval == 0

    @property
    def is_snapshot_due(self) -> bool:
        """Whether the solver wants a snapshot of this iteration."""
        every = self.plan.solver.snapshot
        return bool(every) and self.iteration % every == 0

    def tell_progress(self) -> None:
        """Tell the modules that ask for it the iteration, or how much of all of them is done.

        Source: Net::set_iter of eric612's fork, Net::set_current_iter_num of 32l's.
        """
        for name, buffer in self.net.module.named_buffers():
            asked = name.rpartition(".")[2]
            if asked == "solver_iteration":
                buffer.fill_(self.iteration)
            if asked == "training_progress":
                buffer.fill_(self.iteration / max(1, self.plan.solver.max_iter))

    def forward_backward(self, detailed: bool) -> float:
        """One pass over a batch, whose gradients are added up; its loss.

        NetError where the loss is no number.
        """
        batch = self.net.next_batch()
        back = marked(self.net.device)
        if detailed:
            found = explained(self.net, batch, self.log)
            arriving = Reading(found["objective"])
        else:
            found = self.net.forward(batch)
            arriving = Reading(found["objective"])  # while the backward pass runs
            if found["objective"].requires_grad:
                found["objective"].backward()  # type: ignore[no-untyped-call,unused-ignore]
        loss = float(arriving)
        if not math.isfinite(loss):
            back()
            raise self.not_finite(loss, batch)
        self.outputs = found
        return loss

    def not_finite(self, loss: float, batch: dict[str, torch.Tensor]) -> NetError:
        """The error that names the layer where the numbers went wrong."""
        what = f"iteration {self.iteration}: the loss is {loss}; "
        return NetError(what + first_bad_layer(self.net, batch), None, self.advice)

    @property
    def advice(self) -> str:
        """What to do where the numbers have gone wrong."""
        kept = f"the last snapshot is {self.last_snapshot}; " if self.last_snapshot else ""
        return f"{kept}a lower base_lr or clip_gradients may help"

    def agree(self, loss: float) -> None:
        """Average the loss over the processes, and do what a signal to any of them asks for."""
        asked = (float(self.signals.stop), float(self.signals.snapshot))
        if self.group.size > 1:
            shared = torch.tensor([loss, *asked], dtype=torch.float64, device=self.net.device)
            total, stop, snapshot = self.group.sum(shared).tolist()
            loss, asked = total / self.group.size, (stop, snapshot)
        self.stopping, self.snapshot_asked = asked[0] > 0, asked[1] > 0
        if self.snapshot_asked:
            self.signals.snapshot = False
        self.smooth(loss)

    def smooth(self, loss: float) -> None:
        """Count a loss into the mean of the last average_loss ones. UpdateSmoothedLoss."""
        self.losses.append(loss)
        while len(self.losses) > self.plan.solver.average_loss:
            self.losses.popleft()
        self.progress.smoothed_loss = sum(self.losses) / len(self.losses)

    def show_loss(self) -> None:
        """Say the loss and the outputs, as Solver::Step does."""
        now, (then, since) = time.monotonic(), self.shown_at
        seconds = now - since if since else 0.0
        done = self.iteration - then if since else 0
        speed = Speed(done / seconds if seconds else 0.0, seconds, self.plan.solver.display)
        self.shown_at = (self.iteration, now)
        outputs = scores(self.net, self.outputs)
        self.log.trained(self.iteration, self.progress.smoothed_loss, outputs, speed)

    def show_last_loss(self) -> None:
        """A forward pass after the last update, only to say its loss."""
        with torch.no_grad():
            found = self.net.forward(self.net.next_batch())
        self.smooth(float(found["objective"]))
        self.log.trained(self.iteration, self.progress.smoothed_loss, [], None)

    def update(self, rate: float, shown: bool) -> None:
        """Apply the gradients."""
        if shown:
            self.log.rated(self.iteration, rate)
        detailed = shown and self.plan.solver.debug_info
        before = [mean(weight.tensor) for weight in self.weights] if detailed else []
        self.optimizer.step()
        if self.optimizer.clipped:
            norm, scale = self.optimizer.clipped
            limit = self.plan.solver.clip_gradients
            text = f"Gradient clipping: scaling down gradients (L2 norm {norm:g} > {limit:g}) "
            self.log.said(f"{text}by scale factor {scale:g}")
        for line in update_lines(self.weights, before) if detailed else ():
            self.log.said(line)

    def test(self) -> None:
        """Run every test net, on the first process. Source: Solver::TestAll."""
        if not self.group.is_root:
            return
        for number, net in enumerate(self.tests):
            self.log.testing(self.iteration, number)
            if not net.plan.iterations:  # as Caffe, which averages over no batch then
                continue
            found = self.evaluated(net)
            if found is None:
                self.log.said("Test interrupted.")
                return
            loss = found.loss if self.plan.solver.test_compute_loss else None
            self.tested[number] = found.scores
            self.log.tested(self.iteration, number, found.scores, loss)

    def evaluated(self, net: Net) -> Tested | None:
        """The means of a test net over its batches; None where a signal came.

        With eval_type "detection" it is the mean average precision.
        """
        solver = self.plan.solver
        through = partial(told, net, self.log) if solver.debug_info else None
        count = net.plan.iterations
        if solver.eval_type != "detection":
            self.refuse_detector(net)
            return evaluate(net, count, self.interrupted, through=through)
        version = solver.ap_version
        found = evaluate_detection(net, count, version, self.interrupted, through=through)
        for classes in found.classes.values() if found and solver.show_per_class_result else ():
            for label, precision in classes.items():
                self.log.said(f"class{label}: {precision:g}")
        return found

    def refuse_detector(self, net: Net) -> None:
        """NetError where a detector's verdicts would be averaged row by row."""
        if judged(net):
            what = "the test net judges boxes (DetectionEvaluate), whose rows have no mean"
            raise self.plan.error(what, hint='write eval_type: "detection"')

    def not_written(self, error: OSError) -> NetError:
        """The error of a snapshot that the disk does not take."""
        reason = f"{error.filename or self.plan.prefix}: {error.strerror or error}"
        what = f"the snapshot of iteration {self.iteration} can't be written: {reason}"
        kept = "nothing of it is left; "
        if self.last_snapshot:
            kept += f"go on from the last one: --snapshot {self.last_snapshot}"
        return NetError(what, None, kept.removesuffix("; "))

    def interrupted(self) -> bool:
        """Whether a signal came while a net is tested; a snapshot it asks for is made at once."""
        if self.signals.snapshot and self.group.size == 1:
            self.signals.snapshot = False
            self.snapshot()
        self.stopping = self.stopping or (self.signals.stop and self.group.size == 1)
        return self.stopping

    def refuse_not_finite(self) -> None:
        """NetError where a weight is not finite, with its layer."""
        for weight in self.weights:
            if not torch.isfinite(weight.tensor.detach()).all():
                owner = weight.param.owner
                what = f"iteration {self.iteration}: blob {weight.param.index} of layer "
                what += f"{owner.name!r} ({owner.type}) is not finite; no snapshot is written"
                raise NetError(what, None, self.advice)

    def snapshot(self) -> None:
        """Write a snapshot, once for all processes. Source: Solver::Snapshot.

        NetError where a weight is no number: a good snapshot is not followed by a useless one.
        """
        self.refuse_not_finite()
        positions = self.group.gather(position(self.net, self.tests))
        self.snapshot_asked = False
        if not self.group.is_root:
            return
        from protonet.training.snapshot import names

        model, _, path = names(self.plan, self.iteration)
        history = read_history(self.optimizer, self.weights)
        state = SolverState(self.iteration, model, history, self.progress.current_step)
        more = {
            "losses": list(self.losses),
            "minimum_loss": min(self.progress.minimum_loss, 3.0e38),
            "last_event": self.progress.last_event,
        }
        kept = "binary proto" if not path.endswith(".h5") else "HDF5"
        self.log.said(f"Snapshotting to {kept} file {model}")
        try:
            self.last_snapshot = write_snapshot(self.plan, self.net, state, positions, more)
        except OSError as error:
            raise self.not_written(error) from None
        self.log.said(f"Snapshotting solver state to {kept} file {path}")
