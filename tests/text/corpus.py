"""Texts that tokenizers find hard, the same on every machine.

lines(n) gives n strings: English, Korean, Japanese, Arabic, code, emoji with
joiners, flags and skin tones, combining marks in any order, every kind of white
space, random bytes read with errors="replace", random code points of all planes
and text that looks like special tokens.
"""

import random
import unicodedata

ENGLISH = (
    "the of and to in is was that he for it with as his on be at by had not are but from or have "
    "an they which one you were all her she there would their we him been has when who will no "
    "more if out so up said what its about than into them can only other time new some could "
    "don't can't we'll I'm you've they're it's he'd THE Hello WORLD O'Brien rock'n'roll naïve café "
    "résumé Straße ŒUVRE tokenization antidisestablishmentarianism internationalisation 'S 'T 'Ll"
).split()
KOREAN = (
    "안녕하세요 세계 온돌 따뜻한 방 바닥 모델이 말을 합니다 그리고 우리는 오늘 서울에서 만났다 컴퓨터 언어 처리 "
    "대한민국 사람들 학교에 갔습니다 먹었어요 좋아해요 뛰어난 읽다 값 닭 흙 ㅋㅋㅋ ㅠㅠ"
).split()
JAPANESE = (
    "こんにちは 世界 日本語 トークナイザー 東京 私は学生です ありがとう ございます ｶﾀｶﾅ ガギグ 言語処理 漢字 ひらがな "
    "、 。 「」 々 〆 ー"
).split()
CHINESE = "你好世界 机器学习 语言模型 分词器 北京 上海 今天天气很好 繁體中文 𠮷野家 ㈱ ①②③".split()
ARABIC = (
    "مرحبا بالعالم اللغة العربية كِتَابٌ السَّلامُ عَلَيْكُم ١٢٣٤ ٥٦٧ نموذج ﷺ ﻻ ـــ فارسی‌ها हिन्दी नमस्ते क्षत्रिय ไทยสวัสดี "
    "עִבְרִית Ελληνικά Привет мир Україна ქართული հայերեն አማርኛ தமிழ் 中あa"
).split()
CODE = [
    "def f(x: int) -> str:\n    return f'{x!r:>10}'  # comment",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 0x1F; }",
    "<div class=\"a b\">\t<p>text</p></div>",
    'SELECT * FROM t WHERE a >= 10 AND b != "c";',
    "\tif err != nil {\n\t\treturn nil, err\n\t}\r\n",
    "#include <vector>\n\n\nint main() { return 0; }\n",
    "x = {**a, 'k': [1, 2.5e-10, -3]}; y |= ~x >> 2",
    "https://example.com/path?q=1&r=%20#frag user@host.org C:\\dir\\file.txt",
    "$\\sum_{i=1}^{n} x_i^2$ \\begin{align} -- --- ...",
    "snake_case camelCase PascalCase SCREAMING_CASE kebab-case v1.2.3-rc4",
]
EMOJI = [
    "😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇰🇷", "🇯🇵🇺🇸", "🤦🏼‍♂️", "1️⃣", "❤️", "❤", "👨🏿‍🚀", "🫠", "🧑‍💻", "☕️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "‍", "️", "🏽",
]
MARKS = [chr(c) for c in range(0x300, 0x370)] + list("़्ًٌٍَُِّْัิี゙゚᷎᷊⃝︠︡")
SPACES = (
    " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\u00a0", "\u1680", "\u2000", "\u2003",
    "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\u180e", "\x0b", "\x0c",
    "\x85", "\x1c", "\x00", "\u2060", " " * 17, "\t\t\t", "\n" * 5, "▁", "▁▁",
)
SPECIALS = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|im_start|>", "<|im_end|>",
    "<|endoftext|>", "<bos>", "<eos>", "<s>", "</s>", "<unk>", "<pad>", "<start_of_turn>", "<end_of_turn>",
    "<think>", "</think>", "<tool_call>", "<unused7>", "[UNK]", "<0x0A>", "<0xFF>", "<|im_end", "|eot_id|>",
    "< |eot_id|>", "<|EOT_ID|>", "<|eot_id|>>", "<<s>", "<mask>", "[multimodal]", "<table>", "</h1>", "<MARK>", "<mid>",
]
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["…", "—", "“", "”", "‘", "’", "«", "»", "。", "،", "؟", "¿", "·", "§"]


class Corpus:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.kinds = [
            self.english, self.korean, self.japanese, self.chinese, self.arabic, self.code, self.emoji,
            self.combining, self.spaces, self.random_bytes, self.code_points, self.specials, self.digits,
            self.mixed, self.mixed, self.decomposed, self.runs, self.composition,
        ]

    def words(self, source, separators=(" ",), low=1, high=14):
        out = []
        for _ in range(self.rng.randint(low, high)):
            out.append(self.rng.choice(source))
            out.append(self.rng.choice(separators))
            if self.rng.random() < 0.15:
                out.append(self.rng.choice(PUNCTUATION))
        return "".join(out[: self.rng.randint(len(out) - 1, len(out))])

    def english(self):
        return self.words(ENGLISH)

    def korean(self):
        syllables = ["".join(chr(self.rng.randint(0xAC00, 0xD7A3)) for _ in range(self.rng.randint(1, 4)))]
        return self.words(KOREAN + syllables)

    def japanese(self):
        return self.words(JAPANESE, ("", "", " "))

    def chinese(self):
        return self.words(CHINESE + [chr(self.rng.randint(0x4E00, 0x9FFF))], ("", "", " "))

    def arabic(self):
        return self.words(ARABIC)

    def code(self):
        return self.words(CODE, ("\n", "\n\n", " ", "\n    ", "\t"), 1, 3)

    def emoji(self):
        return self.words(EMOJI, ("", "", " "), 1, 8)

    def combining(self):
        out = []
        for _ in range(self.rng.randint(1, 8)):
            out.append(self.rng.choice("aeiouAEOncszgdhKR가각ᄀ一क"))
            out += self.rng.choices(MARKS, k=self.rng.randint(0, 5))
        return "".join(out)

    def composition(self):
        """Jamo, characters with singleton or compatibility decompositions, ligatures."""
        pools = [
            (0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7FB), (0xF900, 0xFAFF), (0xFB00, 0xFB4F),
            (0x1E00, 0x1FFF), (0xFF00, 0xFFEF), (0x3200, 0x33FF), (0x2100, 0x218F), (0x1D400, 0x1D4FF), (0xC0, 0x24F),
        ]
        return "".join(chr(self.rng.randint(*self.rng.choice(pools))) for _ in range(self.rng.randint(1, 12)))

    def spaces(self):
        return self.words(list(SPACES) + ["a", "Word", "7", "é", "가", ".", "'s"], ("",), 2, 12)

    def random_bytes(self):
        return self.rng.randbytes(self.rng.randint(1, 40)).decode("utf-8", "replace")

    def code_points(self):
        top = self.rng.choice([0x100, 0x300, 0x3000, 0x10000, 0x20000, 0x110000])
        out = (self.rng.randrange(top) for _ in range(self.rng.randint(1, 20)))
        return "".join(chr(c) for c in out if not 0xD800 <= c < 0xE000)

    def specials(self):
        return self.words(SPECIALS + ["text", "two words"], ("", " ", "  ", "\n"), 1, 8)

    def digits(self):
        numbers = [str(self.rng.randrange(10 ** self.rng.randint(1, 15))) for _ in range(4)]
        return self.words(numbers + ["3.14159", "1,000,000", "٣٤٥", "１２３", "Ⅻ", "½", "²", "1e10", "0xFF", "२०२६"], (" ", "", "-", "."))

    def decomposed(self):
        form = self.rng.choice(["NFD", "NFC", "NFKD"])
        return unicodedata.normalize(form, self.words(ENGLISH + KOREAN + JAPANESE + ARABIC))

    def runs(self):
        """One short thing many times: what a slow merge or a greedy pattern trips on."""
        unit = self.rng.choice(["a", " ", "\n", "ab", "1", "가", "🙂", "\u0301", "!", "\t", "'s", "ａ", "<s>", "=-"])
        return unit * self.rng.randint(2, 120)

    def mixed(self):
        parts = [self.rng.choice(self.kinds[:13])() for _ in range(self.rng.randint(2, 4))]
        return self.rng.choice(["", " ", "\n"]).join(parts)


def lines(n, seed=20261122):
    corpus = Corpus(seed)
    fixed = ["", " ", "\n", "a", "\u0000", "\ufffd", "\U0010ffff", "İSTANBUL ıIiİ ΣΑΣ ẞß ǅ ﬁ", "'ſ 'K it'ſ"]
    return fixed + [corpus.rng.choice(corpus.kinds)() for _ in range(n - len(fixed))]
