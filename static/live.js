// What others do meanwhile, and the keys of the inbox. Without this file pages are as true as when they were opened.
//
//   [data-live="inbox conversation:12 customer:7 customers"]
//                     asks for itself again (htmx, on the event `live`) when something of that kind was written
//   [data-inbox]      the page whose keys these are
//   [data-step]       the links that j and k walk along
//   [data-key="e"]    pressed by that key;  [data-key-menu="a"]  a details element opened by it
//   [data-send]       Ctrl + Enter sends its form
'use strict';

{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ── news ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  // No piece is asked for more often, however much happens.
  const REST = 600;
  const asked = new Map();
  let stream = null;

  function concerns(piece, news) {
    const customers = news.customers ? new Set(news.customers) : null;
    return piece.dataset.live.split(' ').some((word) => {
      const [kind, id] = word.split(':');
      if (kind === 'customers' || !customers) return true;
      if (kind === 'inbox') return news.conversations.length > 0;
      return kind === 'customer' ? customers.has(Number(id)) : news.conversations.includes(Number(id));
    });
  }

  // Somebody is typing in it: it waits until she is done.
  const isBusy = (piece) => {
    const at = document.activeElement;
    return piece.contains(at) && at.matches('input:not([type=search]), textarea, select') && Boolean(at.value);
  };

  function refresh(piece) {
    const key = piece.id;
    const known = asked.get(key) ?? { at: -Infinity, timer: null };
    asked.set(key, known);
    if (known.timer) return;
    const wait = Math.max(0, known.at + REST - performance.now());
    known.timer = setTimeout(() => {
      known.timer = null;
      const now = document.getElementById(key);
      if (!now) return;
      if (isBusy(now)) { known.at = performance.now(); refresh(now); return; }
      known.at = performance.now();
      window.htmx?.trigger(now, 'live');
    }, wait);
  }

  function follow() {
    const wanted = !document.hidden && document.querySelector('[data-live]');
    if (wanted && !stream) {
      stream = new EventSource('/events');
      stream.onmessage = (event) => {
        const news = JSON.parse(event.data);
        all('[data-live]').filter((piece) => concerns(piece, news)).forEach(refresh);
      };
      // Whoever was signed out is not asked for ever.
      stream.onerror = () => { if (stream?.readyState === EventSource.CLOSED) { stream = null; setTimeout(follow, 15000); } };
    } else if (!wanted && stream) {
      stream.close();
      stream = null;
    }
  }
  document.addEventListener('visibilitychange', follow);
  // A page that is kept for going back holds no connection; browsers have few of them.
  window.addEventListener('pagehide', () => { stream?.close(); stream = null; });
  window.addEventListener('pageshow', (event) => { if (event.persisted) follow(); });
  follow();

  // ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  const focus = (selector) => {
    const field = document.querySelector(selector);
    field?.focus();
    return Boolean(field);
  };
  const press = (selector) => {
    const button = document.querySelector(selector);
    button?.click();
    return Boolean(button);
  };

  function step(by) {
    const links = all('[data-step]');
    const at = links.findIndex((link) => link === document.activeElement || link.getAttribute('aria-current') === 'true');
    const focused = links.indexOf(document.activeElement);
    const from = focused >= 0 ? focused : at;
    const next = links[Math.min(Math.max(from + by, 0), links.length - 1)];
    if (!next) return false;
    if (document.querySelector('.panes-open')) next.click();
    else next.focus();
    return true;
  }

  function write(kind) {
    const choice = document.querySelector(`#reply-form [name=kind][value=${kind}]`);
    if (choice) choice.checked = true;
    return focus('#reply-body');
  }

  function menu(key) {
    const details = document.querySelector(`details[data-key-menu="${key}"]`);
    if (!details) return false;
    details.open = true;
    details.querySelector('.drop-pop button, .drop-pop a')?.focus();
    return true;
  }

  const INBOX = {
    j: () => step(1),
    k: () => step(-1),
    r: () => write('reply'),
    n: () => write('note'),
    e: () => press('[data-key="e"]'),
    o: () => press('[data-key="o"]'),
    a: () => menu('a'),
    s: () => menu('s'),
    c: () => menu('c'),
  };
  const EVERYWHERE = {
    t: () => focus('#beside input[data-ahead], #profile input[data-ahead]'),
    '?': () => { const keys = document.getElementById('keymap'); keys?.showModal(); return Boolean(keys); },
  };

  document.addEventListener('keydown', (event) => {
    const at = event.target;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && at.matches?.('[data-send]')) {
      event.preventDefault();
      at.form.requestSubmit();
      return;
    }
    if (event.key === 'Escape' && at.matches?.('[data-send]')) { at.blur(); return; }
    const menuOpen = event.key === 'Escape' && document.querySelector('details.drop[open]');
    if (menuOpen) { menuOpen.open = false; menuOpen.querySelector('summary').focus(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (at.closest?.('input, textarea, select, [contenteditable], dialog[open]')) return;
    const keys = document.querySelector('[data-inbox]') ? { ...EVERYWHERE, ...INBOX } : EVERYWHERE;
    if (keys[event.key]?.()) event.preventDefault();
  });
  document.addEventListener('click', (event) => {
    all('details.drop[open]').forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  // What somebody wrote herself she sees at once, whatever the stream does.
  document.addEventListener('htmx:after:swap', (event) => {
    if (event.detail?.ctx?.target?.id === 'reply') all('#thread, #list').forEach(refresh);
    follow();
  });
}
