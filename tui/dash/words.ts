// Words of commands and timeframes as they stand on the screen or go to the clipboard.

/** `14 d` of `14d`, as lengths of time are written everywhere. */
export const spaced = (timeframe: string): string => timeframe.replace(/(?<=\d)(?=[a-z])/, ' ');

/** A name as the shell takes it for one word, whatever it holds. */
export const shellWord = (text: string): string =>
  /^[\w.,:@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
