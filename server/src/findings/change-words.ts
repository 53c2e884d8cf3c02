import type { Change, LesionChange } from './priors.ts';

/** What became of a lesion, in words, in the order in which they are counted. */
export const CHANGE_WORDS: Readonly<Record<Change, string>> = {
  new: 'new',
  grown: 'grown',
  shrunk: 'shrunk',
  stable: 'stable',
  merged: 'merged',
  split: 'split',
  gone: 'gone',
  'out-of-view': 'outside the other scan',
};

/** Such as '1 new, 2 stable, 1 gone'. */
export function countedChanges(lesions: readonly Pick<LesionChange, 'change'>[]): string {
  const counts = Object.entries(CHANGE_WORDS).flatMap(([change, word]) => {
    const count = lesions.filter((each) => each.change === change).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return counts.length === 0 ? 'no lesion in either' : counts.join(', ');
}
