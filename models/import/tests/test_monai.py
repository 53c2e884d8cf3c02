import sys
from unittest.mock import patch

import torch

from .bundle import bundle
from .support import Importing


def step(inference, name, stage='preprocessing'):
    return next(item for item in inference[stage]['transforms'] if item['_target_'] == name)


def before(inference, name, stage='preprocessing'):
    """Where a transform is; one that is put there comes before it."""
    return inference[stage]['transforms'].index(step(inference, name, stage))


class MonaiTest(Importing):
    importer = 'monai_bundle'

    def bundle(self, edit=lambda *_: None):
        return bundle(self.root / 'bundle', edit)

    def test_carries_the_configuration_over(self):
        stage = self.manifest(self.bundle())['cascade']['segment']
        self.assertEqual(stage['spacingMm'], [1.5, 1.6, 2.0])
        self.assertEqual(stage['windowVoxels'], [16, 12, 8])
        self.assertEqual(stage['intensity'], {'kind': 'window', 'lowHu': -100, 'highHu': 300, 'centreHu': -100, 'scaleHu': 400})
        self.assertEqual(stage['channels'], ['background', 'liver', 'lesion'])
        self.assertEqual(
            stage['wholeScan'],
            {
                'orientation': 'RAS',
                'conventions': 'monai',
                'resampling': {'hu': {'kernel': 'linear'}, 'output': {'kernel': 'linear'}},
                'resampled': 'probabilities',
                'weights': 'gaussian',
                'decide': 'largest',
            },
        )

    def test_knows_the_other_intensities(self):
        cases = [
            ({'_target_': 'NormalizeIntensityd', 'subtrahend': 50, 'divisor': 125}, {'lowHu': -1e6, 'highHu': 1e6, 'centreHu': 50, 'scaleHu': 125, 'kind': 'window'}),
            ({'_target_': 'NormalizeIntensityd'}, {'kind': 'scan-zscore'}),
            ({'_target_': 'ScaleIntensityd'}, {'kind': 'scan-range'}),
            ({'_target_': 'ScaleIntensityRanged', 'a_min': 0, 'a_max': 200, 'b_min': -1, 'b_max': 1}, {'lowHu': -1e6, 'highHu': 1e6, 'centreHu': 100, 'scaleHu': 100, 'kind': 'window'}),
        ]
        for transform, expected in cases:
            with self.subTest(transform):
                self.setUp()
                found = self.manifest(self.bundle(lambda _m, i: replace(i, 'ScaleIntensityRanged', transform)))
                self.assertEqual(found['cascade']['segment']['intensity'], expected)

    def test_reads_yaml(self):
        import json

        import yaml

        folder = self.bundle()
        path = folder / 'configs' / 'inference.json'
        path.with_suffix('.yaml').write_text(yaml.safe_dump(json.loads(path.read_text())))
        path.unlink()
        self.manifest(folder)

    def test_refuses_what_the_manifest_cannot_express(self):
        cases = [
            ('the transform CropForeground of the preprocessing', lambda _m, i: i['preprocessing']['transforms'].append({'_target_': 'CropForegroundd'})),
            ('has no Spacing', lambda _m, i: remove(i, 'Spacingd')),
            ('does not say how intensities are scaled', lambda _m, i: remove(i, 'ScaleIntensityRanged')),
            ('the second transform of intensities', lambda _m, i: i['preprocessing']['transforms'].append({'_target_': 'NormalizeIntensityd'})),
            ('intensities are changed before Spacing', lambda _m, i: i['preprocessing']['transforms'].insert(before(i, 'Spacingd'), {'_target_': 'ScaleIntensityd'})),
            ('is the expression', lambda _m, i: step(i, 'Spacingd').update(pixdim='$[1] * 3')),
            ('refers to @nothing', lambda _m, i: i['inferer'].update(roi_size='@nothing')),
            ('refers to itself', lambda _m, i: i.update(patch='@patch')),
            ("mode '3' cannot|mode 3|with mode", lambda _m, i: step(i, 'Spacingd').update(mode=3)),
            ('the inferer SimpleInferer', lambda _m, i: i['inferer'].update(_target_='SimpleInferer')),
            ("padding_mode is reflect", lambda _m, i: i['inferer'].update(padding_mode='reflect')),
            ('AsDiscrete before Invert', lambda _m, i: i['postprocessing']['transforms'].reverse()),
            ('has no Invert', lambda _m, i: remove(i, 'Invertd', 'postprocessing')),
            ('made for MRI', lambda m, _i: m['network_data_format']['inputs']['image'].update(modality='MRI')),
            ('2 input channels', lambda m, _i: m['network_data_format']['inputs']['image'].update(num_channels=2)),
            ("label 'gizmo' has no DICOM code", lambda m, _i: m['network_data_format']['outputs']['pred']['channel_def'].update({'2': 'gizmo'})),
            ('network gives', four_channels),
        ]
        for pattern, edit in cases:
            with self.subTest(pattern):
                self.setUp()
                self.refused(pattern, self.bundle(edit))

    def test_refuses_what_is_missing_or_broken(self):
        self.refused('has no configs/metadata.json', self.root)
        folder = self.bundle()
        script = folder / 'models' / 'model.ts'
        whole = script.read_bytes()
        script.write_bytes(whole[: len(whole) // 2])
        self.refused('model.ts is cut off', folder)
        script.unlink()
        self.refused('has neither models/model.pt nor models/model.ts', folder)
        (folder / 'configs' / 'inference.json').write_text('{"inferer": ')
        self.refused('inference.json is cut off', folder)

    def test_takes_sigmoids_for_regions(self):
        def sigmoid(metadata, inference):
            metadata['network_data_format']['outputs']['pred']['channel_def'] = {'0': 'spleen', '1': 'liver', '2': 'tumor'}
            step(inference, 'Activationsd', 'postprocessing').clear()
            inference['postprocessing']['transforms'][0] |= {'_target_': 'Activationsd', 'sigmoid': True}
            replace(inference, 'AsDiscreted', {'_target_': 'AsDiscreted', 'threshold': 0.5}, 'postprocessing')

        self.assertEqual(self.manifest(self.bundle(sigmoid))['cascade']['segment']['wholeScan']['decide'], 'regions')


def replace(inference, name, transform, stage='preprocessing'):
    inference[stage]['transforms'][before(inference, name, stage)] = transform


def remove(inference, name, stage='preprocessing'):
    inference[stage]['transforms'].remove(step(inference, name, stage))


def four_channels(metadata, _inference):
    predicted = metadata['network_data_format']['outputs']['pred']
    predicted['num_channels'] = 4
    predicted['channel_def']['3'] = 'spleen'


NETS = """
from torch import nn

class UNet(nn.Sequential):
    def __init__(self, spatial_dims):
        assert spatial_dims == 3
        super().__init__(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1))
"""


class WeightsTest(Importing):
    """models/model.pt, with a stand-in for MONAI, since that cannot be counted on."""

    importer = 'monai_bundle'

    def setUp(self):
        super().setUp()
        package = self.root / 'installed' / 'monai'
        (package / 'networks').mkdir(parents=True)
        for folder in (package, package / 'networks'):
            (folder / '__init__.py').write_text('')
        (package / 'networks' / 'nets.py').write_text(NETS)
        sys.path.insert(0, str(package.parent))
        self.addCleanup(sys.path.remove, str(package.parent))
        self.addCleanup(lambda: [sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'monai'])
        self.bundle = bundle(self.root / 'bundle')
        script = self.bundle / 'models' / 'model.ts'
        self.weights = dict(torch.jit.load(str(script)).state_dict())
        script.unlink()

    def write(self, held):
        torch.save(held, str(self.bundle / 'models' / 'model.pt'))
        return self.bundle

    def test_reads_weights_alone_and_among_others(self):
        self.manifest(self.write(self.weights))
        self.out = self.root / 'other'
        self.manifest(self.write({'model': self.weights, 'epoch': 3}))

    def test_refuses_other_weights_and_networks(self):
        self.refused(r'is not of this network: it has no 2.bias', self.write({k: v for k, v in self.weights.items() if k != '2.bias'}))
        self.refused("has no 'model'", self.write({'epoch': 3}))
        path = self.write(self.weights) / 'configs' / 'inference.json'
        path.write_text(path.read_text().replace('"UNet"', '"SwinUNETR"'))
        self.refused('the network SwinUNETR is not among UNet', self.bundle)

    def test_says_what_is_needed_where_monai_is_not_installed(self):
        self.write(self.weights)
        with patch('importlib.util.find_spec', lambda name: None):
            self.refused('model.pt needs monai', self.bundle)
