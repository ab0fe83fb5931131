// What is shown and selected, in the address: the keys `p.compare.*` of the page around the tab.

import {FRAME, state} from './page.js';

const PREFIX = 'p.compare.';

function parts() {
  return FRAME.location.hash.replace(/^#/, '').split('&').filter(Boolean);
}

export function readAddress() {
  const before = JSON.stringify(state);
  const given = {};
  for (const part of parts()) {
    const [key, value = ''] = part.split('=');
    if (key.startsWith(PREFIX)) given[key.slice(PREFIX.length)] = decode(value);
  }
  if (!Object.keys(given).length) return false;
  for (const name of ['study', 'metric', 'split']) state[name] = given[name] ?? '';
  state.view = given.view || '';
  state.selected = (given.selected || '').split(',').filter(Boolean);
  state.options = {};
  for (const [key, value] of Object.entries(given)) {
    if (key.startsWith('o.')) state.options[key.slice(2)] = value;
  }
  return JSON.stringify(state) !== before;
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return ''; }
}

export function writeAddress() {
  const kept = parts().filter((part) => !part.startsWith(PREFIX));
  const ours = {study: state.study, metric: state.metric, split: state.split, view: state.view,
    selected: state.selected.join(',')};
  for (const [name, value] of Object.entries(state.options)) ours[`o.${name}`] = value;
  const told = Object.entries(ours).filter(([, value]) => value)
    .map(([key, value]) => `${PREFIX}${key}=${encodeURIComponent(value)}`);
  FRAME.history.replaceState(FRAME.history.state, '', `#${[...kept, ...told].join('&')}`);
}
