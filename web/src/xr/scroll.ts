// Scrolling with momentum, in canvas pixels: dragged by a held ray or a pinch, pushed by a thumbstick, and following the end of a
// growing text as long as the reader has not gone up. Pure.

const kFriction = 4.2; // of the speed, per second
const kLeastSpeed = 12; // pixels per second

export class Scroll {
  position = 0;
  following = true;
  private speed = 0;
  private limit = 0;
  private held = false;

  setLimit(content: number, view: number): void {
    this.limit = Math.max(0, Math.ceil(content - view));
    if (this.following && !this.held) this.position = this.limit;
    this.position = Math.min(this.position, this.limit);
  }

  toEnd(): void {
    this.speed = 0;
    this.following = true;
    this.position = this.limit;
  }

  hold(): void {
    this.held = true;
    this.speed = 0;
  }

  /** A held drag by `pixels` (positive shows what is below) that took `seconds`. */
  drag(pixels: number, seconds: number): void {
    this.moveBy(pixels);
    const speed = pixels / Math.max(seconds, 0.004);
    this.speed = 0.6 * this.speed + 0.4 * Math.max(-9000, Math.min(9000, speed));
  }

  letGo(): void {
    this.held = false;
    if (this.position >= this.limit) this.following = true;
  }

  push(pixels: number): void {
    this.speed = 0;
    this.moveBy(pixels);
  }

  tick(seconds: number): void {
    if (this.held || this.speed === 0) return;
    this.moveBy(this.speed * seconds);
    this.speed *= Math.exp(-kFriction * seconds);
    const stuck = this.position <= 0 || this.position >= this.limit;
    if (Math.abs(this.speed) < kLeastSpeed || stuck) this.speed = 0;
  }

  private moveBy(pixels: number): void {
    this.position = Math.max(0, Math.min(this.limit, this.position + pixels));
    this.following = this.position >= this.limit - 2;
  }
}
