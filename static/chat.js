// The website chat: one line in a page of yours, <script src="https://muster.example/chat.js" async></script>.
// It draws a button and a dialog in a tree of its own, so that neither the page's styles nor its scripts meet it, and needs
// nothing of the page. What a visitor is known by is made here and kept in her browser.
(() => {
  'use strict';
  const site = new URL(document.currentScript.src).origin;
  const KEPT = 'muster-chat';

  // ── the visitor ────────────────────────────────────────────────────────────────────────────────────────────────────

  const random = (length) => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(length))))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const load = () => { try { return JSON.parse(localStorage.getItem(KEPT)) ?? {}; } catch { return {}; } };
  // A browser that keeps nothing knows her as long as the page is open.
  const keep = () => { try { localStorage.setItem(KEPT, JSON.stringify(visitor)); } catch { /* then not */ } };
  const visitor = { key: random(32), known: false, seen: 0, ...load() };

  // Plain text needs no leave to be asked for beforehand, and carries no cookie.
  async function ask(path, what) {
    const answer = await fetch(`${site}/chat/${path}`, {
      method: 'POST', credentials: 'omit', headers: { 'Content-Type': 'text/plain' }, body: JSON.stringify({ key: visitor.key, ...what }),
    });
    const said = await answer.json().catch(() => ({}));
    return { ok: answer.ok, status: answer.status, ...said };
  }

  // ── what is seen ───────────────────────────────────────────────────────────────────────────────────────────────────

  const STYLE = `
    :host { all: initial; color-scheme: light dark; --ink: light-dark(#1f1e1b, #eeece8); --dim: light-dark(#6b675f, #a5a199);
      --paper: light-dark(#fff, #23221f); --sunk: light-dark(#f3f1ed, #302e2a); --line: light-dark(#dcd8d0, #45423c);
      --accent: #3a48c4; --bad: light-dark(#b3261e, #ff8a80) }
    * { box-sizing: border-box; font: 15px/1.45 system-ui, sans-serif }
    button, input, textarea { color: inherit }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
    .open { position: fixed; z-index: 2147483000; right: 20px; bottom: 20px; border: 0; border-radius: 24px; padding: 12px 20px; background: var(--accent); color: #fff; font-weight: 600; cursor: pointer; box-shadow: 0 4px 16px #0004 }
    .open b { margin-left: 8px; padding: 1px 7px; border-radius: 10px; background: #fff; color: var(--accent); font-size: 12px }
    .box { position: fixed; z-index: 2147483000; right: 20px; bottom: 20px; width: min(360px, calc(100vw - 24px)); height: min(540px, calc(100vh - 40px)); display: flex; flex-direction: column; border: 1px solid var(--line); border-radius: 14px; background: var(--paper); color: var(--ink); box-shadow: 0 8px 32px #0005; overflow: hidden }
    [hidden] { display: none !important }
    header { display: flex; align-items: center; padding: 12px 16px; border-bottom: 1px solid var(--line) }
    h2 { flex: 1; margin: 0; font-size: 15px; font-weight: 600 }
    header button { border: 0; background: none; padding: 6px 10px; cursor: pointer; border-radius: 6px }
    .log { flex: 1; overflow-y: auto; padding: 16px; display: flex; flex-direction: column; gap: 10px }
    .log p { margin: 0; max-width: 85%; padding: 8px 12px; border-radius: 4px 12px 12px; background: var(--sunk); white-space: pre-wrap; overflow-wrap: anywhere }
    .log .mine { align-self: flex-end; background: var(--accent); color: #fff; border-radius: 12px 4px 12px 12px }
    .log small { display: block; color: var(--dim); font-size: 12px }
    .log .hello { background: none; padding: 0; color: var(--dim); max-width: none }
    form { display: grid; gap: 8px; padding: 12px; border-top: 1px solid var(--line) }
    label { display: grid; gap: 2px; font-size: 12px; color: var(--dim) }
    input, textarea { width: 100%; padding: 8px 10px; border: 1px solid var(--line); border-radius: 8px; background: transparent; resize: none }
    [aria-invalid=true] { border-color: var(--bad) }
    form button { justify-self: end; border: 0; border-radius: 8px; padding: 9px 18px; background: var(--accent); color: #fff; font-weight: 600; cursor: pointer }
    .why { margin: 0; color: var(--bad); font-size: 13px }`;

  const make = (name, attributes = {}, ...inside) => {
    const element = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.append(...inside);
    return element;
  };

  const host = make('div', { id: 'muster-chat' });
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const unread = make('b', { hidden: '' });
  const opener = make('button', { class: 'open', type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false' }, 'Chat with us', unread);
  const closer = make('button', { type: 'button', 'aria-label': 'Close the chat' }, '✕');
  const hello = make('p', { class: 'hello' }, 'Write to us. Our answer is here, now or when you come back.');
  const log = make('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': 'Messages', tabindex: '0' }, hello);
  const name = make('input', { id: 'name', autocomplete: 'name', maxlength: '200' });
  const email = make('input', { id: 'email', type: 'email', autocomplete: 'email', maxlength: '254' });
  const who = make('div', {}, make('label', {}, 'Your name', name), make('label', {}, 'Your email', email));
  const text = make('textarea', { id: 'text', rows: '2', maxlength: '10000', 'aria-label': 'Your message' });
  const why = make('p', { class: 'why', role: 'alert', id: 'why' });
  const form = make('form', { novalidate: '' }, who, text, why, make('button', { type: 'submit' }, 'Send'));
  const box = make('section', { class: 'box', role: 'dialog', 'aria-label': 'Chat', hidden: '' }, make('header', {}, make('h2', {}, 'Chat'), closer), log, form);
  root.append(opener, box);

  const isOpen = () => !box.hidden;
  function show(open) {
    box.hidden = !open;
    opener.hidden = open;
    opener.setAttribute('aria-expanded', open);
    if (open) { read(); (visitor.known ? text : name).focus(); log.scrollTop = log.scrollHeight; } else opener.focus();
  }
  opener.addEventListener('click', () => show(true));
  closer.addEventListener('click', () => show(false));
  box.addEventListener('keydown', (event) => { if (event.key === 'Escape') show(false); });

  // ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────────

  let last = 0;
  const drawn = new Set();

  function draw(messages) {
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    for (const message of messages) {
      last = Math.max(last, message.id);
      if (drawn.has(message.id)) continue;
      drawn.add(message.id);
      // Text, never markup.
      const line = make('p', message.mine ? { class: 'mine' } : {}, message.text);
      if (message.author) line.prepend(make('small', {}, message.author));
      log.append(line);
    }
    hello.hidden = drawn.size > 0;
    if (near) log.scrollTop = log.scrollHeight;
    if (isOpen()) read();
    const waiting = messages.filter((message) => !message.mine && message.id > visitor.seen).length;
    if (!isOpen() && waiting) { unread.textContent = Number(unread.textContent || 0) + waiting; unread.hidden = false; }
  }

  function read() {
    visitor.seen = Math.max(visitor.seen, last);
    unread.hidden = true;
    unread.textContent = '';
    if (visitor.known) keep();
  }

  let waits = false;
  async function wait() {
    if (waits) return;
    waits = true;
    for (let pause = 1000; visitor.known;) {
      try {
        const said = await ask('look', { after: last, wait: last > 0 });
        if (said.status === 404) { visitor.known = false; visitor.key = random(32); break; }
        if (!said.ok) throw new Error(said.error);
        draw(said.messages);
        pause = 1000;
        // Nothing was ever said under this key.
        if (last === 0) break;
      } catch {
        await new Promise((done) => setTimeout(done, pause));
        pause = Math.min(pause * 2, 60000);
      }
    }
    waits = false;
    who.hidden = visitor.known;
  }

  // A message keeps its name until it is taken, so that trying again says it once.
  let pending = null;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (pending?.busy) return;
    if (pending?.text !== text.value) pending = { id: random(12), text: text.value };
    pending.busy = true;
    why.textContent = '';
    [name, email, text].forEach((field) => field.removeAttribute('aria-invalid'));
    try {
      const said = await ask('messages', { id: pending.id, name: name.value, email: email.value, text: text.value, after: last });
      if (said.ok) {
        pending = null;
        text.value = '';
        visitor.known = true;
        who.hidden = true;
        keep();
        draw(said.messages);
        log.scrollTop = log.scrollHeight;
        wait();
      } else {
        pending.busy = false;
        why.textContent = said.error ?? 'This did not arrive. Try again in a moment.';
        const field = { name, email, text }[said.field] ?? text;
        field.setAttribute('aria-invalid', 'true');
        field.setAttribute('aria-describedby', 'why');
        field.focus();
      }
    } catch {
      pending.busy = false;
      why.textContent = 'No connection. Your message is still here; try again.';
    }
  });
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });

  who.hidden = visitor.known;
  const begin = () => { document.body.append(host); if (visitor.known) wait(); };
  if (document.body) begin(); else document.addEventListener('DOMContentLoaded', begin);
})();
