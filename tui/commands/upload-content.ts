// One upload over the content route: bytes on their way in, the published version out.

import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import { queryOf } from '../ask.ts';
import type { Invocation } from '../command-context.ts';

export type Published = RouteResult<'publishContent'>;

export interface Upload {
  readonly feed: string;
  readonly item: string;
  readonly mediaType: string;
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Longest silence of the node; 0 waits for ever. */
  readonly timeoutMs: number;
}

export function uploadContent(
  { client, signal }: Pick<Invocation, 'client' | 'signal'>,
  { feed, item, mediaType, pieces, timeoutMs }: Upload,
): Promise<Published> {
  const { path, result } = ROUTES.publishContent;
  return client.upload(path, pieces, {
    signal,
    timeoutMs,
    query: queryOf<'publishContent'>({ feed, item, mediaType }),
    parse: (value) => result.parse(value),
  });
}
