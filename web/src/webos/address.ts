// A server's address as it is typed on the number pad: 192.168.0.12, or 192.168.0.12:8080.

export const kDefaultPort = 11435;

const kLongest = '255.255.255.255:65535'.length;

function isByte(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= 255;
}

// The origin it means; undefined while it means none.
export function originOf(typed: string, secure: boolean): string | undefined {
  if (typed.length > kLongest) return undefined;
  const [host, port, ...rest] = typed.split(':');
  if (host === undefined || rest.length > 0) return undefined;
  const bytes = host.split('.');
  if (bytes.length !== 4 || !bytes.every(isByte)) return undefined;
  const number = port === undefined ? kDefaultPort : Number(port);
  if ((port !== undefined && !/^\d{1,5}$/.test(port)) || number < 1 || number > 65535) return undefined;
  return `${secure ? 'https' : 'http'}://${bytes.map(Number).join('.')}:${number}`;
}

// Whether the key would lead anywhere; the pad ignores one that does not.
export function typeKey(typed: string, key: string): string {
  const longer = typed + key;
  const [host, port] = longer.split(':');
  const bytes = (host ?? '').split('.');
  const bytesFit = bytes.length <= 4 && bytes.every((byte, index) => isByte(byte) || (byte === '' && index === bytes.length - 1));
  const portFits = port === undefined || (bytes.length === 4 && bytes.every(isByte) && /^\d{0,5}$/.test(port) && Number(port) <= 65535);
  const colons = longer.length - longer.replace(/:/g, '').length;
  return longer.length <= kLongest && colons <= 1 && bytesFit && portFits ? longer : typed;
}

// The addresses of the same network of 256 as this TV's, itself left out.
export function neighboursOf(ip: string): string[] {
  const bytes = ip.split('.');
  if (bytes.length !== 4 || !bytes.every(isByte)) return [];
  const network = bytes.slice(0, 3).join('.');
  const out: string[] = [];
  for (let last = 1; last < 255; last++) {
    if (String(last) !== bytes[3]) out.push(`http://${network}.${last}:${kDefaultPort}`);
  }
  return out;
}
