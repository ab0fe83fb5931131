// The Compare tab. The server makes the figures; this module shows them, keeps what is selected,
// and looks for news. Names from logs only ever become text, never markup.

const FRAME = window.parent === window ? window : window.parent;
const PREFIX = 'p.compare.';
const POLL_MS = 3000;
const LOOK_EVERY = 4; // Polls between two looks for new studies.
const PAGE = 100; // Rows of the leaderboard at once.
const LISTED = 200; // Configurations in the list beside a figure.
const PALETTE = ['#e69f00', '#3f9fd8', '#009e73', '#cc79a7', '#d55e00', '#7a6fd0', '#5c8a00', '#a0522d'];

const state = {study: '', metric: '', split: '', view: '', selected: [], options: {}};
const page = {found: null, version: '', sort: null, descending: false, first: 0, filter: '', asked: 0, polls: 0};
const at = {}; // Elements by name.

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

// --- the address ---------------------------------------------------------------------------

function parts() {
  return FRAME.location.hash.replace(/^#/, '').split('&').filter(Boolean);
}

function readAddress() {
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

function writeAddress() {
  const kept = parts().filter((part) => !part.startsWith(PREFIX));
  const ours = {study: state.study, metric: state.metric, split: state.split, view: state.view,
    selected: state.selected.join(',')};
  for (const [name, value] of Object.entries(state.options)) ours[`o.${name}`] = value;
  const told = Object.entries(ours).filter(([, value]) => value)
    .map(([key, value]) => `${PREFIX}${key}=${encodeURIComponent(value)}`);
  FRAME.history.replaceState(FRAME.history.state, '', `#${[...kept, ...told].join('&')}`);
}

// --- elements ------------------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
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
function keepingFocus(redraw) {
  const held = document.activeElement;
  const name = ['id', 'data-config', 'data-sort', 'aria-label'].find((each) => held.hasAttribute(each));
  const place = [at.controls, at.tabs, at.list, at.options, at.figure].find((each) => each.contains(held));
  redraw();
  if (name && !held.isConnected) place?.querySelector(`${held.localName}[${name}="${CSS.escape(held.getAttribute(name))}"]`)?.focus();
}

function chooser(label, values, value, changed) {
  const select = make('select', {'aria-label': label, onchange: () => changed(select.value)},
    ...values.map((each) => make('option', {value: each, selected: each === value}, each)));
  return make('label', {class: 'chooser'}, `${label} `, select);
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

async function get(route, query = {}) {
  const answer = await fetch(`${route}?${new URLSearchParams(query)}`);
  const value = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(value.error || answer.statusText), {code: answer.status});
  return value;
}

const asked = () => ({study: state.study, metric: state.metric, split: state.split});

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
  } catch (error) { say(error.message, true); }
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
  const told = [`${total.finished} runs finished`];
  if (total.running) told.push(`${total.running} running`);
  if (total.failed) told.push(`${total.failed} failed`);
  say(told.join(', ') + (total.running ? ' — live' : ''));
}

function controls() {
  const change = (name) => (value) => { state[name] = value; if (name === 'study') Object.assign(state, {selected: [], metric: '', split: '', options: {}}); page.first = 0; writeAddress(); load(); };
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

const colour = (id) => {
  const place = state.selected.indexOf(id);
  return place < 0 ? 'transparent' : PALETTE[place % PALETTE.length];
};
const called = (id) => page.found.names[id] ?? shortId(id);
const shortId = (id) => (/^[0-9a-f]{12}$/.test(id) ? id.slice(0, 6) : id);
const settingsOf = (id) => Object.entries(page.found.settings[id] || {})
  .map(([name, value]) => `${name}=${typeof value === 'number' ? +value.toPrecision(3) : value}`).join(' ');
const matches = (id) => !page.filter || `${id} ${called(id)} ${settingsOf(id)}`.includes(page.filter);

function tick(id) {
  return make('input', {type: 'checkbox', checked: state.selected.includes(id), 'data-config': id,
    'aria-label': `Select ${called(id)}`, style: `accent-color: ${colour(id)}`, onchange: () => toggle([id])});
}

function signs(id) {
  const found = page.found.states[id] || {};
  const kinds = [['finished', '●'], ['running', '◌'], ['failed', '✕']].filter(([name]) => found[name]);
  return make('span', {class: 'signs', title: kinds.map(([name]) => `${found[name]} ${name}`).join(', ')},
    ...kinds.map(([name, sign]) => make('span', {class: name}, `${found[name]}${sign}`)));
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
  if (state.view === 'leaderboard') return keepingFocus(leaderboard);
  const about = page.found.figures.find((each) => each.name === state.view);
  at.question.textContent = about.question;
  const turn = (page.turn = (page.turn || 0) + 1);
  const query = {...asked(), view: state.view, selected: state.selected.join(',')};
  for (const [name, value] of Object.entries(state.options)) query[`o.${name}`] = value;
  try {
    const [figure, library] = await Promise.all([get('figure', query), plotly()]);
    if (turn !== page.turn || about.name !== state.view) return;
    keepingFocus(() => draw(figure, library));
    at.panel.dataset.view = about.name;
  } catch (error) { say(error.message, true); }
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
  const layout = {...figure.layout, autosize: true, uirevision: `${state.study} ${state.view} ${JSON.stringify(figure.chosen)}`,
    modebar: {bgcolor: 'rgba(0,0,0,0)', color: style.getPropertyValue('--soft').trim(), activecolor: style.getPropertyValue('--text').trim()},
    font: {color: style.getPropertyValue('--text').trim(), family: 'Roboto, sans-serif', size: 12},
    hoverlabel: {...figure.layout.hoverlabel, bgcolor: style.getPropertyValue('--panel').trim(),
      modebar: {bgcolor: 'rgba(0,0,0,0)', color: style.getPropertyValue('--soft').trim(), activecolor: style.getPropertyValue('--text').trim()},
    font: {color: style.getPropertyValue('--text').trim()}}};
  // On cells of many colours plotly would guess a colour of text for a white page.
  for (const trace of figure.data) if (trace.texttemplate) trace.textfont = {color: layout.font.color};
  library.react(at.figure, figure.data, layout, {responsive: true, displaylogo: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d']});
  at.figure.removeAllListeners('plotly_click');
  at.figure.on('plotly_click', ({points}) => {
    const ids = [points[0].customdata].flat().filter(Boolean);
    if (ids.length) toggle([...new Set(ids)]);
  });
  at.figure.setAttribute('aria-label', `${at.question.textContent} ${figure.note}`);
  at.figure.setAttribute('role', 'img');
}

// --- the images ----------------------------------------------------------------------------

function tiles({tiles: shown = [], sprite}) {
  if (!shown.length) return [];
  const wanted = window.innerWidth > 2400 ? 96 : 64;
  const scale = Math.max(1, Math.round(wanted / Math.max(sprite.width, sprite.height)));
  const [width, height] = [sprite.width * scale, sprite.height * scale];
  const source = `thumbnails?${new URLSearchParams({...asked(), picture: sprite.picture})}`;
  const size = `width: ${width}px; height: ${height}px; background-image: url("${source}");`
    + ` background-size: ${sprite.columns * width}px ${sprite.rows * height}px`;
  return shown.map((each, place) => {
    const [x, y] = [each.tile % sprite.columns, Math.floor(each.tile / sprite.columns)];
    const told = `${each.right} of ${each.runs} right${each.wrong && `, mostly ${each.wrong}`}`;
    return make('li', {title: each.name, tabindex: place ? -1 : 0, 'data-image': each.index},
      make('span', {class: 'image', role: 'img', 'aria-label': each.name,
        style: `${size}; background-position: ${-x * width}px ${-y * height}px`}),
      make('strong', {}, each.label), make('span', {}, told));
  });
}

function turnTile(event) {
  const step = {ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity}[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...at.tiles.children];
  const old = all.findIndex((tile) => tile.tabIndex === 0);
  const next = all[Math.max(0, Math.min(old + step, all.length - 1))];
  all[old].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// --- the leaderboard -----------------------------------------------------------------------

const fixed = (value, digits) => (value == null ? '' : value.toFixed(digits));
const whole = (value) => (value == null ? '' : value.toLocaleString('en'));
const range = (value) => (value ? `${fixed(value[0], 3)} to ${fixed(value[1], 3)}` : '');

function columns(board) {
  const kind = board.descriptive ? 'descriptive' : '95 %';
  const marked = board.configurations.some((row) => row.in_best_set != null);
  const known = (field) => board.configurations.some((row) => row[field] != null);
  const early = board.configurations.some((row) => row.stopped_early);
  return [
    ['config_id', Object.keys(page.found.names).length ? 'configuration' : 'id', (row) => called(row.config_id)],
    ['settings', 'settings', (row) => settingsOf(row.config_id)],
    ['n', 'runs', null],
    ['mean', board.metric, (row) => fixed(row.mean, 4) || (row.failed ? 'failed' : '')],
    ...(!board.split ? [] : [['interval_new_data', `new data ${kind}`, (row) => range(row.interval_new_data)]]),
    ['interval_seeds', `seeds ${kind}`, (row) => range(row.interval_seeds)],
    ['sd', 'sd', (row) => fixed(row.sd, 4)],
    ...(known('sd_floor') ? [['sd_floor', 'by chance', (row) => fixed(row.sd_floor, 4)]] : []),
    ...(marked ? [['in_best_set', 'best-set', (row) => (row.in_best_set ? '*' : '')]] : []),
    ['verdict', 'leader is', (row) => page.found.verdicts[row.config_id] || ''],
    ...(known('parameters') ? [['parameters', 'parameters', (row) => whole(row.parameters)]] : []),
    ...(known('multiply_accumulates') ? [['multiply_accumulates', 'multiply-acc.', (row) => whole(row.multiply_accumulates)]] : []),
    ['seconds', 's/run', (row) => fixed(row.seconds, 1)],
    ...(early ? [['epochs', 'epochs', (row) => row.epochs + (row.stopped_early ? ' (stopped)' : '')]] : []),
  ];
}

function sortKey(row, field) {
  if (field === 'verdict') return page.found.verdicts[row.config_id] || '';
  if (field === 'settings') return settingsOf(row.config_id);
  const value = row[field];
  return Array.isArray(value) ? value[0] : value;
}

function sorted(rows) {
  if (!page.sort) return rows;
  const sign = page.descending ? -1 : 1;
  const compare = (a, b) => (a == null) - (b == null) || sign * (a > b ? 1 : a < b ? -1 : 0);
  return [...rows].sort((a, b) => compare(sortKey(a, page.sort), sortKey(b, page.sort)));
}

function leaderboard() {
  page.turn = (page.turn || 0) + 1;
  at.panel.dataset.view = 'leaderboard';
  at.question.textContent = 'Which configuration is best, and by more than its own noise?';
  at.options.replaceChildren();
  at.tiles.replaceChildren();
  window.Plotly?.purge(at.figure);
  at.figure.removeAttribute('role');
  const {board} = page.found;
  if (!board) {
    at.note.textContent = '';
    at.figure.replaceChildren(make('p', {class: 'nothing'}, page.found.missing));
    return;
  }
  const shown = columns(board);
  const rows = sorted(board.configurations.filter((row) => matches(row.config_id)));
  page.first = Math.max(0, Math.min(page.first, rows.length - 1 - ((rows.length - 1) % PAGE)));
  const head = make('tr', {}, make('th', {}, make('span', {class: 'hidden'}, 'select')),
    ...shown.map(([field, title]) => make('th', {'aria-sort': page.sort === field ? (page.descending ? 'descending' : 'ascending') : 'none'},
      make('button', {type: 'button', 'data-sort': field, onclick: () => sortBy(field)}, title))));
  const body = rows.slice(page.first, page.first + PAGE).map((row) => make('tr',
    {'data-config': row.config_id, class: state.selected.includes(row.config_id) ? 'selected' : '', style: `--own: ${colour(row.config_id)}`,
      onclick: (event) => { if (event.target.tagName !== 'INPUT') toggle([row.config_id]); }},
    make('td', {}, tick(row.config_id)),
    ...shown.map(([field, , text]) => make('td', {'data-field': field, title: field === 'settings' ? settingsOf(row.config_id) : null, 'data-value': JSON.stringify(row[field] ?? null)},
      text ? text(row) : signs(row.config_id)))));
  at.figure.replaceChildren(make('div', {class: 'scroll'}, make('table', {}, make('thead', {}, head), make('tbody', {}, ...body))), ...pager(rows.length));
  at.note.textContent = '';
  at.remarks.replaceChildren(...page.found.remarks.map((line) => make('p', {}, line)));
}

function sortBy(field) {
  page.descending = page.sort === field ? !page.descending : ['mean', 'in_best_set', 'n'].includes(field);
  page.sort = field;
  page.first = 0;
  show();
}

function pager(count) {
  if (count <= PAGE) return [];
  const turn = (step) => () => { page.first += step; show(); };
  const last = Math.min(page.first + PAGE, count);
  return [make('p', {class: 'pager'},
    make('button', {type: 'button', disabled: !page.first, onclick: turn(-PAGE)}, 'previous'),
    ` ${whole(page.first + 1)} to ${whole(last)} of ${whole(count)} `,
    make('button', {type: 'button', disabled: last === count, onclick: turn(PAGE)}, 'next'))];
}
