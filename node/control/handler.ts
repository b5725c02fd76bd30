// What a handler of the control API is: a function of the node and of the checked request. It knows no HTTP.

import type { Readable } from 'node:stream';
import type { z } from 'zod';
import type { ROUTES, RouteName, RouteResult } from '../../protocols/control-api.ts';
import type { MeshNode } from '../node.ts';

type Parsed<R extends RouteName, K extends 'query' | 'body'> =
  (typeof ROUTES)[R] extends Record<K, infer S>
    ? S extends z.ZodType
      ? z.output<S>
      : undefined
    : undefined;

export interface Call<R extends RouteName> {
  readonly node: MeshNode;
  readonly query: Parsed<R, 'query'>;
  readonly body: Parsed<R, 'body'>;
  /** The body as it comes, for content of any size. */
  readonly stream: Readable;
  /** What the caller says that the body is; empty when it says nothing. */
  readonly mediaType: string;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
}

/** Content with its metadata, for answers of the kind `bytes`. */
export interface ContentAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<Buffer>;
}

type AnswerOf<R extends RouteName> = (typeof ROUTES)[R]['answer'] extends 'rows'
  ? readonly RouteResult<R>[]
  : (typeof ROUTES)[R]['answer'] extends 'lines'
    ? AsyncIterable<RouteResult<R>>
    : (typeof ROUTES)[R]['answer'] extends 'bytes'
      ? ContentAnswer
      : RouteResult<R>;

export type Handlers = { readonly [R in RouteName]: (call: Call<R>) => Promise<AnswerOf<R>> };

export const iso = (ms: number): string => new Date(ms).toISOString();
