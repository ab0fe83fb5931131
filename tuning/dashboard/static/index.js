// The Compare tab. The server makes the figures; this page shows them, keeps what is selected, and
// looks for news.

import {readAddress, writeAddress} from './address.js';
import {leaderboard} from './leaderboard.js';
import {FRAME, asked, at, called, chooser, colour, fixed, get, keepingFocus, make, matches, page, settingsOf, signs, state} from './page.js';
import {tiles, turnTile} from './tiles.js';

const POLL_MS = 3000;
const LOOK_EVERY = 4; // Polls between two looks for new studies.
const WAIT_MS = 200;
const LISTED = 200; // Configurations in the list beside a figure.

export async function render() {
  document.head.append(make('link', {rel: 'stylesheet', href: 'style.css'}));
  document.title = 'Compare';
  readAddress();
  build();
  followTheme();
  FRAME.addEventListener('hashchange', () => readAddress() && loadStudies());
  await loadStudies();
  // Fetched while there is time, run with the first figure: it takes the page's thread a while.
  document.head.append(make('link', {rel: 'prefetch', href: 'plotly.js'}));
  setInterval(poll, POLL_MS);
}

function build() {
  at.controls = make('div', {class: 'controls'});
  at.status = make('span', {class: 'status', role: 'status'});
  at.tabs = make('div', {role: 'tablist', class: 'tabs', 'aria-label': 'Views', onkeydown: turnTab});
  at.filter = make('input', {type: 'search', placeholder: 'filter, such as filters=32',
    'aria-label': 'Filter configurations', oninput: () => { page.filter = at.filter.value; page.first = 0; list(); if (state.view === 'leaderboard') show(); }});
  at.clear = make('button', {type: 'button', onclick: () => select([])}, 'clear selection');
  at.list = make('ul', {class: 'list'});
  at.question = make('h2', {});
  at.options = make('div', {class: 'options'});
  at.figure = make('div', {class: 'figure', id: 'figure'});
  at.tiles = make('ul', {class: 'tiles', 'aria-label': 'Images', onkeydown: turnTile});
  at.note = make('p', {class: 'note'});
  at.remarks = make('div', {class: 'remarks'});
  at.panel = make('section', {role: 'tabpanel', id: 'panel'}, at.question, at.options, at.figure, at.note, at.tiles, at.remarks);
  document.body.append(
    make('header', {}, at.controls, at.status),
    at.tabs,
    at.main = make('main', {},
      make('aside', {'aria-label': 'Configurations'}, at.filter, at.clear, at.list),
      at.panel));
}

function followTheme() {
  const body = FRAME.document.body;
  const apply = () => {
    const dark = FRAME === window ? matchMedia('(prefers-color-scheme: dark)').matches
      : body.classList.contains('dark-mode');
    document.documentElement.classList.toggle('dark', dark);
    show();
  };
  new MutationObserver(apply).observe(body, {attributes: true, attributeFilter: ['class']});
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply);
  apply();
}

// --- the server ----------------------------------------------------------------------------

async function loadStudies() {
  try {
    page.studies = await get('studies');
    if (!page.studies.includes(state.study)) state.study = page.studies[0] || '';
    await load();
  } catch (error) { say(error.message, true); }
}

// A study may begin, or its folder go away, while the tab is open.
async function lookAround() {
  const found = await get('studies');
  if (String(found) === String(page.studies)) return;
  page.studies = !state.study || found.includes(state.study) ? found : [state.study, ...found];
  if (state.study) return page.found && controls();
  state.study = found[0] || '';
  await load();
}

async function load() {
  if (!state.study) return say('There is no study, and no run with scalars, in this log directory yet. Looking again now and then.', true);
  const turn = ++page.asked;
  try {
    const found = await get('findings', asked());
    if (turn !== page.asked) return; // A later question is under way.
    page.found = found;
    page.version = found.version;
    const known = new Set(Object.keys(found.states));
    state.selected = state.selected.filter((config) => known.has(config));
    keepingFocus(() => { controls(); list(); });
    await show();
    status();
  } catch (error) { if (turn === page.asked) refuse(error); }
}

// What cannot be read must not stand under the numbers of another study.
function refuse(error) {
  say(error.message, true);
  if (error.code !== 400) return; // It is not there to be asked: what it held may stand.
  page.found = {board: null, missing: error.message, opens: 'leaderboard', figures: [], states: {},
    settings: {}, names: {}, verdicts: {}, remarks: [], metrics: [], splits: []};
  page.version = '';
  controls();
  list();
  show();
}

async function poll() {
  if (document.hidden) return;
  try {
    if (!state.study || ++page.polls % LOOK_EVERY === 0) await lookAround();
    if (!state.study) return;
    const version = await get('version', {study: state.study});
    if (version !== page.version) await load();
    else status();
  } catch (error) { say(`${trouble(error)} Trying again.`, true); }
}

function trouble(error) {
  if (error.code === 404) return `${state.study} is no longer in this log directory; this is what it held.`;
  return error.code ? error.message : `TensorBoard does not answer: ${error.message}.`;
}

let script;
function plotly() {
  script ??= new Promise((resolve, reject) => {
    document.head.append(make('script', {src: 'plotly.js', onload: () => resolve(window.Plotly),
      onerror: () => reject(new Error('plotly did not load. Try: python -m pip install plotly'))}));
  });
  return script;
}

// --- what is shown -------------------------------------------------------------------------

function say(text, wrong = false) {
  at.status.textContent = text;
  at.status.classList.toggle('wrong', wrong);
}

function status() {
  const total = {finished: 0, failed: 0, running: 0};
  for (const each of Object.values(page.found.states)) {
    for (const name of Object.keys(total)) total[name] += each[name];
  }
  const told = [`${total.finished} ${total.finished === 1 ? 'run' : 'runs'} finished`];
  if (total.running) told.push(`${total.running} running`);
  if (total.failed) told.push(`${total.failed} failed`);
  say(told.join(', ') + (total.running ? ' — live' : ''));
}

function controls() {
  const change = (name) => (value) => { state[name] = value; if (name === 'study') Object.assign(state, {selected: [], metric: '', split: '', options: {}, view: state.view === 'leaderboard' ? '' : state.view}); page.first = 0; writeAddress(); load(); };
  const {board, metrics, splits} = page.found;
  at.controls.replaceChildren(
    chooser('study', page.studies, state.study, change('study')),
    ...(board ? [chooser('metric', metrics, board.metric, change('metric')),
      ...(splits.length ? [chooser('on', splits, board.split, change('split'))] : [])] : []));
  const views = [{name: 'leaderboard', title: 'Leaderboard'}, ...page.found.figures];
  if (!views.some((view) => view.name === state.view)) state.view = page.found.opens;
  at.tabs.replaceChildren(...views.map((view) => make('button', {role: 'tab', id: `tab-${view.name}`,
    'aria-selected': String(view.name === state.view), tabindex: view.name === state.view ? 0 : -1,
    'aria-controls': 'panel', onclick: () => open(view.name)}, view.title)));
}

function open(view) {
  state.view = view;
  for (const tab of at.tabs.children) {
    const on = tab.id === `tab-${view}`;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
  }
  writeAddress();
  show();
}

function turnTab(event) {
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  const tabs = [...at.tabs.children];
  const next = tabs[(tabs.findIndex((tab) => tab.tabIndex === 0) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}

function select(ids) {
  state.selected = ids;
  writeAddress();
  keepingFocus(list);
  show();
}

function toggle(ids) {
  const all = ids.every((id) => state.selected.includes(id));
  select(all ? state.selected.filter((id) => !ids.includes(id))
    : [...state.selected, ...ids.filter((id) => !state.selected.includes(id))]);
}

function tick(id) {
  return make('input', {type: 'checkbox', checked: state.selected.includes(id), 'data-config': id,
    'aria-label': `Select ${called(id)}`, style: `accent-color: ${colour(id)}`, onchange: () => toggle([id])});
}

function list() {
  const ids = Object.keys(page.found.states).filter(matches);
  const shown = ids.filter((id, place) => place < LISTED || state.selected.includes(id));
  const means = new Map((page.found.board?.configurations || []).map((row) => [row.config_id, row.mean]));
  at.list.replaceChildren(...shown.map((id) => make('li', {title: `${called(id)} ${settingsOf(id)}`}, make('label', {},
    tick(id), make('span', {class: 'swatch', style: `background: ${colour(id)}`}), make('code', {}, called(id)),
    ` ${fixed(means.get(id), 4)} `, signs(id)))));
  if (ids.length > LISTED) at.list.append(make('li', {}, `${ids.length - LISTED} more: filter`));
  at.clear.disabled = !state.selected.length;
}

async function show() {
  if (!page.found) return;
  at.remarks.replaceChildren();
  at.main.classList.toggle('table', state.view === 'leaderboard');
  if (state.view === 'leaderboard') return keepingFocus(() => leaderboard({show, toggle, tick}));
  const about = page.found.figures.find((each) => each.name === state.view);
  at.question.textContent = about.question;
  const turn = (page.turn += 1);
  const query = {...asked(), view: state.view, selected: state.selected.join(',')};
  for (const [name, value] of Object.entries(state.options)) query[`o.${name}`] = value;
  const waiting = setTimeout(() => about.name !== at.panel.dataset.view && wait(), WAIT_MS);
  try {
    const [figure, library] = await Promise.all([get('figure', query), plotly()]);
    if (turn !== page.turn || about.name !== state.view) return;
    keepingFocus(() => draw(figure, library));
    at.panel.dataset.view = about.name;
  } catch (error) { say(error.message, true); } finally { clearTimeout(waiting); }
}

// Another view's figure must not stand under this one's question.
function wait() {
  window.Plotly?.purge(at.figure);
  at.figure.replaceChildren(make('p', {class: 'nothing'}, 'Drawing …'));
  for (const each of [at.options, at.tiles, at.note]) each.replaceChildren();
}

function draw(figure, library) {
  at.options.replaceChildren(...Object.entries(figure.options).filter(([, values]) => values.length > 1)
    .map(([name, values]) => chooser(name, values, figure.chosen[name], (value) => { state.options[name] = value; writeAddress(); show(); })));
  at.note.textContent = figure.nothing ? '' : figure.note;
  at.tiles.replaceChildren(...tiles(figure));
  if (figure.nothing) {
    library.purge(at.figure);
    at.figure.replaceChildren(make('p', {class: 'nothing'}, figure.nothing));
    return;
  }
  if (!at.figure.classList.contains('js-plotly-plot')) at.figure.replaceChildren();
  const style = getComputedStyle(document.documentElement);
  const own = (name) => style.getPropertyValue(name).trim();
  const layout = {...figure.layout, autosize: true, uirevision: `${state.study} ${state.view} ${JSON.stringify(figure.chosen)}`,
    modebar: {bgcolor: 'rgba(0,0,0,0)', color: own('--soft'), activecolor: own('--text')},
    font: {color: own('--text'), family: 'Roboto, sans-serif', size: 12},
    hoverlabel: {...figure.layout.hoverlabel, bgcolor: own('--panel'),
      font: {color: own('--text')}}};
  // On cells of many colours plotly would guess a colour of text for a white page.
  for (const trace of figure.data) if (trace.texttemplate) trace.textfont = {color: layout.font.color};
  library.react(at.figure, figure.data, layout, {responsive: true, displaylogo: false,
    modeBarButtons: [['toImage'], ['zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']]});
  at.figure.removeAllListeners('plotly_click');
  at.figure.on('plotly_click', ({points}) => {
    const ids = [points[0].customdata].flat().filter(Boolean);
    if (ids.length) toggle([...new Set(ids)]);
  });
  at.figure.setAttribute('aria-label', `${at.question.textContent} ${figure.note}`);
  at.figure.setAttribute('role', 'img');
}
