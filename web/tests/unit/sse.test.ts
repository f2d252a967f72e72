import { describe, expect, it } from 'vitest';
import { SseDecoder } from '../../src/core/sse';

const bytes = (text: string) => new TextEncoder().encode(text);

function decodeInPieces(text: string, size: number): string[] {
  const decoder = new SseDecoder();
  const all = bytes(text);
  const events: string[] = [];
  for (let at = 0; at < all.length; at += size) events.push(...decoder.push(all.subarray(at, at + size)));
  return events;
}

describe('SseDecoder', () => {
  const stream = ': comment\r\n\r\ndata: {"a":"한글 😀"}\r\n\r\nevent: x\ndata:one\ndata: two\n\nid: 3\rdata: three\r\rdata: [DONE]\n\n';
  const expected = ['{"a":"한글 😀"}', 'one\ntwo', 'three', '[DONE]'];

  it('gives the same events however the bytes are cut', () => {
    for (let size = 1; size <= bytes(stream).length; size++) expect(decodeInPieces(stream, size)).toEqual(expected);
  });

  it('gives no event before its blank line', () => {
    const decoder = new SseDecoder();
    expect(decoder.push(bytes('data: a\n'))).toEqual([]);
    expect(decoder.push(bytes('\n'))).toEqual(['a']);
  });

  it('ignores fields that only begin like data', () => {
    expect(decodeInPieces('database: x\n\ndata\n\n', 100)).toEqual(['']);
  });

  it('refuses a line without end and an event without end', () => {
    const line = new SseDecoder();
    const piece = bytes('x'.repeat(1 << 20));
    expect(() => { for (let i = 0; i < 6; i++) line.push(piece); }).toThrow(/more than/);
    const event = new SseDecoder();
    const field = bytes('data: ' + 'x'.repeat(1 << 20) + '\n');
    expect(() => { for (let i = 0; i < 6; i++) event.push(field); }).toThrow(/more than/);
  });
});
