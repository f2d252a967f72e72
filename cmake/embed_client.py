"""Packs a folder of files for the program: embed_client.py FOLDER OUTPUT_FOLDER

Writes client.bin, all files and their gzip forms one after the other, and client.cc,
the table of them (src/api/client/client_file.h), which takes client.bin in. The same
files give the same bytes.
"""
import gzip
import hashlib
import pathlib
import re
import sys

TYPES = {
    "css": "text/css; charset=utf-8", "gif": "image/gif", "html": "text/html; charset=utf-8", "ico": "image/x-icon",
    "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8", "json": "application/json",
    "map": "application/json", "mjs": "text/javascript; charset=utf-8", "mp3": "audio/mpeg", "png": "image/png",
    "svg": "image/svg+xml", "ttf": "font/ttf", "txt": "text/plain; charset=utf-8", "wasm": "application/wasm",
    "wav": "audio/wav", "webmanifest": "application/manifest+json", "webp": "image/webp", "woff": "font/woff",
    "woff2": "font/woff2",
}
# Paths become C++ literals and rows of the table of routes, where braces have a meaning.
PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")

HEAD = """// Made by cmake/embed_client.py.
#include "api/client/client_file.h"

#include <array>

__asm__(
    ".section .rodata\\n"
    ".hidden ondol_client_bytes\\n"
    ".global ondol_client_bytes\\n"
    ".balign 16\\n"
    "ondol_client_bytes:\\n"
    ".incbin \\"@BIN@\\"\\n"
    ".byte 0\\n"
    ".previous\\n");
extern "C" const char ondol_client_bytes[];

namespace ondol::api {
namespace {

std::string_view bytes(std::size_t offset, std::size_t n_bytes) {
  return {ondol_client_bytes + offset, n_bytes};
}

}  // namespace

std::span<const ClientFile> embedded_client() {
  static const std::array<ClientFile, @COUNT@> files = {{
"""
TAIL = """  }};
  return files;
}

}  // namespace ondol::api
"""


class Blob:
    def __init__(self):
        self.parts, self.size = [], 0

    def add(self, data):
        at, self.size = self.size, self.size + len(data)
        self.parts.append(data)
        return f"bytes({at}, {len(data)})"


def row(path, type_, etag="", plain="{}", packed="{}", location=""):
    return f'      {{"{path}", "{type_}", "{etag}", {plain}, {packed}, "{location}"}},\n'


def rows_of(path, data, blob):
    type_ = TYPES.get(path.rpartition(".")[2], "application/octet-stream")
    packed = gzip.compress(data, 9, mtime=0)
    file = dict(type_=type_, etag=hashlib.sha256(data).hexdigest()[:32], plain=blob.add(data),
                packed=blob.add(packed) if len(packed) < len(data) else "{}")
    yield row(path, **file)
    folder, _, name = path.rpartition("/")
    if name == "index.html":
        yield row(folder + "/", **file)
        if folder:
            yield row(folder, "", location=folder + "/")


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    blob, rows = Blob(), []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        path = "/" + file.relative_to(folder).as_posix()
        if "/." in path:
            continue  # what a build tool keeps for itself
        if not PATH.fullmatch(path):
            sys.exit(f"{file}: a path of the client has letters, digits, '-', '_' and '.' only")
        rows += rows_of(path, file.read_bytes(), blob)
    output.mkdir(parents=True, exist_ok=True)
    (output / "client.bin").write_bytes(b"".join(blob.parts))
    head = HEAD.replace("@BIN@", str(output / "client.bin")).replace("@COUNT@", str(len(rows)))
    (output / "client.cc").write_text(head + "".join(rows) + TAIL)


main()
