// The floor beneath the dashboard: an Ink program of one line on the same terminal, asking the same node the same question.
// `--tick` paints it anew each second; a key always does.

import { request } from 'node:http';
import { join } from 'node:path';

process.env['NODE_ENV'] = 'production';
const [{ render, Text, useInput }, { createElement, useEffect, useState }] = await Promise.all([
  import('ink'),
  import('react'),
]);

const [home = '.', ...flags] = process.argv.slice(2);

function Line() {
  const [state, setState] = useState({ text: 'asking', keys: 0 });
  useEffect(() => {
    const socketPath = join(home, 'control.sock');
    const asked = request({ socketPath, path: '/v1/overview' }, (response) => {
      response.resume().on('end', () => setState(({ keys }) => ({ text: 'answered', keys })));
    });
    asked.end();
    const more = () => setState(({ text, keys }) => ({ text, keys: keys + 1 }));
    const timer = flags.includes('--tick') ? setInterval(more, 1_000) : undefined;
    return () => clearInterval(timer);
  }, []);
  useInput(() => setState(({ text, keys }) => ({ text, keys: keys + 1 })));
  return createElement(Text, { inverse: state.keys > 0 }, `bare ${state.text} ${state.keys}`);
}

process.once('SIGTERM', () => process.exit(0));
render(createElement(Line), { alternateScreen: true, interactive: true, patchConsole: false });
