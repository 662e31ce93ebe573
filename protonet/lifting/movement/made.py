"""A view as a blob: the first form in which layers can say it."""

from __future__ import annotations

from dataclasses import replace

from protonet.lifting.movement.forms import reindexed, reshaped, sliced
from protonet.lifting.movement.moved import moved_from
from protonet.lifting.operator import Operator
from protonet.lifting.values import NewBlob, View

# Those that compute nothing come first; the last takes any order of elements.
_FORMS = (reshaped.form, sliced.form)
_LAST = (reindexed.form,)


def made(operator: Operator, view: View) -> NewBlob:
    """The blob of a view's elements. Refusal where no layers of the dialect give it."""
    if view.made is None:
        own = replace(operator, node=view.node)
        found = _direct(own, view) or _by_steps(own, view) or _last(own, view)
        view.made = found or own.refuse("no layers of it bring the elements into this order")
    return view.made


def _direct(operator: Operator, view: View) -> NewBlob | None:
    """The view in one go from the blob that its elements are of."""
    found = (form(operator, view) for form in _FORMS)
    return next((blob for blob in found if blob is not None), None)


def _by_steps(operator: Operator, view: View) -> NewBlob | None:
    """The view from the blobs of the values that its operator was given."""
    if not any(isinstance(step, View) for step in view.steps) or len(view.steps) > 1:
        return None
    (step,) = view.steps
    assert isinstance(step, View)
    own = replace(operator, node=step.node)
    before = step.made or _direct(own, step) or _by_steps(own, step)
    if before is None:
        return None
    step.made = before
    return _direct(operator, moved_from(view, before))


def _last(operator: Operator, view: View) -> NewBlob | None:
    found = (form(operator, view) for form in _LAST)
    return next((blob for blob in found if blob is not None), None)
