"""Chat templates and expression snippets, rendered by ondol and by Python's Jinja2
under the settings Hugging Face uses, must be equal byte for byte.

usage: template_oracle.py RENDER_BATCH [--only NAME] [--snippets N] [--templates DIR]...
"""

import argparse
import copy
import datetime
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import warnings

import jinja2
import jinja2.ext
import jinja2.sandbox

import conversations
import snippets

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NOW = datetime.datetime(2024, 7, 26, 9, 5, 7)


class Generation(jinja2.ext.Extension):
    """`{% generation %}` marks what the model wrote; for the text it is no more than a scope."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class SafeDict:
    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)


def make_environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    env.globals["dict"] = SafeDict()
    return env


class Oracle:
    def __init__(self):
        self.env = make_environment()
        self.compiled = {}

    def answer(self, case):
        try:
            source = case["template"]
            if source not in self.compiled:
                self.compiled[source] = self.env.from_string(source)
            variables = {"messages": case["messages"], **DEFAULTS, **case["variables"]}
            if "indent" in source:  # the filter, given a list, extends it in place
                variables = copy.deepcopy(variables)
            return {"text": self.compiled[source].render(**variables)}
        except jinja2.exceptions.TemplateError as error:
            refused = type(error) is jinja2.exceptions.TemplateError
            return {"error": str(error.message), "refused": refused}
        except Exception as error:  # whatever Python raises inside of a template
            return {"error": f"{type(error).__name__}: {error}", "refused": False}


# What ondol gives when the caller says nothing.
DEFAULTS = {
    "tools": None,
    "documents": None,
    "add_generation_prompt": True,
    "bos_token": "",
    "eos_token": "",
}


def difference(case, expected, found):
    """None, or what is different, as one text."""
    if "text" in expected:
        if found.get("text") == expected["text"]:
            return None
        # Jinja answers a slice of what has none with an error, but with undefined
        # when it folds a constant; ondol always with an error.
        if found.get("error", "").endswith("cannot be sliced"):
            return None
    elif "error" in found:
        if not expected["refused"] or found["error"] == expected["error"]:
            return None
    return (
        f"--- {case['name']}\n    jinja2: {json.dumps(expected, ensure_ascii=False)}\n"
        f"    ondol:  {json.dumps(found, ensure_ascii=False)}"
    )


def run_batch(program, cases):
    now = NOW.timetuple()
    clock = [NOW.year, NOW.month, NOW.day, NOW.hour, NOW.minute, NOW.second,
             (now.tm_wday + 1) % 7, now.tm_yday - 1]
    lines = "".join(
        json.dumps({key: case[key] for key in ("template", "messages", "variables")} | {"now": clock})
        + "\n"
        for case in cases
    )
    done = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=False)
    answers = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    if done.returncode != 0 or len(answers) != len(cases):
        last = cases[len(answers)] if len(answers) < len(cases) else None
        sys.exit(f"render_batch ended with {done.returncode} after {len(answers)} of {len(cases)} "
                 f"cases, at {json.dumps(last)[:2000]}")
    return answers


def real_templates(data_dir):
    """Templates as the models ship them, in what ./dev fetches: name -> (source, bos, eos)."""
    out = {}
    for config in sorted((data_dir / "tokenizers").glob("*/tokenizer_config.json")):
        data = json.loads(config.read_text())
        template = data.get("chat_template")
        tokens = [t["content"] if isinstance(t, dict) else t or ""
                  for t in (data.get("bos_token"), data.get("eos_token"))]
        named = template if isinstance(template, list) else [{"name": "", "template": template}]
        for one in named:
            if one["template"]:
                out[f"{config.parent.name}{':' if one['name'] else ''}{one['name']}"] = (
                    one["template"], *tokens)
    gguf = data_dir / "smollm2.gguf"
    if gguf.exists():
        out["smollm2"] = (gguf_template(gguf), "<|im_start|>", "<|im_end|>")
    return out


def gguf_template(path):
    """tokenizer.chat_template of a GGUF file: u64 length and bytes after its key and type."""
    with open(path, "rb") as file:
        head = file.read(16 << 20)
    key = b"tokenizer.chat_template"
    at = head.index(key) + len(key) + 4
    length = int.from_bytes(head[at : at + 8], "little")
    return head[at + 8 : at + 8 + length].decode()


def template_cases(name, source, bos, eos):
    for label, messages, variables in conversations.all_cases():
        yield {
            "name": f"{name} / {label}",
            "template": source,
            "messages": messages,
            "variables": {"bos_token": bos, "eos_token": eos, **variables},
        }


def main():
    # Random snippets become Python code that the compiler finds odd.
    warnings.simplefilter("ignore", SyntaxWarning)
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--only", default="")
    parser.add_argument("--snippets", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--templates", action="append", default=[])
    args = parser.parse_args()

    templates = {}
    for folder in [HERE, *args.templates]:
        for path in sorted(pathlib.Path(folder).glob("*.jinja")):
            templates[path.stem] = (path.read_bytes().decode(), "<s>", "</s>")
    data_dir = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", ROOT / ".cache" / "test-data"))
    real = real_templates(data_dir)
    missing = {"llama3", "llama3_1", "llama3_2", "qwen2_5", "qwen3", "gemma3", "mistral_nemo",
               "smollm2"} - set(real)
    if missing:
        sys.exit(f"no chat template of {', '.join(sorted(missing))} under {data_dir}: run ./dev test")
    templates |= real

    cases = []
    for name, (source, bos, eos) in templates.items():
        cases += template_cases(name, source, bos, eos)
    n_template_cases = len(cases)
    cases += snippets.all_cases(random.Random(args.seed), args.snippets)
    cases = [case for case in cases if args.only in case["name"]]

    oracle = Oracle()
    answers = run_batch(args.program, cases)
    expected = [oracle.answer(case) for case in cases]
    differences = [d for d in map(difference, cases, expected, answers) if d]
    for text in itertools.islice(differences, 40):
        print(text)
    n_errors = sum("error" in e for e in expected)
    print(f"{len(templates)} templates, {n_template_cases} conversations, "
          f"{len(cases) - n_template_cases if not args.only else len(cases)} snippets, "
          f"{n_errors} refused by Jinja2: {len(differences)} differences")
    # A test that compares only errors or nothing would prove nothing.
    if not args.only and (n_errors > len(cases) // 2 or len(cases) < 1000):
        sys.exit("too few cases render")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
