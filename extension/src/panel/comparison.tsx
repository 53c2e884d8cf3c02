import type { Comparison as Compared } from '../../../server/src/findings/priors.ts';
import { changeLine, comparisonHeadline, sumText } from '../findings/comparison.ts';

/** What has become of the lesions since the earlier scan; folded up, its first line says the most. */
export function Comparison({ comparison }: { readonly comparison: Compared }) {
  const sum = sumText(comparison);
  return (
    <details className="hepar-compared" data-cy="hepar-comparison">
      <summary>{comparisonHeadline(comparison)}</summary>
      <div className="hepar-scroll">
        <table className="hepar-table">
          <caption className="hepar-hidden">Lesions compared with the earlier scan</caption>
          <thead>
            <tr>
              <th scope="col">
                <span aria-hidden="true">#</span>
                <span className="hepar-hidden">Lesion of this scan</span>
              </th>
              <th scope="col">Change</th>
              <th scope="col">Volume</th>
              <th scope="col">Long axis</th>
            </tr>
          </thead>
          <tbody>
            {comparison.lesions.map((change) => {
              const line = changeLine(change);
              return (
                <tr key={`${line.lesions} ${change.priors.map(({ segmentNumber }) => segmentNumber).join()}`}>
                  <th scope="row">
                    {change.lesions.length > 0 ? (
                      line.lesions
                    ) : (
                      <>
                        <span aria-hidden="true">–</span>
                        <span className="hepar-hidden">none</span>
                      </>
                    )}
                  </th>
                  <td>
                    {line.word}
                    {line.was && <small>was {line.was}</small>}
                    {line.pace && <small>{line.pace}</small>}
                  </td>
                  <td>{line.volume || <Without />}</td>
                  <td>{line.longAxis || <Without />}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {sum !== null && <p className="hepar-quiet">{sum}</p>}
    </details>
  );
}

function Without() {
  return (
    <>
      <span aria-hidden="true">–</span>
      <span className="hepar-hidden">not measured</span>
    </>
  );
}
