"""The figures of the model card are only worth what these measures are worth."""
import unittest

import numpy as np

from hepar_training import grid_limit, held_out, scoring, tuning
from hepar_training.ct_files import Scan
from hepar_training.pool import IGNORE
from hepar_training.scene import LESION, LIVER


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros((30, 30, 30), bool)
    mask[low:high, low:high, low:high] = True
    return mask


class Surfaces(unittest.TestCase):
    def test_a_plate_moved_by_two_voxels_is_two_voxels_away(self):
        first, second = np.zeros((20, 30, 30), bool), np.zeros((20, 30, 30), bool)
        first[5], second[7] = True, True
        mean, far = scoring.surface_distances(first, second, (2.5, 1, 1))
        self.assertAlmostEqual(mean, 5.0)
        self.assertAlmostEqual(far, 5.0)

    def test_nothing_found_has_no_distance(self):
        self.assertTrue(np.isnan(scoring.surface_distances(block(5, 9), np.zeros((30, 30, 30), bool), (1, 1, 1))[0]))

    def test_dice_of_half_an_overlap(self):
        first, second = block(0, 10), np.roll(block(0, 10), 5, 0)
        self.assertAlmostEqual(scoring.dice(first, second), 0.5)
        self.assertEqual(scoring.dice(first & ~first, second & ~second), 1.0)


class GridLimit(unittest.TestCase):
    def test_a_grid_finer_than_the_scan_costs_nothing_and_a_coarse_one_swallows_lesions(self):
        labels = np.where(block(2, 28), LIVER, 0).astype(np.uint8)
        labels[block(8, 14)] = LESION
        hu = np.array([0, 100, 40], np.float32)[labels]
        given = held_out.HeldOut(1, Scan(hu, (2.0, 2.0, 2.0)), labels, (labels == LESION).astype(np.uint8), {1: 'cyst'}, 'portal')
        self.assertEqual(grid_limit.limit_of(given, 2.0), (1.0, [True]))
        dice, found = grid_limit.limit_of(given, 18.0)
        self.assertLess(dice, 0.95)
        self.assertEqual(found, [False])


class Lesions(unittest.TestCase):
    def setUp(self):
        self.labels = np.where(block(2, 28), LIVER, 0).astype(np.uint8)
        self.numbers = np.zeros_like(self.labels)
        for number, (low, high) in enumerate(((4, 8), (15, 20)), start=1):
            self.labels[block(low, high)], self.numbers[block(low, high)] = LESION, number
        self.labels[23:26, 23:26, 23:26] = IGNORE

    def test_each_lesion_has_its_size_and_type_and_is_found_by_a_fifth(self):
        found = np.zeros(self.labels.shape, bool)
        found[15:16, 15:20, 15:20] = True  # 25 of 125 voxels
        hu = np.where(self.labels == LIVER, 100, 60) + 10 * np.where(np.indices(found.shape).sum(0) % 2, 1, -1)
        truth = held_out.HeldOut(1, Scan(hu.astype(np.float32), (1.0, 1.0, 1.0)), self.labels, self.numbers, {1: 'cyst', 2: 'hcc'}, 'portal')
        small, large = scoring.true_lesions(found, truth)
        self.assertEqual((small.kind, small.found, large.kind, large.found), ('cyst', False, 'hcc', True))
        self.assertAlmostEqual(small.contrast_to_noise, 4, delta=1.01)  # 40 HU against noise of 10
        self.assertAlmostEqual(large.diameter_mm, 2 * (125 * 3 / (4 * np.pi)) ** (1 / 3), places=5)

    def test_what_touches_no_lesion_is_false_and_what_nobody_could_see_is_neither(self):
        marked = np.where(block(2, 28), LIVER, 0).astype(np.uint8)
        marked[5:7, 5:7, 5:7] = LESION  # the first lesion
        marked[10:12, 25:27, 4:6] = LESION  # nothing there
        marked[24:26, 24:26, 24:26] = LESION  # an invisible one
        probability = np.full(marked.shape, 0.8, np.float32)
        result = scoring.marked_lesions(marked, probability, self.labels, 0.001)
        self.assertEqual([(m.true, m.hidden) for m in result], [(True, False), (False, False), (False, True)])
        self.assertAlmostEqual(result[0].ml, 0.008)
        self.assertAlmostEqual(result[0].confidence, 0.8, places=5)
        self.assertEqual(result[0].inside, 1.0)


class Tuning(unittest.TestCase):
    def test_a_stricter_rule_drops_the_false_and_keeps_the_true(self):
        true = dict(ml=1.0, confidence=0.9, inside=1.0, true=True, hidden=False)
        false = dict(ml=1.0, confidence=0.6, inside=1.0, true=False, hidden=False)
        rows = [dict(marked=[true, false], lesion_free=False), dict(marked=[false], lesion_free=True)]
        self.assertEqual(tuning.count(rows, 0.1, 0.5, 0.0), (1, 2, 1))
        self.assertEqual(tuning.count(rows, 0.1, 0.7, 0.0), (1, 0, 0))


class HeldOut(unittest.TestCase):
    def test_scans_of_chest_and_pelvis_show_no_liver(self):
        for which in ('chest', 'pelvis'):
            made = held_out.make(which, held_out.FIRST_SEED[which])
            self.assertFalse((made.labels == LIVER).any(), which)
            self.assertTrue((made.scan.hu > 0).any(), which)

    def test_no_seed_is_used_twice_or_trained_on(self):
        from hepar_training.pool import FIRST_SEED

        seeds = [{first + k for k in range(held_out.COUNT[which])} for which, first in held_out.FIRST_SEED.items()]
        self.assertEqual(len(set.union(*seeds)), sum(held_out.COUNT.values()))
        self.assertGreater(min(map(min, seeds)) - max(FIRST_SEED.values()), 1_000_000)


if __name__ == '__main__':
    unittest.main()
