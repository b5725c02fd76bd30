// Keys one by one. A slow link delivers several presses in one read, and a paste is one read as well, so every chunk
// is taken apart here; nothing else in the dashboard listens to the keyboard.

export interface Key {
  /** `a`, `?`, or the name of a key without a character: `enter`, `esc`, `up`, `ctrl-l`. */
  readonly name: string;
  /** The character to insert where text is typed; empty for keys that are none. */
  readonly text: string;
}

/** What Ink says about a chunk besides its text. */
export interface InkKey {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly shift: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const named = (name: string): Key => ({ name, text: '' });

const FLAGS: readonly (readonly [keyof InkKey, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pgup'],
  ['pageDown', 'pgdn'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'esc'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
];

const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x1b': 'esc',
  '\x7f': 'backspace',
  '\b': 'backspace',
};

/** A chunk as the single keys it is made of; sequences that nobody knows give none. */
export function splitChunk(input: string, key: InkKey): Key[] {
  if (key.tab) return [named(key.shift ? 'shift-tab' : 'tab')];
  for (const [flag, name] of FLAGS) if (key[flag]) return [named(name)];
  if (key.ctrl && input.length === 1) return [named(`ctrl-${input}`)];
  // An escape that came with a letter: a sequence torn apart by the line, or alt, which means nothing here.
  if (key.meta) return [];
  return charactersOf(input);
}

/** Letters, and the control characters among them, each as one key. */
export function charactersOf(input: string): Key[] {
  const keys: Key[] = [];
  for (const char of input) {
    const code = char.codePointAt(0) ?? 0;
    const control = CONTROLS[char];
    if (control !== undefined) keys.push(named(control));
    else if (code > 0 && code < 0x1b) keys.push(named(`ctrl-${String.fromCodePoint(code + 0x60)}`));
    else if (code >= 0x20) keys.push({ name: char === ' ' ? 'space' : char, text: char });
  }
  return keys;
}
