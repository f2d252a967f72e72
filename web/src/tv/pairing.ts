// The TV's side of pairing: it asks for a short code, shows it, and asks until a phone that has a key lets it in.

import { type Api, ApiError } from '../core/api';

export interface Pairing {
  code: string;
  pollToken: string;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown })[name] : undefined;
}

const kRoute = '/v1/ondol/pairings';

export async function startPairing(api: Api): Promise<Pairing> {
  const reply = await api.json(kRoute, { method: 'POST', body: { name: 'TV' } });
  const code = field(reply, 'code');
  const pollToken = field(reply, 'poll_token');
  if (typeof code !== 'string' || typeof pollToken !== 'string') throw new ApiError(0, 'The server sent no code');
  return { code, pollToken };
}

// The key, once somebody has let this TV in, "" from a server that needs none; undefined until then.
// When the code has run out the server knows it no more (404); a TV's own clock is often wrong, so it is not asked.
export async function pollPairing(api: Api, pairing: Pairing): Promise<string | undefined> {
  const reply = await api.json(`${kRoute}/${encodeURIComponent(pairing.pollToken)}`);
  if (field(reply, 'status') !== 'approved') return undefined;
  const key = field(reply, 'key');
  return typeof key === 'string' ? key : '';
}
