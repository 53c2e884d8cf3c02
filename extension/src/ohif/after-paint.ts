/** A page in the background is not painted: then nothing is waited for longer than this. */
const AT_MOST_MS = 100;

/** Outside a browser there is nothing to be painted. */
type Frames = { readonly requestAnimationFrame?: (then: () => void) => unknown };

/** Resolves when the page has shown what it was told so far: what a press does is seen before the images are drawn anew. */
export function afterPaint(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, AT_MOST_MS);
    const { requestAnimationFrame: nextFrame = setTimeout } = globalThis as Frames;
    // The first frame is drawn, and the second is begun, when the first has been handed on to be shown.
    nextFrame(() => {
      nextFrame(() => {
        setTimeout(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    });
  });
}
