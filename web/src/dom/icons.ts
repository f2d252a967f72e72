// The icons, drawn as strokes on a 24-unit square.

const kPaths = {
  menu: 'M4 7h16M4 12h16M4 17h16',
  plus: 'M12 5v14M5 12h14',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  gear: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  headset: 'M3 9a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2h-3l-2.2-2.6a2.4 2.4 0 0 0-3.6 0L8 17H5a2 2 0 0 1-2-2z',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  again: 'M19 8a8 8 0 1 0 1 6M20 4v4.5h-4.5',
  pencil: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  left: 'M14 6l-6 6 6 6',
  right: 'M10 6l6 6-6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  chevron: 'M7 10l5 5 5-5',
  clip: 'M19 11l-7.5 7.5a4.2 4.2 0 0 1-6-6L13 5a2.8 2.8 0 0 1 4 4l-7.4 7.4a1.4 1.4 0 0 1-2-2L14 8',
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  speaker: 'M4 10v4h3l5 4V6L7 10zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11',
  microphone: 'M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4zM6 11a6 6 0 0 0 12 0M12 17v3',
  file: 'M7 3h7l4 4v14H7zM14 3v4h4',
  keyboard: 'M3 7h18v10H3zM7 10.5h.01M11 10.5h.01M15 10.5h.01M8 14h8',
} as const;

export type IconName = keyof typeof kPaths;

const kSvg = 'http://www.w3.org/2000/svg';

export function icon(name: IconName): SVGSVGElement {
  return drawing(name === 'more' ? 'icon dots' : 'icon', 24, [kPaths[name]]);
}

// The mark: warmth rising from a floor.
export function mark(): SVGSVGElement {
  return drawing('mark', 32, ['M5 26h22', 'M9 21c-2.5-3 2.5-5 0-8s2-5 .5-8', 'M16 21c-2.5-3 2.5-5 0-8s2-5 .5-8', 'M23 21c-2.5-3 2.5-5 0-8s2-5 .5-8']);
}

function drawing(className: string, size: number, paths: readonly string[]): SVGSVGElement {
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('class', className);
  svg.setAttribute('aria-hidden', 'true');
  for (const d of paths) {
    const path = document.createElementNS(kSvg, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
