"""What LSTM and RNN share: the bottoms, the static input, the states between batches."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError, Shape, count, show
from protonet.layers.blob import Blob


class Recurrent(Layer):
    """A layer over (time, stream, ...) whose state goes on from batch to batch.

    Source: Caffe's RecurrentLayer.
    """

    param = "recurrent_param"
    tops = (1, None)
    bottoms = (2, None)
    trains_frozen = True
    backward_reads = ("bottoms", "tops")
    states = 1

    @property
    def exposed(self) -> int:
        """How many states are bottoms and tops."""
        return self.states if self.p.expose_hidden else 0

    def constant_bottoms(self) -> tuple[int, ...]:
        """The continuation and the states given take no gradient."""
        given = len(self.message.bottom)
        return (1, *range(given - self.exposed, given))

    @property
    def static(self) -> bool:
        """Whether the third bottom is an input for all times."""
        return len(self.message.bottom) > 2 + self.exposed

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, continues = bottoms[:2]
        if len(x) < 3:
            raise LayerError(f"it takes (time, stream, ...), not {show(x)}", "bottom", 0)
        if 0 in x[:2]:
            what = f"it takes at least one step of at least one stream, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        if continues != x[:2]:
            what = f"the continuation is {show(x[:2])}, not {show(continues)}"
            raise LayerError(what, "bottom", 1)
        self.check_positive("num_output")
        self.check_counts(bottoms)
        if self.static and (len(bottoms[2]) < 2 or bottoms[2][0] != x[1]):
            what = f"the static input is (stream, ...) of {x[1]} streams, not {show(bottoms[2])}"
            raise LayerError(what, "bottom", 2)
        state = (1, x[1], self.p.num_output)
        for index in range(len(bottoms) - self.exposed, len(bottoms)):
            if bottoms[index] != state:
                what = f"a state is {show(state)}, not {show(bottoms[index])}"
                raise LayerError(what, "bottom", index)
        return ((*x[:2], self.p.num_output), *(state,) * self.exposed)

    def check_counts(self, bottoms: tuple[Shape, ...]) -> None:
        """LayerError where the number of bottoms or tops is wrong."""
        fewest, tops = 2 + self.exposed, len(self.message.top)
        if not fewest <= len(bottoms) <= fewest + 1:
            what = f"it takes {fewest} or {fewest + 1} bottoms, not {len(bottoms)}"
            raise LayerError(what, "bottom")
        if tops != 1 + self.exposed:
            raise LayerError(f"it gives {1 + self.exposed} tops, not {tops}", "top")

    def weight(self, name: str, *shape: int) -> Blob:
        """A matrix of the layer."""
        return Blob(name, shape, self.p.weight_filler)

    def bias(self, name: str, outputs: int) -> Blob:
        """A bias of the layer."""
        return Blob(name, (outputs,), self.p.bias_filler)

    def sizes(self, bottoms: tuple[Shape, ...]) -> tuple[int, int]:
        """Elements of a step of the input and of the static input, 0 where there is none."""
        return count(bottoms[0], 2), count(bottoms[2], 1) if self.static else 0
