// Guards a terminal against content from others that is written to it as it is: what would act on it, or show it in
// another order, is refused, since removing that would show something that was never published.

import { MeshError } from '../../protocols/errors.ts';

/** C0 but tab and line ends, DEL and C1; a carriage return alone, which writes over its line; reading directions. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is refused
const ACTS = /[\0-\x08\v\f\x0e-\x1f\x7f-\x9f\p{Bidi_Control}]|\r(?!\n)/u;

/** `what` names the content in the refusal. */
export async function* refuseControls(
  chunks: AsyncIterable<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Bytes that are not UTF-8 are controls to some terminals: none of them passes.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw refusal(what, cause);
    }
  };
  let rest = '';
  for await (const chunk of chunks) {
    const text = rest + decode(chunk);
    // What a carriage return does shows with the next character.
    const end = text.endsWith('\r') ? text.length - 1 : text.length;
    rest = text.slice(end);
    yield safe(text.slice(0, end), what);
  }
  yield safe(rest + decode(), what);
}

function safe(text: string, what: string): Buffer {
  if (ACTS.test(text)) throw refusal(what);
  return Buffer.from(text);
}

const refusal = (what: string, cause?: unknown): MeshError =>
  new MeshError('USAGE', `${what} holds bytes that would act on the terminal`, {
    next: 'Write it to a file with --output FILE, or pipe it.',
    cause,
  });
