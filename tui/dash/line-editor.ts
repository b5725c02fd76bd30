// One line of typed text with a cursor in it: the filter, the command, the switcher's search, a name to confirm.

import type { Key } from './keys.ts';

export interface Edit {
  readonly text: string;
  /** Characters (code points) before the cursor. */
  readonly at: number;
}

export const edit = (text = ''): Edit => ({ text, at: [...text].length });

const MAX_CHARS = 500;

/** The text after a key, or undefined when the key is none that edits. */
export function editKey({ text, at }: Edit, key: Key): Edit | undefined {
  const chars = [...text];
  const put = (before: string[], after: string[]): Edit => ({
    text: [...before, ...after].join(''),
    at: before.length,
  });
  switch (key.name) {
    case 'left':
    case 'ctrl-b':
      return { text, at: Math.max(0, at - 1) };
    case 'right':
      return { text, at: Math.min(chars.length, at + 1) };
    case 'home':
    case 'ctrl-a':
      return { text, at: 0 };
    case 'end':
    case 'ctrl-e':
      return { text, at: chars.length };
    case 'backspace':
      return put(chars.slice(0, Math.max(0, at - 1)), chars.slice(at));
    case 'delete':
    case 'ctrl-d':
      return put(chars.slice(0, at), chars.slice(at + 1));
    case 'ctrl-u':
      return put([], chars.slice(at));
    case 'ctrl-k':
      return put(chars.slice(0, at), []);
    case 'ctrl-w':
      return put(
        [
          ...chars
            .slice(0, at)
            .join('')
            .replace(/\S*\s*$/, ''),
        ],
        chars.slice(at),
      );
    default:
      if (key.text === '' || chars.length >= MAX_CHARS) return undefined;
      return put([...chars.slice(0, at), key.text], chars.slice(at));
  }
}
