// `odcm publish`: one file as the new version of an item, or every file of a folder.

import { MeshError } from '../../protocols/errors.ts';
import { parseItemName, quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Invocation, invoke, type Register } from '../command-context.ts';
import { GROUPS } from '../program.ts';
import { countBytes } from '../progress.ts';
import { plainColumns, showResult } from '../show-result.ts';
import { FEED_HELP } from './arguments.ts';
import { mediaTypeOf, openContent, openStdin } from './content-file.ts';
import { publishFolder } from './publish-folder.ts';
import { type Published, uploadContent } from './upload-content.ts';

interface Options {
  readonly from?: string;
  readonly keepExtension?: boolean;
  readonly mediaType?: string;
}

type Given = string | undefined;

const STDIN = '-';

export const register: Register = (program, context) => {
  program
    .command('publish')
    .helpGroup(GROUPS.feeds)
    .description('new versions of items: one file, or every file of a folder')
    .usage('FEED ITEM FILE [options]\n       odcm publish FEED --from DIR [options]')
    .argument('<feed>', FEED_HELP)
    .argument('[item]', 'name of the item')
    .argument('[file]', 'its content; - reads standard input')
    .option('--from <dir>', 'every file of this folder; the item is the name without extension')
    .option('--keep-extension', 'with --from: the item is the whole name')
    .option('--media-type <type>', 'of the content (default: from the extension)')
    .action(async (feed: string, item: Given, file: Given, options: Options, self) => {
      const invocation = invoke(self, context);
      const { from, mediaType, keepExtension = false } = options;
      if (from !== undefined) {
        if (item !== undefined) throw usage('--from goes without ITEM and FILE');
        await publishFolder(invocation, { feed, folder: from, keepExtension, mediaType });
      } else {
        if (item === undefined || file === undefined) throw usage('an item and a file are missing');
        if (keepExtension) throw usage('--keep-extension goes with --from only');
        await publishFile(invocation, { feed, item: parseItemName(item), file, mediaType });
      }
    });
};

const usage = (message: string): MeshError =>
  new MeshError('USAGE', message, {
    next: 'Write: odcm publish FEED ITEM FILE, or: odcm publish FEED --from DIR',
  });

interface OneFile {
  readonly feed: string;
  readonly item: string;
  readonly file: string;
  readonly mediaType: string | undefined;
}

async function publishFile(
  invocation: Invocation,
  { feed, item, file, mediaType = mediaTypeOf(file) }: OneFile,
): Promise<void> {
  const isStdin = file === STDIN;
  const content = await (isStdin ? openStdin(invocation.context.stdin) : openContent(file));
  const progress = invocation.progress(item, 'bytes', content.sizeBytes);
  let row: Published;
  try {
    row = await uploadContent(invocation, {
      feed,
      item,
      mediaType,
      pieces: countBytes(content.pieces, progress),
      // Whoever writes into the pipe may take any time.
      timeoutMs: isStdin ? 0 : LIMITS.streamIdleMs,
    });
    progress.finish();
  } finally {
    progress.clear();
    await content.close();
  }
  await showResult(invocation, {
    sentence: `${row.status} ${quote(row.item)}, version ${row.version}, entry ${row.index}`,
    title: 'items',
    columns: plainColumns<Published>('item', 'status', 'version', 'index'),
    rows: [row],
  });
}
