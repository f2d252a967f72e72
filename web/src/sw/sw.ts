// The service worker: the page opens while the server is away. It keeps the files of one build of the page, and nothing
// else: requests to the API, and the TV's page, go by it untouched.

declare const __FILES__: string[];
declare const __VERSION__: string;

interface LifetimeEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface RequestEvent extends LifetimeEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const worker = self as unknown as {
  addEventListener(type: 'install' | 'activate', listener: (event: LifetimeEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: RequestEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
};

const kPrefix = 'ondol-page-';
const kCache = kPrefix + __VERSION__;
const files = new Set(__FILES__);

worker.addEventListener('install', (event) => {
  event.waitUntil(install());
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(removeOldBuilds().then(() => worker.clients.claim()));
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin || !files.has(url.pathname)) return;
  event.respondWith(url.pathname === '/' ? freshPage(request) : keptFile(request, url.pathname));
});

async function install(): Promise<void> {
  const cache = await caches.open(kCache);
  await cache.addAll(__FILES__.map((path) => new Request(path, { cache: 'no-cache' })));
  await worker.skipWaiting();
}

async function removeOldBuilds(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(kPrefix) && name !== kCache) await caches.delete(name);
  }
}

// The server's page if it answers, so that a new build shows at once.
async function freshPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) return response;
  } catch {
    // The server is away.
  }
  return keptFile(request, '/');
}

async function keptFile(request: Request, path: string): Promise<Response> {
  const kept = await (await caches.open(kCache)).match(path);
  return kept ?? fetch(request);
}
