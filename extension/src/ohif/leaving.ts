/** The viewer's own way back to the list of studies: it leaves the page without the browser noticing. */
const WAY_BACK = '[data-cy="return-to-work-list"]';
const ASKS = 'There are changes to the liver lesions that are not saved. Leave them?';

/**
 * Asks before the page is closed, reloaded or left for the list of studies while something would be lost.
 * @returns a function that ends it
 */
export function warnBeforeLeaving(wouldLose: () => boolean): () => void {
  const unload = (event: BeforeUnloadEvent) => {
    if (wouldLose()) event.preventDefault();
  };
  const click = (event: MouseEvent) => {
    const isWayBack = event.target instanceof Element && event.target.closest(WAY_BACK) !== null;
    if (!isWayBack || !wouldLose() || window.confirm(ASKS)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  window.addEventListener('beforeunload', unload);
  window.addEventListener('click', click, { capture: true });
  return () => {
    window.removeEventListener('beforeunload', unload);
    window.removeEventListener('click', click, { capture: true });
  };
}
