import { useEffect, useState } from 'react';
import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import { reportText } from '../findings/report-text.ts';

const SAYS = { idle: 'Copy as text', copied: 'Copied', failed: 'Copying is not allowed here' };

/** Puts the findings on the clipboard, for the report. */
export function CopyButton({ findings, lowestConfidence }: { findings: FindingsDocument; lowestConfidence: number }) {
  const [outcome, setOutcome] = useState<keyof typeof SAYS>('idle');
  useEffect(() => {
    if (outcome === 'idle') return;
    const timer = setTimeout(() => setOutcome('idle'), 2_500);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () =>
    setOutcome((await copyText(reportText(findings, { lowestConfidence }))) ? 'copied' : 'failed');
  return (
    <button type="button" onClick={copy} data-cy="hepar-copy">
      <span role="status">{SAYS[outcome]}</span>
    </button>
  );
}

/** The clipboard's own interface exists only over HTTPS and on this machine; many hospitals have neither. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.style.position = 'fixed';
    field.style.opacity = '0';
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand('copy');
    field.remove();
    return isCopied;
  }
}
