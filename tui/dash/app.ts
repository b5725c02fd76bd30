// The terminal side, made with Ink: paints the lines of the session, one text per row, and hands over keys and pastes.
// Knows nothing of screens and nothing of the node.

import { Box, Text, useApp, useInput, usePaste } from 'ink';
import { createElement as h, memo, useEffect, useState } from 'react';
import { splitChunk } from './keys.ts';
import type { Session } from './session.ts';

const Row = memo(function Row({ text }: { readonly text: string }) {
  // An empty text would have no height.
  return h(Text, { wrap: 'truncate' }, text === '' ? ' ' : text);
});

/** Rows are told apart by where they stand. */
const row = (text: string) => h(Row, { text });

export interface AppProps {
  readonly session: Session;
  /** Goes up to force a frame after the screen was wiped. */
  readonly generation: number;
  /** Lends the terminal to whoever it calls, then takes it back and draws everything anew. */
  readonly lend: { terminal?: (use: () => Promise<void>) => Promise<void> };
}

export function App({ session, generation, lend }: AppProps) {
  lend.terminal = useApp().suspendTerminal;
  const [, setFrame] = useState(0);
  useEffect(() => {
    let frame = 0;
    session.subscribe(() => {
      frame += 1;
      setFrame(frame);
    });
    return () => session.subscribe(() => undefined);
  }, [session]);
  useInput((input, key) => {
    for (const single of splitChunk(input, key)) session.press(single);
  });
  usePaste((text) => session.paste(text));
  const rows = session.lines().map(row);
  return h(Box, { flexDirection: 'column', 'aria-label': `frame ${generation}` }, ...rows);
}
