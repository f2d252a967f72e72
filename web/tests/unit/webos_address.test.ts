import { describe, expect, it } from 'vitest';
import { neighboursOf, originOf, typeKey } from '../../src/webos/address';
import { addressIn } from '../../src/webos/network';

describe('a typed address', () => {
  it('becomes an origin, with the usual port where none is typed', () => {
    expect(originOf('192.168.0.12', false)).toBe('http://192.168.0.12:11435');
    expect(originOf('10.0.0.1:8080', true)).toBe('https://10.0.0.1:8080');
    expect(originOf('010.000.000.001', false)).toBe('http://10.0.0.1:11435');
  });

  it('is none while it is not whole, and never anything else', () => {
    for (const typed of ['', '192', '192.168.0', '192.168.0.', '1.2.3.4.5', '256.1.1.1', '1.2.3.4:', '1.2.3.4:0', '1.2.3.4:65536',
      '1.2.3.4:80:80', '1.2.3.4/x', 'a.b.c.d', '1.2.3.4@e', ' 1.2.3.4', '1.2.3.4567', '1'.repeat(100)]) {
      expect(originOf(typed, false), typed).toBeUndefined();
    }
  });

  it('can be typed key by key, and what leads nowhere is not taken', () => {
    const type = (keys: string) => Array.from(keys).reduce(typeKey, '');
    expect(type('192.168.0.12:8080')).toBe('192.168.0.12:8080');
    expect(type('1921')).toBe('192');
    expect(type('256')).toBe('25');
    expect(type('1..2')).toBe('1.2');
    expect(type('.1')).toBe('1');
    expect(type('1:')).toBe('1');
    expect(type('1.2.3.4.')).toBe('1.2.3.4');
    expect(type('1.2.3.4:99999')).toBe('1.2.3.4:9999');
    expect(type('1.2.3.4::')).toBe('1.2.3.4:');
  });
});

describe('this network', () => {
  it('is the other 253 addresses', () => {
    const all = neighboursOf('192.168.7.20');
    expect(all).toHaveLength(253);
    expect(all).toContain('http://192.168.7.254:11435');
    expect(all).not.toContain('http://192.168.7.20:11435');
    expect(neighboursOf('fe80::1')).toEqual([]);
    expect(neighboursOf('')).toEqual([]);
  });

  it('is what the TV says of its cable, else of its radio', () => {
    const wired = { state: 'connected', ipAddress: '10.0.0.5' };
    const wifi = { state: 'connected', ipAddress: '10.0.0.6' };
    expect(addressIn(JSON.stringify({ wired, wifi }))).toBe('10.0.0.5');
    expect(addressIn(JSON.stringify({ wired: { ...wired, state: 'disconnected' }, wifi }))).toBe('10.0.0.6');
    for (const reply of ['', 'null', '[]', '{"wired": 3}', '{"wired": {"state": "connected", "ipAddress": 4}}', '{']) {
      expect(addressIn(reply), reply).toBeUndefined();
    }
  });
});
