"""Whether speed was bought with wrong numbers: each engine's logits on real text, beside
those of ondol's reference device, which multiplies the file's weights as f32.

Run as a program it compares two files of logits (needs numpy):
    quality.py REFERENCE.npy OTHER.npy ID,ID,...
"""
import json
import pathlib
import sys
import tempfile

import cases
import engines
import table
from engines import CannotRun

N_TOKENS = 512
SKIP = 2000  # the title pages
TEXT = cases.DATA / "moby-dick.txt"


def compare(reference, other, ids):
    """Both [n, n_vocab]; row i foretells ids[i + 1]."""
    import numpy

    def log_softmax(x):
        x = x.astype(numpy.float64)
        x -= x.max(axis=1, keepdims=True)
        return x - numpy.log(numpy.exp(x).sum(axis=1, keepdims=True))

    p, q = log_softmax(reference), log_softmax(other)
    rows = numpy.arange(len(ids) - 1)
    divergence = (numpy.exp(p) * (p - q)).sum(axis=1)
    return {"perplexity": float(numpy.exp(-q[rows, ids[1:]].mean())),
            "reference_perplexity": float(numpy.exp(-p[rows, ids[1:]].mean())),
            "kl": float(divergence.mean()), "kl_max": float(divergence.max()),
            "same_top": float((p.argmax(axis=1) == q.argmax(axis=1)).mean())}


def measure(everyone, model, options):
    """Engine -> what compare() says, or why it could not be asked."""
    ondol, out = everyone[0], {}
    ids = ondol.ids_of_file(model, TEXT)[SKIP:SKIP + N_TOKENS]
    with tempfile.TemporaryDirectory(prefix="ondol-quality-") as folder:
        reference = pathlib.Path(folder) / "reference.npy"
        ondol.logits(model, ids, reference, options, device="reference", kv="f32")
        for engine in everyone:
            path = pathlib.Path(folder) / "other.npy"
            print(f"quality: {engine.name}", file=sys.stderr)
            try:
                engine.logits(model, ids, path, options)
                command = [sys.executable, __file__, reference, path, ",".join(map(str, ids))]
                out[engine.name] = engines.run_json(command, options.timeout)[0]
            except CannotRun as error:
                out[engine.name] = str(error)
    return out


def markdown(found):
    header = ["", "perplexity", "beside the reference", "KL, mean", "KL, largest", "same likeliest token"]
    rows, reasons = [], []
    for name, q in found.items():
        if isinstance(q, str):
            reasons.append(f"- {name}: {q}")
            continue
        change = 100 * (q["perplexity"] / q["reference_perplexity"] - 1)
        rows.append([name, f"{q['perplexity']:.3f}", f"{change:+.2f}%", f"{q['kl']:.5f}", f"{q['kl_max']:.4f}",
                     f"{100 * q['same_top']:.1f}%"])
    return "\n".join([*table.lines(header, rows), *([""] if reasons else []), *reasons])


def main():
    import numpy
    reference, other, ids = sys.argv[1:]
    print(json.dumps(compare(numpy.load(reference), numpy.load(other), [int(i) for i in ids.split(",")])))


if __name__ == "__main__":
    main()
