// Hangul composition for keyboards that we draw ourselves (headset, TV): a two-set (dubeolsik) layout types jamo, this joins
// them into syllables. Pure: the text before the caret goes in, the text after the key comes out. A caret stands always at the end.
// Arithmetic of syllables: The Unicode Standard, section 3.12 (conjoining jamo behaviour).

const kBase = 0xac00;
const kLeads = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
const kVowels = 'ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ';
const kTails = '\0ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ';

const kVowelPairs: Record<string, string> = {
  ㅗㅏ: 'ㅘ', ㅗㅐ: 'ㅙ', ㅗㅣ: 'ㅚ', ㅜㅓ: 'ㅝ', ㅜㅔ: 'ㅞ', ㅜㅣ: 'ㅟ', ㅡㅣ: 'ㅢ',
};
const kTailPairs: Record<string, string> = {
  ㄱㅅ: 'ㄳ', ㄴㅈ: 'ㄵ', ㄴㅎ: 'ㄶ', ㄹㄱ: 'ㄺ', ㄹㅁ: 'ㄻ', ㄹㅂ: 'ㄼ', ㄹㅅ: 'ㄽ', ㄹㅌ: 'ㄾ', ㄹㅍ: 'ㄿ', ㄹㅎ: 'ㅀ', ㅂㅅ: 'ㅄ',
};
const kVowelParts = invert(kVowelPairs);
const kTailParts = invert(kTailPairs);

interface Syllable {
  lead: string;
  vowel: string;
  tail: string; // '' = none
}

function invert(pairs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([parts, joined]) => [joined, parts]));
}

function compose({ lead, vowel, tail }: Syllable): string {
  const code = (kLeads.indexOf(lead) * kVowels.length + kVowels.indexOf(vowel)) * kTails.length;
  return String.fromCharCode(kBase + code + (tail === '' ? 0 : kTails.indexOf(tail)));
}

function decompose(char: string): Syllable | undefined {
  const code = char.charCodeAt(0) - kBase;
  if (!(code >= 0 && code < kLeads.length * kVowels.length * kTails.length)) return undefined;
  const tail = code % kTails.length;
  const open = Math.floor(code / kTails.length);
  return {
    lead: kLeads.charAt(Math.floor(open / kVowels.length)),
    vowel: kVowels.charAt(open % kVowels.length),
    tail: tail === 0 ? '' : kTails.charAt(tail),
  };
}

function isVowel(jamo: string): boolean {
  return kVowels.includes(jamo);
}

export function isJamo(char: string): boolean {
  return char.length === 1 && char !== '\0' && (kLeads.includes(char) || isVowel(char) || kTails.includes(char));
}

function addVowel(head: string, last: string, jamo: string): string {
  const syllable = decompose(last);
  if (syllable === undefined) {
    if (last !== '' && kLeads.includes(last)) return head + compose({ lead: last, vowel: jamo, tail: '' });
    const joined = kVowelPairs[last + jamo];
    return joined === undefined ? head + last + jamo : head + joined;
  }
  if (syllable.tail === '') {
    const joined = kVowelPairs[syllable.vowel + jamo];
    return joined === undefined ? head + last + jamo : head + compose({ ...syllable, vowel: joined });
  }
  // The tail, or its second half, was the next syllable's lead: 갃 + ㅏ = 각사, 한 + ㅏ = 하나.
  const parts = kTailParts[syllable.tail];
  const kept = parts === undefined ? '' : parts.charAt(0);
  const moved = parts === undefined ? syllable.tail : parts.charAt(1);
  return head + compose({ ...syllable, tail: kept }) + compose({ lead: moved, vowel: jamo, tail: '' });
}

function addConsonant(head: string, last: string, jamo: string): string {
  const syllable = decompose(last);
  if (syllable === undefined) return head + last + jamo;
  const tail = syllable.tail === '' ? jamo : kTailPairs[syllable.tail + jamo];
  if (tail === undefined || !kTails.includes(tail)) return head + last + jamo; // ㄸ, ㅃ, ㅉ close no syllable
  return head + compose({ ...syllable, tail });
}

/** The text after one key: jamo join the last character where they can, everything else is appended. */
export function typeKey(text: string, key: string): string {
  if (!isJamo(key)) return text + key;
  const last = text.slice(-1);
  const head = text.slice(0, -1);
  return isVowel(key) ? addVowel(head, last, key) : addConsonant(head, last, key);
}

/** The text after Backspace: a syllable loses its last jamo, anything else its last grapheme. */
export function eraseKey(text: string): string {
  const last = text.slice(-1);
  const head = text.slice(0, -1);
  const syllable = decompose(last);
  if (syllable !== undefined) {
    if (syllable.tail !== '') return head + compose({ ...syllable, tail: (kTailParts[syllable.tail] ?? '').charAt(0) });
    const parts = kVowelParts[syllable.vowel];
    return head + (parts === undefined ? syllable.lead : compose({ ...syllable, vowel: parts.charAt(0) }));
  }
  return text.slice(0, text.length - lastGraphemeLength(text));
}

// What a keyboard takes back at once: a flag, or a character with its marks and what it is joined to.
// Intl.Segmenter knows more cases, but the browsers of older TVs have none.
const kLastGrapheme = /(?:\p{Regional_Indicator}{2}|.(?:\p{M}|\p{Emoji_Modifier}|\u200d.)*)$/su;

function lastGraphemeLength(text: string): number {
  return kLastGrapheme.exec(text.slice(-64))?.[0].length ?? 0; // no keyboard makes a longer one
}
