// Screen 4: roots, keys and certificates, the first to run out on top.

import type { TrustRow } from '../../views/answers.ts';
import { revocationPanel } from '../../views/revocations.ts';
import { chainPanel, expiryPanel, rootPanel, trustView } from '../../views/trust.ts';
import { SOURCES } from '../sources.ts';
import { anyTable, remember, type Screen } from './screen.ts';

export function createTrustScreen(): Screen {
  const table = remember(trustView);
  return {
    id: 'trust',
    title: 'Trust',
    sources: () => [SOURCES.trust, SOURCES.revocations],
    content: ({ get }) => {
      const answer = get(SOURCES.trust).data;
      const revocations = get(SOURCES.revocations).data;
      return {
        crumb: 'Trust',
        parts: [],
        ...(answer === undefined ? {} : { table: anyTable(table(answer, revocations ?? null)) }),
        nameOf: (row) => (row as TrustRow).fingerprint ?? (row as TrustRow).subject,
        open: (row) => {
          const { kind, subject } = row as TrustRow;
          return kind === 'space' ? { screen: 'space', subject } : undefined;
        },
        below: (row) =>
          answer === undefined
            ? []
            : [
                ...(row === undefined
                  ? []
                  : [
                      [
                        {
                          id: 'chain',
                          make: (room: Parameters<typeof chainPanel>[2]) =>
                            chainPanel(row as TrustRow, answer, room),
                        },
                      ],
                    ]),
                ...(revocations === undefined || revocations.rows.length === 0
                  ? []
                  : [
                      [
                        {
                          id: 'revocations',
                          make: (room: Parameters<typeof chainPanel>[2]) =>
                            revocationPanel(revocations, room),
                        },
                      ],
                    ]),
                [
                  { id: 'expiry', make: (room) => expiryPanel(answer, room) },
                  { id: 'root', make: (room) => rootPanel(answer, room) },
                ],
              ],
        command: 'odcm trust',
      };
    },
  };
}
