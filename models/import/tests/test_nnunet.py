import os
import pickle
import sys

import numpy as np
import torch
from hepar_import.architectures import build

from .support import Importing, trained_model


class Runs:
    """What a hostile checkpoint holds: reading it as a plain pickle would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class NnunetTest(Importing):
    importer = 'nnunet'

    def model(self, edit=lambda *_: None, **options):
        return trained_model(self.root / 'trained', edit, **options)

    def refused_when(self, pattern, edit):
        self.refused(pattern, str(self.model(edit)))

    def test_carries_the_plan_over_in_the_order_x_y_z(self):
        manifest = self.manifest(self.model(folds=2))
        stage = manifest['cascade']['segment']
        self.assertEqual(stage['spacingMm'], [1, 2, 3])
        self.assertEqual(stage['windowVoxels'], [16, 12, 8])
        self.assertEqual(stage['intensity'], {'kind': 'window', 'lowHu': -50, 'highHu': 200, 'centreHu': 90, 'scaleHu': 40})
        self.assertEqual(stage['channels'], ['background', 'liver', 'lesion'])
        self.assertEqual(stage['wholeScan']['orientation'], 'RAS')
        self.assertEqual(stage['wholeScan']['mirrorAxes'], ['x', 'y', 'z'])
        self.assertEqual(manifest['labels']['lesion']['type']['meaning'], 'Neoplasm')
        self.assertIn('mean of fold 0, 1', manifest['description'])
        self.assertTrue((self.out / 'network.onnx').is_file() and (self.out / 'card.md').is_file())

    def test_follows_transposed_axes(self):
        def transposed(plans, _dataset, checkpoint):
            # The network's axes are x, z, y.
            plans['transpose_forward'] = [2, 0, 1]
            checkpoint['inference_allowed_mirroring_axes'] = (0,)

        stage = self.manifest(self.model(transposed))['cascade']['segment']
        self.assertEqual(stage['spacingMm'], [3, 1, 2])
        self.assertEqual(stage['windowVoxels'], [8, 16, 12])
        self.assertEqual(stage['wholeScan']['mirrorAxes'], ['x'])

    def test_reads_what_a_trainer_leaves_beside_the_weights(self):
        def full(_plans, _dataset, checkpoint):
            checkpoint |= {'_best_ema': np.float64(0.7), 'logging': {'dice': [np.float32(0.1)], 'array': np.arange(3)}, 'device': torch.device('cpu')}
            checkpoint['network_weights'] = {f'module._orig_mod.{name}': value for name, value in checkpoint['network_weights'].items()}

        self.manifest(self.model(full))

    def test_reads_plans_of_the_first_versions(self):
        old = {
            'UNet_class_name': 'PlainConvUNet', 'UNet_base_num_features': 2, 'unet_max_num_features': 320, 'n_conv_per_stage_encoder': [1, 1],
            'n_conv_per_stage_decoder': [1], 'pool_op_kernel_sizes': [[1, 1, 1], [2, 2, 2]], 'conv_kernel_sizes': [[3, 3, 3]] * 2,
        }  # fmt: skip

        def earlier(plans, *_):
            del plans['configurations']['3d_fullres']['architecture']
            plans['configurations']['3d_fullres'] |= old

        self.manifest(self.model(earlier))

    def test_refuses_what_is_missing_or_broken(self):
        model = self.model()
        self.refused('has no plans.json', str(self.root))
        self.refused('fold_3/checkpoint_final.pth is missing', model, '--folds', '3')
        self.refused('has no fold with a checkpoint_best.pth', model, '--checkpoint', 'checkpoint_best.pth')
        self.refused("no configuration '3d_lowres'", model, '--configuration', '3d_lowres')
        path = model / 'fold_0' / 'checkpoint_final.pth'
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self.refused('is cut off', model)
        # The end is there, a part of the weights is not.
        path.write_bytes(whole[:2000] + bytes(800) + whole[2800:])
        self.refused('checkpoint_final.pth', model)
        path.write_bytes(pickle.dumps({'network_weights': {}}))
        self.refused('no checkpoint of PyTorch', model)
        (model / 'plans.json').write_text((model / 'plans.json').read_text()[:300])
        self.refused('plans.json is cut off', model)

    def test_refuses_checkpoints_of_other_networks(self):
        self.refused_when(r'is not of this network: encoder.stages.0.0.convs.0.conv.weight is \[2, 1, 3, 3, 3\], not \[4,', widen)

    def test_refuses_checkpoints_with_more_or_less(self):
        self.refused_when('it has no decoder.seg_layers.0.bias', lambda _p, _d, c: c['network_weights'].pop('decoder.seg_layers.0.bias'))

    def test_refuses_other_kinds_of_checkpoint(self):
        self.refused_when("has no 'network_weights'", lambda _p, _d, c: c.update(state_dict=c.pop('network_weights')))

    def test_runs_nothing_that_a_checkpoint_holds(self):
        trap = self.root / 'trap'
        self.refused_when(r'would run code of its own \(posix.mkdir\)', lambda _p, _d, c: c.update(hook=Runs(str(trap))))
        self.assertFalse(trap.exists())

    def test_refuses_what_the_manifest_cannot_express(self):
        def changed(**changes):
            return lambda plans, *_: plans['configurations']['3d_fullres'].update(changes)

        cases = [
            ('the normalisation MyNormalization cannot be expressed', changed(normalization_schemes=['MyNormalization'])),
            (r'use_mask_for_norm', changed(normalization_schemes=['ZScoreNormalization'], use_mask_for_norm=[True])),
            (r'has 2 input channels \(CT, PET\)', lambda _p, d, _c: d.update(channel_names={'0': 'CT', '1': 'PET'})),
            ('resampling_fn_data is resample_torch_fornnunet', changed(resampling_fn_data='resample_torch_fornnunet')),
            ('order 5, which cannot be expressed', changed(resampling_fn_data_kwargs={'order': 5})),
            ('prepared by MyPreprocessor', changed(preprocessor_name='MyPreprocessor')),
            ('an odd size cannot be expressed', changed(patch_size=[9, 12, 16])),
            ('patch_size is missing|patch_size', lambda p, *_: p['configurations']['3d_fullres'].pop('patch_size')),
            ('cannot run a window', halved_twice),
            ('the network is a SwinUNETR', renamed('SwinUNETR')),
            ("label 'gizmo' has no DICOM code here", lambda _p, d, _c: d.update(labels={'background': 0, 'liver': 1, 'gizmo': 2})),
            ('no label is a lesion', lambda _p, d, _c: d.update(labels={'background': 0, 'liver': 1, 'spleen': 2})),
            (r'values \[0, 2, 3\], not 0 to 2', lambda _p, d, _c: d.update(labels={'background': 0, 'liver': 2, 'tumour': 3})),
            ('regions_class_order of 0', lambda _p, d, _c: d.update(labels={'background': 0, 'liver': [1, 2], 'tumour': 2})),
            ('MyReader, which is not known', lambda p, *_: p.update(image_reader_writer='MyReader')),
            ('say how their voxels lie with --like', lambda p, *_: p.update(image_reader_writer='SimpleITKIO')),
        ]
        for pattern, edit in cases:
            with self.subTest(pattern):
                self.setUp()
                self.refused_when(pattern, edit)

    def test_refuses_configurations_that_need_more_than_one_scan(self):
        model = self.model()
        self.refused('needs the result of 3d_lowres as a second input', model, '--configuration', '3d_cascade_fullres')
        self.refused('a network of 2D slices', model, '--configuration', '2d')

    def test_takes_flags_for_labels_and_codes_and_refuses_wrong_ones(self):
        model = self.model(lambda _p, d, _c: d.update(labels={'background': 0, 'parenchyma': 1, 'gizmo': 2}))
        known = ['--label', 'parenchyma=liver', '--label', 'gizmo=lesion']
        self.refused('says of no label what it is', model, '--label', 'gizmo=thing')
        self.refused("there is no label 'x'", model, *known, '--label', 'x=lesion')
        self.refused("'4147007' is no code", model, *known, '--lesion-code', '4147007')
        self.refused('the network sees images as RAS, not as LPS', model, *known, '--orientation', 'LPS')
        labels = self.manifest(model, *known, '--lesion-code', '4147007:SCT:Mass')['labels']
        self.assertEqual(labels['lesion']['type'], {'value': '4147007', 'scheme': 'SCT', 'meaning': 'Mass'})
        self.refused('is there already', model, *known)


def widen(plans, *_):
    architecture = plans['configurations']['3d_fullres']['architecture']
    architecture['arch_kwargs']['features_per_stage'] = [4, 4]


def renamed(name):
    def edit(plans, *_):
        plans['configurations']['3d_fullres']['architecture']['network_class_name'] = f'some.{name}'

    return edit


def halved_twice(plans, _dataset, checkpoint):
    """A network of three stages, whose second halving a patch of 12 x 12 x 14 does not allow."""
    configuration = plans['configurations']['3d_fullres']
    configuration['patch_size'] = [12, 12, 14]
    configuration['architecture']['arch_kwargs'] |= {
        'n_stages': 3, 'features_per_stage': [2, 4, 4], 'kernel_sizes': [[3, 3, 3]] * 3, 'strides': [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        'n_conv_per_stage': [1, 1, 1], 'n_conv_per_stage_decoder': [1, 1],
    }  # fmt: skip
    checkpoint['network_weights'] = dict(build(configuration, 3).state_dict())


LIBRARY = """
from hepar_import.unet import Architecture, UNet

class PlainConvUNet(UNet):
    def __init__(self, input_channels, num_classes, deep_supervision, conv_op, norm_op, nonlin, n_stages, features_per_stage, **others):
        assert (input_channels, deep_supervision, conv_op.__name__, norm_op.__name__, nonlin.__name__) == (1, False, 'Conv3d', 'InstanceNorm3d', 'LeakyReLU')
        super().__init__(Architecture(False, features_per_stage, others['kernel_sizes'], others['strides'], others['n_conv_per_stage'],
            others['n_conv_per_stage_decoder']), num_classes)
"""


class LibraryTest(Importing):
    """With a stand-in for the library, since that cannot be counted on."""

    importer = 'nnunet'

    def setUp(self):
        super().setUp()
        package = self.root / 'installed' / 'dynamic_network_architectures'
        (package / 'architectures').mkdir(parents=True)
        for folder in (package, package / 'architectures'):
            (folder / '__init__.py').write_text('')
        (package / 'architectures' / 'unet.py').write_text(LIBRARY)
        sys.path.insert(0, str(package.parent))
        self.addCleanup(sys.path.remove, str(package.parent))
        self.addCleanup(lambda: [sys.modules.pop(name) for name in list(sys.modules) if name.startswith('dynamic_network')])

    def test_builds_the_network_where_it_is_installed(self):
        def named(plans, *_):
            plans['configurations']['3d_fullres']['architecture']['_kw_requires_import'] = ['conv_op', 'norm_op', 'nonlin']

        self.manifest(trained_model(self.root / 'trained', named))
        self.assertIn('dynamic_network_architectures.architectures.unet', sys.modules)

    def test_takes_no_class_from_elsewhere(self):
        self.refused('the network os.system is not of dynamic', trained_model(self.root / 'a', path_of('os.system')))
        self.refused('has no dynamic_network_architectures.x.Y', trained_model(self.root / 'b', path_of('dynamic_network_architectures.x.Y')))

        def hostile(plans, *_):
            architecture = plans['configurations']['3d_fullres']['architecture']
            architecture['_kw_requires_import'] = ['conv_op']
            architecture['arch_kwargs']['conv_op'] = 'os.system'

        self.refused('the plan names os.system', trained_model(self.root / 'c', hostile))


def path_of(path):
    def edit(plans, *_):
        plans['configurations']['3d_fullres']['architecture']['network_class_name'] = path

    return edit
