// Routes of the control API about sites without a network: enrolment and renewal of certificates by file. Files are named as
// the node sees them; it writes and reads them itself.

import { z } from 'zod';
import { instant } from './control-answers.ts';
import type { Route } from './control-route.ts';

const path = z.string().min(1).max(4096).startsWith('/').describe('absolute, as the node sees it');
const words = z.string().max(200);

export const COURIER_ROUTES = {
  offerByFile: {
    method: 'POST',
    path: '/v1/offers',
    summary: 'Writes a file with which a site without a network may ask to join once; at ODCM only',
    body: z.object({
      space: z.string(),
      path,
      ttlMs: z.number().int().positive().optional(),
    }),
    result: z.object({ space: z.string(), path: z.string(), expiresAt: instant }),
    answer: 'object',
  },
  lookAtRequest: {
    method: 'POST',
    path: '/v1/offers/request',
    summary: 'Checks a request that came as a file; gives the words to compare, changes nothing',
    body: z.object({ path }),
    result: z.object({ space: z.string(), words }),
    answer: 'object',
  },
  enrolByFile: {
    method: 'POST',
    path: '/v1/offers/answer',
    summary: 'Lets in the site that made a request, and writes the answer; at ODCM only',
    body: z.object({
      path,
      answer: path,
      words: words.describe('as they were read out at the site'),
    }),
    result: z.object({
      space: z.string(),
      id: z.string(),
      words,
      answer: z.string(),
      certificateUntil: instant,
    }),
    answer: 'object',
  },
  requestCertificate: {
    method: 'POST',
    path: '/v1/certificate/request',
    summary: 'Writes a request for the next certificate of this space as a file',
    body: z.object({
      path,
      newKeys: z.boolean().default(false).describe('for new node and exchange keys'),
    }),
    result: z.object({ space: z.string(), path: z.string(), certificateUntil: instant }),
    answer: 'object',
  },
  renewByFile: {
    method: 'POST',
    path: '/v1/certificate/answer',
    summary: 'Answers such a request with the next certificate, in a file; at ODCM only',
    body: z.object({ path, answer: path }),
    result: z.object({ space: z.string(), answer: z.string(), certificateUntil: instant }),
    answer: 'object',
  },
  installCertificate: {
    method: 'POST',
    path: '/v1/certificate',
    summary: 'Puts the next certificate of this space in force, from a file',
    body: z.object({ path }),
    result: z.object({ space: z.string(), certificateUntil: instant, isNew: z.boolean() }),
    answer: 'object',
  },
} as const satisfies Record<string, Route>;
