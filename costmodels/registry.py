"""Cost models that need no measurement, by name; latency comes from a table's file."""

from .analytic import BinaryOperations, FloatOperations, Operations, Parameters, Size
from .protocol import CostModel

COST_MODELS: dict[str, CostModel] = {
    "bops": BinaryOperations(),
    "flops": FloatOperations(),
    "ops": Operations(),
    "params": Parameters(),
    "size": Size(),
}
