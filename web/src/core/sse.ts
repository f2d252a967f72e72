// Server-sent events out of a stream of bytes: the data of each event, in order, however the network cut it.
// The server is not trusted to be small: a line or an event over kMaxEventChars ends the stream with an error.

const kMaxEventChars = 4 << 20;

export class SseDecoder {
  private readonly utf8 = new TextDecoder();
  private line = '';
  private data: string[] = [];
  private dataChars = 0;
  private afterCarriageReturn = false;

  // The events that these bytes complete.
  push(bytes: Uint8Array): string[] {
    return this.take(this.utf8.decode(bytes, { stream: true }));
  }

  private take(text: string): string[] {
    const events: string[] = [];
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c !== 10 && c !== 13) {
        this.afterCarriageReturn = false;
        continue;
      }
      // CR LF is one line end, also when a chunk ends between the two.
      if (c === 10 && this.afterCarriageReturn && from === i) {
        this.afterCarriageReturn = false;
        from = i + 1;
        continue;
      }
      this.afterCarriageReturn = c === 13;
      const event = this.endLine(this.line + text.slice(from, i));
      if (event !== undefined) events.push(event);
      this.line = '';
      from = i + 1;
    }
    this.line += text.slice(from);
    this.checkSize(this.line.length);
    return events;
  }

  private endLine(line: string): string | undefined {
    if (line === '') return this.endEvent();
    if (!line.startsWith('data')) return undefined; // comments, and fields that we do not use
    if (line.length > 4 && line[4] !== ':') return undefined;
    let value = line.slice(5);
    if (value.startsWith(' ')) value = value.slice(1);
    this.data.push(value);
    this.dataChars += value.length;
    this.checkSize(this.dataChars);
    return undefined;
  }

  private endEvent(): string | undefined {
    if (this.data.length === 0) return undefined;
    const event = this.data.join('\n');
    this.data = [];
    this.dataChars = 0;
    return event;
  }

  private checkSize(chars: number): void {
    if (chars > kMaxEventChars) throw new Error(`server-sent event of more than ${kMaxEventChars} characters`);
  }
}
