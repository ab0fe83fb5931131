// The leaderboard: a table that can be sorted, a hundred rows at once.

import {at, called, colour, fixed, make, matches, page, range, settingsOf, signs, state, whole} from './page.js';

const PAGE = 100;

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
    ...(board.objectives ? [['front', 'front', front]] : []),
    ['verdict', 'leader is', (row) => page.found.verdicts[row.config_id] || ''],
    ...(known('parameters') ? [['parameters', 'parameters', (row) => whole(row.parameters)]] : []),
    ...(known('multiply_accumulates') ? [['multiply_accumulates', 'multiply-acc.', (row) => whole(row.multiply_accumulates)]] : []),
    ['seconds', 's/run', (row) => fixed(row.seconds, 1)],
    ...(known('latency') ? [['latency', 'ms, 1 image', (row) => milliseconds(row.latency)],
      ['latency_64', 'ms, 64 images', (row) => milliseconds(row.latency_64)]] : []),
    ...(early ? [['epochs', 'epochs', (row) => row.epochs + (row.stopped_early ? ' (stopped)' : '')]] : []),
  ];
}

function milliseconds(seconds) {
  return seconds == null ? '' : String(Number((1e3 * seconds).toPrecision(3)));
}

function front(row) {
  if (!row.on_front) return '';
  return row.front_decided ? 'front' : 'front (undecided)';
}

function sortKey(row, field) {
  if (field === 'front') return (row.on_front ? 1 : 0) + (row.front_decided ? 1 : 0);
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

// `actions` are what a reader can do: `show` draws the page anew, `toggle` selects, `tick` makes a
// box for it.
export function leaderboard(actions) {
  page.turn += 1;
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
      make('button', {type: 'button', 'data-sort': field, onclick: () => sortBy(field, actions)}, title))));
  const body = rows.slice(page.first, page.first + PAGE).map((row) => make('tr',
    {'data-config': row.config_id, class: state.selected.includes(row.config_id) ? 'selected' : '', style: `--own: ${colour(row.config_id)}`,
      onclick: (event) => { if (event.target.tagName !== 'INPUT') actions.toggle([row.config_id]); }},
    make('td', {}, actions.tick(row.config_id)),
    ...shown.map(([field, , text]) => make('td', {'data-field': field, title: field === 'settings' ? settingsOf(row.config_id) : null, 'data-value': JSON.stringify(row[field] ?? null)},
      text ? text(row) : signs(row.config_id)))));
  at.figure.replaceChildren(make('div', {class: 'scroll'}, make('table', {}, make('thead', {}, head), make('tbody', {}, ...body))), ...pager(rows.length, actions));
  at.note.textContent = '';
  at.remarks.replaceChildren(...page.found.remarks.map((line) => make('p', {}, line)));
}

function sortBy(field, actions) {
  page.descending = page.sort === field ? !page.descending : ['mean', 'in_best_set', 'front', 'n'].includes(field);
  page.sort = field;
  page.first = 0;
  actions.show();
}

function pager(count, actions) {
  if (count <= PAGE) return [];
  const turn = (step) => () => { page.first += step; actions.show(); };
  const last = Math.min(page.first + PAGE, count);
  return [make('p', {class: 'pager'},
    make('button', {type: 'button', disabled: !page.first, onclick: turn(-PAGE)}, 'previous'),
    ` ${whole(page.first + 1)} to ${whole(last)} of ${whole(count)} `,
    make('button', {type: 'button', disabled: last === count, onclick: turn(PAGE)}, 'next'))];
}
