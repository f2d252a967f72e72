#!/usr/bin/env python3
"""Holds ondol's tokenizers to Hugging Face's `tokenizers`, id by id.

Every text of corpus.py goes through the real Llama 3, Qwen 3 and Gemma 3
tokenizers; the first tenth also through Llama 3.1's, which differs by its
special tokens, GGUF vocabularies (SmolLM2's, Gemma 3's) and small trained ones.
Ids (plain, with special tokens added, with special tokens in the text taken
literally) and decoded text must be identical. Exit code 0 when they are.
"""

import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

import numpy
from tokenizers import Tokenizer

import corpus
import gguf_vocab
import small_tokenizers

N_LINES = 20_000
N_FEWER_LINES = 2_000
N_TRAINING_LINES = 1_500
REAL = ["llama3", "qwen3", "gemma3"]
MAX_SHOWN = 5


def read_answers(path, n_texts):
    data = path.read_bytes()
    at = 0
    for _ in range(n_texts):
        ids, texts = [], []
        for _ in range(3):
            (n,) = struct.unpack_from("<I", data, at)
            ids.append(numpy.frombuffer(data, "<i4", n, at + 4).tolist())
            at += 4 + 4 * n
        for _ in range(4):
            (n,) = struct.unpack_from("<I", data, at)
            texts.append(data[at + 4:at + 4 + n].decode())
            at += 4 + n
        yield ids, texts
    assert at == len(data)


def expected(tokenizer, texts):
    """The same seven answers by Hugging Face, for every text."""
    def ids(special):
        return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=special)]

    plain, framed = ids(False), ids(True)
    tokenizer.encode_special_tokens = True
    literal = ids(False)
    tokenizer.encode_special_tokens = False
    decoded = [tokenizer.decode_batch(some, skip_special_tokens=skip) for some in (plain, framed) for skip in (False, True)]
    return zip(zip(plain, framed, literal), zip(*decoded))


def has_broken_bytes(tokenizer, ids):
    """True when byte tokens in a row spell no UTF-8, as the text "<0xFF>" can make
    them. Hugging Face then prints one U+FFFD a byte, good characters of the row
    included; ondol keeps the bytes."""
    pieces = "".join(tokenizer.id_to_token(i) or "" for i in ids[1])
    rows = re.findall(r"(?:<0x[0-9A-F]{2}>)+", pieces)
    return any("\ufffd" in bytes.fromhex(row.replace("<0x", "").replace(">", "")).decode("utf-8", "replace") for row in rows)


class Checker:
    def __init__(self, batch, work, texts):
        self.batch, self.work, self.texts = batch, work, texts
        self.n_wrong = 0
        self.write_texts()

    def use(self, texts):
        self.texts = texts
        self.write_texts()

    def write_texts(self):
        blob = [text.encode() for text in self.texts]
        (self.work / "texts.bin").write_bytes(struct.pack("<I", len(blob)) + b"".join(struct.pack("<I", len(b)) + b for b in blob))

    def check(self, name, kind, source, tokenizer):
        start = time.monotonic()
        out = self.work / "answers.bin"
        process = subprocess.Popen([self.batch, kind, source, self.work / "texts.bin", out])
        wanted = expected(tokenizer, self.texts)
        if process.wait() != 0:
            print(f"{name}: tokenizer_batch failed")
            self.n_wrong += 1
            return
        wrong, n_ids = 0, 0
        for text, (ids, decoded), (want_ids, want_decoded) in zip(self.texts, read_answers(out, len(self.texts)), wanted):
            n_ids += len(ids[0])
            if ids == list(want_ids) and (decoded == list(want_decoded) or has_broken_bytes(tokenizer, want_ids)):
                continue
            wrong += 1
            if wrong <= MAX_SHOWN:
                self.show(name, text, ids, want_ids, decoded, want_decoded)
        self.n_wrong += wrong
        print(f"{name}: {len(self.texts)} texts, {n_ids} ids, {wrong} differ, {time.monotonic() - start:.1f} s", flush=True)

    @staticmethod
    def show(name, text, ids, want_ids, decoded, want_decoded):
        print(f"{name}: {text!r}")
        for label, got, want in zip(["plain", "add_special", "literal", "decoded", "decoded, skip", "framed", "framed, skip"],
                                    ids + decoded, list(want_ids) + list(want_decoded)):
            if got != want:
                print(f"    {label}: {got!r}\n    expected: {want!r}")


def check_real(checker, data, names, only):
    for name in names:
        if not only or only in name:
            path = data / "tokenizers" / name / "tokenizer.json"
            checker.check(name, "json", path, Tokenizer.from_file(str(path)))


def check_real_gguf(checker, data):
    blob, tokenizer = gguf_vocab.smollm(data / "smollm2.gguf")
    source = checker.work / "vocab.bin"
    source.write_bytes(blob)
    checker.check("smollm2 (gguf)", "gguf", source, tokenizer)

    path = data / "tokenizers" / "gemma3" / "tokenizer.json"
    spec = json.loads(path.read_text())
    source.write_bytes(gguf_vocab.sentence_piece(spec, space_prefix=False, add_bos=True))
    checker.check("gemma3 (as gguf)", "gguf", source, Tokenizer.from_file(str(path)))


def check_small_gguf(checker, small):
    source = checker.work / "vocab.bin"
    spec = gguf_vocab.complete_merges(json.loads(small["llama2"].to_str()))
    source.write_bytes(gguf_vocab.sentence_piece(spec, space_prefix=True, add_bos=True, add_eos=True))
    checker.check("llama2 (as gguf)", "gguf", source, Tokenizer.from_str(json.dumps(spec)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", required=True, help="the program tokenizer_batch")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for files")
    parser.add_argument("--only", help="only tokenizers whose name has this in it")
    parser.add_argument("--lines", type=int, default=N_LINES)
    args = parser.parse_args()
    data = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", ".cache/test-data"))
    if not (data / "tokenizers" / "llama3" / "tokenizer.json").exists():
        sys.exit(f"{data}/tokenizers is not there: run ./dev test, which fetches the test data")
    args.work.mkdir(parents=True, exist_ok=True)
    texts = corpus.lines(args.lines)
    checker = Checker(args.batch, args.work, texts)

    check_real(checker, data, REAL, args.only)
    checker.use(texts[:N_FEWER_LINES])
    check_real(checker, data, ["llama3_1"], args.only)
    if not args.only or args.only == "gguf":
        check_real_gguf(checker, data)
    small = {}
    for name, tokenizer in small_tokenizers.build(texts[:N_TRAINING_LINES]):
        small[name] = tokenizer
        if args.only and args.only not in name:
            continue
        path = args.work / f"{name}.json"
        tokenizer.save(str(path))
        checker.check(name, "json", path, Tokenizer.from_file(str(path)))
    if not args.only or args.only == "gguf":
        check_small_gguf(checker, small)
    sys.exit(1 if checker.n_wrong else 0)


if __name__ == "__main__":
    main()
