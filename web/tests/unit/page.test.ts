import { File as NodeFile } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { addMessage, newConversation, titleOf } from '../../src/core/conversation';
import { setLanguage } from '../../src/core/i18n/index';
import { parseSettings } from '../../src/core/settings';
import { spokenText, wavOf } from '../../src/core/voice';
import { decode, kMaxFileBytes, readFiles } from '../../src/dom/attachments';
import { asMarkdown, fileName } from '../../src/dom/export';
import { ageGroup, bytes } from '../../src/dom/format';

// Node 18 has it under this name only.
const file = (name: string, data: string | Uint8Array) => new NodeFile([data], name) as unknown as File;

describe('attachments', () => {
  it('takes text and says why it does not take the rest', async () => {
    const taken = await readFiles([
      file('a.txt', 'one\r\ntwo'),
      file('b.png', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1, 2])),
      file('c.txt', 'x'.repeat(kMaxFileBytes + 1)),
    ], 0);
    expect(taken.attachments).toEqual([{ name: 'a.txt', text: 'one\ntwo' }]);
    expect(taken.problems.join(' ')).toMatch(/b\.png is not a text file.*c\.txt is 256 kB/);
  });

  it('takes eight at most', async () => {
    const files = Array.from({ length: 4 }, (_, i) => file(`${i}`, 'x'));
    const taken = await readFiles(files, 6);
    expect(taken.attachments.length).toBe(2);
    expect(taken.problems).toEqual(['At most 8 files can be attached to a message.']);
  });

  it('reads UTF-16 with its mark', () => {
    expect(decode(new Uint8Array([0xff, 0xfe, 0x00, 0xac]).buffer)).toBe('가');
    expect(decode(new Uint8Array([0xc3, 0x28]).buffer)).toBeUndefined();
  });
});

describe('export', () => {
  it('writes the branch as Markdown', () => {
    const made = newConversation();
    const question = addMessage(made, null, 'user', 'Hello', [{ name: 'f.txt', text: 'in it' }]);
    addMessage(made, question.id, 'assistant', 'Hi **you**');
    expect(asMarkdown(made)).toBe('# Hello\n\n## You\n\n**f.txt**\n\n```\nin it\n```\n\nHello\n\n## Assistant\n\nHi **you**\n');
  });

  it('names files so that every system takes them', () => {
    expect(fileName('../a/b: "c"?…')).toBe('a b c');
    expect(fileName('???')).toBe('conversation');
  });
});

describe('settings', () => {
  it('drops what is out of bounds', () => {
    const settings = parseSettings({ theme: 'pink', language: 'ko', sampling: { temperature: 9, top_p: 0.5, seed: 1.5, max_completion_tokens: -1 }, key: 5 });
    expect(settings).toMatchObject({ theme: 'system', language: 'ko', sampling: { top_p: 0.5, seed: 1 }, key: '' });
  });
});

describe('texts', () => {
  it('shortens titles by characters', () => {
    expect(titleOf('a\n b')).toBe('a b');
    expect(Array.from(titleOf('😀'.repeat(80))).length).toBe(60);
  });

  it('says sizes and ages in the language', () => {
    expect(bytes(98_000_000)).toBe('98 MB');
    expect(bytes(1500)).toBe('1.5 kB');
    const noon = new Date(2026, 5, 10, 12).getTime();
    expect(ageGroup(noon - 13 * 3_600_000, noon)).toBe('Yesterday');
    setLanguage('ko');
    expect(ageGroup(noon, noon)).toBe('오늘');
    setLanguage('en');
  });

  it('reads no marks and no code aloud', () => {
    expect(spokenText('# Title\n\n- **bold** [link](https://a.example)\n\n```js\nx\n```\nend')).toBe('Title\n\nbold link\n\n \nend');
    expect(spokenText('| a | b |\n|---|:--:|\n| c | d |')).toBe('a  b \n \n c  d');
  });
});

describe('wavOf', () => {
  it('writes 16 kHz mono of the right length', async () => {
    const wav = wavOf([new Float32Array(4800).fill(2)], 48000);
    const view = new DataView(await wav.arrayBuffer());
    expect(view.byteLength).toBe(44 + 1600 * 2);
    expect(view.getUint32(24, true)).toBe(16000);
    expect(view.getInt16(44, true)).toBe(32767);
  });
});
