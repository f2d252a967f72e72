// What our libraries use and webOS 6 (Chromium 79) lacks. Imported first. tests/e2e/tv_build.test.ts knows this
// list and fails when the bundle uses anything else that is newer; the tests' browser runs without all of it.

if (!Array.prototype.at) {
  const at = function <T>(this: T[], index: number): T | undefined {
    const whole = Math.trunc(index) || 0;
    return this[whole < 0 ? this.length + whole : whole];
  };
  Object.defineProperty(Array.prototype, 'at', { value: at, writable: true, configurable: true });
}

if (!String.prototype.at) {
  const at = function (this: string, index: number): string | undefined {
    const whole = Math.trunc(index) || 0;
    const place = whole < 0 ? this.length + whole : whole;
    return place < 0 || place >= this.length ? undefined : this.charAt(place);
  };
  Object.defineProperty(String.prototype, 'at', { value: at, writable: true, configurable: true });
}

export {};
