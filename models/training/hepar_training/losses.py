"""What training minimises, and the Dice it logs."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .pool import IGNORE
from .scene import LESION

# One weight a class: cross entropy, then Dice. Organs that only help still need a real Dice weight to be learned, and the
# gallbladder, of which a hundredth of the voxels are, a large one of cross entropy too.
CROSS_ENTROPY = {'locate': (0.6, 1.0, 1.0, 1.0), 'segment': (0.6, 1.0, 3.0, 4.0)}
DICE = {'locate': (0.0, 1.0, 0.5, 0.5), 'segment': (0.0, 0.6, 1.0, 0.6)}
PRESENCE = 0.3
# A patch that a lesion only grazes is neither an example of a patch with lesion nor of one without.
LEAST_LESION_VOXELS = 8


def loss_of(logits: torch.Tensor, classes: torch.Tensor, stage: str, smooth: float = 30.0) -> torch.Tensor:
    """Weighted cross entropy plus soft Dice over the batch; IGNORE counts in neither. A network may leave out a stage's
    last classes."""
    count = logits.shape[1]
    loss = F.cross_entropy(logits, classes, torch.tensor(CROSS_ENTROPY[stage][:count], device=logits.device), ignore_index=IGNORE)
    known = (classes != IGNORE).float()
    probability = logits.softmax(1) * known[:, None]
    for number, weight in enumerate(DICE[stage][:count]):
        if weight:
            truth = (classes == number).float()
            overlap = (probability[:, number] * truth).sum()
            loss = loss + weight * (1 - (2 * overlap + smooth) / (probability[:, number].sum() + truth.sum() + smooth))
    return loss


def patches_with_lesion(classes: torch.Tensor, patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each patch, both [N, 1, Z / patch, Y / patch, X / patch]: whether it holds lesion (1 or 0), and whether that is
    known, which it is not where a few voxels or only ignored ones are lesion."""
    count = lambda mask: F.avg_pool3d(mask.float()[:, None], patch) * patch**3  # noqa: E731
    lesion, ignored = count(classes == LESION), count(classes == IGNORE)
    present = lesion > LEAST_LESION_VOXELS - 0.5
    return present.float(), present | (lesion + ignored < 0.5)


def presence_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy over the patches of which the answer is known."""
    present, known = patches_with_lesion(classes, classes.shape[-1] // logits.shape[-1])
    return (F.binary_cross_entropy_with_logits(logits, present, reduction='none') * known).sum() / known.sum().clamp(min=1)


def total_loss(outputs: tuple[torch.Tensor, ...], classes: torch.Tensor, stage: str) -> torch.Tensor:
    """Of a network's outputs: its logits, and those of the presence head where it has one."""
    logits, *presence = outputs
    return loss_of(logits.float(), classes, stage) + sum(PRESENCE * presence_loss(p.float(), classes) for p in presence)


def dice_by_class(logits: torch.Tensor, classes: torch.Tensor, count: int) -> np.ndarray:
    """[overlap, sizes] of each class but the background, to be summed over iterations."""
    found, known = logits.argmax(1), classes != IGNORE
    return np.array([[2 * ((found == c) & (classes == c)).sum().item(), (((found == c) & known).sum() + (classes == c).sum()).item()] for c in range(1, count)])
