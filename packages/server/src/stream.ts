/** A body that goes on, until one of both sides ends it. */
export interface Stream {
  /** Bytes that may wait for its reader, where more than usual. */
  readonly waiting?: number
  /** Begins to send, once the head of the reply is on its way. @returns to be called when nobody listens any more */
  open(sink: Sink): () => void
}

export interface Sink {
  /** Bytes for the reader. One who does not take what was sent before is cut. */
  write(bytes: string | Uint8Array): void
  /** Ends the reply; the reader asks again. */
  end(): void
}

/** An event of `text/event-stream` (WHATWG HTML 9.2.6); data without line breaks, as JSON has none. */
export const sseEvent = (event: string, data: string, id?: string | number): string =>
  `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
