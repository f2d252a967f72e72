import { describe, expect, it } from 'vitest';
import { breakLines, type Measure } from '../../src/xr/inline';
import { changedColumns, GrowingLayout, layoutMarkdown, layoutPlain, type Line } from '../../src/xr/layout';
import { Transcript } from '../../src/xr/transcript';

/** Every UTF-16 unit is 10 wide. */
const measure: Measure = (text) => text.length * 10;

function texts(spans: string, width: number): string[] {
  return breakLines([{ text: spans, font: 'f', ink: 'text' }], width, measure).map((runs) => runs.map((run) => run.text).join(''));
}

function textOf(line: Line): string {
  return line.runs.map((run) => run.text).join('');
}

function rows(markdown: string, width = 1000): string[] {
  return layoutMarkdown(markdown, width, measure).map(textOf);
}

describe('line breaking', () => {
  it('breaks at spaces, and keeps words and their punctuation together', () => {
    expect(texts('one two, three', 80)).toEqual(['one two,', 'three']);
    expect(texts('(see “this”) now', 100)).toEqual(['(see', '“this”)', 'now']);
  });

  it('keeps Korean words whole, and breaks Han and kana between words, never before closing marks', () => {
    expect(texts('온돌은 바닥을 데웁니다', 80)).toEqual(['온돌은 바닥을', '데웁니다']);
    const han = texts('今日は天気がいいですね。', 60);
    expect(han.length).toBeGreaterThan(1);
    expect(han.join('')).toBe('今日は天気がいいですね。');
    for (const line of han) expect(line.startsWith('。')).toBe(false);
  });

  it('breaks what is wider than a line by graphemes', () => {
    const family = '👩‍👩‍👧';
    const lines = texts(`${family}${family}${family}`, 100);
    expect(lines).toEqual([family, family, family]);
    expect(texts('aaaaaaaaaa', 30)).toEqual(['aaa', 'aaa', 'aaa', 'a']);
  });

  it('keeps empty lines, and begins no line with the space that broke it', () => {
    expect(texts('a\n\nb', 100)).toEqual(['a', '', 'b']);
    expect(texts('aaa bbb', 30)).toEqual(['aaa', 'bbb']);
    expect(texts('', 100)).toEqual(['']);
  });

  it('never exceeds the width', () => {
    const text = 'The quick brown—fox/jumps 3-4 times, 한글 中文字 é😀 supercalifragilistic '.repeat(5);
    for (const width of [40, 70, 110, 230]) {
      for (const runs of breakLines([{ text, font: 'f', ink: 'text' }], width, measure)) {
        const last = runs[runs.length - 1];
        expect(last === undefined ? 0 : last.x + last.width).toBeLessThanOrEqual(width);
      }
    }
  });
});

describe('Markdown', () => {
  it('lays out lists, nested lists and tasks', () => {
    expect(rows('1. one\n2. two\n   - sub\n- [x] done')).toEqual(['1.one', '2.two', '–sub', '☑done']);
  });

  it('marks bold, italics, code and links by font and ink, and shows HTML as text', () => {
    const [line] = layoutMarkdown('**b** *i* `c` [l](http://x) <b>x</b> &lt;', 2000, measure);
    const runs = line!.runs;
    expect(textOf(line!)).toBe('b i c l <b>x</b> <');
    expect(runs.find((run) => run.text === 'b')?.font).toMatch(/^650 /);
    expect(runs.find((run) => run.text === 'i')?.font).toMatch(/^italic /);
    expect(runs.find((run) => run.text === 'c')?.fill).toBe(true);
    expect(runs.find((run) => run.text === 'l')?.ink).toBe('link');
  });

  it('wraps code by columns and keeps its spaces', () => {
    const code = rows('```\n  indented\n' + 'x'.repeat(300) + '\n```');
    expect(code[0]).toBe('  indented');
    expect(code.slice(1).join('')).toBe('x'.repeat(300));
  });

  it('fits tables into the width, aligned, wrapping cells', () => {
    const table = '| name | text |\n|---|--:|\n| a | ' + 'word '.repeat(60) + '|\n| b | 1 |';
    const lines = layoutMarkdown(table, 900, measure);
    for (const line of lines) for (const run of line.runs) expect(run.x + run.width).toBeLessThanOrEqual(900);
    expect(lines.map(textOf).join(' ')).toContain('word');
    const last = lines[lines.length - 1]!;
    expect(last.runs.map((run) => run.text)).toEqual(['b', '1']);
  });

  it('bounds what hostile text can cost', () => {
    const hostile = ['> '.repeat(3000) + 'x', '- '.repeat(500) + 'x', '*'.repeat(20000), '['.repeat(5000), '|'.repeat(3000) + '\n' + '|-'.repeat(3000), '`'.repeat(9999)];
    for (const text of hostile) {
      const started = performance.now();
      for (const line of layoutMarkdown(text, 600, measure)) expect(Number.isFinite(line.height)).toBe(true);
      expect(performance.now() - started).toBeLessThan(5000);
    }
  });
});

describe('a growing reply', () => {
  const text = '# Title\n\nFirst *paragraph* of some words.\n\n1. one\n2. two\n\n```js\nlet a = 1;\nlet b = 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd 한글.\r\n\r\nMore.';

  it('ends as if laid out at once, whatever the pieces', () => {
    const whole = layoutMarkdown(text, 500, measure).map((line) => line.key);
    for (const step of [1, 3, 7, 50]) {
      const growing = new GrowingLayout(500, measure);
      for (let end = step; end < text.length + step; end += step) growing.update(text.slice(0, end));
      expect(growing.lines.map((line) => line.key)).toEqual(whole);
    }
  });

  it('keeps the line objects that did not change', () => {
    const growing = new GrowingLayout(500, measure);
    growing.update('para one\n\npara two\n\npara three is');
    const before = [...growing.lines];
    growing.update('para one\n\npara two\n\npara three is longer');
    expect(growing.lines[0]).toBe(before[0]);
    expect(growing.lines[1]).toBe(before[1]);
    expect(growing.lines[2]).not.toBe(before[2]);
  });

  it('knows which columns of a line changed', () => {
    const line = (text: string): Line => layoutMarkdown(text, 2000, measure)[0]!;
    expect(changedColumns(line('one two three'), line('one two three four'))).toEqual([130 - 96, 180 + 96]);
    expect(changedColumns(line('one **two**'), line('one **two** three'))).toEqual([0, 130 + 96]);
    for (const [before, after] of [['one', 'once more'.slice(1)], ['one', '**one**'], ['1. a', '1. a b'.slice(3)], ['שלום', 'שלום ע']]) {
      expect(changedColumns(line(before!), line(after!))).toBeUndefined();
    }
  });

  it('starts over when the text is another', () => {
    const growing = new GrowingLayout(500, measure);
    growing.update('a\n\nb\n\nc\n\nd');
    growing.update('x');
    expect(growing.lines.map(textOf)).toEqual(['x']);
  });
});

describe('the transcript', () => {
  const turn = (id: string, role: 'user' | 'assistant', text: string) => ({ id, role, text });

  it('stacks turns without gaps or overlap, and touches only what changed', () => {
    const transcript = new Transcript(600, measure, { stopped: 'stopped', cut: 'cut' });
    expect(transcript.update([turn('1', 'user', 'hello'), turn('2', 'assistant', 'one\n\ntwo')])).toBe(true);
    const first = [...transcript.lines];
    expect(transcript.update([turn('1', 'user', 'hello'), turn('2', 'assistant', 'one\n\ntwo')])).toBe(false);
    transcript.update([turn('1', 'user', 'hello'), turn('2', 'assistant', 'one\n\ntwo three')]);
    expect(transcript.lines[0]).toBe(first[0]);
    expect(transcript.lines[2]).toBe(first[2]);
    for (let i = 1; i < transcript.lines.length; i++) {
      expect(transcript.tops[i]).toBe(transcript.tops[i - 1]! + transcript.lines[i - 1]!.height);
    }
  });

  it('shrinks, and shows errors and stops', () => {
    const transcript = new Transcript(600, measure, { stopped: 'stopped', cut: 'cut' });
    transcript.update([turn('1', 'user', 'hello'), { ...turn('2', 'assistant', 'part'), stopped: true }]);
    expect(transcript.lines.map(textOf)).toContain('stopped');
    transcript.update([turn('1', 'user', 'hello'), { ...turn('2', 'assistant', 'part'), cut: true }]);
    expect(transcript.lines.map(textOf)).toContain('cut');
    expect(transcript.lines.map(textOf)).not.toContain('stopped');
    transcript.update([turn('1', 'user', 'hello'), { ...turn('2', 'assistant', ''), error: 'away' }]);
    expect(transcript.lines.map(textOf)).toContain('away');
    transcript.update([]);
    expect(transcript.lines).toEqual([]);
    expect(transcript.end).toBe(0);
  });

  it('puts the user to the right, inside the width', () => {
    for (const line of layoutPlain('w '.repeat(200), 300, measure, 17, 'text')) expect(line.runs[0]!.x).toBe(0);
    const transcript = new Transcript(600, measure, { stopped: '', cut: '' });
    transcript.update([turn('1', 'user', 'hi')]);
    const fill = transcript.lines[0]!.fills[0]!;
    expect(fill.x + fill.w).toBe(600);
  });
});
