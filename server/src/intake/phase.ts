/** Phases of contrast in the liver, as series are named after them. */
export type Phase = 'portal venous' | 'arterial' | 'delayed' | 'unenhanced';

/** Words of protocols in the languages that they are often written in, without separators and accents. */
const NAMES: Readonly<Record<Phase, RegExp>> = {
  'portal venous': /portal|porto|venous|venos|veneu|veineu|\bven\b|\bpvp?\b|\b(6[05]|7[05]|80) ?s(ec)?\b/,
  arterial: /arter|\bart\b|\bhap\b|\baep\b|\b(2[05]|3[05]|40) ?s(ec)?\b/,
  delayed:
    /delay|\blate\b|equilib|gleichgew|spat|spaet|tardi|excret|\b([3-9]|1[05]) ?min\b|\b(1[2-9]0|[23]\d0) ?s(ec)?\b/,
  unenhanced: /nativ|\bnon ?(con|enh)|without|\bw ?o\b|unenh|\bplain\b|\bsans\b|\bsin\b|\bohne\b|\bnc\b|\bpre ?con/,
};

/** The phase that a name speaks of; null when it speaks of none, or of several. */
export function phaseNamed(name: string | null): Phase | null {
  const words = (name ?? '')
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ');
  const named = (Object.keys(NAMES) as Phase[]).filter((phase) => NAMES[phase].test(words));
  // A late arterial phase is arterial, a late portal venous one portal venous.
  const said = named.length > 1 && /\blate\b/.test(words) ? named.filter((phase) => phase !== 'delayed') : named;
  return said.length === 1 ? said[0]! : null;
}
