// docs/KEYS.md: every key of the dashboard, from the one table that the dashboard itself works by.

import { keysMarkdown } from '../../tui/dash/keymap.ts';

const HEAD = `# Keys of the dashboard

\`odcm dash\` opens it. Every action also has a name that can be typed after \`:\`, so everything here can be done without
knowing its key. On the screen itself, \`?\` shows the keys of where one is, and \`/\` searches among them.

In a filter, a command, the switcher or a question for a name, letters are text; \`esc\` leaves, \`ctrl-c\` quits.

`;

const TAIL = `
## Commands with words

| command | does |
| --- | --- |
| \`:spaces /pay\` | a screen, filtered |
| \`:space NAME\`, \`:feed NAME\` | one space, one feed |
| \`:/TEXT\`, \`:sort COLUMN\` | filter and order of the list; a dash before the column reverses |
| \`:report deployments 14d by project\`, \`:report inventory\` | a report over a timeframe |
| \`:timeframe 30d\` | the timeframe of reports |
| \`:export csv FILE\` | what is shown, as csv, json or text |
| \`:theme dark\`, \`light\`, \`mono\`, \`:ascii on\` | how it looks |
| \`:target FOLDER\` | another node |
| \`:grant SUBSCRIBER PUBLISHER/FEED\`, \`:ungrant\`, \`:revoke SPACE\`, \`:subscribe FEED\`, \`:unsubscribe FEED\`, \`:invite SPACE\` | changes, with \`--allow-changes\` only; each asks for a name first |
| \`:export SPACE FILE\`, \`:import FILE\`, \`:approve SPACE BUNDLE\`, \`:refuse SPACE BUNDLE WHY\` | bundles across an air gap, likewise |

## Filter

Words match the name; \`a|b\` either, \`!not\` without. Tests on columns: \`lag>60s\`, \`status=offline|lagging\`,
\`version<2026.3\`. All parts must hold; quotes make text literal. The last filter that made sense stays while a new one
is typed.
`;

export const keysPage = (): string => HEAD + keysMarkdown() + TAIL;
