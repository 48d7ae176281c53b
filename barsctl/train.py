"""Training: the weights of one network, whatever it comes from."""

import copy
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from space.atomic import remove_leftovers
from space.nn.real import set_real_weights

from .batches import (
    Batch,
    all_batches,
    batch_count,
    plain_batches,
    random_images,
    training_batches,
)
from .checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from .data.dataset import Dataset
from .data.source import ImageSource
from .devices import mixed_precision
from .evaluate import Tally, accuracy_over_ranks, reestimate_batch_norm, require_finite
from .optimizers import set_learning_rate, weights_optimizer
from .progress import progress_bar
from .random_numbers import epoch_numbers
from .rank_norm import norms_over_ranks
from .ranks import (
    is_first,
    own_ranks,
    require_same_start,
    sum_gradients,
    take_from_first,
)
from .run_folder import LAST, MetricsLog, write_json
from .train_result import RESULT, Trained
from .train_settings import TrainSettings

BEST = "best.safetensors"
DISTILLATION_TEMPERATURE = 2.0
# Training images, at most, that an average's batch norms have their statistics of.
CALIBRATION_IMAGES = 2048


def train(
    network: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    folder: Path,
    device: torch.device,
    teacher: nn.Module | None = None,
    title: str = "train",
) -> Trained:
    """Train a network, from the folder's last checkpoint on if it has one.

    Leaves the best epoch's weights in the network and in best.safetensors, the result in
    result.json. Otherwise as `train_epochs`.
    """
    best_epoch, best = train_epochs(
        network, dataset, settings, folder=folder, device=device, teacher=teacher, title=title
    )
    if is_first():
        load_best(network, folder, device=device)
    take_from_first(network)
    test = _accuracy(network, dataset.test, settings, device=device)
    trained = Trained(best_epoch, best, test)
    if is_first():
        write_json(folder / RESULT, {**asdict(trained)})
    return trained


def train_epochs(
    network: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    *,
    folder: Path,
    device: torch.device,
    until: int | None = None,
    teacher: nn.Module | None = None,
    title: str = "train",
) -> tuple[int, float]:
    """Train for the first epochs of the settings, and return the best and its validation accuracy.

    They are -1 and -1.0 where no epoch had binary weights. Raises DivergedError where an epoch's
    loss is no number.
    until: the epoch before which to stop; None for all. With real_weight_epochs a network is
    trained twice, binary activations first (Martinez et al., arXiv 2003.11535; ReActNet, arXiv
    2003.03488): each time with a learning rate that rises and falls and a new optimizer. What is
    kept has binary weights.
    Leaves the last epoch's weights in the network, the best epoch's in best.safetensors, all that
    resuming needs in last.safetensors. Several processes share every batch; the first one writes
    the files.
    """
    network.to(device)
    optimizer = weights_optimizer(
        settings.optimizer, network.parameters(),
        learning_rate=settings.learning_rate, weight_decay=settings.weight_decay,
    )  # fmt: skip
    average = copy.deepcopy(network) if settings.ema_decay else network
    first_epoch, best_epoch, best = _restore(network, average, optimizer, folder, device=device)
    require_same_start(folder, first_epoch)

    steps = batch_count(dataset.train, batch_size=settings.batch_size)
    until = settings.epochs if until is None else until
    with (
        MetricsLog(folder, first_epoch=first_epoch) if is_first() else nullcontext() as log,
        progress_bar(title, steps * until, done_steps=steps * first_epoch) as advance,
    ):
        for epoch in range(first_epoch, until):
            tally = Tally()
            network.train()
            stage = _enter_stage(settings, epoch, network, average, optimizer)
            batches = training_batches(
                dataset.train, epoch_numbers(settings.seed, epoch),
                batch_size=settings.batch_size, augmentation=dataset.augmentation, device=device,
                ranks=own_ranks(),
            )  # fmt: skip
            for step, batch in enumerate(batches):
                progress = ((epoch - stage.start) * steps + step + 0.5) / (steps * len(stage))
                set_learning_rate(optimizer, progress, highest=settings.learning_rate)
                train_step(network, batch, settings, optimizer, teacher=teacher, tally=tally)
                if average is not network:
                    _average(average, network, decay=settings.ema_decay)
                advance(partial(_status, tally, best))
            tally.count_all_ranks()
            require_finite(tally, epoch=epoch)
            if average is not network:
                _settle_norms(average, dataset.train, settings, device=device)
            found = _accuracy(average, dataset.validation, settings, device=device)
            # An accuracy with real weights is not that of the network that is asked for.
            is_best = found > best and stage.stop == settings.epochs
            if is_best:
                best_epoch, best = epoch, found
            if log is None:  # the first process writes the files
                continue
            if is_best:
                told = {"best_epoch": epoch, "best": found}
                save_checkpoint(folder / BEST, {"network": average.state_dict()}, state=told)
            log.write(epoch, {
                "loss": tally.loss,
                "accuracy": {"train": tally.accuracy, "validation": found},
                "learning_rate": optimizer.param_groups[0]["lr"],
            })  # fmt: skip
            parts = {"network": network.state_dict(), "optimizer": optimizer_tensors(optimizer)}
            if average is not network:
                parts["average"] = average.state_dict()
            state = {"epoch": epoch, "best_epoch": best_epoch, "best": best}
            save_checkpoint(folder / LAST, parts, state=state)
    return best_epoch, best


def _status(tally: Tally, best: float) -> str:
    return f"loss {tally.loss:.3f}  best {max(best, 0):.1%}"


def train_step(
    network: nn.Module, batch: Batch, settings: TrainSettings, optimizer: torch.optim.Optimizer, *,
    teacher: nn.Module | None, tally: Tally,
) -> None:  # fmt: skip
    """Move a network's weights by one batch, of which several processes each have a part."""
    with mixed_precision(batch.pixels.device), norms_over_ranks():
        logits = network(batch.pixels)
        loss = _loss(logits, batch, settings, teacher=teacher)
    optimizer.zero_grad()
    (loss * batch.share).backward()
    sum_gradients(network.parameters())
    optimizer.step()
    tally.add(logits, batch.labels, loss)


def _enter_stage(
    settings: TrainSettings,
    epoch: int,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> range:
    """Make weights real in the first of two stages, binary in the second; return its epochs."""
    stage = settings.stage(epoch)
    if not settings.real_weight_epochs:
        return stage
    for each in (network, average):
        set_real_weights(each, real=stage.start == 0)
    if epoch == stage.start:
        # Gradients of real weights are larger: with their statistics no sign would move for long.
        optimizer.state.clear()
        average.load_state_dict(network.state_dict())
    return stage


def load_best(network: nn.Module, folder: Path, *, device: torch.device) -> None:
    """Load the best epoch's weights. Raises BarsError where the folder has none."""
    load_checkpoint(folder / BEST, device=device).restore(network, "network")


def _restore(
    network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, *,
    device: torch.device,
) -> tuple[int, int, float]:  # fmt: skip
    """Put back what the last checkpoint holds; return the next epoch and the best so far."""
    if is_first():
        for name in (LAST, BEST):
            remove_leftovers(folder / name)
    if not (folder / LAST).exists():
        return 0, -1, -1.0
    checkpoint = load_checkpoint(folder / LAST, device=device)
    checkpoint.restore(network, "network")
    if average is not network:
        checkpoint.restore(average, "average")
    restore_optimizer(optimizer, checkpoint.part("optimizer"))
    next_epoch = int(checkpoint.number("epoch")) + 1
    if (folder / BEST).exists():
        # A kill may have come between the two files, and an epoch that is done again may differ.
        best = load_checkpoint(folder / BEST, device=device)
        checkpoint = best if best.state else checkpoint  # earlier versions told nothing there
    return next_epoch, int(checkpoint.number("best_epoch")), checkpoint.number("best")


def _loss(
    logits: Tensor, batch: Batch, settings: TrainSettings, *, teacher: nn.Module | None
) -> Tensor:
    """The cross-entropy with smoothed labels, mixed with the distance to the teacher's answers."""
    loss = F.cross_entropy(logits, batch.labels, label_smoothing=settings.label_smoothing)
    return taught(loss, logits, batch.pixels, teacher=teacher, share=settings.teacher_share)


def taught(
    loss: Tensor, logits: Tensor, pixels: Tensor, *, teacher: nn.Module | None, share: float
) -> Tensor:
    """Return the loss mixed with the distance to a teacher's answers, if there is one."""
    if teacher is None:
        return loss
    with torch.no_grad():
        answers = teacher(pixels)
    return torch.lerp(loss, distillation_loss(logits, answers), share)


def distillation_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of softened answers, times the temperature squared.

    Hinton et al., arXiv 1503.02531, section 2: the square keeps its gradients at the size of a
    cross-entropy's.
    """
    softened = F.log_softmax(logits / DISTILLATION_TEMPERATURE, dim=1)
    wanted = F.log_softmax(answers / DISTILLATION_TEMPERATURE, dim=1)
    divergence = F.kl_div(softened, wanted, reduction="batchmean", log_target=True)
    return divergence * DISTILLATION_TEMPERATURE**2


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the average towards the network; counters are copied."""
    latest = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(latest[name], 1 - decay)
        else:
            value.copy_(latest[name])


def _settle_norms(
    network: nn.Module, source: ImageSource, settings: TrainSettings, *, device: torch.device
) -> None:
    """Give batch norms the statistics of an average of weights.

    An average of statistics is of other networks: signs of averaged weights make one of its own.
    """
    images = random_images(source, count=CALIBRATION_IMAGES, seed=settings.seed)
    own = plain_batches(images, batch_size=settings.batch_size, device=device, ranks=own_ranks())
    with norms_over_ranks():
        reestimate_batch_norm(network, own)


def _accuracy(
    network: nn.Module, source: ImageSource, settings: TrainSettings, *, device: torch.device
) -> float:
    # In float32, also where training mixes precisions: the network is judged as it is.
    own = all_batches(source, batch_size=settings.batch_size, device=device, ranks=own_ranks())
    return accuracy_over_ranks(network, own)
