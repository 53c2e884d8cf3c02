/**
 * The data of each event of a server-sent stream (WHATWG HTML, section 9.2.6). Comments (heartbeats) give nothing, but
 * count as a sign of life.
 *
 * @param onSign called for every piece that arrives
 */
export async function* eventData(body: ReadableStream<Uint8Array>, onSign?: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  let data: string[] = [];
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onSign?.();
      text += decoder.decode(value, { stream: true });
      for (;;) {
        const end = text.indexOf('\n');
        if (end < 0) break;
        const line = text.slice(0, end).replace(/\r$/, '');
        text = text.slice(end + 1);
        if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
        else if (line === '' && data.length > 0) {
          yield data.join('\n');
          data = [];
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
