"""Vocabularies as GGUF files hold them, for tokenizer_batch, with a Hugging Face
tokenizer that must give the same ids."""

import json
import struct

from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_metadata(path):
    """The key-value pairs of a GGUF v3 file (ggml docs/gguf.md); strings as bytes."""
    with open(path, "rb") as f:
        def scalar(code):
            size = struct.calcsize("<" + code)
            return struct.unpack("<" + code, f.read(size))[0]

        def value(kind):
            if kind == 8:
                return f.read(scalar("Q"))
            if kind == 9:
                inner, n = scalar("I"), scalar("Q")
                return [value(inner) for _ in range(n)]
            return scalar(SCALARS[kind])

        assert f.read(4) == b"GGUF" and scalar("I") == 3
        scalar("Q")
        n = scalar("Q")
        out = {}
        for _ in range(n):
            key = f.read(scalar("Q")).decode()
            out[key] = value(scalar("I"))
        return out


def pack(model, pre, tokens, merges=(), bos=None, eos=None, unk=None, add_bos=False, add_eos=False, space_prefix=False):
    """tokens: (bytes, score, type). The layout is tokenizer_batch.cc's read_vocab."""
    def text(b):
        return struct.pack("<I", len(b)) + b

    def some(i):
        return struct.pack("<I", 0 if i is None else i + 1)

    out = [text(model.encode()), text(pre.encode()), struct.pack("<I", len(tokens))]
    out += [text(t) + struct.pack("<fI", score, kind) for t, score, kind in tokens]
    out.append(struct.pack("<I", len(merges)))
    out += [text(m) for m in merges]
    out += [some(bos), some(eos), some(unk), struct.pack("<III", add_bos, add_eos, space_prefix)]
    return b"".join(out)


def added(tokens):
    return [{"id": i, "content": t, "special": special, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
            for i, t, special in tokens]


def smollm(path):
    """A byte-level GGUF vocabulary, and SmolLM's own pipeline around it."""
    meta = read_metadata(path)
    tokens = meta["tokenizer.ggml.tokens"]
    types = meta["tokenizer.ggml.token_type"]
    merges = meta["tokenizer.ggml.merges"]
    blob = pack("gpt2", "smollm", [(t, 0.0, k) for t, k in zip(tokens, types)], merges,
                bos=meta["tokenizer.ggml.bos_token_id"], eos=meta["tokenizer.ggml.eos_token_id"])
    spec = {
        "version": "1.0",
        "added_tokens": added([(i, t.decode(), True) for i, t in enumerate(tokens) if types[i] == CONTROL]),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {t.decode(): i for i, t in enumerate(tokens)}, "merges": [m.decode() for m in merges]},
    }
    return blob, Tokenizer.from_str(json.dumps(spec))


def sentence_piece(spec, space_prefix, add_bos, add_eos=False):
    """A SentencePiece BPE vocabulary with scores that follow the ranks of the
    merges; the merges themselves are for the loader to find. spec: a parsed
    tokenizer.json with *all* merges its pieces allow."""
    vocab = sorted(spec["model"]["vocab"].items(), key=lambda item: item[1])
    score = {}
    for rank, merge in enumerate(spec["model"]["merges"]):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        score.setdefault(left + right, -float(rank))
    specials = {t["content"]: t["special"] for t in spec["added_tokens"]}
    tokens = []
    for piece, _ in vocab:
        kind = NORMAL
        if len(piece) == 6 and piece.startswith("<0x"):
            kind = BYTE
        elif piece == spec["model"]["unk_token"]:
            kind = UNKNOWN
        elif piece in specials:
            kind = CONTROL if specials[piece] else USER
        tokens.append((piece.encode(), score.get(piece, -1e9), kind))
    ids = spec["model"]["vocab"]
    return pack("llama", "", tokens, bos=ids.get("<bos>", ids.get("<s>")), eos=ids.get("<eos>", ids.get("</s>")),
                unk=ids["<unk>"], add_bos=add_bos, add_eos=add_eos, space_prefix=space_prefix)


def complete_merges(spec):
    """Every pair of pieces that makes a piece, by the rank its piece had: what a
    converter from SentencePiece writes; none makes a special token, which a trainer may have learned from the texts."""
    vocab = spec["model"]["vocab"]
    special = {token["content"] for token in spec["added_tokens"]}
    rank = {}
    for merge in spec["model"]["merges"]:
        rank.setdefault("".join(merge), len(rank))
    pairs = [(rank[piece], cut, [piece[:cut], piece[cut:]]) for piece in rank if piece not in special for cut in range(1, len(piece))
             if piece[:cut] in vocab and piece[cut:] in vocab]
    spec["model"]["merges"] = [pair for _, _, pair in sorted(pairs)]
    return spec
