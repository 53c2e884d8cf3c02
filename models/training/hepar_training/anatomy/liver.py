"""The liver: its surface, parenchyma, fissures and vessels."""
from __future__ import annotations

import numpy as np

from ..fields import capsule, ellipsoid, rotation, smooth_max, smooth_min
from ..grid import Grid
from ..plan import BodyPlan
from ..scene import BACKGROUND, LIVER, WHOLE, Scene
from .great_vessels import cava_mm, tree
from .organs import blob


def surface(scene: Scene) -> np.ndarray:
    """Signed distance to the healthy liver's surface, [z, y, x]."""
    rng = scene.plan.rng('liver')
    if scene.plan.plain and rng.random() < 0.6:
        return _ellipsoids(scene, rng)
    return _moulded(scene, rng)


def probe_middle_mm(plan: BodyPlan) -> tuple[float, float, float]:
    return -0.2 * plan.cavity_x, 0.0, plan.dome_right_z - 90


def probe(plan: BodyPlan) -> tuple[Scene, np.ndarray]:
    """A body on a coarse grid of its own around the liver, the same whatever grid is drawn, and the healthy liver's surface there."""
    scene = Scene(plan, Grid.centred(probe_middle_mm(plan), (9.0, 9.0, 9.0), (28, 26, 34)))
    return scene, surface(scene)


def _moulded(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """What is left of the right upper abdomen once diaphragm, wall, viscera and spine have pressed their shapes into it."""
    plan, (x, y, z) = scene.plan, scene.p
    u = rng.uniform
    rise_left, rise_back = plan.liver_slope
    under = (plan.under_surface_z(x, y) - z) / np.sqrt(1 + rise_left**2 + rise_back**2)
    lobe = np.cos(plan.lobe_angle) * (x - u(-5, 30)) + np.sin(plan.lobe_angle) * (y - u(0, 0.3) * plan.cavity_y) + u(-0.3, 0.3) * (z - plan.dome_right_z + 50)
    lobe = np.where(x > -40, lobe, np.minimum(lobe, 0) - 0.2 * (-40 - x)).astype(np.float32)
    # What is left of a liver after surgery has grown.
    left_x = max(plan.liver_left_x, 0.65 * plan.cavity_x) if plan.resected == 'right' else plan.liver_left_x
    result = smooth_max(u(6, 14), scene.abdomen, under, x - np.float32(left_x), lobe, y - np.float32(plan.spine_y + u(5, 25)))
    if plan.riedel_mm:
        lateral = -u(0.6, 0.75) * plan.cavity_x
        top, tip = (lateral, u(-0.2, 0.2) * plan.cavity_y, plan.liver_low_z + 50), (lateral - 4, u(-0.2, 0.2) * plan.cavity_y, plan.liver_low_z - plan.riedel_mm)
        result = smooth_max(8, smooth_min(12, result, capsule(scene.p, top, tip, u(26, 36), u(12, 20))), scene.abdomen)
    lumpy, amount = rng.random() < 0.35, u(0.5, 2.2)
    if plan.cirrhosis:  # nodules, and a right lobe that has shrunk from the wall
        result = np.maximum(result, scene.cavity + np.float32(u(0, 8))) + np.float32(plan.cirrhosis) * (0.6 * scene.mottle + 0.5 * scene.grain)
    elif lumpy:
        result = result + np.float32(amount) * scene.mottle
    if plan.ascites_mm:
        result = np.maximum(result, np.maximum(scene.cavity, scene.above_diaphragm) + np.float32(plan.ascites_mm) * (0.8 + 0.3 * scene.mottle))
    if plan.resected == 'right':
        result = smooth_max(8, result, -(x + 0.15 * (y - plan.spine_y) + u(45, 75)))
    elif plan.resected == 'left':
        result = smooth_max(8, result, x - 0.3 * y + u(-5, 25))
    fissure, centre, half, low, high = rng.random() < 0.6, u(-15, 25), u(0.3, 4), u(0.05, 0.35), u(20, 60)
    if fissure and not plan.plain:
        cleft = np.abs(x - centre - 0.3 * (y + 0.4 * plan.cavity_y)) - half
        cleft = np.maximum(cleft, np.maximum(y + low * plan.cavity_y, z - (plan.liver_low_z + high)))
        result = np.maximum(result, -cleft)
    return result.astype(np.float32)


def _ellipsoids(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """A right and a left lobe as two fused ellipsoids: the way phantoms are built."""
    plan, u = scene.plan, rng.uniform
    tall = (plan.dome_right_z - plan.liver_low_z) / 2 + u(0, 25)
    middle = plan.dome_right_z - tall - u(0, 15)
    right = ellipsoid(scene.p, (-u(0.35, 0.5) * plan.cavity_x, u(-0.1, 0.15) * plan.cavity_y, middle), (u(0.4, 0.58) * plan.cavity_x, u(0.6, 0.85) * plan.cavity_y, tall))
    turn = rotation(0, u(-0.5, 0.2), u(-0.3, 0.3))
    left = ellipsoid(scene.p, (u(-0.05, 0.25) * plan.cavity_x, -u(0.25, 0.5) * plan.cavity_y, middle + u(0, 35)), (u(0.3, 0.55) * plan.cavity_x, u(0.2, 0.4) * plan.cavity_y, u(0.4, 0.75) * tall), turn)
    lobes = smooth_min(u(5, 25), right, left)
    return np.maximum(lobes, scene.cavity + u(0, 5)).astype(np.float32)


def draw_plane(scene: Scene, healthy: np.ndarray) -> None:
    """The thin layer of fat around the liver that most bodies have: by it one tells a neighbour from a tumour that grows
    out of the liver, which has none between."""
    rng = scene.plan.rng('fat plane')
    if rng.random() < 0.85:
        scene.paint(np.maximum(healthy - np.float32(rng.uniform(1, 4)), scene.abdomen), scene.plan.tissues.fat + rng.uniform(0, 40), BACKGROUND)


def draw(scene: Scene, solid: np.ndarray, bulge: np.ndarray | None) -> np.ndarray:
    """Paints the liver within the surface `solid`, widened by `bulge` (lesions that grow over its edge); returns the final surface."""
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('parenchyma')
    u = rng.uniform
    if plan.ascites_mm:
        rim = np.float32(-1.3 * plan.ascites_mm)
        scene.paint(smooth_max(4, scene.abdomen, rim - np.maximum(scene.cavity, scene.above_diaphragm)), u(-2, 22))
    if bulge is not None:
        solid = smooth_max(3, smooth_min(4, solid, bulge), scene.abdomen)
    hu = t.liver + u(1, 5) * scene.mottle + u(0, 4) * scene.grain
    if plan.cirrhosis:  # regenerative nodules and the septa between them
        hu = hu + u(1, 7) * scene.grain
    scene.paint(solid, hu, LIVER, WHOLE)
    _draw_vessels(scene, solid)
    return solid


def hilum_mm(scene: Scene) -> np.ndarray:
    plan = scene.plan
    return np.array([-22.0, 0.12 * plan.cavity_y, plan.liver_low_z + 28.0])


def _draw_vessels(scene: Scene, solid: np.ndarray) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('liver vessels')
    u, hilum = rng.uniform, hilum_mm(scene)
    if plan.plain and rng.random() < 0.6:
        return
    if rng.random() < 0.7:  # fat of the porta hepatis
        blob(scene, hilum + (u(0, 14), u(0, 10), -u(0, 14)), (u(6, 20), u(5, 13), u(7, 20)), t.fat + u(0, 60), BACKGROUND, rotation(*u(-0.5, 0.5, 3)))
    inside, depth = solid + 1, 4 if scene.voxel_mm < 2.6 else 3
    cloak = u(1.5, 3.5) if rng.random() < 0.12 else 0.0  # periportal oedema
    for number, course in enumerate(((-1, -0.1, 0.15), (-0.7, -0.3, -0.5), (0.35, -0.9, 0.25), (-0.6, 0.2, 0.7))):
        radius, length, branches = u(4, 7), u(26, 42), f'portal {number}'
        if cloak:
            tree(scene, plan.rng(branches), hilum, course, radius + cloak, length, t.liver - u(12, 30), min(depth, 3), inside)
        tree(scene, plan.rng(branches), hilum, course, radius, length, t.liver + t.portal_vein, depth, inside)
    for course in ((-1, 0, -0.35), (-0.55, -0.7, -0.45), (0.25, -0.9, -0.3)):
        tree(scene, rng, cava_mm(plan), course, u(3.5, 6), u(30, 45), t.liver + t.hepatic_vein, depth, inside)
    tree(scene, rng, hilum, (0.54, 0.39, -0.75), u(5, 8), 45, t.liver + t.portal_vein, 0, None)
    if t.aorta > t.liver + 60 and rng.random() < 0.8:  # hepatic arteries beside the portal veins
        for course in ((-1, -0.1, 0.15), (0.35, -0.9, 0.25)):
            tree(scene, rng, hilum + (3, -4, 0), course, u(1.2, 2.2), u(26, 42), 0.8 * t.aorta, depth, inside)
    if rng.random() < 0.12:  # dilated bile ducts, some with gas
        gas = rng.random() < 0.2
        for course in ((-1, -0.1, 0.15), (-0.5, -0.6, 0.3), (0.35, -0.9, 0.25)):
            tree(scene, rng, hilum + (-5, -5, 3), course, u(2, 4.5), u(26, 42), -500.0 if gas else t.bile, depth, inside)
