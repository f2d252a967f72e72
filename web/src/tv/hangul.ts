// Puts Hangul letters together as they are typed on a two-set (dubeolsik) keyboard.
//
// The syllable under way is kept as the list of letters pressed so far, because that is also what the
// delete key takes back one by one: 값 is [ㄱ, ㅏ, ㅂ, ㅅ]. Everything else follows from one question:
// do these letters still make one syllable?

const kInitials = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ';
const kVowels = 'ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ';
const kFinals = ' ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ';  // index 0: none

// Two letters of one keyboard that are written as one.
const kJoined: { [pair: string]: string } = {
  ㅗㅏ: 'ㅘ', ㅗㅐ: 'ㅙ', ㅗㅣ: 'ㅚ', ㅜㅓ: 'ㅝ', ㅜㅔ: 'ㅞ', ㅜㅣ: 'ㅟ', ㅡㅣ: 'ㅢ',
  ㄱㅅ: 'ㄳ', ㄴㅈ: 'ㄵ', ㄴㅎ: 'ㄶ', ㄹㄱ: 'ㄺ', ㄹㅁ: 'ㄻ', ㄹㅂ: 'ㄼ', ㄹㅅ: 'ㄽ', ㄹㅌ: 'ㄾ', ㄹㅍ: 'ㄿ', ㄹㅎ: 'ㅀ',
  ㅂㅅ: 'ㅄ',
};

export function isHangulLetter(text: string): boolean {
  return isVowel(text) || kInitials.indexOf(text) >= 0;
}

function isVowel(letter: string | undefined): boolean {
  return letter !== undefined && letter.length === 1 && kVowels.indexOf(letter) >= 0;
}

function join(letters: string[]): string | undefined {
  return letters.length < 2 ? letters[0] : kJoined[letters.join('')];
}

// The one character that the letters make, undefined when they make none or more than one.
export function composeSyllable(letters: string[]): string | undefined {
  if (letters.length === 0) return undefined;
  const hasInitial = !isVowel(letters[0]);
  const first = hasInitial ? 1 : 0;
  let last = first;
  while (last < letters.length && isVowel(letters[last])) last++;
  const finals = letters.slice(last);
  if (last - first > 2 || finals.length > 2) return undefined;

  if (last === first) return letters.length === 1 ? letters[0] : undefined;
  const vowel = join(letters.slice(first, last));
  if (vowel === undefined) return undefined;
  if (!hasInitial) return finals.length === 0 ? vowel : undefined;
  const final = finals.length === 0 ? ' ' : join(finals);
  if (final === undefined) return undefined;
  return toCodePoint(kInitials.indexOf(letters[0] ?? ''), kVowels.indexOf(vowel), kFinals.indexOf(final));
}

// The Unicode standard, section 3.12: arithmetic composition of Hangul syllables.
function toCodePoint(initial: number, vowel: number, final: number): string | undefined {
  if (initial < 0 || vowel < 0 || final < 0) return undefined;
  return String.fromCharCode(0xac00 + (initial * 21 + vowel) * 28 + final);
}

// Text as it is being written: what stands, and the syllable that may still change.
export class HangulText {
  private letters: string[] = [];

  constructor(private settled = '') {}

  get text(): string {
    return this.settled + (composeSyllable(this.letters) ?? '');
  }

  type(character: string): void {
    if (!isHangulLetter(character)) {
      this.settle();
      this.settled += character;
      return;
    }
    const longer = this.letters.concat(character);
    if (composeSyllable(longer) !== undefined) {
      this.letters = longer;
      return;
    }
    // A vowel takes the consonant before it along: 값 + ㅣ is 갑시.
    const previous = this.letters[this.letters.length - 1];
    const takes = isVowel(character) && this.letters.length > 1 && previous !== undefined && !isVowel(previous);
    if (takes) this.letters.pop();
    this.settle();
    this.letters = takes ? [previous, character] : [character];
  }

  erase(): void {
    if (this.letters.length > 0) {
      this.letters.pop();
      return;
    }
    // By code points: half an emoji is no character.
    this.settled = Array.from(this.settled).slice(0, -1).join('');
  }

  set(text: string): void {
    this.letters = [];
    this.settled = text;
  }

  private settle(): void {
    this.settled = this.text;
    this.letters = [];
  }
}
