// The real server for tests of the shells, on a port of its own. Where the binary does not serve the client itself, a
// small server in front of it serves web/dist with the same headers and passes everything else on.
//
// ONDOL_BINARY names the binary (else build/release/bin/ondol). Model: .cache/test-data/smollm2.gguf.

import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const kWeb = fileURLToPath(new URL('../../..', import.meta.url));
export const kRoot = join(kWeb, '..');
const kDist = join(kWeb, 'dist');
const kModel = join(kRoot, '.cache/test-data/smollm2.gguf');
const kStartMs = 60_000;

export const kContentSecurityPolicy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "font-src 'self'",
  "connect-src 'self'", "media-src 'self' blob:", "worker-src 'self'", "manifest-src 'self'", "base-uri 'none'",
  "form-action 'none'", "frame-ancestors 'none'",
].join('; ');

const kTypes = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2', '.webmanifest': 'application/manifest+json',
};

function binary() {
  const path = process.env.ONDOL_BINARY ?? join(kRoot, 'build/release/bin/ondol');
  if (!existsSync(path)) throw new Error(`${path} is not there: build it, or name another by ONDOL_BINARY`);
  return path;
}

// A running `ondol serve`. kill() ends it at once, start() runs it again on the same port.
class Ondol {
  port = 0; // any free one; the same again after a restart

  constructor(options) {
    this.options = options;
    this.home = mkdtempSync(join(tmpdir(), 'ondol-web-'));
    this.log = '';
  }

  async start() {
    const { args = [], env = {} } = this.options;
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ONDOL_|HF_|XDG_)|_proxy$/i.test(name)));
    this.child = spawn(
      binary(),
      ['serve', '-m', kModel, '--port', String(this.port), '--ctx', '2048', '--prompt-disk', '0', ...args],
      { env: { ...clean, HOME: this.home, ONDOL_HOME: join(this.home, 'ondol'), ONDOL_WEIGHT_CACHE: 'off', ONDOL_THREADS: '1', ...env } },
    );
    this.exited = new Promise((resolve) => this.child.once('exit', resolve));
    const address = new Promise((resolve) => {
      for (const stream of [this.child.stdout, this.child.stderr]) {
        stream.on('data', (data) => {
          this.log = (this.log + data).slice(-20_000);
          const found = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(this.log);
          if (found) resolve(Number(found[1]));
        });
      }
    });
    const late = new Promise((resolve) => setTimeout(resolve, kStartMs).unref());
    const port = await Promise.race([address, this.exited.then(() => undefined), late]);
    if (!port) throw new Error(`ondol serve does not start:\n${this.log}`);
    this.port = port;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  async servesClient() {
    const response = await fetch(`http://127.0.0.1:${this.port}/`).catch(() => undefined);
    return !!response?.ok && (await response.text()).includes('id="app"');
  }
}

function fileFor(path) {
  const name = normalize(decodeURIComponent(path)).replace(/\/$/, '/index.html');
  const file = join(kDist, name);
  return file.startsWith(kDist) && existsSync(file) && statSync(file).isFile() ? file : undefined;
}

// Files of web/dist, else the server behind. While that is down, this one is as good as down: connections break.
class Front {
  constructor(ondol) {
    this.ondol = ondol;
    this.down = false;
    this.server = http.createServer((request, response) => this.handle(request, response));
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await new Promise((resolve) => this.server.once('listening', resolve));
    return this.server.address().port;
  }

  handle(request, response) {
    if (this.down) return void request.socket.destroy();
    const file = fileFor(new URL(request.url, 'http://x').pathname);
    if (!file || request.method !== 'GET') return void this.pass(request, response);
    response.writeHead(200, {
      'Content-Type': kTypes[extname(file)] ?? 'application/octet-stream',
      'Content-Security-Policy': kContentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': file.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    createReadStream(file).pipe(response);
  }

  pass(request, response) {
    const { method, headers } = request;
    const behind = http.request({ host: '127.0.0.1', port: this.ondol.port, path: request.url, method, headers }, (reply) => {
      response.writeHead(reply.statusCode, reply.headers);
      reply.pipe(response);
      reply.on('error', () => response.destroy());
    });
    behind.on('error', () => response.destroy());
    response.on('close', () => behind.destroy()); // a page that stops an answer
    request.pipe(behind);
  }
}

// { url, kill(), start(), stop(), log() }. `args` and `env` are for `ondol serve`.
export async function startServer(options = {}) {
  const ondol = new Ondol(options);
  await ondol.start();
  let front;
  let port = ondol.port;
  if (!(await ondol.servesClient())) {
    front = new Front(ondol);
    port = await front.listen();
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async kill() {
      if (front) front.down = true;
      front?.server.closeAllConnections?.();
      await ondol.kill();
    },
    async start() {
      await ondol.start();
      if (front) front.down = false;
    },
    async stop() {
      await ondol.kill();
      front?.server.closeAllConnections?.();
      front?.server.close();
      rmSync(ondol.home, { recursive: true, force: true });
    },
    log: () => ondol.log,
  };
}
