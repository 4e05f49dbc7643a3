/** One group of bars. */
export interface ChartRow {
  readonly row: string;
  readonly bars: readonly {
    readonly label: string;
    readonly median: number;
    readonly min: number;
    readonly max: number;
  }[];
}

const WIDTH = 760;
const LABEL_WIDTH = 230;
const BAR_WIDTH = 430;
const BAR_HEIGHT = 15;
const STEP = 20;
const ROW_HEAD = 30;
const COLOURS = ['#2f6fdf', '#8a8f98', '#d97b29', '#3f9e6e', '#a35bbf', '#c2504f', '#5aa9c7', '#8c7a3c', '#56606e'];

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** Draws bars with a whisker from least to most, in SVG. Each row has its own scale. */
export function chart(title: string, unit: string, rows: readonly ChartRow[]): string {
  const labels = [...new Set(rows.flatMap(({ bars }) => bars.map(({ label }) => label)))];
  const parts: string[] = [];
  let y = 52;
  for (const { row, bars } of rows) {
    const scale = BAR_WIDTH / Math.max(...bars.map(({ max }) => max), Number.MIN_VALUE);
    parts.push(`<text x="8" y="${y + 14}" font-weight="600">${escaped(row)}</text>`);
    y += ROW_HEAD - 8;
    for (const { label, median, min, max } of bars) {
      const colour = COLOURS[labels.indexOf(label) % COLOURS.length];
      const middle = y + BAR_HEIGHT / 2;
      const at = (value: number): string => (LABEL_WIDTH + value * scale).toFixed(1);
      parts.push(
        `<text x="${LABEL_WIDTH - 8}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>`,
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
        `<path d="M${at(min)} ${middle}H${at(max)}" stroke="#222" fill="none"/>`,
        `<text x="${(LABEL_WIDTH + max * scale + 6).toFixed(1)}" y="${y + 12}">${Number(median.toPrecision(3))}</text>`,
      );
      y += STEP;
    }
    y += 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 4}" width="${WIDTH}" height="${y + 4}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="20" font-size="15" font-weight="600">${escaped(title)}</text>
<text x="8" y="38" fill="#666">${escaped(unit)}; less is better unless it says otherwise; the line is least to most</text>
${parts.join('\n')}
</svg>
`;
}
