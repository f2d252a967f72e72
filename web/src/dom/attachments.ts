// Text files that go with a message: picked, dropped or pasted; bounded, and refused with a reason.

import type { Attachment } from '../core/conversation';
import { bytes } from './format';
import { t } from './texts';

export const kMaxFileBytes = 256_000;
export const kMaxFiles = 8;
export const kLongPasteChars = 8000; // a longer paste is kept as a file, out of the way

export interface Taken {
  attachments: Attachment[];
  problems: string[];
}

export async function readFiles(files: File[], already: number): Promise<Taken> {
  const taken: Taken = { attachments: [], problems: [] };
  for (const file of files) {
    if (already + taken.attachments.length >= kMaxFiles) {
      taken.problems.push(t('tooMany', { count: kMaxFiles }));
      break;
    }
    if (file.size > kMaxFileBytes) {
      taken.problems.push(t('tooLarge', { name: file.name, size: bytes(file.size), limit: bytes(kMaxFileBytes) }));
      continue;
    }
    const text = decode(await file.arrayBuffer().catch(() => new ArrayBuffer(0)));
    if (text === undefined) taken.problems.push(t('notText', { name: file.name }));
    else taken.attachments.push({ name: file.name, text });
  }
  return taken;
}

// UTF-8, or UTF-16 with its mark. undefined: no text.
export function decode(data: ArrayBuffer): string | undefined {
  const head = new Uint8Array(data, 0, Math.min(2, data.byteLength));
  const utf16 = head[0] === 0xff && head[1] === 0xfe ? 'utf-16le' : head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : '';
  try {
    const text = new TextDecoder(utf16 || 'utf-8', { fatal: true }).decode(data);
    return text.includes('\0') ? undefined : text.replace(/\r\n?/g, '\n');
  } catch {
    return undefined;
  }
}

// A guess that errs on the high side for Latin text and is about right for Hangul.
export function roughTokens(attachments: Attachment[]): number {
  let tokens = 0;
  for (const { text } of attachments) {
    for (let i = 0; i < text.length; i++) tokens += text.charCodeAt(i) < 128 ? 0.3 : 1;
  }
  return Math.round(tokens);
}
