#!/usr/bin/env python3
"""Holds grammars of JSON Schemas to Python's `jsonschema`, with real tokenizers.

Three directions, for each schema of schemas.py:
- what a random walk through the masks ends in is JSON and validates;
- valid instances, printed in each of the layouts that grammars allow, are accepted;
- invalid ones, given and made by mutation, are rejected.
Exit code 0 when all of it holds.
"""

import argparse
import copy
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import jsonschema

from schemas import CASES, REFUSED

# All schemas with the first tokenizer, a third of them with each other.
TOKENIZERS = {"llama3": slice(None), "qwen3": slice(0, None, 3), "gemma3": slice(1, None, 3)}
N_RANDOM = 4  # walks a schema
N_MUTANTS = 12
MAX_SHOWN = 8
MAX_UNFINISHED = 0.1  # random strings and recursion may run on

checker = jsonschema.FormatChecker()


@checker.checks("date-time", ValueError)
def is_date_time(text):
    return not isinstance(text, str) or (datetime.datetime.fromisoformat(text).tzinfo is not None and "T" in text)


@checker.checks("time", ValueError)
def is_time(text):
    return not isinstance(text, str) or datetime.time.fromisoformat(text).tzinfo is not None


def is_valid(validator, instance):
    return validator.is_valid(instance)


def layouts(instance):
    yield json.dumps(instance, ensure_ascii=False)
    yield json.dumps(instance, ensure_ascii=False, separators=(",", ":"))
    yield json.dumps(instance, ensure_ascii=False, indent=2)


def compact(instance):
    return json.dumps(instance, ensure_ascii=False, separators=(",", ":"))


def mutated(instance, dice):
    """One change somewhere in a copy of the instance."""
    instance = copy.deepcopy(instance)
    places = []

    def visit(value, put):
        places.append((value, put))
        if isinstance(value, dict):
            for key in value:
                visit(value[key], lambda new, key=key: value.__setitem__(key, new))
        elif isinstance(value, list):
            for i in range(len(value)):
                visit(value[i], lambda new, i=i: value.__setitem__(i, new))

    box = [instance]
    visit(instance, lambda new: box.__setitem__(0, new))
    value, put = dice.choice(places)
    if isinstance(value, dict) and value and dice.random() < 0.6:
        del value[dice.choice(list(value))]
    elif isinstance(value, dict) and dice.random() < 0.5:
        value["extra " + str(dice.randrange(9))] = dice.choice([1, "x", None])
    elif isinstance(value, list) and value and dice.random() < 0.6:
        if dice.random() < 0.5:
            value.pop()
        else:
            value.append(dice.choice([value[0], 1, "x", None]))
    elif isinstance(value, str) and value and dice.random() < 0.6:
        at = dice.randrange(len(value))
        put(value[:at] + dice.choice(["", "x", "é", "7", value[at] * 2]) + value[at + 1:])
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and dice.random() < 0.6:
        put(dice.choice([value + 1, value - 1, -value, value * 10, value + 0.5]))
    else:
        put(dice.choice([None, True, 0, -3, 2.5, "", "x", [], {}, [1], {"a": 1}]))
    return box[0]


def build_cases():
    dice = random.Random(4)
    for schema, valid, invalid in CASES:
        validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
        texts = []
        for instance in valid:
            assert is_valid(validator, instance), (schema, instance)
            texts += [(text, True) for text in layouts(instance)]
        invalid = list(invalid)
        for instance in invalid:
            assert not is_valid(validator, instance) or "format" in str(schema), (schema, instance)
        for _ in range(N_MUTANTS):
            mutant = mutated(dice.choice(valid), dice)
            if not is_valid(validator, mutant):
                invalid.append(mutant)
        texts += [(compact(instance), False) for instance in invalid]
        yield schema, validator, texts


def check_random(validator, text):
    """Why a random answer is wrong, or None."""
    try:
        instance = json.loads(text)
    except ValueError as error:
        return f"is not JSON ({error})"
    error = jsonschema.exceptions.best_match(validator.iter_errors(instance))
    return None if error is None else error.message[:200]


class Report:
    def __init__(self):
        self.n_wrong = 0

    def wrong(self, text):
        self.n_wrong += 1
        if self.n_wrong <= MAX_SHOWN:
            print(text[:700])


def run(batch, work, tokenizer, requests):
    (work / "cases.json").write_text(json.dumps(requests))
    subprocess.run([batch, tokenizer, work / "cases.json", work / "answers.json"], check=True)
    return json.loads((work / "answers.json").read_bytes())


def check_tokenizer(name, path, args, cases, report):
    start = time.monotonic()
    requests = [{"schema": json.dumps(schema), "texts": [text for text, _ in texts], "n_random": N_RANDOM}
                for schema, _, texts in cases]
    requests += [{"schema": json.dumps(schema), "texts": [], "n_random": 0} for schema, _ in REFUSED]
    answers = run(args.batch, args.work, path, requests)
    n_texts = n_random = n_unfinished = 0
    for (schema, validator, texts), answer in zip(cases, answers):
        if "error" in answer:
            report.wrong(f"{name}: {json.dumps(schema)}\n    refused: {answer['error']}")
            continue
        for (text, wanted), got in zip(texts, answer["accepted"]):
            n_texts += 1
            if wanted != got:
                report.wrong(f"{name}: {json.dumps(schema)}\n    {'rejects' if wanted else 'accepts'} {text}")
        for text in answer["random"]:
            n_random += 1
            problem = check_random(validator, text)
            if problem:
                report.wrong(f"{name}: {json.dumps(schema)}\n    made {text!r}: {problem}")
        n_unfinished += answer["unfinished"]
    for (schema, word), answer in zip(REFUSED, answers[len(cases):]):
        if word not in answer.get("error", ""):
            report.wrong(f"{name}: {json.dumps(schema)}\n    should be refused with {word!r}: {answer}")
    if n_unfinished > MAX_UNFINISHED * (n_random + n_unfinished):
        report.wrong(f"{name}: {n_unfinished} random answers did not end, {n_random} did")
    print(f"{name}: {len(cases)} schemas, {n_texts} texts, {n_random} random answers ({n_unfinished} without end), "
          f"{len(REFUSED)} refusals, {time.monotonic() - start:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", required=True, help="the program grammar_batch")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for files")
    args = parser.parse_args()
    data = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", ".cache/test-data")) / "tokenizers"
    if not (data / "llama3" / "tokenizer.json").exists():
        sys.exit(f"{data} is not there: run ./dev test, which fetches the test data")
    args.work.mkdir(parents=True, exist_ok=True)
    cases = list(build_cases())
    report = Report()
    for name, part in TOKENIZERS.items():
        check_tokenizer(name, data / name / "tokenizer.json", args, cases[part], report)
    if report.n_wrong:
        print(f"{report.n_wrong} wrong")
    sys.exit(1 if report.n_wrong else 0)


if __name__ == "__main__":
    main()
