// What the modules of the Compare tab share: its state, the elements of the page, names, numbers.
// Names from logs only ever become text, never markup.

const PALETTE = ['#e69f00', '#3f9fd8', '#009e73', '#cc79a7', '#d55e00', '#7a6fd0', '#5c8a00', '#a0522d'];

// The page around the tab, whose address and theme are the tab's too; itself, without one.
export const FRAME = window.parent === window ? window : window.parent;
// What the address holds.
export const state = {study: '', metric: '', split: '', view: '', selected: [], options: {}};
// What it does not.
export const page = {found: null, version: '', sort: null, descending: false, first: 0, filter: '', asked: 0, polls: 0, turn: 0};
// Elements by name.
export const at = {};

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

// What is drawn anew is another element: the focus goes to the one in its place.
export function keepingFocus(redraw) {
  const held = document.activeElement;
  const name = ['id', 'data-config', 'data-sort', 'aria-label'].find((each) => held.hasAttribute(each));
  const place = [at.controls, at.tabs, at.list, at.options, at.figure].find((each) => each.contains(held));
  redraw();
  if (name && !held.isConnected) place?.querySelector(`${held.localName}[${name}="${CSS.escape(held.getAttribute(name))}"]`)?.focus();
}

export function chooser(label, values, value, changed) {
  const select = make('select', {'aria-label': label, onchange: () => changed(select.value)},
    ...values.map((each) => make('option', {value: each, selected: each === value}, each)));
  return make('label', {class: 'chooser'}, `${label} `, select);
}

export async function get(route, query = {}) {
  const answer = await fetch(`${route}?${new URLSearchParams(query)}`);
  const value = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(value.error || answer.statusText), {code: answer.status});
  return value;
}

export const asked = () => ({study: state.study, metric: state.metric, split: state.split});

export const colour = (id) => {
  const place = state.selected.indexOf(id);
  return place < 0 ? 'transparent' : PALETTE[place % PALETTE.length];
};
export const called = (id) => page.found.names[id] ?? shortId(id);
export const shortId = (id) => (/^[0-9a-f]{12}$/.test(id) ? id.slice(0, 6) : id);
export const settingsOf = (id) => Object.entries(page.found.settings[id] || {})
  .map(([name, value]) => `${name}=${typeof value === 'number' ? +value.toPrecision(3) : value}`).join(' ');
export const matches = (id) => !page.filter || `${id} ${called(id)} ${settingsOf(id)}`.includes(page.filter);

export function signs(id) {
  const found = page.found.states[id] || {};
  const kinds = [['finished', '●'], ['running', '◌'], ['failed', '✕']].filter(([name]) => found[name]);
  return make('span', {class: 'signs', title: kinds.map(([name]) => `${found[name]} ${name}`).join(', ')},
    ...kinds.map(([name, sign]) => make('span', {class: name}, `${found[name]}${sign}`)));
}

export const fixed = (value, digits) => (value == null ? '' : value.toFixed(digits));
export const whole = (value) => (value == null ? '' : value.toLocaleString('en'));
export const range = (value) => (value ? `${fixed(value[0], 3)} to ${fixed(value[1], 3)}` : '');
