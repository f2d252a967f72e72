"""Draws bench/results/*.csv as SVG, one picture a machine, without any library.

    ./dev bench plot [FILE.csv ...] [--out FOLDER]

A panel for each measured row (test, model, depth, sequences): a bar for each engine's
latest result, its smallest and largest as a thin line, and for ondol the share of the
machine's limit.
"""
import argparse
import csv
import pathlib
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLOURS = {"ondol": "#d1495b"}
OTHERS = ["#30638e", "#00798c", "#8d96a3", "#edae49", "#6a4c93"]
WIDTH, LABEL, BAR, GAP, TITLE = 860, 170, 18, 14, 24
UNITS = {"first_token": "ms, less is better"}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench plot", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="folder of the pictures; beside each file if absent")
    return parser.parse_args()


def panels(rows):
    """(title, {engine: row}) in the order of first appearance; later rows replace earlier ones."""
    out = {}
    for row in rows:
        title = f"{row['test'].replace('_', ' ')} {row['n_tokens']}, {row['model'].removesuffix('.gguf')}"
        title += f", at depth {row['depth']}" if row["depth"] != "0" else ""
        title += f", {row['sequences']} sequences" if row["sequences"] != "1" else ""
        title += f", {row['threads']} threads ({UNITS.get(row['test'], 'tokens/s')})"
        out.setdefault(title, {})[row["engine"].rsplit(" ", 1)[0]] = row
    return out


def share_of_limit(row):
    computes = row["test"] == "prefill" or int(row["sequences"]) > 1  # what bounds it: products or memory
    share = row["share_int8" if computes else "share_read"]
    return f", {100 * float(share):.0f}% of {'int8 peak' if computes else 'read bandwidth'}" if share else ""


class Picture:
    def __init__(self):
        self.parts = []
        self.y = GAP

    def text(self, x, y, text, size=12, anchor="start", weight="normal", colour="#222"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
                          f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>')

    def rectangle(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def panel(self, title, engines, colours):
        self.text(GAP, self.y + 14, title, 13, weight="bold")
        self.y += TITLE
        longest = max(float(row["max"]) for row in engines.values()) or 1
        room = WIDTH - LABEL - 240
        for name, row in engines.items():
            low, middle, high = (float(row[key]) * room / longest for key in ("min", "median", "max"))
            self.text(LABEL - 8, self.y + 13, name, anchor="end")
            self.rectangle(LABEL, self.y, max(middle, 1), BAR - 4, colours[name])
            self.rectangle(LABEL + low, self.y + 6, max(high - low, 1), 2, "#222")
            self.text(LABEL + max(middle, high) + 6, self.y + 12,
                      f"{float(row['median']):.4g}{share_of_limit(row)}", 11, colour="#444")
            self.y += BAR
        self.y += GAP

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.y:.0f}" '
                f'viewBox="0 0 {WIDTH} {self.y:.0f}" font-family="sans-serif">\n'
                f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def draw(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        sys.exit(f"{path} has no rows")
    found = panels(rows)
    names = sorted({name for engines in found.values() for name in engines}, key=lambda n: (n != "ondol", n))
    others = [name for name in names if name not in COLOURS]
    colours = {**COLOURS, **{name: OTHERS[i % len(OTHERS)] for i, name in enumerate(others)}}
    picture = Picture()
    picture.text(GAP, picture.y + 14, rows[-1]["machine"], 15, weight="bold")
    picture.y += TITLE
    for title, engines in found.items():
        picture.panel(title, {name: engines[name] for name in names if name in engines}, colours)
    return picture.svg()


def main():
    options = parse_arguments()
    files = options.files or sorted((ROOT / "bench/results").glob("*.csv"))
    if not files:
        sys.exit("no results: ./dev bench peers, or ondol bench --csv FILE, make them")
    for path in files:
        target = (options.out or path.parent) / (path.stem + ".svg")
        target.write_text(draw(path))
        print(target)


if __name__ == "__main__":
    main()
