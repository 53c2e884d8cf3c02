"""A run that was stopped must go on as if it had not been, and begin from released weights without losing what they know."""
import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from hepar_training import capacity, export, fresh_volumes, train
from hepar_training.batches import Batches
from hepar_training.flat import FlatUNet
from hepar_training.losses import dice_by_class
from hepar_training.model import load_network
from hepar_training.networks import Shape, UNet
from hepar_training.warm_start import fits, load_released, recover_batch_norm


def fill_pool(work: Path) -> None:
    rng = np.random.default_rng(0)
    folder = work / 'pool-segment'
    folder.mkdir(parents=True)
    for number in range(3):
        labels = np.zeros((36, 36, 36), np.uint8)
        labels[4:32, 4:32, 4:32] = 1
        labels[12:20, 12:20, 12 + number : 20 + number] = 2
        hu = np.array([-80, 100, 50])[labels] + rng.normal(0, 8, labels.shape)
        np.savez(folder / f'{number}.npz', hu=hu.astype(np.int16), labels=labels, liver_hu=np.float32(100))


def run(work: Path, *words: str) -> int:
    return train.train(train.arguments().parse_args(['segment', '--work', str(work), '--size', 'tiny', '--device', 'cpu', *words]))


def weights(work: Path) -> dict:
    return torch.load(work / 'segment.pt')['network']


class Resuming(unittest.TestCase):
    def test_a_run_in_two_parts_gives_the_weights_of_one_in_one_part(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            for name in (one, two):
                fill_pool(Path(name))
            run(Path(one), '--iterations', '4')
            # Stops after its first step, because no time is left.
            self.assertEqual(run(Path(two), '--iterations', '4', '--seconds', '0.0001'), 1)
            self.assertEqual(run(Path(two), '--iterations', '4'), 4)
            for a, b in zip(weights(Path(one)).values(), weights(Path(two)).values()):
                torch.testing.assert_close(a, b)
            history = torch.load(Path(two) / 'segment.pt')['history']
            self.assertEqual([part['first'] for part in history], [0, 1])

    def test_workers_make_the_same_batches(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            for name, workers in ((one, '0'), (two, '2')):
                fill_pool(Path(name))
                run(Path(name), '--iterations', '2', '--workers', workers)
            for a, b in zip(weights(Path(one)).values(), weights(Path(two)).values()):
                torch.testing.assert_close(a, b)

    def test_networks_of_several_sizes_are_trained_alike_and_scored_on_volumes_made_anew(self):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            fill_pool(work)
            fill_pool(work / 'anew')
            (work / 'anew' / 'pool-segment').rename(work / 'fresh-segment')
            said = io.StringIO()
            words = ['segment', '--work', name, '--iterations', '1', '--networks', 'narrow', 'standard', '--volumes', '3', '--crops', '1']
            with contextlib.redirect_stdout(said):
                capacity.main(capacity.arguments().parse_args(words))
            lines = said.getvalue().splitlines()
            self.assertEqual([line.split(',')[0] for line in lines], ['narrow', 'standard'])
            self.assertTrue(all('1 iterations in' in line and 'loss on fresh volumes' in line for line in lines), lines)
            # A fourth of the parameters, about.
            parameters = [float(line.split()[1]) for line in lines]
            self.assertAlmostEqual(parameters[0] / parameters[1], 0.25, delta=0.02)

    def test_an_empty_pool_is_named(self):
        with tempfile.TemporaryDirectory() as name, self.assertRaisesRegex(SystemExit, 'has no volumes'):
            run(Path(name), '--iterations', '1')


class Crops(unittest.TestCase):
    def test_every_other_one_is_sought_near_a_lesion_however_many_a_batch_has(self):
        with tempfile.TemporaryDirectory() as name:
            fill_pool(Path(name))
            for size in (1, 2):
                batches, asked = Batches('segment', Path(name) / 'pool-segment', 1, size, (16, 16, 16)), []
                draw = batches.pool.draw
                batches.pool.draw = lambda rng, want, draw=draw, asked=asked: asked.append(want) or draw(rng, want)
                for iteration in range(4 // size):
                    batches[iteration]
                self.assertEqual(asked, [True, False, True, False])

    def test_what_was_learned_is_worth_less_on_other_volumes(self):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            fill_pool(work)
            run(work, '--iterations', '60')
            net, _ = load_network('segment', work)
            other = work / 'fresh-segment'
            other.mkdir()
            for path in (work / 'pool-segment').glob('*.npz'):
                volume = dict(np.load(path))
                # Lesions where there is nothing to be seen, and none where there is.
                volume['labels'] = volume['labels'][::-1].copy()
                np.savez(other / path.name, **volume)
            own, others = (fresh_volumes.score('segment', net, folder, 12, 'tiny') for folder in (work / 'pool-segment', other))
            self.assertLess(own[0].mean(), others[0].mean())
            self.assertGreater(own[1][0], others[1][0])

    def test_fresh_volumes_are_none_of_the_pools(self):
        with tempfile.TemporaryDirectory() as name:
            fresh_volumes.make('segment', Path(name), 2, 36)
            seeds = [int(path.stem) for path in Path(name).glob('*.npz')]
            self.assertEqual(len(seeds), 2)
            self.assertTrue(all(seed >= 2_900_000 for seed in seeds), seeds)


class Rate(unittest.TestCase):
    def test_it_rises_then_falls_to_nothing(self):
        self.assertLess(train.rate_at(0.0, 0, 1e-3), 1e-4)
        self.assertAlmostEqual(train.rate_at(0.0, 100, 1e-3), 1e-3, places=4)
        self.assertLess(train.rate_at(1.0, 9999, 1e-3), 2e-5)
        self.assertLess(train.rate_at(3.0, 9999, 1e-3), 2e-5)


class WarmStart(unittest.TestCase):
    def test_a_warm_started_network_computes_what_was_released(self):
        torch.manual_seed(3)
        for stem, presence in ((1, False), (2, False), (2, True)):
            shape = Shape(3, (4, 8, 8), stem, presence)
            released = UNet(shape).eval()
            for module in released.modules():
                if isinstance(module, torch.nn.BatchNorm3d):
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2)
                    module.weight.data.uniform_(0.5, 1.5)
                    module.bias.data.normal_()
            x = torch.randn(1, 1, 16, 16, 16)
            with tempfile.TemporaryDirectory() as name, torch.no_grad():
                path = Path(name) / 'segment.onnx'
                export.export(released, (16, 16, 16), path)
                started = UNet(shape).eval()
                self.assertTrue(fits(path, shape))
                self.assertFalse(fits(path, Shape(3, (4, 8, 16), stem, presence)), 'other widths')
                self.assertFalse(fits(path, Shape(3, (4, 8, 8), 3 - stem, presence)), 'another stem')
                self.assertEqual(load_released(started, path), [])
                torch.testing.assert_close(started(x), released(x), rtol=1e-4, atol=1e-4)
                recover_batch_norm(started, [torch.randn(2, 1, 16, 16, 16) for _ in range(3)])
                torch.testing.assert_close(started(x), released(x), rtol=1e-4, atol=1e-4)
                torch.testing.assert_close(FlatUNet(started).eval()(x), released(x), rtol=1e-4, atol=1e-4)

    def test_recovered_statistics_are_those_of_the_batches(self):
        torch.manual_seed(4)
        net, batch = UNet(Shape(3, (4, 8), 1)), torch.randn(4, 1, 16, 16, 16)
        recover_batch_norm(net, [batch])
        with torch.no_grad():
            quiet = net.eval()(batch)[0]
            training = net.train()(batch)[0]
        self.assertLess(float((quiet - training).abs().max()), 1e-2)

    def test_the_weights_have_the_scale_of_new_ones(self):
        torch.manual_seed(5)
        net = UNet(Shape(3, (4, 8), 1))
        net.bottom[0].weight.data.mul_(0.001)  # as folding a batch norm leaves them
        before = net.eval()(torch.ones(1, 1, 16, 16, 16))[0]
        recover_batch_norm(net, [torch.randn(2, 1, 16, 16, 16)])
        self.assertAlmostEqual(float(net.bottom[0].weight.std()), (2 / (8 * 27)) ** 0.5, places=4)
        torch.testing.assert_close(net.eval()(torch.ones(1, 1, 16, 16, 16))[0], before, rtol=1e-3, atol=1e-3)

    def test_other_widths_are_refused(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'segment.onnx'
            export.export(UNet(Shape(3, (4, 8))).eval(), (8, 8, 8), path)
            with self.assertRaisesRegex(SystemExit, 'same widths'):
                load_released(UNet(Shape(3, (4, 16))), path)


    def test_a_head_for_other_classes_is_not_taken_and_the_rest_is(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'segment.onnx'
            released, started = UNet(Shape(3, (4, 8))).eval(), UNet(Shape(4, (4, 8))).eval()
            export.export(released, (8, 8, 8), path)
            self.assertEqual(load_released(started, path), ['head'])
            x = torch.randn(1, 1, 8, 8, 8)
            torch.testing.assert_close(started.down[0](x), released.down[0](x), rtol=1e-4, atol=1e-4)


class LoggedDice(unittest.TestCase):
    def test_ignored_voxels_count_in_neither(self):
        classes = torch.tensor([[[[1, 2, 255, 0]]]])
        logits = torch.nn.functional.one_hot(torch.tensor([[[[1, 1, 2, 2]]]]), 3).permute(0, 4, 1, 2, 3).float()
        np.testing.assert_array_equal(dice_by_class(logits, classes, 3), [[2, 3], [0, 2]])


if __name__ == '__main__':
    unittest.main()
