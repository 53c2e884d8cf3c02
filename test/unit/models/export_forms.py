"""Writes a model of small random networks in every form, as a release is written. Argument: folder."""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3] / 'models' / 'training'))
from hepar_training import export, manifest  # noqa: E402
from hepar_training.networks import Shape, UNet  # noqa: E402

folder = Path(sys.argv[1])
shapes = {'locate': Shape(4, (4, 8)), 'segment': Shape(4, (8, 8, 8), 2, True)}
manifest.WINDOW_ZYX.update({'locate': (8, 16, 24), 'segment': (16, 16, 32)})
step = 8
manifest.LARGER_WINDOWS.update({'segment': {'stepVoxels': step, 'mostVoxels': 100_000}})
references = {}
for stage, shape in shapes.items():
    torch.manual_seed(1)
    net = UNet(shape).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    for form in manifest.FORMS:
        export.export(net, manifest.WINDOW_ZYX[stage], folder / manifest.file_of(stage, form), form, step if stage == 'segment' else None)
    references[stage] = export.reference(net, manifest.WINDOW_ZYX[stage])
manifest.write_manifest(folder, '0.0.1', shapes=shapes, references=references)
