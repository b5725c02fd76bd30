// Where metrics are served: on this machine only, unless somebody says in so many words that others may read them.

import { isIPv6 } from 'node:net';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';

export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9a-fA-F:]{2,45})\]|([\w.-]{1,253})):(\d{1,5})$/;
const IPV4_LOOPBACK = /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

export function parseMetricsAddress(text: string, isOpen: boolean): MetricsAddress {
  const [, bracketed, plain, digits] = FORM.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed))) {
    throw new MeshError('USAGE', `--metrics ${quote(text)} is no address with a port`, {
      next: 'Write it like 127.0.0.1:9464 or [::1]:9464.',
    });
  }
  const isLoopback = host === 'localhost' || host === '::1' || IPV4_LOOPBACK.test(host);
  if (isLoopback || isOpen) return { host, port };
  throw new MeshError('USAGE', `--metrics ${quote(text)} can be reached from other machines`, {
    next: 'Use 127.0.0.1:9464, or add --metrics-open if everybody there may read them.',
  });
}
