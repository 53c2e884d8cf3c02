import type { Orthanc, Senders } from './orthanc.ts';
import type { Rules } from './rules.ts';
import type { Described } from './study.ts';

/** Who sent the CT series of a study, by Series Instance UID; empty when no rule asks for it, or nobody can tell. */
export async function sendersOf(
  all: readonly Described[],
  { rules }: Rules,
  orthanc: Pick<Orthanc, 'findSeries' | 'series' | 'sendersOf'> | null,
  signal: AbortSignal,
): Promise<Map<string, Senders>> {
  const senders = new Map<string, Senders>();
  if (!orthanc || !rules.some(({ when }) => when.remoteAet ?? when.calledAet)) return senders;
  for (const { seriesInstanceUid, modality } of all) {
    if (modality !== 'CT') continue;
    const [id] = await orthanc.findSeries(seriesInstanceUid, signal);
    const series = id === undefined ? null : await orthanc.series(id, signal);
    if (series) senders.set(seriesInstanceUid, await orthanc.sendersOf(series, signal));
  }
  return senders;
}
