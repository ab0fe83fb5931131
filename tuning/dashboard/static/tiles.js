// The images of the examples view, cut out of one picture.

import {asked, at, make} from './page.js';

export function tiles({tiles: shown = [], sprite}) {
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

export function turnTile(event) {
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
