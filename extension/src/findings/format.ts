/** Numbers as a radiologist writes them. The unit is the column's or stands behind. */
export function volumeMl(ml: number): string {
  if (ml >= 100) return ml.toFixed(0);
  return ml >= 10 ? ml.toFixed(1) : ml.toFixed(2);
}

export function axesMm(longMm: number, shortMm: number): string {
  return `${longMm.toFixed(0)} × ${shortMm.toFixed(0)}`;
}

export function hounsfield(hu: number): string {
  // A true minus sign: screen readers read the hyphen as nothing.
  return hu.toFixed(0).replace(/^-0$/, '0').replace('-', '\u2212');
}

/** A change, with its sign: '+12', '−3', '0'. */
export function signed(value: number): string {
  const figure = Math.abs(value) < 9.95 ? value.toFixed(1) : value.toFixed(0);
  if (Number(figure) === 0) return '0';
  return value > 0 ? `+${figure}` : figure.replace('-', '\u2212');
}

export function percent(fraction: number): string {
  return `${Math.round(100 * fraction)} %`;
}

/** '48 s', '1 min 05 s', '1 h 02 min'. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** '23 Nov 2026, 21:22': the same everywhere, and no one takes the day for the month. */
export function dateTime(iso: string): string {
  const date = new Date(iso);
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][date.getMonth()];
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getDate()} ${month} ${date.getFullYear()}, ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
