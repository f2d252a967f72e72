import { describe, expect, it } from 'vitest';
import { HangulText, composeSyllable } from '../../src/tv/hangul';

function typed(letters: string): string {
  const text = new HangulText();
  for (const letter of letters) text.type(letter);
  return text.text;
}

// Every key of a syllable in Unicode's decomposition, with compound letters as the two keys they are typed with.
const kKeys: Record<string, string> = {
  ㅘ: 'ㅗㅏ', ㅙ: 'ㅗㅐ', ㅚ: 'ㅗㅣ', ㅝ: 'ㅜㅓ', ㅞ: 'ㅜㅔ', ㅟ: 'ㅜㅣ', ㅢ: 'ㅡㅣ',
  ㄳ: 'ㄱㅅ', ㄵ: 'ㄴㅈ', ㄶ: 'ㄴㅎ', ㄺ: 'ㄹㄱ', ㄻ: 'ㄹㅁ', ㄼ: 'ㄹㅂ', ㄽ: 'ㄹㅅ', ㄾ: 'ㄹㅌ', ㄿ: 'ㄹㅍ', ㅀ: 'ㄹㅎ', ㅄ: 'ㅂㅅ',
};

const kInitials = Array.from('ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ');
const kVowels = Array.from('ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ');
const kFinals = ['', ...'ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ'];

// The keys of a syllable, by the arithmetic of the Unicode standard.
function keysOf(syllable: string): string {
  const index = syllable.charCodeAt(0) - 0xac00;
  const letters = [kInitials[Math.floor(index / 588)]!, kVowels[Math.floor((index % 588) / 28)]!, kFinals[index % 28]!];
  return letters.map((letter) => kKeys[letter] ?? letter).join('');
}

describe('Hangul by keys', () => {
  it('makes each of the 11172 syllables', () => {
    for (let code = 0xac00; code <= 0xd7a3; code++) {
      const syllable = String.fromCharCode(code);
      expect(typed(keysOf(syllable))).toBe(syllable);
    }
  });

  it('writes words in which letters move to the next syllable', () => {
    expect(typed('ㅇㅗㄴㄷㅗㄹ')).toBe('온돌');
    expect(typed('ㄱㅏㅂㅅㅣ')).toBe('갑시');
    expect(typed('ㄱㅏㅂㅅㅇㅣ')).toBe('값이');
    expect(typed('ㅇㅏㄴㄴㅕㅇㅎㅏㅅㅔㅇㅛ')).toBe('안녕하세요');
    expect(typed('ㄷㅏㄹㄱㅇㅡㄹ')).toBe('닭을');
    expect(typed('ㅃㅏㅇ ㅁㅓㄱㅇㅓ?')).toBe('빵 먹어?');
  });

  it('keeps letters that make no syllable', () => {
    expect(typed('ㅋㅋㅋ')).toBe('ㅋㅋㅋ');
    expect(typed('ㅠㅠ')).toBe('ㅠㅠ');
    expect(typed('ㄱㅏㄸㅏ')).toBe('가따');
    expect(typed('aㅏb')).toBe('aㅏb');
  });

  it('every text comes out in Unicode NFC', () => {
    const keys = Array.from('ㄱㄴㄷㄹㅁㅂㅅㅇㅏㅓㅗㅜㅡㅣㅐㅔㄲㅆ ');
    let seed = 7;
    for (let round = 0; round < 500; round++) {
      let sequence = '';
      for (let i = 0; i < 12; i++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        sequence += keys[seed % keys.length];
      }
      const text = typed(sequence);
      expect(text).toBe(text.normalize('NFC'));
      // Nothing is lost and nothing added: the keys of what was written are the keys that were pressed.
      const back = Array.from(text).map((c) => (c >= '가' && c <= '힣' ? keysOf(c) : (kKeys[c] ?? c))).join('');
      expect(back).toBe(sequence);
    }
  });

  it('erases key by key in the syllable under way, then by characters', () => {
    const text = new HangulText();
    for (const letter of '😀 ㄱㅏㅂㅅ') text.type(letter);
    const seen: string[] = [];
    for (let i = 0; i < 7; i++) {
      seen.push(text.text);
      text.erase();
    }
    expect(seen).toEqual(['😀 값', '😀 갑', '😀 가', '😀 ㄱ', '😀 ', '😀', '']);
  });

  it('refuses what is no syllable', () => {
    expect(composeSyllable([])).toBeUndefined();
    expect(composeSyllable(['ㄱ', 'ㄴ'])).toBeUndefined();
    expect(composeSyllable(['ㄱ', 'ㅏ', 'ㄸ'])).toBeUndefined();
    expect(composeSyllable(['ㅏ', 'ㄱ'])).toBeUndefined();
  });
});
