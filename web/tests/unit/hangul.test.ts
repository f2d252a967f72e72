import { describe, expect, it } from 'vitest';
import { eraseKey, typeKey } from '../../src/core/hangul';

function type(keys: string, before = ''): string {
  return Array.from(keys).reduce(typeKey, before);
}

describe('Hangul by keys', () => {
  it.each([
    ['ㅎㅏㄴㄱㅡㄹ', '한글'],
    ['ㅇㅏㄴㄴㅕㅇㅎㅏㅅㅔㅇㅛ', '안녕하세요'],
    ['ㄱㅏㅂㅅㅇㅣ', '값이'],
    ['ㄱㅏㅂㅅㅣ', '갑시'], // the tail's second half becomes the next lead
    ['ㄷㅏㄹㄱㅇㅡㄹ', '닭을'],
    ['ㅇㅗㅏㅆㄷㅏ', '왔다'],
    ['ㅇㅡㅣㅈㅏ', '의자'],
    ['ㅃㅏㄸㅏ', '빠따'], // ㄸ closes no syllable
    ['ㅏㅋㅋㅋ', 'ㅏㅋㅋㅋ'],
    ['ㄲㄱㅏ', 'ㄲ가'],
  ])('%s makes %s', (keys, text) => {
    expect(type(keys)).toBe(text);
  });

  it('leaves other scripts and finished text alone', () => {
    expect(type('ㅏ', 'ok ')).toBe('ok ㅏ');
    expect(type('a1!', '한')).toBe('한a1!');
    expect(type('ㅏ', '한 ㄱ')).toBe('한 가');
  });

  it('erases jamo by jamo, other characters by grapheme', () => {
    const steps = ['값', '갑', '가', 'ㄱ', ''];
    for (let i = 0; i + 1 < steps.length; i++) expect(eraseKey(steps[i]!)).toBe(steps[i + 1]);
    expect(eraseKey('왜')).toBe('오');
    expect(eraseKey('ok👩‍👩‍👧')).toBe('ok');
    expect(eraseKey('a🇰🇷🇺🇸')).toBe('a🇰🇷');
    expect(eraseKey('ok👍🏽')).toBe('ok');
    expect(eraseKey('cafe\u0301')).toBe('caf');
    expect(eraseKey('a\n')).toBe('a');
    expect(eraseKey('')).toBe('');
  });

  it('every modern syllable can be typed', () => {
    const parts = (syllable: string): string => Array.from(syllable.normalize('NFD'), (char) => kCompatible[char] ?? '').join('');
    for (let code = 0xac00; code <= 0xd7a3; code++) {
      const syllable = String.fromCharCode(code);
      expect(type(parts(syllable))).toBe(syllable);
    }
  });
});

/** Conjoining jamo to the compatibility jamo that keyboards send. */
const kCompatible: Record<string, string> = Object.fromEntries([
  ...Array.from('ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ', (jamo, i) => [String.fromCharCode(0x1100 + i), jamo]),
  ...Array.from('ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ', (jamo, i) => [String.fromCharCode(0x1161 + i), jamo]),
  ...Array.from('ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ', (jamo, i) => [String.fromCharCode(0x11a8 + i), jamo]),
]);
