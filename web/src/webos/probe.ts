// Whether an ondol server with a page for TVs is at an address. The package's page has no origin of its own, so
// a reply cannot be read unless the server lets it; but that something answers can be seen, and a picture that only
// such a server has can be loaded.

export type Found = 'ondol' | 'other' | 'nothing';

export async function probe(origin: string, timeoutMs: number): Promise<Found> {
  if (!(await answers(`${origin}/health`, timeoutMs))) return 'nothing';
  return (await hasPicture(`${origin}/tv/icon.png`, timeoutMs)) ? 'ondol' : 'other';
}

async function answers(address: string, timeoutMs: number): Promise<boolean> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    await fetch(address, { mode: 'no-cors', cache: 'no-store', signal: stop.signal });
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function hasPicture(address: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const image = new Image();
    const end = (found: boolean) => {
      clearTimeout(timer);
      image.onload = image.onerror = null;
      resolve(found);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    image.onload = () => end(true);
    image.onerror = () => end(false);
    image.src = address;
  });
}

const kAtOnce = 24;
const kSearchMs = 1500;

// Tries the addresses, some at a time, until all are tried or `signal` says to stop.
export async function search(
  origins: string[],
  signal: AbortSignal,
  onFound: (origin: string) => void,
  onProgress: (tried: number) => void,
): Promise<void> {
  let next = 0;
  let tried = 0;
  const walk = async () => {
    while (next < origins.length && !signal.aborted) {
      const origin = origins[next++] as string;
      const found = await probe(origin, kSearchMs);
      if (signal.aborted) return;
      if (found === 'ondol') onFound(origin);
      onProgress(++tried);
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, walk));
}
