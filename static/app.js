// What the pages do beyond plain links and forms. Everything listens on the document, so that pieces swapped in by htmx
// need no setting up; and everything the pages can do, they can do without this file. What it looks for:
//
//   input[data-ahead]          combobox of its listbox (aria-controls): picking an option submits the input's form
//   input[data-ahead="pick"]   the same, but picking fills the input in and tells the form that it changed
//   [role=option][data-value]  what picking it means (without: its text); aria-selected="true" is what Enter takes
//   [data-ahead-done]          what Esc presses when the list is closed already
//   [data-find]                takes the focus on "/"
//   [data-pick] [data-pick-all]           row ticks and the tick of all on the page, one list a page
//   [data-bulk] [data-bulk-count]         the bar that shows when something is ticked, and where it says how many
//   [data-bulk-all][data-count]           tick that means everybody who matches; offered once the whole page is ticked, on
//                                         cards at once
//   form[data-autosubmit]      submits when something in it changes, unless htmx does
//   form[data-upload]          says how much of its file has arrived, in [data-upload-now], and can be stopped
//   form[data-later]           comes with fields that want another look, which take the focus when the address leads there
//   [data-asks] [data-lands]   asks again and again until its answer comes without it; the focus that was in what is gone
//                              lands here
//   [data-copy]                copies its value, or the page's address
//   [data-opens="id"] [data-closes]       opens a dialog; closes the one it is in
//   select[data-enters]        Enter in it sends its form, as in any other field
//   [data-escapes]             what Esc presses in the form it is in
//   [aria-keyshortcuts="t"]    takes the focus when this letter is typed outside of a field
//   button[data-leads="selector"]         where the focus goes once the piece it asked for is there
//   .toast-m [data-close] [data-goes]     dismisses a toast; a toast that goes by itself
'use strict';

const on = (type, selector, act) => document.addEventListener(type, (event) => {
  const hit = event.target instanceof Element && event.target.closest(selector);
  if (hit) act(hit, event);
});
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// ── type-ahead: the combobox of the ARIA patterns ────────────────────────────────────────────────────────────────────

const AHEAD = 'input[data-ahead]';
const listOf = (input) => document.getElementById(input.getAttribute('aria-controls'));
const inputOf = (option) => document.querySelector(`${AHEAD}[aria-controls="${option.closest('[role=listbox]')?.id}"]`);
const optionsOf = (input) => all('[role=option]', listOf(input) ?? document.createElement('i'));
const activeOf = (input) => document.getElementById(input.getAttribute('aria-activedescendant') ?? '');
const isOpen = (input) => input.getAttribute('aria-expanded') === 'true';

function activate(input, chosen) {
  const options = optionsOf(input);
  options.forEach((option, i) => {
    option.id ||= `${listOf(input).id}-${i}`;
    option.setAttribute('aria-selected', option === chosen);
  });
  if (chosen) input.setAttribute('aria-activedescendant', chosen.id);
  else input.removeAttribute('aria-activedescendant');
  chosen?.scrollIntoView({ block: 'nearest' });
}

function open(input) {
  const options = optionsOf(input);
  input.setAttribute('aria-expanded', options.length > 0 && document.activeElement === input);
  activate(input, options.find((option) => option.getAttribute('aria-selected') === 'true'));
}

function close(input) {
  input.setAttribute('aria-expanded', 'false');
  activate(input, null);
}

function pick(input, option) {
  input.value = option.dataset.value ?? option.textContent.trim();
  close(input);
  if (input.dataset.ahead === 'pick') input.dispatchEvent(new Event('change', { bubbles: true }));
  else submitTyped(input);
}

// What was typed is on its way: the next word may be typed at once, and the answer leaves it alone.
function submitTyped(input) {
  input.form?.requestSubmit();
  if (!usesHtmx(input.form)) return;
  input.value = '';
  sent = { at: input, value: '' };
}

function step(input, by) {
  const options = optionsOf(input);
  if (!options.length) return;
  if (!isOpen(input)) open(input);
  // The place before the first option is the input itself: what was typed, and nothing chosen.
  const ring = [null, ...options];
  const at = ring.indexOf(activeOf(input));
  activate(input, ring[(Math.max(at, 0) + by + ring.length) % ring.length]);
}

const KEYS = {
  ArrowDown: (input) => (step(input, 1), true),
  ArrowUp: (input) => (step(input, -1), true),
  Enter(input) {
    if (isAhead(input)) return hurry(input), true;
    const option = isOpen(input) && activeOf(input);
    if (option) return pick(input, option), true;
    if (input.dataset.ahead === 'pick') {
      // Tags and segments are chosen among those there are: the first letters and Enter are enough.
      const typed = /\/(tags|segments)$/.test(input.dataset.hxGet) && isOpen(input) && input.value.trim().toLowerCase();
      const begins = typed && optionsOf(input).find((option) => option.dataset.value?.toLowerCase().startsWith(typed));
      return begins ? (pick(input, begins), true) : false;
    }
    // Not the form's first button, which would be the × of a chip.
    if (input.value.trim()) submitTyped(input);
    return true;
  },
  Backspace(input) {
    if (input.value) return false;
    // One that is on its way out is skipped, so that two presses take two.
    const chip = all('.chip:not([hidden])', input.closest('.picker') ?? input.parentElement).at(-1);
    const remove = chip?.querySelector('.chip-x');
    remove?.click();
    if (remove?.hasAttribute('data-hx-post')) chip.hidden = true;
    return true;
  },
  Escape(input) {
    const done = input.closest('.ahead')?.querySelector('[data-ahead-done]');
    // With nothing typed there is nothing to keep, whether or not the list has come already.
    if (isOpen(input) && input.value) close(input);
    else if (done) done.click();
    else input.blur();
    return true;
  },
};

// Two letters and Enter are enough, and often Enter comes before what they offer. Then the word is asked for by itself and
// goes in its turn, and the next may be typed at once.
const answered = (input) => listOf(input)?.querySelector('[data-typed]')?.dataset.typed;
const isAhead = (input) => input.dataset.ahead === '' && /\/tags\//.test(input.dataset.hxGet) && usesHtmx(input.form)
  && input.value.trim().length > 1 && answered(input) !== input.value;
let turn = Promise.resolve();

function hurry(input) {
  const { id, value: word } = input;
  const address = new URL(input.dataset.hxGet, location);
  address.searchParams.set('name', word);
  const meant = fetch(address, { headers: { 'HX-Request': 'true' } })
    .then((answer) => (answer.ok ? answer.text() : ''))
    .then((html) => new DOMParser().parseFromString(html, 'text/html').querySelector('[aria-selected=true]')?.dataset.value ?? word)
    .catch(() => word);
  input.value = '';
  close(input);
  turn = turn.then(async () => {
    const value = await meant;
    const now = document.getElementById(id);
    if (!now) return;
    const typed = now.value;
    now.value = value;
    submitTyped(now);
    now.value = typed;
  });
}

on('keydown', AHEAD, (input, event) => {
  if (!event.isComposing && KEYS[event.key]?.(input)) event.preventDefault();
});
on('input', AHEAD, (input) => activate(input, null));
on('focusin', AHEAD, (input) => open(input));
on('focusout', AHEAD, (input) => close(input));
// The input keeps the focus while an option is pressed.
on('mousedown', '.ahead-pop', (_, event) => event.preventDefault());
on('click', '.ahead-pop [role=option]', (option) => {
  const input = inputOf(option);
  if (input) pick(input, option);
});

// ── Enter in a value ─────────────────────────────────────────────────────────────────────────────────────────────────

// Enter tells of a change and sends the form at once. The builder answers the change; sending it as well would put the
// same question into the history twice.
let changed = -Infinity;
document.addEventListener('change', (event) => { if (event.target.closest?.('#builder')) changed = performance.now(); }, true);
document.addEventListener('submit', (event) => {
  const byEnter = event.target.id === 'builder' && !event.submitter?.name;
  if (!byEnter || !usesHtmx(event.target) || performance.now() - changed > 100) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

// ── choosing with the keyboard ──────────────────────────────────────────────────────────────────────────────────────

// Each letter and each arrow changes a select. In a form that answers every change, whoever types "Last purchase" would
// have the select swapped under her fingers: what she means is asked when she pauses or leaves.
const PAUSE = 400;
let chosen = null;

function meant() {
  if (!chosen) return;
  const { select, timer } = chosen;
  clearTimeout(timer);
  chosen = null;
  select.dispatchEvent(new Event('change', { bubbles: true }));
}

document.addEventListener('keydown', (event) => {
  const select = event.target.closest?.('#builder select');
  if (select) select.dataset.typed = event.key === 'Tab' ? '' : '1';
}, true);
document.addEventListener('pointerdown', (event) => event.target.closest?.('#builder select')?.removeAttribute('data-typed'), true);
document.addEventListener('change', (event) => {
  const select = event.target;
  if (!select.matches?.('#builder select') || !select.dataset.typed || !event.isTrusted) return;
  event.stopImmediatePropagation();
  clearTimeout(chosen?.timer);
  chosen = { select, timer: setTimeout(meant, PAUSE) };
}, true);
document.addEventListener('focusout', (event) => { if (event.target === chosen?.select) meant(); }, true);

// ── ticking rows ─────────────────────────────────────────────────────────────────────────────────────────────────────

let lastTicked = null;

function countTicks() {
  const bar = document.querySelector('[data-bulk]');
  if (!bar) return;
  const rows = all('[data-pick]');
  const ticked = rows.filter((box) => box.checked).length;
  const whole = ticked > 0 && ticked === rows.length;
  const head = document.querySelector('[data-pick-all]');
  // Cards have no head with a box that ticks the whole page.
  const cards = head && getComputedStyle(head.closest('thead')).position === 'absolute';
  const everybody = bar.querySelector('[data-bulk-all]');
  if (everybody && !whole) everybody.checked = false;
  everybody?.closest('label')?.toggleAttribute('hidden', !whole && !cards);
  const words = bar.querySelector('[data-bulk-count]');
  if (words) words.textContent = `${everybody?.checked ? everybody.dataset.count : ticked} selected`;
  bar.toggleAttribute('data-on', ticked > 0);
  rows.forEach((box) => box.closest('tr')?.setAttribute('aria-selected', box.checked));
  if (head) {
    head.checked = whole;
    head.indeterminate = ticked > 0 && !whole;
  }
}

on('click', '[data-pick]', (box, event) => {
  const rows = all('[data-pick]');
  const [from, to] = [rows.indexOf(lastTicked), rows.indexOf(box)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) rows.slice(from, to + 1).forEach((row) => { row.checked = box.checked; });
  lastTicked = box;
});
on('change', '[data-pick], [data-pick-all], [data-bulk-all]', (box) => {
  const rows = box.matches('[data-pick-all]') || (box.matches('[data-bulk-all]') && box.checked) ? all('[data-pick]') : [];
  rows.forEach((row) => { row.checked = box.checked; });
  countTicks();
});
on('reset', 'form', () => setTimeout(countTicks));

// ── small things ─────────────────────────────────────────────────────────────────────────────────────────────────────

const usesHtmx = (form) => window.htmx && ['get', 'post'].some((verb) => form.hasAttribute(`data-hx-${verb}`));
on('change', 'form[data-autosubmit]', (form) => { if (!usesHtmx(form)) form.requestSubmit(); });

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const find = document.querySelector('[data-find]');
    if (find) { event.preventDefault(); find.focus(); find.select?.(); }
  }
  const plain = !typing && !event.ctrlKey && !event.metaKey && !event.altKey && /^[a-z]$/.test(event.key);
  const meant = plain && document.querySelector(`input[aria-keyshortcuts="${event.key}"]`);
  if (meant) { event.preventDefault(); meant.focus(); }
  // What is chosen by this very key counts.
  if (event.key === 'Enter' && event.target.matches?.('select[data-enters]')) setTimeout(() => event.target.form?.requestSubmit());
  if (event.key === 'Escape') {
    closeMenu();
    event.target.closest?.('form')?.querySelector('[data-escapes]')?.click();
  }
});

on('click', '[data-copy]', async (button) => {
  const words = button.dataset.copy || location.href;
  const copied = await navigator.clipboard?.writeText(words).then(() => true, () => false) ?? copyTheOldWay(words);
  const label = [...button.childNodes].findLast((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!copied || !label || button.dataset.said) return;
  button.dataset.said = label.data;
  label.data = 'Copied';
  setTimeout(() => { label.data = button.dataset.said; delete button.dataset.said; }, 2000);
});

// The clipboard proper is there on https and localhost only.
function copyTheOldWay(words) {
  const field = Object.assign(document.createElement('textarea'), { value: words, className: 'visually-hidden' });
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  return copied;
}

on('click', '[data-opens]', (button, event) => {
  const dialog = document.getElementById(button.dataset.opens);
  if (dialog?.showModal) { event.preventDefault(); dialog.showModal(); }
});
on('click', '[data-closes]', (button, event) => { event.preventDefault(); button.closest('dialog')?.close(); });
// Only the backdrop is the dialog itself and not something in it.
on('click', 'dialog', (dialog, event) => { if (event.target === dialog) dialog.close(); });

const closeMenu = (except) => all('details.me[open]').forEach((menu) => { if (menu !== except) menu.open = false; });
document.addEventListener('click', (event) => closeMenu(event.target.closest?.('details.me')));

// ── uploads ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const bytes = (n) => {
  const [by, unit] = n < 1e6 ? [1e3, 'kB'] : n < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${(n / by).toFixed(by > 1e3 ? 1 : 0)} ${unit}`;
};
let upload = null;

// The same form, sent so that one sees how far it is. The answer leads on, or is the page again with what was wrong.
on('submit', 'form[data-upload]', (form, event) => {
  event.preventDefault();
  if (upload) return;
  const part = (name) => form.querySelector(`[data-upload-${name}]`);
  const [now, progress, stop] = [part('now'), form.querySelector('progress'), part('stop')];
  const say = (done, all) => {
    const percent = all ? Math.floor(done * 100 / all) : 0;
    progress.value = percent;
    part('percent').textContent = `${percent} %`;
    part('told').textContent = done < all ? `${bytes(done)} of ${bytes(all)} uploaded` : 'Uploaded. The file is being read';
    const said = done < all ? `${Math.floor(percent / 10) * 10} % uploaded` : 'The file is being read';
    if (part('said').textContent !== said) part('said').textContent = said;
  };
  const over = (why) => {
    upload = null;
    now.hidden = true;
    form.removeAttribute('data-busy');
    form.querySelector('[type=submit]').focus();
    if (why) complain(form, why);
  };
  const request = upload = new XMLHttpRequest();
  request.open('POST', form.action);
  request.upload.addEventListener('progress', (event) => say(event.loaded, event.total));
  request.addEventListener('abort', () => over());
  request.addEventListener('error', () => over('The upload was interrupted. Look whether you are connected, then try again.'));
  request.addEventListener('load', () => {
    const page = request.status < 400 ? null : new DOMParser().parseFromString(request.responseText, 'text/html');
    const main = page?.querySelector('main');
    if (!page) location.assign(request.responseURL);
    else if (!main) over('The upload failed. Try again.');
    else {
      upload = null;
      document.title = page.title;
      document.querySelector('main').replaceWith(main);
      lookAgain();
    }
  });
  request.send(new FormData(form));
  complain(form, '');
  say(0, form.querySelector('[type=file]').files[0]?.size ?? 0);
  now.hidden = false;
  form.setAttribute('data-busy', '');
  stop.focus();
});
on('click', '[data-upload-stop]', () => upload?.abort());
// A page that comes back out of the browser's memory is as it was before something was sent.
window.addEventListener('pageshow', (event) => { if (event.persisted && document.querySelector('[data-busy]')) location.reload(); });

// Says what went wrong where the form would say it.
function complain(form, why) {
  const file = form.querySelector('[type=file]');
  const help = document.getElementById(file.getAttribute('aria-describedby'));
  if (!help) return;
  help.className = why ? 'field-why' : 'field-help';
  help.textContent = why || help.dataset.help;
  file.toggleAttribute('aria-invalid', false);
  if (why) file.setAttribute('aria-invalid', 'true');
}

// ── toasts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

on('click', '[data-close]', (button) => button.closest('.toast-m')?.remove());

function letToastsGo() {
  all('.toast-m[data-goes]').forEach((toast) => {
    toast.removeAttribute('data-goes');
    const go = () => (toast.matches(':hover, :focus-within') ? setTimeout(go, 2000) : toast.remove());
    setTimeout(go, 8000);
  });
}

document.addEventListener('htmx:error', () => {
  const offline = document.getElementById('offline');
  const toasts = document.getElementById('toasts');
  if (offline && toasts && !toasts.querySelector('[data-offline]')) toasts.prepend(offline.content.cloneNode(true));
});

// ── where the focus goes when htmx has swapped a piece ───────────────────────────────────────────────────────────────

let before = null;
let sent = null;
// What somebody chose since the last request went out: the answer that comes knows nothing of it.
const since = new Set();
['input', 'change'].forEach((type) => document.addEventListener(type, (event) => since.add(event.target), true));

document.addEventListener('htmx:before:request', (event) => {
  const at = document.activeElement;
  // Asking for suggestions sends nothing away; and a word that waits its turn was noted when it was submitted.
  if (event.detail?.ctx?.sourceElement?.matches?.(AHEAD) || (at?.matches?.(AHEAD) && at.dataset.ahead !== 'pick')) return;
  sent = at && 'value' in at ? { at, value: at.value } : null;
  since.clear();
});

// A morph changes attributes and leaves alone what is in the fields. Here the server's word counts, except in a field
// where somebody went on typing meanwhile.
function takeTheServersWord(place) {
  all('input, textarea, select', place).forEach((field) => {
    if (since.has(field) || (field === document.activeElement && !(sent?.at === field && sent.value === field.value))) return;
    if (field.matches('select')) {
      const chosen = [...field.options].findIndex((option) => option.defaultSelected);
      field.selectedIndex = Math.max(chosen, 0);
    } else if (field.matches('[type=checkbox], [type=radio]')) field.checked = field.defaultChecked;
    else if (!field.matches('[type=file]') && field.value !== field.defaultValue) field.value = field.defaultValue;
  });
}

document.addEventListener('htmx:before:swap', () => {
  const at = document.activeElement;
  if (!at || at === document.body) { before = null; return; }
  const around = [];
  for (let box = at.parentElement; box; box = box.parentElement) if (box.id) around.push(box.id);
  before = { at, leads: at.dataset.leads, id: at.id, name: at.name, value: at.value, form: at.form?.id, around };
});

document.addEventListener('htmx:after:swap', (event) => {
  const { target, swap, response, sourceElement } = event.detail?.ctx ?? {};
  const place = target instanceof Element && (target.isConnected ? target : document.getElementById(target.id));
  if (place && /morph/i.test(swap)) takeTheServersWord(place);
  // What comes for a word that was taken back or sent meanwhile opens nothing.
  if (sourceElement?.matches?.(AHEAD) && place === listOf(sourceElement)
    && [undefined, sourceElement.value].includes(answered(sourceElement))) open(sourceElement);
  const wrong = response?.status === 422 && (place || document).querySelector('[aria-invalid=true]');
  if (wrong) wrong.focus();
  else if (before?.leads && document.querySelector(before.leads)) document.querySelector(before.leads).focus();
  else refocus();
  if (sourceElement?.matches?.('[data-asks]') && !sourceElement.isConnected) whereTheAddressLeads()?.scrollIntoView();
  before = null;
  countTicks();
  letToastsGo();
});

// Keeps typing possible: the same field in the new piece, or else the field to type in nearest to where it was.
function refocus() {
  if (!before || before.at.isConnected) return;
  const boxes = before.around.map((id) => document.getElementById(id)).filter(Boolean);
  const named = before.name && before.form && all(`#${CSS.escape(before.form)} [name="${CSS.escape(before.name)}"]`);
  const same = (before.id && document.getElementById(before.id))
    || (named && (named.find((field) => field.value === before.value) ?? named[0]));
  const near = boxes[0]?.querySelector(`[autofocus], [data-lands], ${AHEAD}, .edit-tags, .fact-edit`);
  const field = same || near;
  if (!field) return;
  field.focus({ preventScroll: true });
  if (field.matches('input[type=text], input[type=search], textarea')) field.setSelectionRange(field.value.length, field.value.length);
}

const whereTheAddressLeads = () => document.getElementById(location.hash.slice(1));

// A form that came back: to the first field that needs another look.
function lookAgain() {
  document.querySelector('form:not([data-later]) [aria-invalid=true], form[data-later]:target [aria-invalid=true]')?.focus();
}
lookAgain();
countTicks();
letToastsGo();
