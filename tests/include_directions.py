#!/usr/bin/env python3
"""Checks that rooms include only the rooms below them (ARCHITECTURE.md, "Rooms").

Exit 1 and one line a violation: file, line, what it includes. The table is the
rule; a room that is not in it may not exist.
"""
import pathlib
import re
import sys

# Room -> rooms it may include besides itself.
MAY_INCLUDE = {
    "base": set(),
    "tensor": {"base"},
    "format": {"base", "tensor"},
    "device": {"base", "tensor"},
    "model": {"base", "tensor", "format", "device"},
    "engine": {"base", "tensor", "format", "device", "model"},
    "text": {"base"},
    "http": {"base"},
    "hub": {"base", "format", "tensor"},
    "api": {"base", "tensor", "format", "device", "model", "engine", "text", "http"},
    "app": {"base", "tensor", "format", "device", "model", "engine", "text", "http", "hub", "api"},
}
# Libraries that only some rooms may see: the engine knows neither text, JSON nor sockets.
LIBRARY_ROOMS = {
    "boost/json": {"format", "text", "hub", "api", "app"},
    "boost/beast": {"http"},
    "boost/asio": {"http"},
    "openssl/": {"http", "hub", "api"},
    "prometheus/": {"api"},
    "sqlite3": {"api"},
    "curl/": {"hub", "api"},
    "hwy/": {"device"},
    "pcre2": {"text"},
    "utf8proc": {"text"},
    "CLI/": {"app"},
    "spdlog/": {"base", "app"},
    "editline/": {"app"},
    "histedit": {"app"},
}
BACKENDS = {"reference", "cpu"}  # src/device/<backend>: never include each other
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def violations(source: pathlib.Path, relative: pathlib.Path):
    room = relative.parts[0]
    backend = relative.parts[1] if room == "device" and len(relative.parts) > 2 else None
    is_test = relative.name.endswith("_test.cc")
    for number, line in enumerate(source.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, target = match.groups()
        for prefix, rooms in LIBRARY_ROOMS.items():
            if target.startswith(prefix) and room not in rooms:
                yield number, target, f"library is not for room {room}"
        if bracket == "<":
            continue
        other = target.split("/")
        if other[0] in MAY_INCLUDE and other[0] != room and other[0] not in MAY_INCLUDE[room]:
            yield number, target, f"room {room} may not include {other[0]}"
        if other[0] == "device" and len(other) > 2 and other[1] in BACKENDS and not is_test:
            if room != "device":
                yield number, target, "only device/ sees a backend"
            elif backend and backend != other[1]:
                yield number, target, f"backend {backend} may not include {other[1]}"


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent / "src"
    n_bad = 0
    n_files = 0
    for source in sorted([*root.rglob("*.h"), *root.rglob("*.cc")]):
        relative = source.relative_to(root)
        n_files += 1
        if relative.parts[0] not in MAY_INCLUDE:
            print(f"src/{relative}: room {relative.parts[0]} is not in the table")
            n_bad += 1
            continue
        for number, target, why in violations(source, relative):
            print(f"src/{relative}:{number}: includes {target}: {why}")
            n_bad += 1
    print(f"{n_files} files, {n_bad} violations")
    return 1 if n_bad or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
