"""What is released must compute what was trained, and the inputs must mean what the manifest says."""
import hashlib
import json
import math
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import torch

from hepar_training import cascade, export, manifest, model
from hepar_training.crops import SEGMENT_CROP_ZYX, resample, segment_crop
from hepar_training.flat import FlatUNet, FusedUNet
from hepar_training.networks import Shape, UNet
from hepar_training.pool import IGNORE
from hepar_training.scene import BACKGROUND, GALLBLADDER, KIDNEY, LESION, SPLEEN
from hepar_training.losses import CROSS_ENTROPY, loss_of, patches_with_lesion, presence_loss


def lively_net(stem: int = 1, presence: bool = False) -> UNet:
    """A small network whose batch norm statistics are not the neutral ones of a new one."""
    torch.manual_seed(0)
    net = UNet(Shape(3, (4, 8, 8), stem, presence)).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net


class Export(unittest.TestCase):
    def test_flat_and_fused_forms_equal_the_trained_network(self):
        shape = (16, 24, 32)
        x = torch.randn(1, 1, *shape)
        for stem, presence in ((1, False), (2, False), (1, True), (2, True)):
            net = lively_net(stem, presence)
            with torch.no_grad():
                expected = net(x)
                shapes = [(1, 3, *shape)] + [(1, 1, *(n // (4 * stem) for n in shape))] * presence
                self.assertEqual([tuple(output.shape) for output in expected], shapes)
                for form in (FlatUNet(net), FusedUNet(net)):
                    for one, other in zip(expected, form.eval()(x), strict=True):
                        self.assertLess(float((one - other).abs().max()), 1e-5)

    def test_the_flat_form_equals_the_trained_network_at_every_depth_of_a_window(self):
        # From one slice on the coarsest level, where every neighbour is a border.
        for depth in (8, 16, 24, 40):
            net, x = lively_net(2, True), torch.randn(1, 1, depth, 16, 8)
            with torch.no_grad():
                for one, other in zip(net(x), FlatUNet(net).eval()(x), strict=True):
                    self.assertLess(float((one - other).abs().max()), 1e-5)

    def test_a_graph_of_open_sizes_states_what_is_of_one_size(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'x.onnx'
            export.export(lively_net(2, True), (16, 24, 32), path, 'flat', 8)
            graph = onnx.load(str(path)).graph
            self.assertEqual([d.dim_param for d in graph.input[0].type.tensor_type.shape.dim][2:], ['depth', 'height', 'width'])
            dimensions = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
            made_by = {output: node for node in graph.node for output in node.output}
            sums = [node for node in graph.node if node.op_type == 'Add' and all(made_by[i].op_type in ('Conv', 'Add') for i in node.input)]
            self.assertGreater(len(sums), 10)
            for node in sums:
                self.assertEqual(*(dimensions[i] for i in node.input))
                self.assertEqual(len(dimensions[node.output[0]]), 4)
            # Half and a quarter of a window's rows are told apart.
            rows = {dimensions[node.output[0]][2] for node in sums}
            self.assertGreaterEqual(len(rows), 2)

    def test_the_file_is_checked_and_the_manifest_names_its_digest(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for stage, presence in (('locate', False), ('segment', True)):
                for form in manifest.FORMS:
                    path = folder / manifest.file_of(stage, form)
                    self.assertLess(export.export(lively_net(1, presence), (8, 8, 8), path, form), 1e-5)
                    self.assertEqual([output.name for output in onnx.load(str(path)).graph.output], ['y', 'presence'][: 1 + presence])
            manifest.write_manifest(folder, '0.0.1')
            cascade = json.loads((folder / 'manifest.json').read_text())['cascade']
            self.assertEqual(len(cascade['locate']['windowVoxels']), 3)
            self.assertNotIn('presence', cascade['locate'])
            self.assertEqual(cascade['segment']['presence']['patchVoxels'], [16, 16, 16])
            for network in (cascade['segment'], *cascade['segment']['variants']):
                self.assertEqual(network['sha256'], hashlib.sha256((folder / network['file']).read_bytes()).hexdigest())
            self.assertEqual([variant['file'] for variant in cascade['segment']['variants']], ['segment-3d.onnx', 'segment-half.onnx'])

    def test_a_gpu_form_holds_nothing_that_webgpu_cannot_run(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'segment-3d.onnx'
            export.export(lively_net(2, True), (16, 16, 16), path, '3d')
            operators = {node.op_type for node in onnx.load(str(path)).graph.node}
            self.assertIn('DepthToSpace', operators)
            self.assertNotIn('ConvTranspose', operators)


    def test_gpu_forms_leave_the_number_of_windows_open(self):
        with tempfile.TemporaryDirectory() as name:
            for form in ('3d', 'half'):
                path = Path(name) / f'{form}.onnx'
                export.export(lively_net(2, True), (16, 16, 24), path, form)
                graph = onnx.load(str(path)).graph
                for value in (*graph.input, *graph.output):
                    self.assertEqual(value.type.tensor_type.shape.dim[0].dim_param, 'windows')
                    self.assertEqual(value.type.tensor_type.elem_type, onnx.TensorProto.FLOAT)

    def test_the_reference_is_the_answer_to_the_made_up_window(self):
        net, shape = lively_net(), (8, 8, 16)
        values = export.reference(net, shape)
        window = torch.tensor([2 * math.sin(0.37 * n) * math.cos(0.0113 * n) for n in range(8 * 8 * 16)]).reshape(1, 1, *shape)
        with torch.no_grad():
            output = net(window)[0].flatten()
        for i in (0, 40, 95):
            self.assertAlmostEqual(values[i], float(output[int((i + 0.5) * len(output) / 96)]), places=4)


class Loss(unittest.TestCase):
    def test_ignored_voxels_do_not_count(self):
        classes = torch.zeros(1, 4, 4, 4, dtype=torch.long)
        classes[:, :2] = 1
        logits = torch.randn(1, 4, 4, 4, 4)
        classes[:, 3] = 255
        changed = logits.clone()
        changed[:, :, 3] += torch.randn(1, 4, 4, 4) * 5
        self.assertAlmostEqual(float(loss_of(logits, classes, 'segment')), float(loss_of(changed, classes, 'segment')), places=5)


class Presence(unittest.TestCase):
    def classes(self) -> torch.Tensor:
        """Two by one by two patches of 8 voxels along z, y and x, all of healthy liver."""
        return torch.ones(1, 16, 8, 16, dtype=torch.long)

    def test_a_patch_holds_lesion_where_more_than_a_few_voxels_are(self):
        classes = self.classes()
        classes[0, 2:5, 2:5, 2:5] = 2
        classes[0, 10, 3, 3] = 2  # a graze: not known
        classes[0, 9:12, 2:4, 10:12] = 255  # a lesion nobody could see: not known
        present, known = patches_with_lesion(classes, 8)
        self.assertEqual(present[0, 0, :, 0].tolist(), [[1, 0], [0, 0]])
        self.assertEqual(known[0, 0, :, 0].tolist(), [[True, True], [False, False]])

    def test_the_loss_is_binary_cross_entropy_over_what_is_known(self):
        classes = self.classes()
        classes[0, 2:5, 2:5, 2:5] = 2
        classes[0, 9:12, 2:4, 10:12] = 255
        logits = torch.tensor([2.0, -1.0, 0.5, 9.0]).reshape(1, 1, 2, 1, 2)
        sigmoid = lambda v: 1 / (1 + math.exp(-v))  # noqa: E731
        expected = -(math.log(sigmoid(2)) + math.log(sigmoid(1)) + math.log(sigmoid(-0.5))) / 3
        self.assertAlmostEqual(float(presence_loss(logits, classes)), expected, places=5)


class Crops(unittest.TestCase):
    def test_an_undeformed_crop_is_the_volume_itself(self):
        hu = np.random.default_rng(0).normal(0, 50, (10, 12, 14)).astype(np.float32)
        labels = (hu > 0).astype(np.uint8)
        x, y = resample(hu, labels, (np.array(hu.shape) - 1) / 2, np.eye(3), hu.shape)
        np.testing.assert_allclose(x, hu, atol=0.1)
        np.testing.assert_array_equal(y, labels)

    def test_the_liver_is_at_zero_whatever_its_hu(self):
        for liver_hu in (20.0, 180.0):
            hu, labels = np.full((72, 80, 80), liver_hu, np.float32), np.ones((72, 80, 80), np.uint8)
            x, y = segment_crop(hu, labels, liver_hu, np.random.default_rng(4), want_lesion=False)
            self.assertEqual(x.shape, SEGMENT_CROP_ZYX)
            self.assertLess(abs(float(np.median(x[y == 1]))), 1.0)

    def test_of_the_neighbours_only_the_gallbladder_is_a_class_of_stage_2(self):
        hu, labels = np.full((72, 80, 80), 100, np.float32), np.ones((72, 80, 80), np.uint8)
        for k, label in enumerate((BACKGROUND, LESION, SPLEEN, KIDNEY, GALLBLADDER, IGNORE)):
            labels[:, 11 * k : 11 * k + 11] = label
        with mock.patch('hepar_training.crops.random_step', return_value=np.eye(3)):
            _, y = segment_crop(hu, labels, 100.0, np.random.default_rng(1), want_lesion=False, crop_zyx=(8, 80, 80))
        row = y[4, :, 40]
        runs = row[np.append(True, row[1:] != row[:-1])]
        self.assertEqual(list(runs), [0, 2, 0, 3, IGNORE, 1])


class Cascade(unittest.TestCase):
    def test_windows_cover_the_axis(self):
        for length in (20, 96, 97, 150, 311):
            covered = np.zeros(max(length, 96), bool)
            for start in cascade.starts(length, 96, 0.25):
                covered[start : start + 96] = True
            self.assertTrue(covered.all())

    def test_the_weights_of_the_loss_are_taken_out_of_the_probabilities(self):
        for stem in (1, 2):
            net, x = lively_net(stem), torch.randn(1, 1, 16, 16, 16)
            with torch.no_grad():
                before = net(x)[0].softmax(1)
                after = model.without_class_weights(net)(x)[0].softmax(1)
            weights = torch.tensor(CROSS_ENTROPY['segment'][:3])
            weights[LESION] *= model.LESION_OVERSTATED
            expected = before / weights.reshape(1, 3, 1, 1, 1)
            torch.testing.assert_close(after, expected / expected.sum(1, keepdim=True), rtol=1e-4, atol=1e-5)

    def test_the_box_around_the_body_leaves_out_air_and_what_is_small(self):
        coarse = np.full((30, 40, 50), -1000, np.float32)
        coarse[5:25, 10:30, 20:45] = 40
        coarse[2, 2, 2] = 40
        self.assertEqual(cascade.body_box(coarse, 100, 2), (slice(3, 27), slice(8, 32), slice(18, 47)))
        # As far as the grid goes where there is no body.
        self.assertEqual(cascade.body_box(np.full((3, 4, 5), -1000.0), 100, 0), (slice(0, 3), slice(0, 4), slice(0, 5)))

    def test_resampling_there_and_back_keeps_a_ramp(self):
        z, y, x = np.meshgrid(np.arange(30), np.arange(40), np.arange(50), indexing='ij')
        ramp = (2 * x + 3 * y - z).astype(np.float32)
        grid, scale = cascade.to_grid(ramp, (2.5, 0.8, 0.8), 2.0)
        back = cascade.from_grid(grid, scale, ramp.shape)
        np.testing.assert_allclose(back[4:-4, 6:-6, 6:-6], ramp[4:-4, 6:-6, 6:-6], atol=0.05)

    def test_a_small_hole_is_filled_and_a_speck_is_no_lesion(self):
        labels = np.zeros((30, 30, 30), np.uint8)
        labels[5:25, 5:25, 5:25] = 1
        labels[10, 10, 10] = 0
        labels[15, 15, 15] = 2
        labels[18:22, 18:22, 18:22] = 2
        out = cascade.postprocess(labels.copy(), np.full(labels.shape, 0.9, np.float32), 0.01, manifest.POSTPROCESSING)
        self.assertEqual(out[10, 10, 10], 1)
        self.assertEqual(out[15, 15, 15], 1)
        self.assertEqual(out[20, 20, 20], 2)


class Windows(unittest.TestCase):
    def stage(self, **changes) -> model.Stage:
        return model.Stage(None, 1.5, (80, 96, 96), 0.25, **changes)

    def test_one_covers_a_liver_where_it_may_be_as_large(self):
        larger = {'stepVoxels': 16, 'mostVoxels': 4_000_000}
        self.assertEqual(cascade.window_for((120, 124, 152), self.stage()), (80, 96, 96))
        self.assertEqual(cascade.window_for((120, 124, 152), self.stage(larger_windows=larger)), (128, 128, 160))
        self.assertEqual(cascade.window_for((60, 60, 60), self.stage(larger_windows=larger)), (80, 96, 96))
        # 128 x 176 x 192 are too many: two along y.
        self.assertEqual(cascade.window_for((120, 165, 190), self.stage(larger_windows=larger)), (128, 96, 192))

    def test_they_see_the_scan_around_the_box_and_no_more_than_there_is(self):
        stage = self.stage(larger_windows={'stepVoxels': 16, 'mostVoxels': 4_000_000})
        fitted, box = cascade._fitted(stage, (slice(0, 60), slice(100, 290), slice(90, 340)), (3.0, 1.0, 1.0), (200, 512, 345))
        self.assertEqual(fitted.window_zyx, (128, 128, 176))
        self.assertEqual(box, (slice(0, 62), slice(100, 290), slice(84, 345)))


if __name__ == '__main__':
    unittest.main()
