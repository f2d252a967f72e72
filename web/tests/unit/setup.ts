// Browsers and Node 20 have it; Node 18 keeps it in a module.
import { webcrypto } from 'node:crypto';

if (typeof crypto === 'undefined') Object.defineProperty(globalThis, 'crypto', { value: webcrypto });
