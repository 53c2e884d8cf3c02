import type { KeyboardEvent } from 'react';
import type { Lesion } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { lesionColour } from '../../../server/src/reports/colours.ts';
import { axesMm, hounsfield, percent, volumeMl } from '../findings/format.ts';
import type { SortKey } from '../findings/order.ts';
import type { Session } from '../state/session.ts';
import type { SessionState } from '../state/session-state.ts';

const COLUMNS: readonly { key: SortKey; head: string; unit?: string; says: string }[] = [
  { key: 'number', head: '#', says: 'Number' },
  { key: 'volumeMl', head: 'Volume', unit: 'ml', says: 'Volume in millilitres' },
  { key: 'longAxisMm', head: 'Axes', unit: 'mm', says: 'Long by short axis in millimetres' },
  { key: 'meanHu', head: 'Mean', unit: 'HU', says: 'Mean density in Hounsfield units' },
  { key: 'confidence', head: 'Conf.', says: 'Confidence of the model' },
];

interface Props {
  readonly session: Session;
  readonly state: SessionState;
  readonly run: SegmentationView;
  readonly lesions: readonly Lesion[];
}

export function LesionTable({ session, state, run, lesions }: Props) {
  const { key: sorted, ascending } = state.order;
  return (
    <div className="hepar-scroll">
      <table className="hepar-table" data-cy="hepar-lesions" onKeyDown={moveBetweenRows}>
        <caption className="hepar-hidden">Lesions; press a lesion's number to go to it</caption>
        <thead>
          <tr>
            {COLUMNS.map(({ key, head, unit, says }) => (
              <th key={key} scope="col" aria-sort={sorted === key ? (ascending ? 'ascending' : 'descending') : 'none'}>
                <button
                  type="button"
                  aria-label={head === '#' ? says : `${unit ? `${head} ${unit}` : head}: ${says}`}
                  title={`${says}; click to sort`}
                  onClick={() => session.sortBy(key)}
                >
                  {head}
                  {unit && <small> {unit}</small>}
                  <span aria-hidden="true" className="hepar-arrow">
                    {sorted === key ? (ascending ? '▴' : '▾') : ''}
                  </span>
                </button>
              </th>
            ))}
            <th scope="col">
              <span className="hepar-hidden">Shown</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {lesions.map((lesion) => (
            <Row
              key={lesion.number}
              lesion={lesion}
              isSelected={state.selected === lesion.number}
              isHidden={state.hidden.get(run.id)?.has(lesion.number) ?? false}
              session={session}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly lesion: Lesion;
  readonly isSelected: boolean;
  readonly isHidden: boolean;
  readonly session: Session;
}

function Row({ lesion, isSelected, isHidden, session }: RowProps) {
  const { number, longAxisMm, shortAxisMm } = lesion;
  return (
    // The whole row is a target for the mouse; the button in it is the one for the keyboard.
    <tr
      className={`${isSelected ? 'hepar-selected' : ''} ${isHidden ? 'hepar-dimmed' : ''}`}
      data-cy={`hepar-lesion-${number}`}
      onClick={() => session.jumpTo(lesion)}
    >
      <th scope="row">
        <button type="button" className="hepar-jump" aria-label={`Go to lesion ${number}`} aria-current={isSelected}>
          <span className="hepar-swatch" style={{ background: `rgb(${lesionColour(number).join(' ')})` }} />
          {number}
        </button>
      </th>
      <td>{volumeMl(lesion.volumeMl)}</td>
      <td>{axesMm(longAxisMm, shortAxisMm)}</td>
      <td>{hounsfield(lesion.meanHu)}</td>
      <td>{lesion.confidence === null ? '–' : percent(lesion.confidence)}</td>
      <td>
        <button
          type="button"
          className="hepar-eye"
          aria-label={`Show lesion ${number}`}
          aria-pressed={!isHidden}
          title={isHidden ? 'Show' : 'Hide'}
          onClick={(event) => {
            event.stopPropagation();
            session.toggleLesion(lesion);
          }}
        >
          <Eye isOpen={!isHidden} />
        </button>
      </td>
    </tr>
  );
}

function Eye({ isOpen }: { isOpen: boolean }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.3"
    >
      <path d="M1 8c2-3.3 4.3-5 7-5s5 1.7 7 5c-2 3.3-4.3 5-7 5S3 11.3 1 8Z" />
      <circle cx="8" cy="8" r="2.2" />
      {!isOpen && <path d="M2.5 13.5 13.5 2.5" strokeWidth="1.6" />}
    </svg>
  );
}

/** Up and down go from row to row, as in any list; Enter on a row's button is a click. */
function moveBetweenRows(event: KeyboardEvent<HTMLTableElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('.hepar-jump')];
  const row = (event.target as Element).closest('tr');
  const index = buttons.findIndex((button) => button.closest('tr') === row);
  const next = buttons[index < 0 ? (step === 1 ? 0 : buttons.length - 1) : index + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
