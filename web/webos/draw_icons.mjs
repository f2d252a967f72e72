// Draws the PNG icons from icon.svg with a browser; run it after changing the drawing: node webos/draw_icons.mjs

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const drawing = readFileSync(new URL('icon.svg', import.meta.url), 'utf8');
const kIcons = [
  ['icon.png', 80],
  ['icon_large.png', 130],
  ['../tv/icon.png', 130],
];

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, size] of kIcons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px}</style>${drawing}`);
  await page.screenshot({ path: fileURLToPath(new URL(name, import.meta.url)), omitBackground: true });
}
await browser.close();
