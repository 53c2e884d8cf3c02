import { Refusal } from '../../refusal.ts';
import { dot } from '../geometry.ts';
import { imageName, type Slice } from '../slice.ts';
import { quoted } from './quote.ts';
import { gapsMm } from './spacing.ts';

/** Slices closer than this stand at one position. */
const SAME_POSITION_MM = 0.01;

/**
 * Leaves one slice at each position.
 * @param slices sorted along the normal
 * @param identical whether two slices have the same pixels
 * @returns the slices that are kept, sorted
 * @throws Refusal 'several-phases' where one position holds different pixels; 'corrupt-instance' where two different
 * images carry one UID
 */
export function withoutDuplicates<S extends Slice>(slices: readonly S[], identical: (a: S, b: S) => boolean): S[] {
  const positions = groupByPosition(slices);
  const different = positions.filter((group) => group.slice(1).some((slice) => !identical(group[0]!, slice)));
  if (different.length > 0) {
    different.forEach(checkOwnUids);
    const most = Math.max(...different.map((group) => group.length));
    const mark = distinguishingMark(different);
    const each = different.length === 1 ? '1 position holds' : `${different.length} positions hold`;
    throw severalPhases(`${each} up to ${most} different images`, mark, {
      positions: different.length,
      imagesPerPosition: most,
    });
  }
  const kept = positions.map((group) => group[0]!);
  checkOwnUids(kept);
  return kept;
}

function groupByPosition<S extends Slice>(slices: readonly S[]): S[][] {
  const groups: S[][] = [];
  const gaps = slices.length > 1 ? gapsMm(slices) : [];
  for (const [at, slice] of slices.entries()) {
    if (at > 0 && gaps[at - 1]! < SAME_POSITION_MM) groups.at(-1)!.push(slice);
    else groups.push([slice]);
  }
  return groups;
}

/** @throws Refusal 'corrupt-instance': a reference to such an image would be ambiguous */
function checkOwnUids(slices: readonly Slice[]): void {
  const seen = new Set<string>();
  for (const slice of slices) {
    const key = `${slice.sopInstanceUid}#${slice.frameNumber ?? ''}`;
    if (seen.has(key)) {
      const name = imageName(slice.instanceNumber, slice.frameNumber);
      throw new Refusal('corrupt-instance', `Two different images carry the same SOP Instance UID (${name}).`);
    }
    seen.add(key);
  }
}

/**
 * Phases whose slices lie between each other's: said before their gaps are called uneven.
 * @param slices sorted along the normal
 * @throws Refusal 'several-phases' when slices with different marks overlap over half of the shorter run or more
 */
export function checkOnePhase(slices: readonly Slice[]): void {
  const { normal } = slices[0]!;
  for (const { name } of slices[0]!.phaseMarks) {
    const groups = Map.groupBy(slices, (slice) => slice.phaseMarks.find((mark) => mark.name === name)?.value);
    const extents = [...groups.values()]
      .filter((group) => group.length >= 3)
      .map((group) => ({
        low: dot(group[0]!.positionMm, normal),
        high: dot(group.at(-1)!.positionMm, normal),
      }));
    const overlapping = extents.some((a, at) =>
      extents.slice(at + 1).some((b) => {
        const shared = Math.min(a.high, b.high) - Math.max(a.low, b.low);
        return shared > Math.min(a.high - a.low, b.high - b.low) / 2;
      }),
    );
    if (overlapping) {
      const values = [...groups.keys()].filter((value) => value !== undefined);
      throw severalPhases('slices of different runs lie between each other', { name, values }, { runs: groups.size });
    }
  }
}

interface Mark {
  readonly name: string;
  readonly values: readonly string[];
}

/** The first mark whose values differ within a position, with all its values; null when the headers do not tell. */
function distinguishingMark(groups: readonly (readonly Slice[])[]): Mark | null {
  const markOf = (slice: Slice, name: string) => slice.phaseMarks.find((mark) => mark.name === name)?.value;
  const [first = []] = groups;
  for (const { name } of first[0]?.phaseMarks ?? []) {
    if (new Set(first.map((slice) => markOf(slice, name))).size === 1) continue;
    const values = new Set(groups.flat().map((slice) => markOf(slice, name)));
    return { name, values: [...values].filter((value) => value !== undefined) };
  }
  return null;
}

function severalPhases(what: string, mark: Mark | null, figures: Record<string, number>): Refusal {
  const values = mark?.values.map(quoted).sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1)) ?? [];
  const list = values.length > 4 ? `${values.slice(0, 4).join(', ')}, …` : values.join(', ');
  const which = mark === null ? '' : ` (${mark.name} ${list})`;
  return new Refusal(
    'several-phases',
    `The series holds several phases: ${what}${which}.`,
    mark === null ? figures : { ...figures, mark: mark.name, values: list },
  );
}
