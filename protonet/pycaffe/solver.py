"""Caffe's solvers, to be stepped from a script."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from protonet.diagnostics import NetError
from protonet.pycaffe.net import Net
from protonet.pycaffe.stepping import Diffs, stepped_run
from protonet.schema.load import is_text
from protonet.training.loop import apply_update, solve, step
from protonet.training.plan import plan
from protonet.training.rates import learning_rate
from protonet.training.session import resume


class Solver:
    """A solver's file with its nets; the class says the method, whatever the file says.

    ``net`` and ``test_nets`` are Nets, ``param`` is the SolverParameter, whose fields may be set.
    NetError, with its place, where the solver, a net or its data is wrong.
    """

    method: ClassVar[str | None] = None

    def __init__(self, solver_file: str | os.PathLike[str]) -> None:
        if isinstance(solver_file, str) and is_text(solver_file):
            raise NetError("a solver is given by its file's path, not by its text")
        made = plan(solver_file, named=self.method, endless=True)
        self._run, self.net, self.test_nets = stepped_run(made)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at iteration {self.iter} of {self.net!r}>"

    @property
    def iter(self) -> int:
        """How many updates the parameters have had."""
        return self._run.iteration

    @property
    def param(self) -> Any:
        """The SolverParameter."""
        return self._run.plan.solver

    @property
    def lr(self) -> float:
        """The learning rate of this iteration."""
        return learning_rate(self.param, replace(self._run.progress))

    def step(self, iterations: int) -> None:
        """Train for so many iterations, with tests and snapshots where they are due."""
        self._run.losses.clear()
        for _ in range(iterations):
            step(self._run)

    def solve(self, resume_file: str | None = None) -> None:
        """Train to max_iter, from a solver state where one is given."""
        if resume_file is not None:
            self.restore(resume_file)
        solve(self._run)

    def restore(self, path: str) -> None:
        """Go on from a solver state: weights, history, iteration."""
        resume(self._run, os.fspath(path))

    def snapshot(self) -> None:
        """Write the weights and the solver state of this iteration."""
        self._run.snapshot()

    def apply_update(self) -> None:
        """Take the diffs off the parameters, as an iteration does; it stays the same iteration."""
        apply_update(self._run)

    def share_weights(self, net: Net) -> None:
        """Have a net hold the parameters of this solver's net."""
        net.share_with(self.net)

    def add_callback(
        self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]
    ) -> None:
        """Call two functions in each iteration: before its passes, and before the update."""
        diffs = self._run.gradients
        assert isinstance(diffs, Diffs)
        diffs.on_start.append(on_start)
        diffs.on_gradients_ready.append(on_gradients_ready)


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum."""

    method = "SGD"


class NesterovSolver(SGDSolver):
    """Nesterov's accelerated gradient."""

    method = "Nesterov"


class AdaGradSolver(SGDSolver):
    """AdaGrad."""

    method = "AdaGrad"


class RMSPropSolver(SGDSolver):
    """RMSProp."""

    method = "RMSProp"


class AdaDeltaSolver(SGDSolver):
    """AdaDelta."""

    method = "AdaDelta"


class AdamSolver(SGDSolver):
    """Adam."""

    method = "Adam"


_SOLVERS = (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)


def get_solver(solver_file: str | os.PathLike[str]) -> Solver:
    """The solver of the method that a file names. Source: SolverRegistry::CreateSolver."""
    made = Solver(solver_file)
    cls = next(each for each in _SOLVERS if each.method == made._run.plan.method)  # noqa: SLF001
    made.__class__ = cls
    return made
