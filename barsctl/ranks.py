"""Several processes that compute one run: who this is, and what they tell one another.

Each takes its part of every batch; sums of gradients over all of them keep their weights alike. A
process that was started alone is the first of one: then everything here costs nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from .errors import BarsError, ExitCode
from .launch import Ranks

# While the first process measures on a board, the others wait for it.
LONGEST_WAIT = timedelta(hours=12)
LONGEST_FAREWELL = timedelta(seconds=30)


class LostRank(BarsError):  # noqa: N818 (it is what happened)
    """Another of the processes is gone."""


def own_ranks() -> Ranks:
    """Which process this is of those that joined; the first of one where none did."""
    if not distributed.is_initialized():
        return Ranks()
    return Ranks(distributed.get_rank(), distributed.get_world_size())


def is_first() -> bool:
    """Whether this is the process that writes the run's files."""
    return own_ranks().rank == 0


@contextmanager
def joined(ranks: Ranks) -> Iterator[None]:
    """Join the other processes while the context lasts: gloo between CPUs, nccl between GPUs.

    Of what ends them with an error, the first passes through; in the others it is SystemExit.
    """
    # Optimisers import it. Imported among processes it would hold their group, whose threads, there
    # when Python ends, may abort the process.
    import_module("torch._dynamo")
    gpus = torch.cuda.device_count()
    if gpus:
        torch.cuda.set_device(ranks.local_rank % gpus)
    try:
        store, _, _ = next(rendezvous("env://"))
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if gpus else "gloo",
            store=store, rank=ranks.rank, world_size=ranks.size, timeout=LONGEST_WAIT,
        )  # fmt: skip
    except RuntimeError as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise BarsError(
            f"the processes cannot meet at {place} ({error}); let all start within minutes, at an "
            "address and a port that are free and that all of them reach"
        ) from error
    try:
        yield
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            distributed.destroy_process_group()
        elif _was_told(store, said=not isinstance(error, SystemExit) or ranks.rank == 0):
            raise SystemExit(ExitCode.CANNOT) from error
        raise
    distributed.destroy_process_group()


def _was_told(store: Store, *, said: bool) -> bool:
    """Whether another process has told what ended them; if not, this one does.

    said: whether this one can be heard. Wrong usage is, in the first process alone: torchrun ends
    all when one leaves, so the others stay until the first has told.
    """
    try:
        if said:
            return int(store.add("told", 1)) > 1
        store.wait(["told"], LONGEST_FAREWELL)
    except RuntimeError:  # who keeps the store is gone as well
        return False
    return True


@contextmanager
def _conversation() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostRank(
            "another of the processes ended without a word; look whether it was killed or out of "
            "memory, then go on with --resume"
        ) from error


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Replace a tensor by its sum over all processes, and return it."""
    if distributed.is_initialized():
        with _conversation():
            distributed.all_reduce(tensor)
    return tensor


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their sums over all processes, in one conversation."""
    if not distributed.is_initialized():
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    total = sum_over_ranks(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    parts = total.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def from_first(content: bytes) -> bytes:
    """Return what the first process gives; the others' content is not looked at."""
    if not distributed.is_initialized():
        return content
    length = torch.tensor([len(content)])
    with _conversation():
        distributed.broadcast(length, 0)
        words = torch.zeros(int(length), dtype=torch.uint8)
        if is_first():
            words = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else words
        distributed.broadcast(words, 0)
    return words.numpy().tobytes()


def wait_for_first() -> None:
    """Return when the first process has come here too."""
    from_first(b"")


def take_from_first(module: nn.Module) -> None:
    """Replace a module's weights and statistics by those of the first process."""
    if not distributed.is_initialized():
        return
    for tensor in module.state_dict().values():
        plain = tensor.contiguous()
        with _conversation():
            distributed.broadcast(plain, 0)
        tensor.copy_(plain)


def require_same_start(folder: Path, epoch: int) -> None:
    """Raise BarsError where this process found another checkpoint than the first one."""
    first = int(from_first(str(epoch).encode()))
    if epoch != first:
        raise BarsError(
            f"{folder}: process {own_ranks().rank} starts at epoch {epoch + 1}, the first process "
            f"at epoch {first + 1}; put the run in a folder that all machines share"
        )
