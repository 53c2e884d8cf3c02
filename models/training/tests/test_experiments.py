"""The comparison must compare like with like, and its figures must mean what the table says."""
import csv
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from hepar_training.experiments import design, summary, table
from hepar_training.experiments.families import CLASSES, FAMILIES, PATCH_VOXELS, FamilyNet, multiply_adds, parameters
from hepar_training.experiments.run import Material, Outcome, auc, examine, measure, run
from hepar_training.experiments.volumes import Volume, digest
from hepar_training.pool import IGNORE


def blocks(count: int, seed: int = 0) -> list[Volume]:
    """Liver at 100 HU over fat, with a dark cube of lesion."""
    rng, volumes = np.random.default_rng(seed), []
    for number in range(count):
        hu, labels = np.full((24, 24, 32), -90, np.float32), np.zeros((24, 24, 32), np.uint8)
        labels[4:20, 4:20, 6:28] = 1
        z, y, x = rng.integers(6, 12, 3)
        labels[z : z + 6, y : y + 6, x : x + 6] = 2
        hu[labels == 1], hu[labels == 2] = 100, 40
        labels[:, :, 30:] = IGNORE
        volumes.append(Volume(number, hu + rng.normal(0, 5, hu.shape).astype(np.float32), labels, 100.0))
    return volumes


class Families(unittest.TestCase):
    def test_they_cost_the_same_and_differ_only_in_the_encoder(self):
        nets = {family: FamilyNet(family) for family in FAMILIES}
        cost = [multiply_adds(net) for net in nets.values()]
        self.assertLess(max(cost) / min(cost), 1.03)
        self.assertLess(max(map(parameters, nets.values())) / min(map(parameters, nets.values())), 1.1)
        rest = [{name: tuple(p.shape) for name, p in net.named_parameters() if not name.startswith('encoder')} for net in nets.values()]
        self.assertEqual(rest[0], rest[1])
        self.assertEqual(rest[0], rest[2])

    def test_multiply_adds_of_a_convolution_are_counted(self):
        layer = torch.nn.Sequential(torch.nn.Conv3d(1, 5, 3, 2, 1))
        self.assertEqual(multiply_adds(layer, 8), 5 * 27 * 4**3)

    def test_outputs_have_the_shape_of_the_scan_and_of_its_patches(self):
        for family in FAMILIES:
            logits, presence = FamilyNet(family).eval()(torch.zeros(2, 1, 16, 24, 32))
            self.assertEqual(logits.shape, (2, CLASSES, 16, 24, 32))
            self.assertEqual(presence.shape, (2, 1, *(n // PATCH_VOXELS for n in (16, 24, 32))))


class Design(unittest.TestCase):
    def test_there_are_forty_rows_at_least_and_each_has_a_name_of_its_own(self):
        rows = design.rows()
        self.assertGreaterEqual(len(rows), 40)
        self.assertEqual(len({row.name for row in rows}), len(rows))
        for row in rows:
            self.assertEqual(design.find(row.name), row)

    def test_what_a_warm_row_begins_with_is_run_before_it(self):
        rows = design.rows()
        for row in rows:
            if row.warm:
                self.assertLess(rows.index(row.source), rows.index(row))

    def test_an_unknown_row_is_named(self):
        with self.assertRaisesRegex(SystemExit, 'vgg-s99'):
            design.find('vgg-s99')


class Figures(unittest.TestCase):
    def test_auc_is_the_share_of_pairs_in_the_right_order(self):
        rng = np.random.default_rng(0)
        scores, truth = np.round(rng.normal(0, 1, 60), 1), rng.random(60) < 0.4
        pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
        self.assertAlmostEqual(auc(scores, truth), float(np.mean(pairs)), places=9)

    def test_a_network_that_knows_the_answer_scores_one_and_lesion_outside_the_liver_counts_only_for_the_block(self):
        volume = blocks(1)[0]

        class Oracle(torch.nn.Module):
            def forward(self, x):
                answer = volume.labels.astype(np.int64) % IGNORE
                answer[0, 0, :8] = 2  # background
                logits = torch.nn.functional.one_hot(torch.from_numpy(answer), CLASSES).permute(3, 0, 1, 2)[None].float()
                lesion = torch.from_numpy((volume.labels == 2).astype(np.float32))[None, None]
                return logits, torch.nn.functional.avg_pool3d(lesion, PATCH_VOXELS)

        liver, lesion, block, area = measure(Oracle(), 'lesion', [examine(volume)])
        lesions, livers = (volume.labels == 2).sum(), np.isin(volume.labels, (1, 2)).sum()
        self.assertAlmostEqual(liver, 2 * livers / (2 * livers + 8), places=6)
        self.assertEqual(lesion, 1.0)
        self.assertAlmostEqual(block, 2 * lesions / (2 * lesions + 8), places=6)
        self.assertEqual(area, 1.0)

    def test_volumes_that_differ_have_another_digest(self):
        self.assertEqual(digest(blocks(2)), digest(blocks(2)))
        self.assertNotEqual(digest(blocks(2)), digest(blocks(2, seed=1)))


class Runs(unittest.TestCase):
    def test_a_row_run_again_gives_the_same_figures_and_a_warm_one_begins_with_the_liver_encoder(self):
        material = Material(blocks(4), blocks(2, seed=9))
        with tempfile.TemporaryDirectory() as name:
            work, row = Path(name), design.Row('vgg', iterations=3)
            warm = design.Row('vgg', iterations=3, warm=True)
            with self.assertRaises(FileNotFoundError):
                run(warm, material, work)
            first, second = (run(row, material, work) for _ in range(2))
            self.assertEqual((first.liver_dice, first.presence_auc), (second.liver_dice, second.presence_auc))
            liver = run(design.Row('vgg', iterations=3, task='liver'), material, work)
            self.assertIsNone(liver.lesion_dice)
            self.assertNotEqual(run(warm, material, work).presence_auc, first.presence_auc)

    def test_a_row_has_one_line_in_its_place_whatever_the_order_in_which_they_were_run(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / 'experiments.csv'
            for row, dice in (('resnet-s1', 0.5), ('vgg-s1', 0.6), ('resnet-s1', 0.7)):
                table.add(table.line(design.find(row), Outcome(0.9, dice, 0.4, 0.8, 10.0, 0.05), 'abc', 'def'), Path(name), path)
            with path.open() as file:
                lines = list(csv.DictReader(file))
            self.assertEqual([(line['row'], line['lesion_dice']) for line in lines], [('vgg-s1', '0.6000'), ('resnet-s1', '0.7000')])
            self.assertEqual(lines[0]['gmac_window'], f"{multiply_adds(FamilyNet('vgg')) / 1e9:.4f}")


class Summary(unittest.TestCase):
    def lines(self, **dice: float) -> dict[str, dict[str, str]]:
        names = {'vgg_s1': 'vgg-s1', 'vgg_s2': 'vgg-s2', 'resnet_s1': 'resnet-s1', 'vgg_fast': 'vgg-rate0.024-s1'}
        chosen = [(design.find(names[key]), value) for key, value in dice.items()]
        return {row.name: table.line(row, Outcome(0.9, value, 0.1, 0.8, 10.0, 0.05), 'abc', 'def') for row, value in chosen}

    def test_a_factor_is_compared_with_the_centre_and_nothing_else_changed(self):
        rates = summary.along('vgg', 'rate')
        self.assertEqual([row.name for row in rates[0.024]], ['vgg-rate0.024-s1'])
        self.assertEqual([row.name for row in rates[0.006]], ['vgg-s1', 'vgg-s2', 'vgg-s3'])
        for chosen in rates.values():
            self.assertFalse(any(row.warm or row.task == 'liver' or row.patch != 16 for row in chosen))

    def test_the_spread_is_shown_and_only_runs_that_differ_in_the_encoder_alone_are_paired(self):
        lines = self.lines(vgg_s1=0.5, vgg_s2=0.6, resnet_s1=0.4, vgg_fast=0.9)
        self.assertIn('| vgg | from scratch | 2 | 0.55 (0.50 to 0.60) |', summary.centre_table(lines))
        self.assertIn('| vgg against resnet | 1 of 1, +0.100 |', summary.pairs_table(lines))
        self.assertIn('| resnet against densenet | - |', summary.pairs_table(lines))
        # One seed of the second: nobody knows its spread.
        self.assertIn('- lesion Dice: vgg, within the spread of resnet', summary.verdicts(lines))

    def test_the_page_holds_the_tables_between_its_marks(self):
        page = Path(__file__).parents[1] / 'experiments.md'
        text = summary.put_into(page.read_text(), 'new')
        self.assertEqual(text.count('new\n'), 1)
        self.assertEqual(summary.put_into(text, 'new'), text)

    def test_the_picture_is_drawn_of_what_there_is(self):
        with tempfile.TemporaryDirectory() as name:
            summary.draw(self.lines(vgg_s1=0.5, resnet_s1=0.4), Path(name) / 'sheet.png')
            self.assertGreater((Path(name) / 'sheet.png').stat().st_size, 10_000)

    def test_the_committed_table_holds_rows_of_the_design_on_the_same_volumes(self):
        lines = table.read(Path(__file__).parents[1] / 'experiments.csv')
        self.assertEqual({line['row'] for line in lines} - {row.name for row in design.rows()}, set())
        self.assertEqual(len({line['volumes'] for line in lines}), 1)
        for line in lines:
            self.assertEqual(tuple(line), table.FIELDS)
            self.assertFalse(line['code'].endswith('changes'), line['row'])


if __name__ == '__main__':
    unittest.main()
