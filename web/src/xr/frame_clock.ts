// The app's own account of its frames: how long our JavaScript took in each, from the first line of our frame callback to the last.
// The last 512 frames are kept. Nothing is allocated per frame; the percentile sorts a copy, so ask for it rarely.

const kKept = 512;

export class FrameClock {
  frames = 0;
  private readonly spent = new Float32Array(kKept);
  private readonly sorted = new Float32Array(kKept);
  private began = 0;

  begin(): void {
    this.began = performance.now();
  }

  end(): void {
    this.spent[this.frames % kKept] = performance.now() - this.began;
    this.frames++;
  }

  /** Milliseconds below which `share` of the kept frames stayed; 0 before the first frame. */
  percentile(share: number): number {
    const count = Math.min(this.frames, kKept);
    if (count === 0) return 0;
    const part = this.sorted.subarray(0, count);
    part.set(this.spent.subarray(0, count));
    part.sort();
    return part[Math.min(count - 1, Math.floor(share * count))] ?? 0;
  }

  reset(): void {
    this.frames = 0;
  }
}
