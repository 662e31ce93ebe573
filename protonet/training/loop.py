"""The training loop, as Solver::Solve and Solver::Step have it; read it from top to bottom."""

from __future__ import annotations

from protonet.training.rates import learning_rate, momentum
from protonet.training.run import Run


def solve(run: Run) -> None:
    """Train from the iteration that was reached to max_iter, or until a signal says stop."""
    solver = run.plan.solver
    run.log.started(run.net.graph.name, solver.lr_policy, run.iteration, solver.max_iter)
    while run.iteration < solver.max_iter and not run.stopping:
        step(run)
    if run.stopping:
        run.snapshot()
        run.log.said("Optimization stopped early.")
        return
    if solver.snapshot_after_train and not run.is_snapshot_due:
        run.snapshot()
    if solver.display and run.iteration % solver.display == 0:
        run.show_last_loss()
    if run.is_test_interval:
        run.test()
    run.log.said("Optimization Done.")


def step(run: Run) -> None:
    """One iteration: test where it is due, forward and backward, update, snapshot where due."""
    solver = run.plan.solver
    if run.is_test_interval and (run.iteration > 0 or solver.test_initialization):
        run.test()
        if run.stopping:
            return
    shown = bool(solver.display) and run.iteration % solver.display == 0

    run.tell_progress()
    run.gradients.zero()
    loss = 0.0
    for number in range(solver.iter_size):
        run.gradients.last_pass = number == solver.iter_size - 1
        loss += run.forward_backward(detailed=shown and solver.debug_info)
    run.gradients.reduce()
    run.agree(loss / solver.iter_size)
    if shown:
        run.show_loss()

    rate = apply_update(run, shown)

    run.progress.iteration += 1
    run.log.stepped(run.iteration, run.progress.smoothed_loss, rate, run.items)
    if run.is_snapshot_due or run.snapshot_asked:
        run.snapshot()


def apply_update(run: Run, shown: bool = False) -> float:
    """Take the gradients off the weights at the iteration's rate, and return that."""
    solver = run.plan.solver
    rate = learning_rate(solver, run.progress)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
        if "momentum" in group:
            group["momentum"] = momentum(solver, run.progress, rate)
    run.update(rate, shown)
    return rate
