// What a route of the control API is: how it is asked for, and the form of its answer.

import type { z } from 'zod';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly result?: z.ZodType;
  /** `rows`: {asOf, rows}. `lines`: newline-delimited JSON that goes on. `bytes`: content as it is. */
  readonly answer: 'object' | 'rows' | 'lines' | 'bytes';
}
