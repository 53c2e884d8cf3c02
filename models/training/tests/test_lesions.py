"""Each type of lesion must look as its description says, and things that are no lesion must not be labelled as one."""
import dataclasses
import unittest

import numpy as np

from hepar_training.anatomy import lesion_looks, lesions
from hepar_training.grid import Grid
from hepar_training.phases import sample_tissues
from hepar_training.plan import sample_plan
from hepar_training.samples import render
from hepar_training.scene import LESION, Scene


def looked(kind: str, phase: str, seed: int, radius_mm: float = 14.0) -> tuple[np.ndarray, np.ndarray, float]:
    """A sphere of this type on a noise-free liver: HU, distance to its surface in mm, and the liver's HU."""
    plan = sample_plan(seed)
    tissues = dataclasses.replace(plan.tissues, phase=phase, liver=100.0, aorta={'arterial': 300.0, 'portal': 160.0}.get(phase, 130.0))
    plan = dataclasses.replace(plan, tissues=tissues, plain=False, noise_hu=3.0)
    scene = Scene(plan, Grid.centred((0, 0, 0), (1.5,) * 3, (24, 24, 24)))
    scene.hu[:], scene.labels[:] = 100.0, 1
    x, y, z = scene.position
    distance = (np.sqrt(x * x + y * y + z * z) - radius_mm).astype(np.float32)
    lesion_looks.paint(scene, 1, kind, radius_mm, distance, (slice(None),) * 3)
    return scene.hu, distance, 100.0


def core_and_rim(kind: str, phase: str, seed: int) -> tuple[float, float]:
    hu, distance, liver = looked(kind, phase, seed)
    return float(hu[distance < -9].mean() - liver), float(hu[(distance < -1) & (distance > -5)].max() - liver)


class Looks(unittest.TestCase):
    def test_every_type_differs_from_the_liver_in_every_phase(self):
        for kind in lesions.TYPES:
            for phase in ('unenhanced', 'arterial', 'portal', 'delayed'):
                different = [np.abs(hu[d < -2] - liver).mean() > 8 for hu, d, liver in (looked(kind, phase, s) for s in range(6))]
                self.assertGreaterEqual(sum(different), 5, f'{kind}, {phase}')

    def test_a_cyst_is_water_in_every_phase(self):
        for phase in ('unenhanced', 'portal'):
            values = [float(np.median(hu[d < -2])) for hu, d, _ in (looked('cyst', phase, s) for s in range(8))]
            self.assertLess(np.median(values), 20)
            self.assertGreater(min(values), -10)

    def test_a_haemangioma_is_dark_inside_with_bright_nodules_first_and_fills_later(self):
        early = [core_and_rim('haemangioma', 'arterial', s) for s in range(8)]
        late = [core_and_rim('haemangioma', 'delayed', s) for s in range(8)]
        self.assertLess(np.median([core for core, _ in early]), -10)
        self.assertGreater(np.median([rim for _, rim in early]), 50)
        self.assertGreater(np.median([rim for _, rim in late]), 5)

    def test_hcc_is_bright_in_the_arterial_phase_and_dark_later(self):
        mean = lambda phase: np.median([float((hu[d < -2]).mean() - liver) for hu, d, liver in (looked('hcc', phase, s) for s in range(10))])  # noqa: E731
        self.assertGreater(mean('arterial'), 8)
        self.assertLess(mean('portal'), -8)

    def test_some_treated_lesions_hold_lipiodol_or_calcium(self):
        brightest = [float(looked('treated', 'portal', s)[0].max()) for s in range(12)]
        self.assertGreater(sum(b > 200 for b in brightest), 2)
        self.assertLess(sum(b > 200 for b in brightest), 12)


class Dynamics(unittest.TestCase):
    def test_liver_and_aorta_rise_and_fall_as_contrast_comes_and_goes(self):
        tissues = [sample_tissues(np.random.default_rng(s)) for s in range(600)]
        median = lambda phase, part: np.median([getattr(t, part) for t in tissues if t.phase == phase])  # noqa: E731
        self.assertLess(median('unenhanced', 'liver'), median('arterial', 'liver'))
        self.assertLess(median('arterial', 'liver'), median('delayed', 'liver'))
        self.assertLess(median('delayed', 'liver'), median('portal', 'liver'))
        self.assertGreater(median('arterial', 'aorta'), median('portal', 'aorta'))
        self.assertGreater(median('portal', 'aorta'), median('delayed', 'aorta'))


class Numbers(unittest.TestCase):
    def test_every_lesion_voxel_knows_its_lesion(self):
        seed = next(s for s in range(40, 90) if lesions.plan_lesions(sample_plan(s), 3) and not sample_plan(s).plain)
        plan = sample_plan(seed)
        sample = render(plan, Grid.centred((0, 5, plan.dome_right_z - 85), (4.0,) * 3, (64, 70, 90)), 3)
        np.testing.assert_array_equal(sample.labels == LESION, sample.lesion_numbers > 0)
        self.assertTrue(set(np.unique(sample.lesion_numbers)) <= {0, *(lesion.number for lesion in sample.lesions)})
        self.assertTrue(all(lesion.kind in lesions.TYPES for lesion in sample.lesions))

    def test_look_alikes_are_no_lesions(self):
        for seed in range(50, 53):
            plan = sample_plan(seed)
            sample = render(plan, Grid.centred((0, 5, plan.dome_right_z - 85), (8.0,) * 3, (32, 36, 46)), 0)
            self.assertFalse((sample.labels == LESION).any())


if __name__ == '__main__':
    unittest.main()
