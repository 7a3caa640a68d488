// Figures: <div class="plot" data-figure="id of a JSON script">, drawn in the colours of the theme and again when it changes.
"use strict";
(function () {
  function colours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    return { ink: read("--ink"), soft: read("--soft"), line: read("--line"), card: read("--card"),
      series: ["--s1", "--s2", "--s3", "--s4", "--s5"].map(read) };
  }
  function draw(plot) {
    const source = plot.dataset.figureDark && document.documentElement.dataset.theme === "dark"
      ? plot.dataset.figureDark : plot.dataset.figure;
    const figure = JSON.parse(document.getElementById(source).textContent);
    const c = colours();
    const layout = Object.assign({}, figure.layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true, width: undefined,
      font: Object.assign({}, figure.layout.font, { family: "Inter, system-ui, sans-serif", color: c.ink, size: 12 }),
    });
    if (!plot.dataset.figureDark && !layout.colorway) layout.colorway = c.series;
    Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).forEach((key) => {
      layout[key] = Object.assign({}, layout[key], { gridcolor: c.line, linecolor: c.line, zerolinecolor: c.line, tickfont: { color: c.soft } });
    });
    if ("compact" in plot.dataset) {
      layout.title = undefined;
      layout.margin = Object.assign({}, layout.margin, { t: 30 });
    }
    Plotly.react(plot, figure.data, layout, { displayModeBar: false, responsive: true });
  }
  const plots = Array.from(document.querySelectorAll("[data-figure]"));
  plots.forEach(draw);
  document.addEventListener("themechange", () => plots.forEach(draw));
})();
