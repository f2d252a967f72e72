// The entry of the TV's one script.

import './chromium79';
import './tv.css';
import { loadSettings } from '../core/settings';
import { openStore } from '../core/store';
import { App } from './app';

async function start(): Promise<void> {
  const place = document.getElementById('tv');
  if (!place) return;
  await new App(place, await openStore(), loadSettings()).connect();
}

void start();
