// Sizes and colours of the headset's panels. Sizes are in dmm: 1 dmm is 1 mm seen from 1 m (0.0573 degrees), so a board that keeps
// its angular size keeps these numbers at any distance. See docs/decisions/0018-headset.md: body text >= 16 dmm, targets >= 49 dmm.

/** Canvas pixels per dmm. Headsets resolve about 1.2-1.5 pixels per dmm (20-26 per degree): 2 keeps text crisp when resampled. */
export const kPixelsPerDmm = 2;

export const kDmm = {
  body: 17,
  code: 16,
  small: 14, // timing, hints: above the 12 dmm that Android XR names as the least
  title: 22,
  leading: 1.45,
  target: 52, // the least side of anything that can be pressed: 49 dmm, seen at a flat board's slanted edge
  gap: 8,
  padding: 14,
  corner: 26,
} as const;

/** Panel sizes in dmm: what it spawns with, and how far the resize handle goes. */
export const kPanel = { width: 640, height: 500, minWidth: 600, minHeight: 420, maxWidth: 960, maxHeight: 760 } as const;
/** Metres from the eye. */
export const kDistance = { panel: 1.6, keyboard: 0.72, nearest: 0.75, farthest: 5 } as const;

export type Ink = 'text' | 'muted' | 'accent' | 'faint' | 'danger' | 'link' | 'onAccent';
export type Paper = 'panel' | 'raised' | 'hover' | 'press' | 'bubble' | 'code' | 'accent' | 'accentHover' | 'rule' | 'field';

export interface Palette {
  ink: Record<Ink, string>;
  paper: Record<Paper, string>;
  /** The room in immersive-vr: zenith, horizon, floor, and the warmth under the panel. */
  room: { zenith: number; horizon: number; floor: number; ember: number };
}

const kDark: Palette = {
  ink: { text: '#f4efea', muted: '#b3a9a1', faint: '#8b827b', accent: '#ff9a62', danger: '#ff9c8c', link: '#ffb088', onAccent: '#1d1512' },
  paper: {
    panel: '#1f1c1a', raised: '#2d2926', hover: '#3b3531', press: '#4a423c', bubble: '#3a2a20', code: '#161412',
    accent: '#f2793a', accentHover: '#ff965f', rule: '#4a433e', field: '#151312',
  },
  room: { zenith: 0x14131a, horizon: 0x4a3830, floor: 0x33271f, ember: 0xb35a24 },
};

const kLight: Palette = {
  ink: { text: '#241f1b', muted: '#6a615a', faint: '#958b83', accent: '#b04512', danger: '#a8261a', link: '#9a3c0e', onAccent: '#ffffff' },
  paper: {
    panel: '#fbf8f5', raised: '#efe9e3', hover: '#e4dbd2', press: '#d6cabf', bubble: '#fbe3d3', code: '#f1ece6',
    accent: '#b94c16', accentHover: '#a13f0e', rule: '#d5cbc2', field: '#ffffff',
  },
  room: { zenith: 0xb9c3cc, horizon: 0xeee2d6, floor: 0xcdb9a5, ember: 0xe8925a },
};

export function palette(theme: 'dark' | 'light'): Palette {
  return theme === 'dark' ? kDark : kLight;
}

const kSans = 'system-ui, "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", sans-serif';
const kMono = 'ui-monospace, "Roboto Mono", "SF Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", monospace';

/** A CSS font for `dmm`, in canvas pixels. */
export function font(dmm: number, style: { bold?: boolean; italic?: boolean; mono?: boolean } = {}): string {
  const weight = style.bold === true ? '650 ' : '';
  return `${style.italic === true ? 'italic ' : ''}${weight}${dmm * kPixelsPerDmm}px ${style.mono === true ? kMono : kSans}`;
}
