// Pictures of the dashboard for the documents, taken from the dashboard itself over the mesh of its tests, at its one moment.

import { openBench } from '../tui/dash/harness.ts';
import { screenSvg } from './screen-svg.ts';

export async function overviewPicture(): Promise<string> {
  const bench = await openBench({ columns: 100, rows: 30, bare: false, theme: 'dark' });
  try {
    await bench.advance(2_000);
    return screenSvg(bench.painted(), 'odcm dash');
  } finally {
    await bench.stop();
  }
}
