// Reads and writes the form of a webOS package:
//
//   ipk     = "!<arch>\n" member*                         an ar archive: debian-binary, control.tar.gz, data.tar.gz
//   member  = name[16] time[12] uid[6] gid[6] mode[8] size[10] "`\n" bytes, padded to an even length
//   tar     = (header[512] bytes padded to 512)* zeros    POSIX ustar
//
// withoutTraces() writes it again with one time, no owner, sorted names and plain modes. The tars are stored, not
// deflated, for zlib's output differs between versions of Node; the package is small enough.

import { gunzipSync, gzipSync } from 'node:zlib';

const kTime = 946684800; // 2000-01-01, for files and members alike
const kBlock = 512;

export function readAr(bytes) {
  if (bytes.toString('latin1', 0, 8) !== '!<arch>\n') throw new Error('no ar archive');
  const members = [];
  let at = 8;
  while (at + 60 <= bytes.length) {
    const header = bytes.toString('latin1', at, at + 60);
    const size = Number(header.slice(48, 58));
    if (!Number.isInteger(size) || at + 60 + size > bytes.length) throw new Error('an ar member is larger than its file');
    members.push({ name: header.slice(0, 16).trim().replace(/\/$/, ''), bytes: bytes.subarray(at + 60, at + 60 + size) });
    at += 60 + size + (size % 2);
  }
  return members;
}

function writeAr(members) {
  const parts = [Buffer.from('!<arch>\n')];
  for (const { name, bytes } of members) {
    const fields = [name.padEnd(16), String(kTime).padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8), String(bytes.length).padEnd(10), '`\n'];
    parts.push(Buffer.from(fields.join('')), bytes);
    if (bytes.length % 2) parts.push(Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

export function readTar(bytes) {
  const entries = [];
  let at = 0;
  while (at + kBlock <= bytes.length && bytes[at] !== 0) {
    const text = (from, length) => bytes.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = parseInt(text(124, 12), 8) || 0;
    const type = text(156, 1) || '0';
    if (type !== '0' && type !== '5') throw new Error(`a tar entry of a kind that no app needs: ${type}`);
    entries.push({
      name: (text(345, 155) ? text(345, 155) + '/' : '') + text(0, 100),
      isFolder: type === '5',
      bytes: bytes.subarray(at + kBlock, at + kBlock + size),
    });
    at += kBlock + Math.ceil(size / kBlock) * kBlock;
  }
  return entries;
}

function tarHeader({ name, isFolder, bytes }) {
  if (Buffer.byteLength(name) > 100) throw new Error(`a name longer than 100 bytes: ${name}`);
  const header = Buffer.alloc(kBlock);
  const octal = (value, at, length) => header.write(value.toString(8).padStart(length - 1, '0') + '\0', at, 'latin1');
  header.write(name, 0);
  octal(isFolder ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes.length, 124, 12);
  octal(kTime, 136, 12);
  header.write(isFolder ? '5' : '0', 156);
  header.write('ustar\u000000', 257, 'latin1');
  header.fill(' ', 148, 156); // the checksum counts itself as spaces
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(sum.toString(8).padStart(6, '0') + '\0 ', 148, 'latin1');
  return header;
}

function writeTar(entries) {
  const parts = [];
  for (const entry of [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const padding = Buffer.alloc((kBlock - (entry.bytes.length % kBlock)) % kBlock);
    parts.push(tarHeader(entry), entry.bytes, padding);
  }
  parts.push(Buffer.alloc(2 * kBlock));
  return Buffer.concat(parts);
}

// The control file counts what the folders of the packing machine's disk took, too.
function withSize(control, data) {
  const size = data.reduce((total, entry) => total + entry.bytes.length, 0);
  return control.map((entry) =>
    entry.name.replace(/^\.\//, '') !== 'control'
      ? entry
      : { ...entry, bytes: Buffer.from(entry.bytes.toString().replace(/^Installed-Size: .*$/m, `Installed-Size: ${size}`)) },
  );
}

export function withoutTraces(ipk) {
  const members = new Map(readAr(ipk).map(({ name, bytes }) => [name, bytes]));
  const data = readTar(gunzipSync(members.get('data.tar.gz')));
  const control = withSize(readTar(gunzipSync(members.get('control.tar.gz'))), data);
  const packed = (entries) => {
    const bytes = gzipSync(writeTar(entries), { level: 0 });
    bytes[9] = 255; // "unknown" in place of the system that packed it
    return bytes;
  };
  return writeAr([
    { name: 'debian-binary', bytes: members.get('debian-binary') },
    { name: 'control.tar.gz', bytes: packed(control) },
    { name: 'data.tar.gz', bytes: packed(data) },
  ]);
}
