import { describe, expect, it } from 'vitest';
import { charactersOf, type InkKey, splitChunk } from '../../../tui/dash/keys.ts';
import { edit, editKey } from '../../../tui/dash/line-editor.ts';

const NO_FLAGS: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};
const names = (input: string, flags: Partial<InkKey> = {}): string[] =>
  splitChunk(input, { ...NO_FLAGS, ...flags }).map(({ name }) => name);

describe('a chunk of input', () => {
  it.each([
    ['jjj', {}, ['j', 'j', 'j']],
    ['/pay\r', {}, ['/', 'p', 'a', 'y', 'enter']],
    ['\t\t', {}, ['tab', 'tab']],
    ['\r', { return: true }, ['enter']],
    ['', { upArrow: true }, ['up']],
    ['', { escape: true, meta: true }, ['esc']],
    ['', { tab: true, shift: true }, ['shift-tab']],
    ['p', { ctrl: true }, ['ctrl-p']],
    ['a b', {}, ['a', 'space', 'b']],
    ['\x0c', {}, ['ctrl-l']],
    ['決é', {}, ['決', 'é']],
  ])('%j with %j is %j', (input, flags, expected) => {
    expect(names(input, flags)).toEqual(expected);
  });

  it.each([
    ['[200;5R', { meta: true }],
    ['x', { meta: true }],
    ['\x1c\x00', {}],
  ])('that nobody knows is no key: %j', (input, flags) => {
    expect(names(input, flags)).toEqual([]);
  });

  it('gives only characters as text', () => {
    expect(charactersOf('a\r ').map(({ text }) => text)).toEqual(['a', '', ' ']);
  });
});

describe('a line that is typed', () => {
  const typed = (start: string, ...keys: readonly string[]) => {
    let line = edit(start);
    for (const name of keys) {
      const isText = [...name].length === 1;
      line =
        editKey(line, { name: name === ' ' ? 'space' : name, text: isText ? name : '' }) ?? line;
    }
    return line;
  };

  it.each([
    [['p', 'a', 'y'], 'pay'],
    [['a', 'b', 'left', 'x'], 'axb'],
    [['a', 'b', 'home', 'delete'], 'b'],
    [['決', '済', 'backspace'], '決'],
    [['a', ' ', 'b', 'c', 'ctrl-w'], 'a '],
    [['a', 'b', 'left', 'ctrl-u'], 'b'],
    [['a', 'b', 'left', 'ctrl-k'], 'a'],
    [['backspace', 'left', 'left', 'z'], 'z'],
  ])('%j gives %j', (keys, text) => {
    expect(typed('', ...keys).text).toBe(text);
  });

  it('does not take keys that are no text', () => {
    expect(editKey(edit('a'), { name: 'up', text: '' })).toBeUndefined();
  });

  it('ends at 500 characters', () => {
    expect(editKey(edit('x'.repeat(500)), { name: 'y', text: 'y' })).toBeUndefined();
  });
});
