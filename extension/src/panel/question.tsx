import { useEffect, useId, useRef } from 'react';

interface Props {
  readonly label: string;
  readonly asks: string;
  /** The safe answer; Escape gives it. */
  readonly no: string;
  readonly yes: string;
  readonly onNo: () => void;
  readonly onYes: () => void;
}

/** Asks before something that cannot be taken back or takes long. The focus goes to the safe answer, and back afterwards. */
export function Question({ label, asks, no, yes, onNo, onYes }: Props) {
  const id = useId();
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    safe.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <div
      role="alertdialog"
      aria-label={label}
      aria-describedby={id}
      className="hepar-card"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onNo();
      }}
    >
      <p id={id}>{asks}</p>
      <div className="hepar-row">
        <button type="button" ref={safe} onClick={onNo}>
          {no}
        </button>
        <button type="button" className="hepar-primary" onClick={onYes}>
          {yes}
        </button>
      </div>
    </div>
  );
}
