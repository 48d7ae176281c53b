"""The process that builds kernels; `targets.build` starts it and may kill it.

LLVM ends its process where it cannot select an instruction: only this one dies of that. It reads
one request on stdin and exits with REFUSED, and a message, where the request is at fault.
"""

import sys
from pathlib import Path

# TVM would import torch where it is installed: seconds, for nothing.
sys.modules["torch"] = None  # type: ignore[assignment]

from targets.build_request import request_from_json  # noqa: E402
from targets.errors import TargetError  # noqa: E402
from targets.kernel_specs import KernelSpec  # noqa: E402

from .codegen import write_object  # noqa: E402

REFUSED = 3


def main() -> int:
    """Build what stdin asks for."""
    request = request_from_json(sys.stdin.read())
    tiles = {KernelSpec(each.block): each.tile for each in request.kernels}
    try:
        write_object(tiles, request.target, Path(request.path), prefix=request.prefix)
    except TargetError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
