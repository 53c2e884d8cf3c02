import type { Dataset } from '../dicom/dataset.ts';

/** Why an earlier result is not used for this patient; says no value. */
export interface Contradiction {
  readonly code: string;
  readonly message: string;
}

/** IDs that stand for 'nobody': two patients who share one are two patients. */
const PLACEHOLDER = /^(anon(ymous|ymi[sz]ed)?|unknown|none|null|nil|no ?id|n\/?a|test|x+|0+|-+|\?+)$/i;

/** Why a patient's earlier results cannot be looked for at all; null when they can. */
export function refuseToSearch(header: Dataset): Contradiction | null {
  const id = patientId(header);
  if (id === '') {
    return {
      code: 'priors-not-searched',
      message: 'The series has no Patient ID, so no earlier result was looked for.',
    };
  }
  if (PLACEHOLDER.test(id)) {
    const message = 'The Patient ID of the series stands for no patient, so no earlier result was looked for.';
    return { code: 'priors-not-searched', message };
  }
  return null;
}

export function patientId(header: Dataset): string {
  return header.text('00100020')?.trim() ?? '';
}

/**
 * Whether two objects can be one patient's. The same Patient ID is required; so are the same issuer, name, birth date
 * and sex as far as both state them. Where only one names an issuer, name and birth date must be there and agree.
 * @returns what speaks against it; null when nothing does
 */
export function contradiction(a: Dataset, b: Dataset): Contradiction | null {
  if (patientId(a) !== patientId(b)) return differs('other-patient', 'Patient ID');
  const [issuerA, issuerB] = [plain(a.text('00100021')), plain(b.text('00100021'))];
  if (issuerA !== '' && issuerB !== '' && issuerA !== issuerB) {
    return differs('other-issuer', 'Issuer of Patient ID');
  }
  if (differ(birthDate(a), birthDate(b))) return differs('other-birth-date', 'Patient’s Birth Date');
  const [nameA, nameB] = [nameParts(a), nameParts(b)];
  if (nameA.length > 0 && nameB.length > 0 && !namesAgree(nameA, nameB)) {
    return differs('other-name', 'Patient’s Name');
  }
  if (differ(sex(a), sex(b))) return differs('other-sex', 'Patient’s Sex');
  const isIssuerOpen = (issuerA === '') !== (issuerB === '');
  const isIdentified = nameA.length > 0 && nameB.length > 0 && birthDate(a) !== null && birthDate(b) !== null;
  if (isIssuerOpen && !isIdentified) {
    const message =
      'An earlier result was not used: only one of the two objects says who issued the Patient ID, ' +
      'and name and birth date do not settle whose it is.';
    return { code: 'open-issuer', message };
  }
  return null;
}

function differs(code: string, what: string): Contradiction {
  return { code, message: `An earlier result was not used: its ${what} is another.` };
}

const differ = (a: string | null, b: string | null) => a !== null && b !== null && a !== b;

function birthDate(header: Dataset): string | null {
  const date = header.text('00100030')?.trim() ?? '';
  return /^\d{8}$/.test(date) ? date : null;
}

function sex(header: Dataset): string | null {
  const value = header.text('00100040')?.trim().toUpperCase() ?? '';
  return value === 'M' || value === 'F' ? value : null;
}

/** Family and given name without case, accents and punctuation, of the first group that is written at all. */
function nameParts(header: Dataset): string[] {
  const groups = (header.text('00100010') ?? '').split('=');
  const written = groups.find((group) => plain(group) !== '') ?? '';
  const [family = '', given = ''] = written.split('^').map(plain);
  return family === '' && given === '' ? [] : [family, given];
}

/** Same family name; and of the given names one begins with the other, as an initial or a first of several does. */
function namesAgree([familyA = '', givenA = '']: readonly string[], [familyB = '', givenB = '']: readonly string[]) {
  return familyA === familyB && (givenA.startsWith(givenB) || givenB.startsWith(givenA));
}

function plain(text: string | null): string {
  return (text ?? '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
