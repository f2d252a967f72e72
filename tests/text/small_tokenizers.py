"""Small tokenizers, trained on the corpus, for what the real ones do not use.

build(texts) yields (name, tokenizers.Tokenizer).
"""

import collections
import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCAB = 1500
BYTES = [f"<0x{i:02X}>" for i in range(256)]


def common(texts):
    """The texts made only of characters that occur often: a unigram trainer wants
    room for every character in its vocabulary."""
    count = collections.Counter("".join(texts))
    return [text for text in texts if all(count[c] >= 25 for c in text)]


def train(tokenizer, trainer, texts):
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def edited(tokenizer, **model):
    """Byte tokens belong to the model only, as converters from SentencePiece
    write it (a trainer makes them added tokens); `model`: fields to set there."""
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] not in BYTES]
    spec["model"].update(model)
    return Tokenizer.from_str(json.dumps(spec))


def framed(tokenizer):
    bos, eos = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", bos), ("</s>", eos)])


def byte_level(texts):
    """GPT-2 and RoBERTa, with a prefix space and added tokens of every kind."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train(t, trainers.BpeTrainer(vocab_size=VOCAB, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"], show_progress=False), texts)
    t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    t.add_tokens([
        AddedToken("<mask>", lstrip=True, special=True), AddedToken("<MARK>", rstrip=True, normalized=False),
        AddedToken("mid", single_word=True), AddedToken("<mid>", lstrip=True, rstrip=True, single_word=True), "the", "é", "\n\n",
    ])
    return t


def byte_level_steps(texts):
    """Several splits before the bytes, as StarCoder and Falcon do; NFC first."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return train(t, trainers.BpeTrainer(vocab_size=VOCAB, initial_alphabet=alphabet, show_progress=False), texts)


def byte_level_inside(texts):
    """Steps after ByteLevel work on spelled bytes."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
    ])
    t.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return train(t, trainers.BpeTrainer(vocab_size=VOCAB, initial_alphabet=alphabet, show_progress=False), texts)


def llama2(texts):
    """SentencePiece BPE as the Llama 2 tokenizer.json has it."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    pre = pre_tokenizers.Metaspace(prepend_scheme="never")
    t.pre_tokenizer = pre  # for training only: words end where spaces begin
    train(t, trainers.BpeTrainer(vocab_size=VOCAB, limit_alphabet=400, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False), texts)
    t.pre_tokenizer = None
    t = edited(t)
    framed(t)
    return t


def metaspace_first(texts):
    """Metaspace that prepends to the first word only; unknown characters stay unknown."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    train(t, trainers.BpeTrainer(vocab_size=VOCAB, limit_alphabet=200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False), texts)
    framed(t)
    return t


def unk_each(texts):
    """Every unknown character is its own unk; no decoder at all."""
    t = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=False))
    t.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    return train(t, trainers.BpeTrainer(vocab_size=600, limit_alphabet=100, special_tokens=["[UNK]"], show_progress=False), texts)


def subword_marks(texts):
    """Prefixes inside words and suffixes at their end; unknown characters vanish."""
    t = Tokenizer(models.BPE(continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_next")])
    return train(t, trainers.BpeTrainer(
        vocab_size=VOCAB, limit_alphabet=150, continuing_subword_prefix="##", end_of_word_suffix="</w>", show_progress=False), texts)


def unigram(texts):
    """T5 and its kin: NFKC, Metaspace, byte fallback."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    trainer = trainers.UnigramTrainer(vocab_size=VOCAB, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False)
    train(t, trainer, common(texts))
    t = edited(t, byte_fallback=True)
    framed(t)
    return t


def unigram_unk(texts):
    """Unigram without bytes, on whole lines."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    trainer = trainers.UnigramTrainer(vocab_size=800, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    train(t, trainer, common(texts))
    t.pre_tokenizer = None
    return t


def splits(texts):
    """Every behaviour of Split, with patterns in Oniguruma's own ways."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"[^(\s|[.,!?…。，、।۔،])]+"), "isolated", invert=False),
        pre_tokenizers.Split(Regex(r"\d{1,3}+"), "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\p{Lu}"), "merged_with_next"),
        pre_tokenizers.Split(Regex(r"(?<=[\p{Han}\p{Hiragana}])(?=[^\p{Han}\p{Hiragana}])"), "isolated"),
        pre_tokenizers.Split(Regex(r"\S+\W|\h++"), "contiguous"),
        pre_tokenizers.Split(Regex(r"^\s|\s$|x*"), "removed", invert=False),
        pre_tokenizers.Split(Regex(r"[^\S\n]+"), "removed", invert=False),
        pre_tokenizers.Split("e", "contiguous"),
        pre_tokenizers.Split(Regex(r"\w+"), "removed", invert=True),
    ])
    t.decoder = decoders.Fuse()
    return train(t, trainers.BpeTrainer(vocab_size=VOCAB, limit_alphabet=300, special_tokens=["<unk>"], show_progress=False), texts)


def build(texts):
    for make in (byte_level, byte_level_steps, byte_level_inside, llama2, metaspace_first, unk_each, subword_marks,
                 unigram, unigram_unk, splits):
        yield make.__name__, make(texts)
