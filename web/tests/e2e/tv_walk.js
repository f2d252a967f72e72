// Runs in the TV's page: walks over its controls by arrow keys and measures what is shown. tv_remote.mjs calls it.

window.tvWalk = (() => {
  const kArrows = { left: 37, up: 38, right: 39, down: 40 };
  const kShift = 16; // a key that does nothing but end a walk

  const nameOf = (one) => one.getAttribute('aria-label') ?? one.querySelector('.label')?.textContent ?? one.textContent;
  const isShown = (one) => one.getClientRects().length > 0;
  const allControls = () => [...document.querySelectorAll('#tv button:not([disabled]), #tv [data-focus]')].filter(isShown);

  function press(keyCode) {
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { keyCode, bubbles: true, cancelable: true }));
  }

  function startAt(control) {
    control.focus({ preventScroll: true });
    press(kShift);
  }

  // Every control that arrows reach from `start`, with the keys of the shortest way; or those up to the first that is
  // `wanted`. Each way is walked from its beginning, for where an arrow leads depends on where the walk came from. Focus
  // and scrolling are put back.
  function waysFrom(start, wanted = () => false) {
    const scroll = new Map([...document.querySelectorAll('[data-scroll]')].map((one) => [one, one.scrollTop]));
    const ways = new Map([[start, []]]);
    let isFound = wanted(start);
    for (const way of ways.values()) {
      if (isFound) break;
      for (const key of Object.keys(kArrows)) {
        startAt(start);
        for (const [one, top] of scroll) one.scrollTop = top;
        for (const step of [...way, key]) press(kArrows[step]);
        if (ways.has(document.activeElement)) continue;
        ways.set(document.activeElement, [...way, key]);
        isFound ||= wanted(document.activeElement);
      }
    }
    startAt(start);
    for (const [one, top] of scroll) one.scrollTop = top;
    return ways;
  }

  function pathTo(name) {
    const isIt = (control) => nameOf(control) === name;
    return [...waysFrom(document.activeElement, isIt)].find(([control]) => isIt(control))?.[1];
  }

  // From the control that has the focus, then from those in the corners and the one that was farthest.
  function walk() {
    const controls = allControls();
    const out = { controls: controls.length, farthest: 0, farthestPair: '', faults: [], unreached: [] };
    const first = document.activeElement;
    const look = (one) => getComputedStyle(one).backgroundColor + getComputedStyle(one).boxShadow;
    const plain = new Map(controls.map((one) => [one, one === first ? undefined : look(one)]));
    const starts = new Set([first, controls[0], controls[controls.length - 1]]);
    for (const start of starts) {
      const ways = waysFrom(start);
      for (const [control, way] of ways) {
        if (!controls.includes(control)) out.faults.push(`${way.join(' ')} leads to ${control.outerHTML.slice(0, 80)}`);
        if (way.length <= out.farthest) continue;
        out.farthest = way.length;
        out.farthestPair = `${nameOf(start)} to ${nameOf(control)}`.slice(0, 120);
        if (starts.size < 4) starts.add(control);
      }
      for (const control of controls) if (!ways.has(control)) out.unreached.push(`${nameOf(control)} from ${nameOf(start)}`);
    }
    for (const control of controls) {
      startAt(control);
      if (document.activeElement !== control) out.faults.push(`${nameOf(control)} takes no focus`);
      if (look(control) === plain.get(control)) out.faults.push(`the focus on ${nameOf(control)} does not show`);
    }
    startAt(first);
    return out;
  }

  // Text sizes, the safe area of 5% on each side, and text that is wider than its button.
  function measure(pixels) {
    const faults = [];
    const { innerWidth: width, innerHeight: height } = window;
    const isInside = (box) =>
      box.left >= width * 0.05 - 1 && box.top >= height * 0.05 - 1 && box.right <= width * 0.95 + 1 && box.bottom <= height * 0.95 + 1;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const parent = text.parentElement;
      if (!text.textContent.trim() || !isShown(parent)) continue;
      const size = parseFloat(getComputedStyle(parent).fontSize);
      if (size < pixels - 0.01) faults.push(`${size} px: ${text.textContent}`);
      const isCut = parent.closest('[data-scroll], .line, .card'); // by a frame that is inside itself
      if (!isCut && !isInside(parent.getBoundingClientRect())) faults.push(`outside: ${text.textContent}`);
    }
    for (const box of document.querySelectorAll('#tv button, #tv [data-focus], #tv canvas, #tv .line')) {
      if (isShown(box) && !isInside(box.getBoundingClientRect())) faults.push(`outside: ${box.outerHTML.slice(0, 120)}`);
      if (box.matches('button') && (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1)) {
        faults.push(`too large for its button: ${box.textContent}`);
      }
    }
    const page = document.documentElement;
    if (page.scrollHeight > height || page.scrollWidth > width) faults.push('the page scrolls');
    return faults;
  }

  return { pathTo, walk, measure };
})();
