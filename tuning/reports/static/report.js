// Draws the figures of a report, in the colours of the page: light, dark, or paper.
(() => {
  const figures = JSON.parse(document.getElementById('what-is-drawn').textContent);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const PAPER = {width: 700, size: 10};

  function colours(onPaper) {
    const style = getComputedStyle(document.documentElement);
    const [text, soft, back] = onPaper ? ['#212121', '#5a5a5a', '#ffffff']
      : ['--text', '--soft', '--back'].map((name) => style.getPropertyValue(name).trim());
    return {text, soft, back};
  }

  // Buttons that stay on this page: plotly has one that sends a figure to its makers' server.
  const BUTTONS = [['toImage'], ['zoom2d', 'pan2d', 'zoomIn2d', 'zoomOut2d', 'resetScale2d']];
  const USUAL = 12;

  function draw(onPaper) {
    const {text, soft, back} = colours(onPaper);
    const size = onPaper ? PAPER.size : Math.max(USUAL, parseFloat(getComputedStyle(document.body).fontSize) - 3);
    for (const {name, data, layout} of figures) {
      const place = document.getElementById(`figure-${name}`);
      // plotly chooses the colour of words on a half transparent cell as if the page were white.
      const traces = data.map((trace) => (trace.type === 'heatmap' ? {...trace, textfont: {color: text}} : trace));
      const looks = {...layout, autosize: true, ...(onPaper ? {width: PAPER.width} : {}),
        height: (layout.height || 520) * Math.max(1, size / USUAL),
        font: {color: text, family: 'Roboto, "Segoe UI", system-ui, sans-serif', size},
        modebar: {bgcolor: 'rgba(0,0,0,0)', color: soft, activecolor: text},
        hoverlabel: {...layout.hoverlabel, bgcolor: back, font: {color: text}}};
      window.Plotly.react(place, traces, looks,
        {responsive: true, displaylogo: false, modeBarButtons: BUTTONS, plotlyServerURL: ''});
    }
  }

  draw(false);
  dark.addEventListener('change', () => draw(false));
  addEventListener('beforeprint', () => draw(true));
  addEventListener('afterprint', () => draw(false));
})();
