// The TV's side of pairing: it asks for a short code, shows it, and asks until a phone that has a key lets it in.

import { type Api, ApiError } from '../core/api';

export interface Pairing {
  code: string;
  pollToken: string;
  expiresAt: number;  // ms since 1970
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as { [name: string]: unknown })[name] : undefined;
}

const kRoute = '/v1/ondol/pairings';

export async function startPairing(api: Api): Promise<Pairing> {
  const reply = await api.json(kRoute, { method: 'POST', body: {} });
  const code = field(reply, 'code');
  const pollToken = field(reply, 'poll_token');
  const expiresAt = field(reply, 'expires_at');
  if (typeof code !== 'string' || typeof pollToken !== 'string' || typeof expiresAt !== 'number') {
    throw new ApiError(0, 'The server sent no code');
  }
  return { code, pollToken, expiresAt: expiresAt * 1000 };
}

// The key once the phone has said yes; undefined while it has not.
export async function pollPairing(api: Api, pairing: Pairing): Promise<string | undefined> {
  const reply = await api.json(`${kRoute}?poll_token=${encodeURIComponent(pairing.pollToken)}`);
  const key = field(reply, 'key');
  return typeof key === 'string' && key ? key : undefined;
}
