// Server-Sent Events that need a token, which `EventSource` cannot send (HTML, section 9.2.6).

export interface Event {
  id: string;
  data: string;
}

/** The events of a stream, as they come; those without data too, for their ids. */
export async function* events(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<Event> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event: Event = { id: "", data: "" };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") {
          yield event;
          event = { id: event.id, data: "" };
          continue;
        }
        const colon = line.indexOf(":");
        const name = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "id") event.id = text;
        if (name === "data") event.data += event.data ? `\n${text}` : text;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
