"""The generator must give the same body for the same seed on every grid, with labels that fit what is painted."""
import unittest

import numpy as np

from scipy.ndimage import binary_dilation

from hepar_training import anatomy
from hepar_training.acquisition import acquire
from hepar_training.grid import Grid
from hepar_training.plan import sample_plan
from hepar_training.pool import IGNORE, hide_invisible_lesions
from hepar_training.scene import GALLBLADDER, LESION, LIVER, SPLEEN, Scene

from . import sample


def drawn(seed: int, grid: Grid, lesions: int | None = None) -> Scene:
    plan = sample_plan(seed)
    scene = Scene(plan, grid)
    anatomy.draw(plan, scene, lesions)
    return scene


def abdomen(seed: int, spacing_mm: float = 8.0) -> Grid:
    shape = tuple(int(mm / spacing_mm) for mm in (256, 288, 368))
    return Grid.centred((0.0, 5.0, sample_plan(seed).dome_right_z - 85), (spacing_mm,) * 3, shape)


class Determinism(unittest.TestCase):
    def test_same_seed_same_scan(self):
        first, second = (drawn(5, abdomen(5)) for _ in range(2))
        np.testing.assert_array_equal(first.labels, second.labels)
        np.testing.assert_array_equal(acquire(first), acquire(second))

    def test_other_seed_other_scan(self):
        self.assertFalse(np.array_equal(drawn(5, abdomen(5)).labels, drawn(6, abdomen(6)).labels))

    def test_anatomy_does_not_depend_on_the_grid(self):
        for seed in sample.of((3, 4), 0.5):
            coarse, fine = drawn(seed, abdomen(seed, 8.0), 4), drawn(seed, abdomen(seed, 4.0), 4)
            for labels in ((LIVER, LESION), (SPLEEN,)):
                a, b = np.isin(coarse.labels, labels).sum() * 512.0, np.isin(fine.labels, labels).sum() * 64.0
                self.assertLess(abs(a - b), 0.08 * max(a, b))


class Anatomy(unittest.TestCase):
    def test_livers_have_human_sizes_and_lie_on_the_right(self):
        volumes = []
        for seed in range(10, 22):
            scene = drawn(seed, abdomen(seed))
            liver = (scene.labels == LIVER) | (scene.labels == LESION)
            volumes.append(liver.sum() * 0.512)
            self.assertLess(scene.position[0][liver].mean(), 0, f'seed {seed}')
            self.assertGreater(scene.position[0][scene.labels == SPLEEN].mean(), 0, f'seed {seed}')
        self.assertGreater(np.median(volumes), 700)
        self.assertLess(np.median(volumes), 3000)

    def test_lesions_lie_in_the_liver(self):
        for seed in sample.of((30, 31, 32), 0.34):
            plan, grid = sample_plan(seed), abdomen(seed, 4.0)
            with_lesions = drawn(seed, grid, 6)
            probe = Scene(plan, grid)
            planned = anatomy.lesions.plan_lesions(plan, 6)
            surface = anatomy.liver.surface(probe)
            lesion = with_lesions.labels == LESION
            self.assertTrue(lesion.any())
            inside = surface[lesion] < 4
            bulging = anatomy.lesions.bulges(probe, planned)
            if bulging is not None:
                inside |= bulging[lesion] < 6
            self.assertGreater(inside.mean(), 0.99, f'seed {seed}')


class Edge(unittest.TestCase):
    """A tumour that grows out of the liver and a neighbour of its HU are told apart by the plane between liver and neighbour."""

    def test_some_lesions_hang_out_of_the_liver_and_are_held_by_it(self):
        hanging, seeds = 0, sample.of((30, 31, 34, 37, 45), 0.4)
        for seed in seeds:
            grid = abdomen(seed, 4.0)
            scene, healthy = drawn(seed, grid, 6), anatomy.liver.surface(Scene(sample_plan(seed), grid))
            for number in np.unique(scene.lesion_numbers[scene.labels == LESION]):
                lesion = (scene.lesion_numbers == number) & (scene.labels == LESION)
                if (healthy[lesion] > 4).sum() > 20:
                    hanging += 1
                    self.assertTrue((scene.labels[binary_dilation(lesion)] == LIVER).any(), f'seed {seed}, lesion {number}')
        self.assertGreaterEqual(hanging, 0.6 * len(seeds))

    def test_most_livers_have_fat_around_them_whatever_lies_beside(self):
        with_fat, seeds = 0, sample.of(range(60, 70), 0.5)
        for seed in seeds:
            scene = Scene(sample_plan(seed), abdomen(seed, 4.0))
            scene.hu[:] = scene.plan.tissues.liver  # a neighbour of the liver's HU on every side
            healthy = anatomy.liver.surface(scene)
            anatomy.liver.draw_plane(scene, healthy)
            shell = (healthy > 0) & (healthy < 0.6) & (scene.abdomen < -4)
            with_fat += bool(shell.any() and np.median(scene.hu[shell]) < scene.plan.tissues.liver - 20)
        self.assertGreaterEqual(with_fat, 0.6 * len(seeds))


class Gallbladder(unittest.TestCase):
    def test_it_lies_in_its_bed_under_the_liver_with_one_side_free(self):
        seen, free, seeds = 0, 0, sample.of(range(80, 92), 0.34)
        for seed in seeds:
            grid = abdomen(seed, 4.0)
            scene, healthy = drawn(seed, grid, 0), anatomy.liver.surface(Scene(sample_plan(seed), grid))
            gallbladder = scene.labels == GALLBLADDER
            if not gallbladder.any():
                continue
            self.assertLess(gallbladder.sum() * 0.064, 110, f'seed {seed}')
            seen += bool((scene.labels[binary_dilation(gallbladder, iterations=2)] == LIVER).any())
            free += bool((healthy[gallbladder] > 0).mean() > 0.3)
        self.assertGreaterEqual(seen, len(seeds) / 2)
        self.assertGreaterEqual(free, len(seeds) / 2)


class Contrast(unittest.TestCase):
    def test_a_lesion_nobody_could_see_is_not_taught(self):
        hu, labels = np.full((20, 20, 20), 100.0), np.full((20, 20, 20), LIVER, np.uint8)
        labels[2:6, 2:6, 2:6], hu[2:6, 2:6, 2:6] = LESION, 97
        labels[12:16, 12:16, 12:16], hu[12:16, 12:16, 12:16] = LESION, 60
        self.assertEqual(hide_invisible_lesions(hu, labels), 1)
        self.assertEqual(int((labels == IGNORE).sum()), 64)
        self.assertEqual(int((labels == LESION).sum()), 64)


if __name__ == '__main__':
    unittest.main()
