// What the other end of a stream can show: is it a terminal, how wide, colours or not, block glyphs or ASCII only.

export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Terminal {
  readonly isTerminal: boolean;
  /** Columns of the terminal; undefined when there is none: then nothing is cut. */
  readonly maxColumns: number | undefined;
  readonly colour: boolean;
  readonly ascii: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function describeTerminal(stream: OutputStream, env: Environment): Terminal {
  const isTerminal = stream.isTTY === true;
  const isDumb = env['TERM'] === 'dumb';
  return {
    isTerminal,
    maxColumns: isTerminal ? Math.max(20, stream.columns ?? 80) : undefined,
    colour: isTerminal && !isDumb && !env['NO_COLOR'],
    ascii: isDumb || !isUtf8(env),
  };
}

/** The first of the three that is set decides, as in POSIX; a machine without any locale is taken for a modern one. */
function isUtf8(env: Environment): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'];
  return !locale || /utf-?8/i.test(locale);
}
