// Runs in the page: draws each chart from the JSON beside its canvas.
/* global Chart */
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();

// Told apart by eyes that do not see all colours (Okabe and Ito).
const colours = {
  ours: '#0072b2',
  slim: '#e69f00',
  cloud: '#cc79a7',
  other: '#009e73',
  bare: '#56b4e9',
  host: '#999999',
};

Chart.defaults.color = colour('text');
Chart.defaults.borderColor = colour('line');
Chart.defaults.font.family = 'system-ui, sans-serif';
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;

/** Draws least to greatest over each bar. */
const spreads = {
  id: 'spreads',
  afterDatasetsDraw(chart) {
    const { ctx: context, data, scales } = chart;
    context.save();
    context.strokeStyle = colour('text');
    for (const [index, { spreads: some }] of data.datasets.entries()) {
      for (const [place, bar] of chart.getDatasetMeta(index).data.entries()) {
        const spread = some?.[place];
        if (!spread || spread[0] === spread[1]) continue;
        const [from, to] = spread.map((value) => scales.x.getPixelForValue(value));
        context.beginPath();
        context.moveTo(from, bar.y);
        context.lineTo(to, bar.y);
        for (const end of [from, to]) {
          context.moveTo(end, bar.y - 3);
          context.lineTo(end, bar.y + 3);
        }
        context.stroke();
      }
    }
    context.restore();
  },
};

function drawFigures(canvas, { unit, labels, series }) {
  const datasets = series.map(({ system, title, medians, spreads: some }) => ({
    label: title,
    data: medians,
    spreads: some,
    backgroundColor: colours[system],
  }));
  new Chart(canvas, {
    type: 'bar',
    data: { labels, datasets },
    options: { indexAxis: 'y', scales: { x: { title: { display: true, text: unit } } } },
    plugins: [spreads],
  });
}

function drawRatios(canvas, { labels, ratios, isBetter }) {
  new Chart(canvas, {
    type: 'bar',
    data: {
      labels,
      datasets: [
        {
          // From 1 on: what is longer is further from the peer.
          data: ratios.map((ratio) => [Math.min(1, ratio), Math.max(1, ratio)]),
          backgroundColor: isBetter.map((better) => colour(better ? 'good' : 'bad')),
        },
      ],
    },
    options: {
      indexAxis: 'y',
      scales: { x: { type: 'logarithmic' } },
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: ({ dataIndex }) => ratios[dataIndex].toFixed(3) } },
      },
    },
  });
}

for (const chart of document.querySelectorAll('.chart')) {
  const data = JSON.parse(chart.querySelector('script').textContent);
  const draw = 'ratios' in data ? drawRatios : drawFigures;
  draw(chart.querySelector('canvas'), data);
}
