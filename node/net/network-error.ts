// What the network library throws, as one of our codes. Libraries reject with errors, events and abort reasons alike.

import { isMeshError, MeshError } from '../../protocols/errors.ts';

/** `what` names the thing that failed, as the subject of a sentence: "the peer 12D3…". */
export function networkError(error: unknown, what: string): MeshError {
  const inner = unwrap(error);
  if (isMeshError(inner)) return inner;
  const name = inner instanceof Error ? inner.name : '';
  if (name === 'TimeoutError') {
    return new MeshError('TIMEOUT', `${what} got no answer in time`, { cause: inner });
  }
  if (name === 'DialDeniedError') {
    return new MeshError('NOT_A_MEMBER', `${what} is not in the directory`, { cause: inner });
  }
  return new MeshError('PEER_UNREACHABLE', `${what} is closed`, { cause: inner });
}

/** A failing close rejects with the close event; a race of several dials with an aggregate. */
function unwrap(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length === 1) return unwrap(error.errors[0]);
  if (error instanceof Event && 'error' in error) return unwrap(error.error);
  return error;
}
