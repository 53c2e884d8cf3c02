"""Makes a MONAI bundle with a small network in TorchScript."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn


def bundle(folder: Path, edit: Callable[[dict, dict], None] = lambda *_: None, network: nn.Module | None = None) -> Path:
    """@param edit changes metadata and inference before they are written"""
    metadata = {
        'name': 'Test bundle',
        'version': '0.1.0',
        'network_data_format': {
            'inputs': {'image': {'type': 'hounsfield', 'modality': 'CT', 'num_channels': 1}},
            'outputs': {'pred': {'num_channels': 3, 'channel_def': {'0': 'background', '1': 'liver', '2': 'tumor'}}},
        },
    }
    inference = {
        'device': "$torch.device('cpu')",
        'patch': [16, 12, 8],
        'network_def': {'_target_': 'UNet', 'spatial_dims': 3},
        'network': '$@network_def.to(@device)',
        'preprocessing': {
            '_target_': 'Compose',
            'transforms': [
                {'_target_': 'LoadImaged', 'keys': 'image'},
                {'_target_': 'EnsureChannelFirstd', 'keys': 'image'},
                {'_target_': 'Orientationd', 'keys': 'image', 'axcodes': 'RAS'},
                {'_target_': 'Spacingd', 'keys': 'image', 'pixdim': [1.5, 1.6, 2.0], 'mode': 'bilinear'},
                {'_target_': 'ScaleIntensityRanged', 'keys': 'image', 'a_min': -100, 'a_max': 300, 'b_min': 0, 'b_max': 1, 'clip': True},
                {'_target_': 'EnsureTyped', 'keys': 'image'},
            ],
        },
        'inferer': {'_target_': 'SlidingWindowInferer', 'roi_size': '@patch', 'sw_batch_size': 4, 'overlap': 0.5, 'mode': 'gaussian', 'sw_device': '@device'},
        'postprocessing': {
            '_target_': 'Compose',
            'transforms': [
                {'_target_': 'Activationsd', 'keys': 'pred', 'softmax': True},
                {'_target_': 'Invertd', 'keys': 'pred', 'transform': '@preprocessing', 'nearest_interp': False, 'to_tensor': True},
                {'_target_': 'AsDiscreted', 'keys': 'pred', 'argmax': True},
                {'_target_': 'SaveImaged', 'keys': 'pred'},
            ],
        },
    }
    edit(metadata, inference)
    (folder / 'configs').mkdir(parents=True)
    (folder / 'models').mkdir()
    (folder / 'configs' / 'metadata.json').write_text(json.dumps(metadata))
    (folder / 'configs' / 'inference.json').write_text(json.dumps(inference))
    if network is None:
        torch.manual_seed(2)
        network = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1))
    torch.jit.script(network.eval()).save(str(folder / 'models' / 'model.ts'))
    return folder
