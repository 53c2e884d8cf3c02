"""The parts of the body, in the order they are painted: what comes later lies on top."""
from __future__ import annotations

from ..plan import BodyPlan
from ..scene import Scene
from . import bowel, chest, devices, great_vessels, lesions, limbs, liver, lookalikes, organs, skeleton, trunk


def draw(plan: BodyPlan, scene: Scene, lesion_count: int | None = None) -> list[lesions.Lesion]:
    """Paints the whole body; returns the lesions that were planned (some may lie outside the grid)."""
    trunk.draw(scene)
    bowel.draw_small_bowel(scene)
    bowel.draw_colon(scene)
    organs.draw_stomach(scene)
    organs.draw_strays(scene)
    organs.draw_pancreas(scene)
    organs.draw_spleen(scene)
    healthy = liver.surface(scene)
    liver.draw_plane(scene, healthy)
    planned = lesions.plan_lesions(plan, lesion_count)
    surface = liver.draw(scene, healthy, lesions.bulges(scene, planned))
    lookalikes.draw(scene, surface)
    bowel.draw_hepatic_flexure(scene)
    lesions.draw(scene, planned, surface)
    organs.draw_gallbladder(scene)
    organs.draw_kidneys(scene)
    great_vessels.draw(scene)
    chest.draw(scene)
    skeleton.draw(scene)
    devices.draw(scene, surface)
    limbs.draw(scene)
    trunk.draw_table(scene)
    return planned
